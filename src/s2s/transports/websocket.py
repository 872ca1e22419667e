"""Whole messages over a WebSocket that we open: the one client for all engines that speak it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path

from picows import ws_connect

from s2s.errors import ConnectError
from s2s.transports.ws.connection import WebSocketTransport
from s2s.transports.ws.limits import ConnectionLimits
from s2s.transports.ws.opening import Dial, Headers, address, request_headers, secrets, trust
from s2s.transports.ws.refusal import explained, hiding

__all__ = ["ConnectionLimits", "WebSocketTransport", "connect"]

_LIMITS = ConnectionLimits()
_SILENCE = logging.Logger("s2s.transports.websocket", logging.CRITICAL + 1)
_SILENCE.propagate = False


async def connect(
    url: str,
    *,
    headers: Headers = (),
    subprotocols: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    ca: str | Path | None = None,
    proxy: str | None = None,
    provider: str = "",
    limits: ConnectionLimits = _LIMITS,
) -> WebSocketTransport:
    """Open a WebSocket to a ws:// or wss:// URL, through an http, https, socks4 or socks5 proxy if given.

    Certificates are verified against the system's roots and the PEM file `ca`; `tls` replaces that context.
    No redirect is followed, no compression offered. Raises ConfigError before any I/O, ConnectError and
    AuthError later.
    """
    where = address(url)
    pairs = request_headers(headers, subprotocols)
    context = trust(tls, ca) if where.startswith("wss") else None
    hide = hiding(secrets(url, pairs))
    transport = WebSocketTransport(limits, provider, hide)
    with explained(where, provider, limits.open_s, hide), Dial() as dial:
        async with asyncio.timeout(limits.open_s):
            _, opened = await ws_connect(
                transport.admit,
                url,
                ssl_context=context,
                websocket_handshake_timeout=None,
                logger_name=_SILENCE,
                enable_auto_pong=False,
                max_frame_size=limits.max_message_bytes,
                extra_headers=pairs,
                max_redirects=0,
                proxy=proxy,
                socket_factory=dial,
            )
        if opened is None:
            raise ConnectError(f"{where} hung up without an answer: try again", retryable=True)
    return transport
