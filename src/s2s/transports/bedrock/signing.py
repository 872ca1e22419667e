"""Signatures of AWS (SigV4): of a request, and of each event that follows it, made and verified; pure.

Every event signs the signature before it, and the first one that of the request. So what is signed must be
sent, whole and in order.

Source: Signature Version 4 and its event streams as AWS documents them, botocore 1.44 and
aws-sdk-signers 0.4.0 (2026-11).
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac
from struct import Struct
from time import gmtime, strftime, strptime
from urllib.parse import quote

import msgspec

from s2s.errors import LocalProtocolError
from s2s.transports.bedrock.eventstream import MOST_PAYLOAD_BYTES, Timestamp, framed, header_block

SERVICE = "bedrock"
CONTENT_TYPE = "application/vnd.amazon.eventstream"
EVENTS = "STREAMING-AWS4-HMAC-SHA256-EVENTS"
ALGORITHM = "AWS4-HMAC-SHA256"
_CHUNK = b"AWS4-HMAC-SHA256-PAYLOAD"
_NOTHING = sha256(b"").hexdigest().encode()
_SIGNED = "x-amz-"
_DATE = header_block([(":date", Timestamp(0))])[:-8]
_SIGNATURE = header_block([(":chunk-signature", bytes(32))])[:-32]
_MS = Struct(">q")


class Credentials(msgspec.Struct, frozen=True):
    """Who asks; `session_token` where they are temporary, and then until when, in s since 1970."""

    access_key: str
    secret_key: str
    session_token: str = ""
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("access_key", self.access_key)]


EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
"""The pair that stands in the documentation of AWS, and opens nothing."""


class Scope(msgspec.Struct, frozen=True):
    """The day, region and service that a signature holds for."""

    day: str
    region: str
    service: str = SERVICE

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    def key(self, secret: str) -> bytes:
        """Return what signs within it."""
        key = f"AWS4{secret}".encode()
        for part in (self.day, self.region, self.service, "aws4_request"):
            key = hmac(key, part.encode(), "sha256")
        return key


def spelled(date_ms: int) -> str:
    """Return a time, in ms since 1970, as signatures have it: to the second, as 20261122T095001Z."""
    return strftime("%Y%m%dT%H%M%SZ", gmtime(date_ms // 1000))


def seconds(date: str) -> float | None:
    """Return the time that is spelled so, in s since 1970; None where it is none."""
    try:
        return timegm(strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return None


def signed_headers(
    credentials: Credentials,
    region: str,
    authority: str,
    path: str,
    date_ms: int,
    extra: Mapping[str, str] = {},
) -> tuple[dict[str, str], str]:
    """Return all headers of the request that opens a stream, with `extra`, and its signature.

    `authority` is the host as it is sent, `path` percent-encoded; names in `extra` are in lower case.
    """
    date = spelled(date_ms)
    headers = {"content-type": CONTENT_TYPE, "x-amz-content-sha256": EVENTS, "x-amz-date": date}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    headers |= extra
    signed = {name: value for name, value in headers.items() if name.startswith(_SIGNED)}
    signed |= {"content-type": headers["content-type"], "host": authority}
    scope = Scope(date[:8], region)
    signature = request_signature(scope.key(credentials.secret_key), scope, "POST", path, signed)
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(sorted(signed))}, Signature={signature}"
    )
    return headers, signature


def request_signature(key: bytes, scope: Scope, method: str, path: str, signed: Mapping[str, str]) -> str:
    """Return the signature of a request in hex; `signed` has all headers that it covers."""
    place, _, query = path.partition("?")
    asked = sorted(each if "=" in each else f"{each}=" for each in query.split("&") if each)
    lines = [f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)]
    whole = [method, quote(place, safe="/~"), "&".join(asked), *lines, ""]
    whole += [";".join(sorted(signed)), signed["x-amz-content-sha256"]]
    hashed = sha256("\n".join(whole).encode()).hexdigest()
    said = f"{ALGORITHM}\n{signed['x-amz-date']}\n{scope}\n{hashed}"
    return hmac(key, said.encode(), "sha256").hex()


class Chain:
    """The signatures of the events of one stream, each made from the one before it."""

    def __init__(self, credentials: Credentials, region: str, seed: str) -> None:
        self._secret = credentials.secret_key
        self._region = region
        self._last = seed.encode()
        self._second = -1
        self._dated = b""
        self._scope: Scope | None = None
        self._key = b""

    def sign(self, date_ms: int, inner: bytes) -> bytes:
        """Return a message whole, signed, with another as its payload: it must be sent before the next.

        Raises LocalProtocolError, and goes on as if nothing had been asked, where that is too long.
        """
        if len(inner) > MOST_PAYLOAD_BYTES:
            raise LocalProtocolError(
                f"a message of {len(inner)} bytes is too long: send at most {MOST_PAYLOAD_BYTES}"
            )
        dated = _DATE + _MS.pack(date_ms)
        signature = self.next(date_ms, dated, sha256(inner).hexdigest().encode() if inner else _NOTHING)
        return framed(b"".join((dated, _SIGNATURE, signature)), inner)

    def end(self, date_ms: int) -> bytes:
        """Return the message after which nothing comes."""
        return self.sign(date_ms, b"")

    def verify(self, date_ms: int, inner: bytes, signature: bytes) -> bool:
        """Tell whether the other side made this signature of this payload, next in the chain."""
        dated = _DATE + _MS.pack(date_ms)
        return compare_digest(self.next(date_ms, dated, sha256(inner).hexdigest().encode()), signature)

    def next(self, date_ms: int, dated: bytes, hashed: bytes) -> bytes:
        """Return the signature of an event with this header and payload, and go on from it."""
        if date_ms // 1000 != self._second:
            self._turn(date_ms)
        said = b"%b\n%b\n%b\n%b" % (
            self._dated,
            self._last,
            sha256(dated).hexdigest().encode(),
            hashed,
        )
        signature = hmac(self._key, said, "sha256")
        self._last = signature.hex().encode()
        return signature

    def _turn(self, date_ms: int) -> None:
        """Change to another second, and to the key of another day where that has begun."""
        date = spelled(date_ms)
        scope = Scope(date[:8], self._region)
        if scope != self._scope:
            self._scope, self._key = scope, scope.key(self._secret)
        self._second = date_ms // 1000
        self._dated = b"\n".join((_CHUNK, date.encode(), str(scope).encode()))
