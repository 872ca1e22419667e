"""What it takes to open a stream to Bedrock: an address, trust, and a request that is signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time_ns
from urllib.parse import urlsplit

import msgspec

from s2s.errors import ConfigError
from s2s.transports.bedrock.signing import Chain, Credentials, signed_headers
from s2s.transports.ws.opening import request_headers, secrets

ALPN = "h2"
_LEAST_SECRET = 8
_PORTS = {"http": 80, "https": 443}
_MADE_HERE = frozenset(
    {"authorization", "content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
)
_FORBIDDEN = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
"""What HTTP/2 does not allow, or not in a request without an end."""
_GIVE = "give one like https://bedrock-runtime.us-east-1.amazonaws.com/model/..."


class Address(msgspec.Struct, frozen=True):
    """A URL in parts; the path is as it is sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def where(self) -> str:
        """What may be shown."""
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"


def address(url: str) -> Address:
    """Return where a URL leads. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"this is no URL: {_GIVE}") from None
    if parts.scheme not in _PORTS:
        raise ConfigError(f"{parts.scheme or 'no scheme'!r} is not spoken here: {_GIVE}")
    if not host or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(f"this URL lacks a host, has a fragment, or is not percent-encoded: {_GIVE}")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"user and password in the URL of {host} are not sent: give credentials")
    path = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
    return Address(parts.scheme, host, port or _PORTS[parts.scheme], path)


class Request(msgspec.Struct, frozen=True):
    """The head of a request, and what signs all that follows."""

    head: Sequence[tuple[str, str]]
    chain: Chain
    hidden: frozenset[str]
    """What no peer may be quoted with."""

    def __repr__(self) -> str:
        return f"Request(names={[name for name, _ in self.head]})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("names", [name for name, _ in self.head])]


def request(url: str, credentials: Credentials, region: str, headers: Mapping[str, str]) -> Request:
    """Return a request signed now. Raises ConfigError for headers that would break it."""
    to = address(url)
    extra = {name.lower(): value for name, value in request_headers(headers, ())}
    if taken := sorted((_MADE_HERE | _FORBIDDEN) & extra.keys()):
        why = "is made here" if taken[0] in _MADE_HERE else "has no place in HTTP/2"
        raise ConfigError(f"header {taken[0]} {why}: leave it out")
    signed, seed = signed_headers(credentials, region, to.authority, to.path, time_ns() // 1_000_000, extra)
    head = [(":method", "POST"), (":scheme", to.scheme), (":authority", to.authority), (":path", to.path)]
    pairs = request_headers(signed, ())
    known = {credentials.secret_key, credentials.session_token, seed}
    hidden = secrets(url, pairs) | {each for each in known if len(each) >= _LEAST_SECRET}
    return Request(head + pairs, Chain(credentials, region, seed), hidden)
