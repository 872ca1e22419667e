"""An open stream to Bedrock: what it does between its opening and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import time_ns

from s2s.transports.bedrock.answer import Answer
from s2s.transports.bedrock.duplex import Ours
from s2s.transports.bedrock.events import chunk
from s2s.transports.bedrock.http2 import Http2
from s2s.transports.bedrock.refusal import Place
from s2s.transports.bedrock.signing import Chain
from s2s.transports.ending import CUT, NORMAL, Ending
from s2s.transports.ws.limits import ConnectionLimits

MOST_WAITING_BYTES = 160 * 1024
"""What may wait to be sent before senders wait too: about 2 s of audio."""


class BedrockTransport:
    """The client's end of a stream, made by `connect`; the first message tells that it was accepted.

    One task reads, by iterating or listening; any may send and close.
    """

    _chain: Chain

    def __init__(self, place: Place, limits: ConnectionLimits) -> None:
        self._provider = place.provider
        self._limits = limits
        self._answer = Answer(place, limits, lambda held: self._duplex.hold(held))
        self.protocol = Http2(self._answer, limits.ping_after_s, limits.pong_within_s)
        """What is to have the socket."""
        self._duplex = self.protocol.duplex

    def begin(self, head: Sequence[tuple[str, str]], chain: Chain) -> None:
        """Send the head of the request; `chain` signs what follows."""
        self._chain = chain
        self.protocol.begin(head)

    def __aiter__(self) -> BedrockTransport:
        """Read on; leaving a loop loses nothing."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next message; what came before the end is still read."""
        return await self._answer.arrivals.next()

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, and end as iterating would, or with what it raised."""
        await self._answer.arrivals.listen(take)

    async def send(self, message: bytes) -> None:
        """Send a document, once the service has taken most of what was sent before.

        Raises ConnectionLostError, and ends the stream, where that takes longer than `send_s`, and
        LocalProtocolError for what is too long.
        """
        while not self.write(message):
            await self._until_room()

    def write(self, message: bytes) -> bool:
        """Send a document where that needs no waiting; else do nothing and return False."""
        if self._answer.ending is not None or len(self._duplex.waiting) >= MOST_WAITING_BYTES:
            return False
        # What was signed must be sent: nothing may come in between.
        self._duplex.send(self._chain.sign(_now_ms(), chunk(message)))
        return True

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """End the stream, in order with 1000, and let go of the socket.

        Waits at most `close_s` for the service to end its side, and then as long for the socket to close.
        """
        answer, ending = self._answer, self._answer.ending
        answer.end(Ending(code, reason, wanted=True))
        answer.arrivals.release()
        in_order = code == NORMAL if ending is None else ending.wanted
        if not in_order:
            self._duplex.reset()
            answer.parted.set()
        try:
            await self._leave()
            self._duplex.reset()
            await self.protocol.close(self._limits.close_s)
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a goodbye."""
        self._answer.end(Ending(CUT, "dropped here", wanted=True))
        self._answer.parted.set()
        self.protocol.abort()

    async def _leave(self) -> None:
        """End our side in order, unless it has ended, and wait for the service to end its own."""
        if self._duplex.ours is Ours.OPEN:
            self._duplex.send(self._chain.end(_now_ms()))
            self._duplex.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.close_s):
                await self._answer.parted.wait()

    async def _until_room(self) -> None:
        answer, send_s = self._answer, self._limits.send_s
        if answer.ending is None:
            answer.room.clear()
            try:
                async with asyncio.timeout(send_s):
                    await answer.room.wait()
            except TimeoutError:
                answer.end(Ending(CUT, f"the service took nothing for {send_s:g} s"))
                self._duplex.reset()
        if answer.ending is not None:
            raise answer.ending.error(self._provider)


def _now_ms() -> int:
    return time_ns() // 1_000_000
