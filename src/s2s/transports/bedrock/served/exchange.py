"""Many streams of HTTP/2 on one connection, the server's side: who hears what, and who may send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from s2s.transports.bedrock.frames import PREFACE, Broken, Frames, named
from s2s.transports.bedrock.served.stream import Manners, ServedLimits, Stream

MOST_STREAMS = 100
"""On one connection, as h2 has it."""
_WINDOW_BYTES = 65_535
_MOST_NOISE = 1000
_NOISE_S = 10.0

Meet: TypeAlias = Callable[[Stream, Sequence[tuple[bytes, bytes]]], None]
"""Takes a request: its stream, and its headers."""


class Socket(Protocol):
    """What the streams are on."""

    @property
    def writable(self) -> bool:
        """Whether it takes more."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """Close it when all is sent, or some time later."""
        ...

    def abort(self) -> None:
        """Drop it."""
        ...

    def busy(self, streams: int) -> None:
        """Note how many streams there are."""
        ...


class Noise:
    """Counts what a client says without wanting anything, and tells when that is too much."""

    def __init__(self) -> None:
        self._count = 0
        self._since_s = 0.0

    def heard(self, now_s: float) -> bool:
        """Count one, and tell whether it is one too many."""
        if now_s - self._since_s > _NOISE_S:
            self._count, self._since_s = 0, now_s
        self._count += 1
        return self._count > _MOST_NOISE


class Exchange:
    """Hands each request to `meet`, and all that follows to its stream."""

    def __init__(self, socket: Socket, meet: Meet, manners: Manners, limits: ServedLimits) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.manners = manners
        self.limits = limits
        self._socket = socket
        self._meet = meet
        self._frames = Frames()
        self._streams: dict[int, Stream] = {}
        self._noise = Noise()
        self._over = ""

    @property
    def writable(self) -> bool:
        """Whether the socket takes more."""
        return self._socket.writable

    def begin(self) -> None:
        """Say what the client may do, after its preface."""
        self.h2.initiate_connection()
        self.h2.receive_data(PREFACE)
        # One stream that nobody reads must not keep others from going on.
        self.h2.increment_flow_control_window((MOST_STREAMS - 1) * _WINDOW_BYTES)
        self.flush()

    def hear(self, data: bytes) -> None:
        """Take in what the client says."""
        try:
            for frame in self._frames.cut(data):
                if self._over:
                    break
                for event in self.h2.receive_data(frame):
                    self._take(event)
        except ProtocolError as broken:
            self._leave(f"HTTP/2 was broken: {broken}")
        except Broken as broken:
            self._leave(f"HTTP/2 was broken: {broken}", ErrorCodes.FRAME_SIZE_ERROR)
        self.flush()

    def pump(self) -> None:
        """Send what waits; another stream comes first each time."""
        for stream in tuple(self._streams.values()):
            stream.pump()
        if first := next(iter(self._streams), None):
            self._streams[first] = self._streams.pop(first)

    def flush(self) -> None:
        """Write what HTTP/2 has to say."""
        if said := self.h2.data_to_send():
            self._socket.write(said)

    def credit(self, number: int, n_bytes: int) -> None:
        """Let the client send that much more, as late as it is the manner here."""
        if self.manners.credit_s:
            asyncio.get_running_loop().call_later(self.manners.credit_s, self._credit, number, n_bytes)
        else:
            self._credit(number, n_bytes)

    def forget(self, number: int) -> None:
        """Let go of a stream that is over."""
        if self._streams.pop(number, None) is not None:
            self._socket.busy(len(self._streams))

    def go_away(self) -> None:
        """End in order, and with it every stream."""
        self._leave("GOAWAY was sent", ErrorCodes.NO_ERROR)

    def abort(self) -> None:
        """Drop the connection."""
        self.end("dropped here")
        self._socket.abort()

    def end(self, reason: str) -> None:
        """Note that it is over, and with it every stream."""
        self._over = self._over or reason
        for stream in tuple(self._streams.values()):
            stream.lose(self._over)

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=number, headers=headers) if not self._over:
                stream = self._streams[number] = Stream(self, number)
                self._socket.busy(len(self._streams))
                self._meet(stream, headers)
            case DataReceived(stream_id=number, data=data, flow_controlled_length=n_bytes) if n_bytes:
                self._arrive(number, data, n_bytes)
            case WindowUpdated(stream_id=0):
                self.pump()
            case WindowUpdated(stream_id=number):
                self._with(number, Stream.pump)
            case StreamEnded(stream_id=number):
                self._with(number, Stream.arrive_end)
            case StreamReset(stream_id=number, error_code=code):
                self._with(number, lambda stream: stream.lose(f"RST_STREAM {named(code)}"))
                self._bear()
            case ConnectionTerminated(error_code=code):
                self._leave(f"GOAWAY {named(code)}")
            case RemoteSettingsChanged():
                self.pump()
                self._bear()
            case _:
                self._bear()

    def _with(self, number: int, does: Callable[[Stream], None]) -> None:
        if stream := self._streams.get(number):
            does(stream)

    def _arrive(self, number: int, data: bytes, n_bytes: int) -> None:
        if stream := self._streams.get(number):
            stream.arrive(data, n_bytes)
        else:
            self._credit(number, n_bytes)

    def _credit(self, number: int, n_bytes: int) -> None:
        if not self._over:
            with suppress(ProtocolError):
                self.h2.acknowledge_received_data(n_bytes, number)
            self.flush()

    def _bear(self) -> None:
        """Bear what wants nothing, up to a point."""
        if self._noise.heard(asyncio.get_running_loop().time()):
            self._leave("a flood of HTTP/2 that wants nothing", ErrorCodes.ENHANCE_YOUR_CALM)

    def _leave(self, reason: str, told: ErrorCodes | None = None) -> None:
        """End; the client is `told` why where it does not know."""
        if not self._over:
            if told is not None:
                with suppress(ProtocolError):
                    self.h2.close_connection(told)
            self.flush()
            self.end(reason)
            self._socket.close()
