"""The socket under one request of HTTP/2."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import cast

from s2s.transports.bedrock.duplex import Duplex, Listener
from s2s.transports.bedrock.frames import Broken, OldHTTP
from s2s.transports.ws.keepalive import KeepAlive

OLD_HTTP = "the peer speaks HTTP/1.1 and no HTTP/2"
"""Why a request is cut that went to another kind of server."""

_DROPPED = "the connection dropped"
_UNHEARD = "it hung up without a word of HTTP/2: check the port, and whether it is https:// or http://"
_HIGH_WATER_BYTES = 64 * 1024
_FLOOD_BYTES = 256 * 1024
"""What may wait to be written while the peer does not read; all beyond is answers to what it sends."""


class Http2(asyncio.Protocol):
    """A connection with a single request, from its opening to its end; asyncio calls what is not explained.

    Where the peer is silent for `ping_after_s` it is asked for a sign of life, and cut off where none comes
    within `pong_within_s`.
    """

    tcp: asyncio.Transport
    """The socket, or TLS on it."""

    def __init__(self, listener: Listener, ping_after_s: float | None, pong_within_s: float) -> None:
        self.duplex = Duplex(self._write, listener)
        self._closed = asyncio.Event()
        self._loss = _UNHEARD
        """What it means now to lose the connection."""
        self._early: bytearray | None = bytearray()
        """What came before we said anything, which is to be answered later; None from then on."""
        self._keepalive = KeepAlive(self.duplex.ping, self._give_up, ping_after_s, pong_within_s)
        self._pong_within_s = pong_within_s

    def begin(self, head: Sequence[tuple[str, str]]) -> None:
        """Send the head of the request."""
        self.duplex.begin(head)
        self._keepalive.start()
        early, self._early = self._early, None
        if early:
            self.data_received(bytes(early))

    async def close(self, within_s: float) -> None:
        """Say goodbye, send what was written, and close the socket; cut it where that takes too long."""
        self._keepalive.stop()
        if not self.tcp.is_closing():
            self.duplex.farewell()
            self.tcp.close()
        try:
            async with asyncio.timeout(within_s):
                await self._closed.wait()
        except TimeoutError:
            pass
        finally:
            self.tcp.abort()
        await self._closed.wait()

    def abort(self) -> None:
        """Cut the connection."""
        self._keepalive.stop()
        self.tcp.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self.tcp = cast(asyncio.Transport, transport)
        self.tcp.set_write_buffer_limits(_HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._loss = _DROPPED
        if self._early is not None:
            self._early += data
            return
        self._keepalive.heard_at = monotonic()
        try:
            self.duplex.receive(data)
        except Broken as broken:
            self.duplex.flush()
            if not self.tcp.is_closing():  # TLS that is closed twice cannot be aborted
                self.tcp.close()
            old = isinstance(broken, OldHTTP)
            self.duplex.cut(OLD_HTTP if old else f"the peer breaks HTTP/2: {broken}")

    def pause_writing(self) -> None:  # noqa: D102
        self.duplex.writable = False

    def resume_writing(self) -> None:  # noqa: D102
        self.duplex.writable = True
        self.duplex.pump_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._keepalive.stop()
        self._closed.set()
        self.duplex.cut(self.duplex.goodbye or self._loss)

    def _write(self, data: bytes) -> None:
        if not self.tcp.is_closing():
            self.tcp.write(data)
            if not self.duplex.writable and self.tcp.get_write_buffer_size() > _FLOOD_BYTES:
                self.tcp.abort()

    def _give_up(self) -> None:
        self.duplex.cut(f"no pong within {self._pong_within_s:g} s")
        self.abort()
