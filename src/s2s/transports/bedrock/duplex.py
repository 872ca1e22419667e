"""One request of HTTP/2 whose answer comes while it is still being made; there is no socket here.

All but the content of DATA frames is left to h2, which takes longer over those than all the rest takes. So
they are cut and written here, under the windows that h2 keeps for what is sent. A goodbye in order does not
reach it either, for it would hear nothing after that, and the stream may go on to its end.

Source: RFC 9113, h2 4.4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from math import inf
from typing import Protocol

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from s2s.transports.bedrock.frames import (
    STREAM,
    Broken,
    Content,
    Frames,
    batch,
    content,
    goodbye,
    last,
    named,
    window_update,
)
from s2s.transports.bedrock.headers import Head, head_of

WINDOW_BYTES = 2**20
"""What the peer may send that was not credited yet."""

_CREDIT_BYTES = WINDOW_BYTES // 4
_FIRST_WINDOW_BYTES = 65_535


class Listener(Protocol):
    """Whoever is told what the peer does; nothing is told after `on_cut`."""

    def on_head(self, head: Head) -> None:
        """Take the headers of the answer."""
        ...

    def on_data(self, data: bytes) -> None:
        """Take a part of the answer."""
        ...

    def on_end(self) -> None:
        """Note that the answer is whole; the request may go on."""
        ...

    def on_cut(self, reason: str) -> None:
        """Note that both are over, and not in order."""
        ...

    def on_room(self) -> None:
        """Note that something was sent of what waited."""
        ...


class Ours(Enum):
    """How far the request has come."""

    OPEN = "goes on"
    ENDING = "ends once what waits was sent"
    ENDED = "is over"


class Theirs(Enum):
    """How far the answer has come, and who sees its DATA frames."""

    FOR_H2 = "nothing has come, or what has come is counted by h2"
    DIRECT = "its length is not known, and h2 need not see what it holds"
    ENDED = "is over"


class Duplex:
    """The request and its answer; `write` takes what is for the socket, unless that is not `writable`."""

    def __init__(self, write: Callable[[bytes], None], listener: Listener) -> None:
        self.writable = True
        self.waiting = bytearray()
        """What is still to be sent of the request."""
        self.ours = Ours.OPEN
        self.theirs = Theirs.FOR_H2
        self.goodbye = ""
        """What the peer has said, if it takes no more streams: it closes the connection when it is done."""
        self._write = write
        self._listener = listener
        self._h2 = _configured()
        self._frames = Frames()
        self._owed_bytes = 0
        self._owed_at_all_bytes = 0
        self._credit_from: float = _CREDIT_BYTES

    def begin(self, head: Sequence[tuple[str, str]]) -> None:
        """Send the headers of the request, and what goes before."""
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW_BYTES - _FIRST_WINDOW_BYTES)
        self._h2.send_headers(STREAM, head)
        self.flush()

    def send(self, data: bytes) -> None:
        """Send a part of the request, once what waits was sent; nothing where it is over."""
        if self.ours is Ours.OPEN:
            self.waiting += data
            self.pump()

    def end(self) -> None:
        """End the request, once what waits was sent."""
        if self.ours is Ours.OPEN:
            self.ours = Ours.ENDING
            self.pump()

    def reset(self) -> None:
        """End both at once, and forget what waits."""
        if self._over():
            with suppress(H2Error):
                self._h2.reset_stream(STREAM, ErrorCodes.CANCEL)
            self.flush()

    def farewell(self) -> None:
        """Say goodbye to the peer."""
        with suppress(H2Error):
            self._h2.close_connection()
        self.flush()

    def cut(self, reason: str) -> None:
        """Let both be over, for something that happened."""
        if self._over():
            self._listener.on_cut(reason)

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        with suppress(H2Error):
            self._h2.ping(bytes(8))
        self.flush()

    def hold(self, held: bool) -> None:
        """Let the peer run into its window, or go on."""
        self._credit_from = inf if held else _CREDIT_BYTES
        self._credit(0)

    def flush(self) -> None:
        """Write what h2 has to say."""
        if said := self._h2.data_to_send():
            self._write(said)

    def receive(self, data: bytes) -> None:
        """Take in what has come. Raises Broken where that breaks the rules; `flush` tells the peer."""
        for frame in self._frames.cut(data):
            if self.theirs is Theirs.DIRECT and (held := content(frame)) is not None:
                self._take(held)
            elif goodbye(frame):
                self.goodbye = "GOAWAY NO_ERROR"  # h2 would take it for the end
            else:
                self._pass_on(frame)

    def pump(self) -> None:
        """Send what waits, as far as the windows and the socket allow."""
        h2, waiting = self._h2, self.waiting
        while waiting and self.writable:
            frames, sent = batch(waiting, h2.local_flow_control_window(STREAM), h2.max_outbound_frame_size)
            if not sent:
                return
            h2.outbound_flow_control_window -= sent
            h2.streams[STREAM].outbound_flow_control_window -= sent
            del waiting[:sent]
            self._write(frames)
        if not waiting and self.ours is Ours.ENDING:
            self.ours = Ours.ENDED
            h2.end_stream(STREAM)
            self.flush()

    def pump_on(self) -> None:
        """Send what waits, and tell that there is room again."""
        waited_bytes = len(self.waiting)
        self.pump()
        if len(self.waiting) < waited_bytes:
            self._listener.on_room()

    def _take(self, held: Content) -> None:
        self._count(held.taken_bytes)
        self._listener.on_data(held.data)
        self._credit(held.taken_bytes)
        if held.last:
            self._pass_on(last())

    def _pass_on(self, frame: bytes) -> None:
        """Have h2 look at a frame."""
        try:
            events = self._h2.receive_data(frame)
        except H2Error as broken:
            raise Broken(type(broken).__name__) from broken
        self.flush()  # what h2 answers allows what is then sent
        for event in events:
            self._happened(event)

    def _happened(self, event: Event) -> None:
        match event:
            case WindowUpdated() | RemoteSettingsChanged():
                self.pump_on()
            case DataReceived(data=data, flow_controlled_length=taken):
                self._listener.on_data(data)
                self._credit(taken)
            case ResponseReceived(headers=headers):
                head = head_of(headers)
                if "content-length" not in head:
                    self.theirs = Theirs.DIRECT
                self._listener.on_head(head)
            case StreamEnded():
                self.theirs = Theirs.ENDED
                self._listener.on_end()
            case StreamReset(error_code=code):
                self.cut(f"RST_STREAM {named(code)}")
            case ConnectionTerminated(error_code=code):
                self.cut(f"GOAWAY {named(code)}")
            case _:
                pass

    def _count(self, taken_bytes: int) -> None:
        """Note what was taken of the windows; that of the connection is opened again at once."""
        if self._owed_bytes + taken_bytes > WINDOW_BYTES:
            raise Broken("more came than the window allows")
        self._owed_at_all_bytes += taken_bytes
        if self._owed_at_all_bytes >= _CREDIT_BYTES:
            self._write(window_update(0, self._owed_at_all_bytes))
            self._owed_at_all_bytes = 0

    def _credit(self, taken_bytes: int) -> None:
        """Let the peer send more for what came, unless it is held."""
        self._owed_bytes += taken_bytes
        if self._owed_bytes < self._credit_from:
            return
        match self.theirs:
            case Theirs.FOR_H2:
                self._h2.acknowledge_received_data(self._owed_bytes, STREAM)
                self.flush()
            case Theirs.DIRECT:
                self._write(window_update(STREAM, self._owed_bytes))
            case Theirs.ENDED:
                pass
        self._owed_bytes = 0

    def _over(self) -> bool:
        """Let both be over, and tell whether they were not."""
        over = self.ours is Ours.ENDED and self.theirs is Theirs.ENDED
        self.ours, self.theirs = Ours.ENDED, Theirs.ENDED
        self.waiting.clear()
        return not over


def _configured() -> H2Connection:
    h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    settings = {
        SettingCodes.ENABLE_PUSH: 0,
        SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
        SettingCodes.MAX_HEADER_LIST_SIZE: h2.DEFAULT_MAX_HEADER_LIST_SIZE,
    }
    h2.local_settings = Settings(client=True, initial_values=settings)
    return h2
