"""What the end of a stream means, and whether the conversation goes on over another one.

Source: the exceptions of InvokeModelWithBidirectionalStream (botocore 1.44), and their messages as users
have reported them (2026-10). The service calls invalid what is only transient, and ends streams in silence.
"""

from __future__ import annotations

from msgspec import Struct

from s2s.errors import (
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    S2SError,
)

INVALID, TIMEOUT, THROTTLED = 400, 408, 429
_REFUSALS = range(400, 500)
_TRANSIENT = (TIMEOUT, 424, THROTTLED)
"""Refusals that are none."""


class Sign(Struct, frozen=True):
    """What the service says, in part, and what that means."""

    text: str
    code: str
    advice: str
    transient: bool = False


_SIGNS = (
    Sign("system instability", "unstable", "try again", transient=True),
    Sign("timed out waiting for", "idle", "keep sending audio, silence too", transient=True),
    Sign("internalerrorcode=531", "idle", "keep sending audio, silence too", transient=True),
    Sign("over max limit", "history_too_long", "begin with a shorter history"),
    Sign("chat history should be sent", "order", "this is an error in this library: report it"),
    Sign("no open content found", "order", "this is an error in this library: report it"),
    Sign("prompts were not closed", "order", "this is an error in this library: report it"),
    Sign("tool response parsing", "tool_result", "return JSON from the tool"),
    Sign("model identifier", "model", "set Config.model to a model of the region, or change the region"),
)
_UNKNOWN = Sign("", "invalid", "correct the settings or the tools of the session")
_AGAIN = {
    TIMEOUT: Sign("", "session_limit", "start another session", transient=True),
    424: Sign("", "model_error", "try again", transient=True),
}
_INTERNAL = Sign("", "internal", "try again", transient=True)


def survivable(failure: S2SError | None) -> bool:
    """Tell whether another stream may go on after this one: never where the service said no."""
    match failure:
        case None:
            return True
        case ConnectError(retryable=retryable):
            return retryable
        case ConnectionLostError(code=code, reason=reason):
            return code not in _REFUSALS or _sign_of(code, reason).transient
        case _:
            return False


def explained(failure: S2SError, provider: str) -> S2SError:
    """Return the error that an end is to whoever has to mend it."""
    failure.provider = failure.provider or provider
    if not isinstance(failure, ConnectionLostError) or failure.code not in range(400, 600):
        return failure
    sign = _sign_of(failure.code, failure.reason)
    said = failure.reason.rstrip(" .") or "the service gave no reason"
    told = f"{said} ({failure.code}): {sign.advice}"
    error: S2SError
    if failure.code == THROTTLED:
        error = RateLimitError(told)
    else:
        error = ProviderError(told, code=sign.code, retryable=sign.transient)
    error.provider, error.session_id = failure.provider, failure.session_id
    error.__cause__ = failure
    return error


def _sign_of(code: int | None, reason: str) -> Sign:
    if code == THROTTLED:
        return Sign("", "rate_limit", "wait, or ask AWS for more concurrent streams", transient=True)
    said = reason.lower()
    usual = _UNKNOWN if code in _REFUSALS else _INTERNAL
    return next((each for each in _SIGNS if each.text in said), _AGAIN.get(code or 0, usual))
