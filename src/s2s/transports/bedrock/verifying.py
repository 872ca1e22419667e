"""What is wrong with a signed request, if anything, and with the events after it: the service's side; pure.

Source: Signature Version 4 as AWS documents it, and the errors that go with it (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from hmac import compare_digest

from s2s.transports.bedrock.eventstream import Message, Timestamp
from s2s.transports.bedrock.signing import SERVICE, Chain, Credentials, Scope, request_signature, seconds

SKEW_S = 300.0
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/([0-9]{8})/([^/,\s]+)/([^/,\s]+)/aws4_request,\s*"
    r"SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_MUST_BE_SIGNED = frozenset({"host", "x-amz-date", "x-amz-content-sha256"})


class Flaw(Enum):
    """Why a request or an event is refused."""

    UNSIGNED = "no signature of this kind"
    UNKNOWN_KEY = "nobody has this access key"
    EXPIRED = "these credentials have expired"
    TOKEN = "the session token is missing, or another one"
    SCOPE = "signed for another region or service"
    SKEWED = "signed too long ago, or in the future"
    SIGNATURE = "not signed with this secret, or not this request"


class Verifier:
    """Verifies the events of a stream whose request was in order, one after the other."""

    def __init__(self, credentials: Credentials, region: str, seed: str) -> None:
        self.credentials = credentials
        self.region = region
        self._chain = Chain(credentials, region, seed)

    def check(self, message: Message) -> bytes | Flaw:
        """Return what was signed, which is nothing in the last message of all; or what is wrong."""
        date, signature = message.headers.get(":date"), message.headers.get(":chunk-signature")
        if not isinstance(date, Timestamp) or not isinstance(signature, bytes) or len(message.headers) != 2:
            return Flaw.UNSIGNED
        if not 0 <= date < 2**47:
            return Flaw.SKEWED
        return message.payload if self._chain.verify(date, message.payload, signature) else Flaw.SIGNATURE


def verified(
    method: str,
    path: str,
    headers: Mapping[str, str],
    find: Callable[[str], Credentials | None],
    now_ms: int,
    *,
    region: str | None = None,
    skew_s: float = SKEW_S,
) -> Verifier | Flaw:
    """Return what verifies the events of this request, or what is wrong with the request.

    Names in `headers` are in lower case, `:authority` may stand for `host`; `find` returns who has an access
    key, and `region=None` lets requests for any region pass.
    """
    told = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
    date = headers.get("x-amz-date", "")
    if told is None or not _DATE.fullmatch(date):
        return Flaw.UNSIGNED
    access_key, day, of_region, service, names, signature = told.groups()
    credentials = find(access_key)
    if credentials is None:
        return Flaw.UNKNOWN_KEY
    held = {"host": headers.get(":authority", ""), **headers}
    signed = {name: held[name] for name in names.split(";") if name in held}
    scope = Scope(day, of_region, service)
    if flaw := _circumstances(credentials, scope, date, held, region, now_ms, skew_s):
        return flaw
    if len(signed) != len(names.split(";")) or not signed.keys() >= _MUST_BE_SIGNED:
        return Flaw.UNSIGNED
    seed = request_signature(scope.key(credentials.secret_key), scope, method, path, signed)
    return Verifier(credentials, of_region, seed) if compare_digest(seed, signature) else Flaw.SIGNATURE


def _circumstances(
    credentials: Credentials,
    scope: Scope,
    date: str,
    headers: Mapping[str, str],
    region: str | None,
    now_ms: int,
    skew_s: float,
) -> Flaw | None:
    """Return what is wrong apart from the signature."""
    if not compare_digest(
        headers.get("x-amz-security-token", "").encode(), credentials.session_token.encode()
    ):
        return Flaw.TOKEN
    if credentials.expires_at is not None and credentials.expires_at * 1000 <= now_ms:
        return Flaw.EXPIRED
    if scope.service != SERVICE or region not in {None, scope.region}:
        return Flaw.SCOPE
    signed_s = seconds(date)
    if signed_s is None or scope.day != date[:8] or abs(signed_s - now_ms / 1000) > skew_s:
        return Flaw.SKEWED
    return None
