"""A socket that a client of HTTP/2 came in by. Needs h2, of the extra `nova`."""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from typing import cast

from s2s.transports.bedrock.frames import PREFACE
from s2s.transports.bedrock.served.exchange import Exchange, Meet
from s2s.transports.bedrock.served.stream import Fuse, Manners, ServedLimits

_NO_HTTP2 = b'{"message":"This operation needs HTTP/2: in TLS by ALPN h2, else with prior knowledge."}'
_WRONG_VERSION = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_NO_HTTP2), _NO_HTTP2)
)
_REQUEST = re.compile(rb"[A-Z]+ ")


class Stage(Enum):
    """How far a connection is."""

    GREETING = "whether it speaks HTTP/2 is still to be seen"
    OPEN = "streams come and go"
    OVER = "nothing is heard any more"


class Connection(asyncio.Protocol):
    """Hands each request to `meet`, until one side has gone.

    A client that does not read is not read from either, and dropped after a while; so is one that wants
    nothing.
    """

    def __init__(self, meet: Meet, manners: Manners, limits: ServedLimits) -> None:
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the socket is closed."""
        self._limits = limits
        self._exchange = Exchange(self, meet, manners, limits)
        self._stage = Stage.GREETING
        self._greeting = bytearray()
        self._tcp: asyncio.Transport | None = None
        self._idle = Fuse()
        self._stuck = Fuse()
        self.busy(0)  # a socket may never come, such as one whose TLS fails

    @property
    def writable(self) -> bool:
        """Whether the socket takes more."""
        return self._stage is Stage.OPEN and not self._stuck.lit

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._tcp is not None and not self._tcp.is_closing():
            self._tcp.write(data)

    def busy(self, streams: int) -> None:
        """Let a client without streams stay for a while only."""
        if streams or self._stage is Stage.OVER:
            self._idle.quench()
        else:
            self._idle.light(self._limits.greeting_s, self.go_away)

    def go_away(self) -> None:
        """End in order."""
        if self._stage is Stage.OPEN:
            self._exchange.go_away()
        else:
            self.close()

    def close(self) -> None:
        """Close the socket as soon as the client has what was said, for which it has only so much time."""
        if self._tcp is None:
            self.connection_lost(None)
        elif self._stage is not Stage.OVER:
            self._stage = Stage.OVER
            self._idle.light(self._limits.close_s, self.abort)
            self._tcp.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._stage = Stage.OVER
        if self._tcp is None:
            self.connection_lost(None)
        else:
            self._tcp.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; in TLS the client may have said something before."""
        self._tcp = cast(asyncio.Transport, transport)  # of uvloop it is no subclass
        if self._stage is Stage.OVER:
            self._tcp.abort()
        else:
            self.busy(0)
            self._greet()

    def data_received(self, data: bytes) -> None:
        """Take in what the client says."""
        match self._stage:
            case Stage.GREETING:
                self._greeting += data
                self._greet()
            case Stage.OPEN:
                self._exchange.hear(data)
            case Stage.OVER:
                pass

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, whoever brought it about."""
        self._stage = Stage.OVER
        self._exchange.end("the connection dropped")
        self._idle.quench()
        self._stuck.quench()
        if not self.gone.done():
            self.gone.set_result(None)

    def pause_writing(self) -> None:
        """Wait for a client that does not read, and do not read from it either."""
        if self._tcp is not None:
            self._tcp.pause_reading()
            self._stuck.light(self._limits.send_s, self.abort)

    def resume_writing(self) -> None:
        """Go on."""
        if self._tcp is not None:
            self._stuck.quench()
            self._tcp.resume_reading()
            self._exchange.pump()

    def _greet(self) -> None:
        greeting = bytes(self._greeting)
        if self._tcp is None:
            return
        if not PREFACE.startswith(greeting[: len(PREFACE)]):
            if _REQUEST.match(greeting):
                self._tcp.write(_WRONG_VERSION)
            self.close()
        elif len(greeting) >= len(PREFACE):
            self._greeting.clear()
            self._stage = Stage.OPEN
            self._exchange.begin()
            self._exchange.hear(greeting[len(PREFACE) :])
