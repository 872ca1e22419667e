"""What it takes to open a connection: an address, headers, trust and a socket."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from s2s.errors import ConfigError

if TYPE_CHECKING:
    from picows import WSParsedURL

Headers: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SECRET = re.compile(r"key|token|secret|auth|cookie|credential|signature", re.IGNORECASE)
_ATTEMPT_S = 3.0


def address(url: str) -> str:
    """Return the part of a WebSocket URL that may be shown. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ConfigError("this is no URL: give one like wss://host/path") from None
    if parts.scheme not in {"ws", "wss"}:
        raise ConfigError(f"{parts.scheme or 'no scheme'!r} is not spoken here: give a ws:// or wss:// URL")
    if not host or parts.fragment or not url.isprintable() or " " in url:
        raise ConfigError(
            "this URL lacks a host, or has a fragment or a blank: give one like wss://host/path"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"user and password in the URL of {host} are not sent: pass them as a header")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{'' if port is None else f':{port}'}{parts.path}"


def request_headers(headers: Headers, subprotocols: Sequence[str]) -> list[tuple[str, str]]:
    """Return all headers to send. Raises ConfigError where one would break the request."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if subprotocols:
        pairs.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                "the name of a header is empty or has a character that HTTP forbids: correct it"
            )
        if not _VALUE.fullmatch(value):
            raise ConfigError(f"header {name} has a line break or the like: strip the key or the value")
    return pairs


def secrets(url: str, pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return what a peer must not be quoted with, should it send our credentials back."""
    named = [*pairs, *parse_qsl(urlsplit(url).query)]
    pieces = ((name, piece) for name, value in named for piece in re.split(r"[\s,]+", value))
    telling = (piece for name, piece in pieces if _SECRET.search(name) or _SECRET.search(piece))
    return frozenset(each for piece in telling for each in (piece, piece.partition(".")[2]) if len(each) >= 8)


def trust(tls: ssl.SSLContext | None, ca: str | Path | None, alpn: str = "") -> ssl.SSLContext:
    """Return the given context, or the shared one for `alpn` that trusts the system's roots and `ca`."""
    if tls is not None and ca is not None:
        raise ConfigError("both tls and ca are given: load the CA into the context, and leave ca out")
    if tls is not None or ca is None:
        return tls or _context(alpn)
    try:
        return _context(alpn, str(ca), Path(ca).stat().st_mtime_ns)
    except OSError as error:
        raise ConfigError(f"{ca} holds no CA certificate that can be read: give a PEM file") from error


@cache
def _context(alpn: str, ca: str | None = None, written_ns: int = 0) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols([alpn])
    if ca is not None:
        context.load_verify_locations(ca)
    return context


class Dial:
    """Opens the socket and keeps hold of it: picows leaves one behind where its handshake is cancelled."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    async def __call__(self, endpoint: WSParsedURL) -> socket.socket:
        """Do as `to`, for picows."""
        return await self.to(endpoint.host, endpoint.port)

    async def to(self, host: str, port: int) -> socket.socket:
        """Return a socket connected to the first address that answers. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in found[:-1]:
            # An address that swallows packets must leave time for the others.
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_ATTEMPT_S):
                    return await self._open(socket.socket(family, kind, protocol), place)
        family, kind, protocol, _, place = found[-1]
        return await self._open(socket.socket(family, kind, protocol), place)

    async def _open(self, opened: socket.socket, place: object) -> socket.socket:
        opened.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(opened, place)  # type: ignore[arg-type]
        except BaseException:
            opened.close()
            raise
        self._socket = opened
        return opened

    def __enter__(self) -> Dial:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Where opening failed, end the connection: whatever owns the socket by now will close it."""
        if kind is not None and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
