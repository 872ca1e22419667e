"""Whole messages over Amazon Bedrock: event streams, signed, in a request of HTTP/2. Connecting needs h2."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from s2s.errors import ConfigError
from s2s.transports.bedrock.opening import request
from s2s.transports.bedrock.signing import EXAMPLE, Credentials
from s2s.transports.ws.limits import ConnectionLimits

if TYPE_CHECKING:
    from s2s.transports.bedrock.connection import BedrockTransport

__all__ = ["EXAMPLE", "ConnectionLimits", "Credentials", "connect"]

_LIMITS = ConnectionLimits()


async def connect(
    url: str,
    *,
    credentials: Credentials,
    region: str,
    headers: Mapping[str, str] = {},
    tls: ssl.SSLContext | None = None,
    ca: str | Path | None = None,
    proxy: str | None = None,
    provider: str = "",
    limits: ConnectionLimits = _LIMITS,
) -> BedrockTransport:
    """Send the request that opens a stream, through an http, https, socks4 or socks5 proxy if given.

    The answer is read from the stream: its first message is `{"response":{"requestId":...}}`, and a refusal
    is raised there, as AuthError or ConnectError. http:// is HTTP/2 with prior knowledge. Certificates are
    verified against the system's roots and the PEM file `ca`; `tls` replaces that context. Raises ConfigError
    before any I/O, also where h2 is missing, and ConnectError later.
    """
    try:
        from s2s.transports.bedrock.reaching import Way, opened
    except ModuleNotFoundError as missing:
        raise ConfigError(f"Bedrock needs {missing.name}: pip install 'voice-s2s[nova]'") from missing
    way = Way.to(url, tls, ca, proxy, limits)
    return await opened(way, request(url, credentials, region, headers), provider)
