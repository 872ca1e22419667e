"""Who is let in to talk to a model, and what they asked for, pure but for a clock that is handed in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from time import time
from urllib.parse import unquote

from msgspec import Struct

from s2s.transports.bedrock.headers import head_of
from s2s.transports.bedrock.served.refusals import (
    RETIRED_MODEL,
    UNKNOWN_MODEL,
    UNKNOWN_PATH,
    UNSIGNED_EVENTS,
    WRONG_METHOD,
    WRONG_TYPE,
    Refusal,
    refusal_of,
)
from s2s.transports.bedrock.signing import CONTENT_TYPE, EVENTS, EXAMPLE, Credentials
from s2s.transports.bedrock.verifying import SKEW_S, Flaw, Verifier, verified

_PATH = re.compile(r"/model/([^/?]+)/invoke-with-bidirectional-stream(?:\?.*)?", re.DOTALL)


class Knock(Struct, frozen=True):
    """What a client says before it is let in."""

    path: str
    """As it was sent."""
    model: str
    """The model's id, decoded."""
    access_key: str
    headers: dict[str, str] = {}
    """Names in lower case."""


class Gate(Struct, frozen=True, kw_only=True):
    """Verifies the signature of a request before it looks at anything else in it."""

    credentials: tuple[Credentials, ...] = (EXAMPLE,)
    region: str | None = None
    """What requests must be signed for; None: any."""
    models: tuple[str, ...] | None = None
    """The models that there are; None: whatever is asked for."""
    retired: tuple[str, ...] = ()
    """Those that there were."""
    skew_s: float = SKEW_S
    """How far a client's clock may be off."""
    clock: Callable[[], float] = time
    """Tells the time, in s since 1970."""

    def judge(self, head: Iterable[tuple[bytes, bytes]]) -> tuple[Knock, Verifier] | Refusal:
        """Return who knocks, with what verifies all that follows; or the answer to who is not let in."""
        headers = head_of(head)
        path, method = headers.get(":path", ""), headers.get(":method", "")
        found = _PATH.fullmatch(path)
        if found is None:
            return UNKNOWN_PATH
        if method != "POST":
            return WRONG_METHOD
        now_s = self.clock()
        verifier = verified(
            method, path, headers, self._find, int(now_s * 1000), region=self.region, skew_s=self.skew_s
        )
        if isinstance(verifier, Flaw):
            return refusal_of(verifier, headers, now_s, self.skew_s)
        knock = Knock(path, unquote(found[1]), verifier.credentials.access_key, headers)
        return self._objection(knock) or (knock, verifier)

    def _find(self, access_key: str) -> Credentials | None:
        return next((each for each in self.credentials if each.access_key == access_key), None)

    def _objection(self, knock: Knock) -> Refusal | None:
        if knock.headers.get("x-amz-content-sha256") != EVENTS:
            return UNSIGNED_EVENTS
        if knock.headers.get("content-type") != CONTENT_TYPE:
            return WRONG_TYPE
        if knock.model in self.retired:
            return RETIRED_MODEL
        if self.models is not None and knock.model not in self.models:
            return UNKNOWN_MODEL
        return None
