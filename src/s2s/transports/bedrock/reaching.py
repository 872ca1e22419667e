"""The way to the service: a socket, perhaps through a proxy, with TLS and HTTP/2 on it, and the request."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from socket import socket
from typing import TypeAlias

import msgspec
from python_socks.async_.asyncio import Proxy as Plain

from s2s.errors import ConfigError, ConnectError
from s2s.transports.bedrock.connection import BedrockTransport
from s2s.transports.bedrock.http2 import Http2
from s2s.transports.bedrock.opening import ALPN, Address, Request, address
from s2s.transports.bedrock.refusal import Place
from s2s.transports.bedrock.tunnel import SecureProxy
from s2s.transports.ws.limits import ConnectionLimits
from s2s.transports.ws.opening import Dial, trust
from s2s.transports.ws.refusal import explained, hiding

Proxy: TypeAlias = Plain | SecureProxy
"""One that is talked to in the clear, or in TLS."""

_SECURE = "https://"
_REFUSES_ALPN = "NO_APPLICATION_PROTOCOL"


def proxy_at(url: str, ca: str | Path | None) -> Proxy:
    """Return the proxy at a URL, trusted like the service. Raises ConfigError that does not show the URL."""
    try:
        if url.startswith(_SECURE):
            return SecureProxy.at(url, trust(None, ca))
        return Plain.from_url(url)
    except ValueError:
        told = "the proxy's URL is not valid: give http://host:port, https://host:port or socks5://host:port"
        raise ConfigError(told) from None


async def opened(way: Way, request: Request, provider: str) -> BedrockTransport:
    """Go there and send the request. Raises ConnectError."""
    where, open_s = way.there.where, way.limits.open_s
    place = Place(where, provider, hiding(request.hidden))
    transport = BedrockTransport(place, way.limits)
    with explained(where, provider, open_s, place.hide):
        async with asyncio.timeout(open_s):
            await way.lead(transport.protocol)
    try:
        transport.begin(request.head, request.chain)
    except BaseException:
        transport.abort()
        raise
    return transport


class Way(msgspec.Struct, frozen=True):
    """Where to, and how; `context=None` is HTTP/2 without TLS."""

    there: Address
    context: ssl.SSLContext | None
    proxy: Proxy | None
    limits: ConnectionLimits

    @classmethod
    def to(
        cls,
        url: str,
        tls: ssl.SSLContext | None,
        ca: str | Path | None,
        proxy: str | None,
        limits: ConnectionLimits,
    ) -> Way:
        """Return the way to a URL. Raises ConfigError."""
        there = address(url)
        context = trust(tls, ca, ALPN) if there.scheme == "https" else None
        return cls(there, context, None if proxy is None else proxy_at(proxy, ca), limits)

    async def lead(self, protocol: Http2) -> None:
        """Connect. Raises OSError, ProxyError and ConnectError."""
        try:
            await self._lead(protocol)
        except ssl.SSLError as error:
            if _REFUSES_ALPN not in (error.reason or ""):
                raise
            raise self._no_http2("refuses it") from None
        except ConnectionResetError:
            if self.context is None:
                raise
            told = f"{self.there.where} hung up on TLS: check the port, and whether it is https:// or http://"
            raise ConnectError(told, retryable=True) from None
        if self.context is not None:
            secured = protocol.tcp.get_extra_info("ssl_object")
            if (spoken := secured.selected_alpn_protocol()) != ALPN:
                protocol.tcp.abort()
                raise self._no_http2(f"chose {spoken or 'nothing'}")

    async def _lead(self, protocol: Http2) -> None:
        there, limits = self.there, self.limits
        match self.proxy:
            case None:
                with Dial() as dial:
                    await self._connect(protocol, await dial.to(there.host, there.port))
            case Plain() as proxy:
                found = await proxy.connect(there.host, there.port, timeout=limits.open_s)
                await self._connect(protocol, found)
            case SecureProxy() as proxy:
                found = await proxy.connect(
                    there.host, there.port, handshake_s=limits.open_s, close_s=limits.close_s
                )
                await self._connect(protocol, found)

    async def _connect(self, protocol: Http2, found: socket) -> None:
        secure = self.context is not None
        await asyncio.get_running_loop().create_connection(
            lambda: protocol,
            sock=found,
            ssl=self.context,
            server_hostname=self.there.host if secure else None,
            ssl_handshake_timeout=self.limits.open_s if secure else None,
            ssl_shutdown_timeout=self.limits.close_s if secure else None,
        )

    def _no_http2(self, how: str) -> ConnectError:
        return ConnectError(
            f"{self.there.where} does not speak HTTP/2 (ALPN: it {how}): check the URL, that nothing on the "
            f"way opens TLS, and that a context given as tls has set_alpn_protocols(['{ALPN}'])"
        )
