"""What the service says on a stream: that it was accepted or refused, its events, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from s2s.errors import RemoteProtocolError
from s2s.transports.bedrock.duplex import WINDOW_BYTES
from s2s.transports.bedrock.events import read
from s2s.transports.bedrock.eventstream import Decoder
from s2s.transports.bedrock.headers import Head
from s2s.transports.bedrock.http2 import OLD_HTTP
from s2s.transports.bedrock.refusal import MOST_BYTES, Place, Refusal, refusal
from s2s.transports.bedrock.signing import CONTENT_TYPE
from s2s.transports.ending import CUT, NORMAL, Ending
from s2s.transports.ws.arrivals import Arrivals
from s2s.transports.ws.limits import ConnectionLimits


class Answer:
    """Puts the documents among the `arrivals`, the first of which tells that the stream was accepted.

    The connection calls what begins with `on_`.
    """

    def __init__(self, place: Place, limits: ConnectionLimits, hold: Callable[[bool], None]) -> None:
        self.arrivals = Arrivals(min(limits.waiting_bytes, WINDOW_BYTES), hold, self.over)
        self.ending: Ending | None = None
        self.room = asyncio.Event()
        """Set when something that waited was sent, or never will be."""
        self.parted = asyncio.Event()
        """Set when the service says nothing more."""
        self._place = place
        self._decoder = Decoder(limits.max_message_bytes)
        self._refused: tuple[Head, bytearray] | None = None
        self._refusal: Refusal | None = None

    def over(self) -> bool:
        """Tell whether the stream ended in order. Raises S2SError where it ended otherwise."""
        if self.ending is None or self.ending.wanted:
            return self.ending is not None
        if self._refusal is not None:
            raise self._refusal.error(self._place.provider)
        raise self.ending.error(self._place.provider)

    def end(self, ending: Ending) -> None:
        """Note how the stream ended, unless it had ended before."""
        if self.ending is None:
            self.ending = ending
            self.arrivals.wake()
            self.room.set()

    def on_head(self, head: Head) -> None:
        """Take the headers: of an acceptance, or of anything else."""
        accepted = head.get(":status") == "200" and head.get("content-type", "").startswith(CONTENT_TYPE)
        if not accepted:
            self._refused = (head, bytearray())
        elif self.ending is None:
            told = {"response": {"requestId": head.get("x-amzn-requestid", "")}}
            self.arrivals.put(msgspec.json.encode(told))

    def on_data(self, data: bytes) -> None:
        """Take in events, up to the end, or what a refusal says."""
        if self._refused is not None:
            body = self._refused[1]
            body += data[: MOST_BYTES - len(body)]
            if len(body) == MOST_BYTES:
                self._part(Ending(CUT, "the refusal does not end"))
        elif self.ending is None:
            try:
                self._take(data)
            except RemoteProtocolError as broken:
                self.end(Ending(CUT, str(broken)))

    def on_end(self) -> None:
        """Note that the service has ended its side."""
        if self._decoder.amid:
            self._part(Ending(CUT, "the stream ended in the middle of a message"))
        else:
            self._part(Ending(NORMAL, wanted=True))

    def on_cut(self, reason: str) -> None:
        """Note that the stream was ended in another way."""
        if reason == OLD_HTTP:
            self._refusal = Refusal(self._place.where, "1.1", told="this needs HTTP/2")
        self._part(Ending(CUT, reason))

    def on_room(self) -> None:
        """Let senders look again."""
        self.room.set()

    def _take(self, data: bytes) -> None:
        for message in self._decoder.push(data):
            match read(message):
                case bytes(document):
                    self.arrivals.put(document)
                case Ending(code=code, reason=reason):
                    self.end(Ending(code, self._place.hide(reason)))
                case None:
                    pass
            if self.ending is not None:
                return

    def _part(self, ending: Ending) -> None:
        """End, with the refusal if there was one, however it ended."""
        if self._refused is not None and self._refusal is None:
            head, body = self._refused
            self._refusal = refusal(self._place, head, bytes(body))
            ending = Ending(CUT, f"refused with {self._refusal.summary}")
        self.end(ending)
        self.parted.set()
