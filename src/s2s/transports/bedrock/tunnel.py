"""A proxy that is talked to in TLS: to its client it looks like a socket.

It takes a pair of sockets, for TLS inside of TLS is not sound in asyncio before Python 3.12.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from typing import cast
from urllib.parse import unquote, urlsplit

import msgspec
from python_socks import ProxyError

_MOST_BYTES = 64 * 1024
_ANSWER_ENDS = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")


class SecureProxy(msgspec.Struct, frozen=True):
    """An https:// proxy."""

    host: str
    port: int
    credentials: str
    """User and password, with a colon in between; empty for none."""
    context: ssl.SSLContext

    def __repr__(self) -> str:
        return f"SecureProxy(host={self.host!r}, port={self.port})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("host", self.host), ("port", self.port)]

    @classmethod
    def at(cls, url: str, context: ssl.SSLContext) -> SecureProxy:
        """Return the one at a URL. Raises ValueError."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("no host")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        credentials = f"{user}:{password}" if user else ""
        return cls(parts.hostname, parts.port or 443, credentials, context)

    async def connect(self, host: str, port: int, *, handshake_s: float, close_s: float) -> socket.socket:
        """Return a socket that leads to a host. Raises OSError and ProxyError."""
        loop = asyncio.get_running_loop()
        _, tunnel = await loop.create_connection(
            Tunnel,
            self.host,
            self.port,
            ssl=self.context,
            server_hostname=self.host,
            ssl_handshake_timeout=handshake_s,
            ssl_shutdown_timeout=close_s,
        )
        try:
            await tunnel.dig(self._request(host, port))
            return await tunnel.lead_out()
        except BaseException:
            tunnel.tcp.abort()
            raise

    def _request(self, host: str, port: int) -> bytes:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if self.credentials:
            told = base64.b64encode(self.credentials.encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {told}")
        return "\r\n".join([*lines, "", ""]).encode()


class End(asyncio.Protocol):
    """One end of the tunnel: passes on to the other what comes in here, no faster than it takes it."""

    tcp: asyncio.Transport
    other: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.tcp = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is not None and not self.other.is_closing():
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end."""
        if self.other is not None:
            self.other.close()

    def pause_writing(self) -> None:
        """Let the other end wait."""
        if self.other is not None and not self.other.is_closing():
            self.other.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        if self.other is not None and not self.other.is_closing():
            self.other.resume_reading()


class Tunnel(End):
    """The end at the proxy, which has to agree first."""

    def __init__(self) -> None:
        self._told = bytearray()
        self._agreed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def dig(self, request: bytes) -> None:
        """Ask, and wait for the answer. Raises ProxyError."""
        self.tcp.write(request)
        await self._agreed

    async def lead_out(self) -> socket.socket:
        """Return the socket that leads through, once the proxy has agreed. Raises OSError."""
        near, far = socket.socketpair()
        try:
            _, outlet = await asyncio.get_running_loop().create_connection(End, sock=far)
        except BaseException:
            near.close()
            raise
        outlet.other, self.other = self.tcp, outlet.tcp
        outlet.tcp.write(self._told.partition(_ANSWER_ENDS)[2])
        if self.tcp.is_closing():
            outlet.tcp.close()
        return near

    def data_received(self, data: bytes) -> None:
        """Read the answer, or pass on what follows it."""
        if self.other is not None:
            super().data_received(data)
            return
        self._told += data
        if not self._agreed.done() and (_ANSWER_ENDS in self._told or len(self._told) > _MOST_BYTES):
            status = _STATUS.match(self._told)
            if status is not None and status[1].startswith(b"2"):
                self._agreed.set_result(None)
            else:
                self._refuse(f"HTTP {status[1].decode()}" if status else "it does not answer in HTTP/1.1")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        if not self._agreed.done():
            self._refuse("it hung up")

    def _refuse(self, why: str) -> None:
        self._agreed.set_exception(ProxyError(why))
        self._agreed.exception()  # nobody may wait for it any more
