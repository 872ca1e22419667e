"""What the end of a connection means: the service has no message for errors, it closes.

Source: close codes and reasons that users and other projects have reported (2026-10); the Python SDK raises
all of them as APIError, with the code of the WebSocket.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from s2s.errors import (
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
)
from s2s.wire import Close

Kind: TypeAlias = Literal["auth", "model", "config", "quota", "context", "handle", "deadline", "internal"]
INVALID, POLICY, INTERNAL = 1007, 1008, 1011
_SAID = (INVALID, POLICY, INTERNAL)
_REASON_BYTES = 123


class Reason(Struct, frozen=True):
    """A reason that the service gives."""

    kind: Kind
    code: int
    text: str


BAD_KEY = Reason("auth", INVALID, "API key not valid. Please pass a valid API key.")
NO_ACTIVITY = Reason(
    "config",
    INVALID,
    "Explicit activity control is not supported when automatic activity detection is enabled.",
)
MEDIA_CHUNKS = Reason(
    "config",
    INVALID,
    "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.",
)
INVALID_ARGUMENT = Reason("context", INVALID, "Request contains an invalid argument.")
PRECONDITION = Reason("config", INVALID, "Precondition check failed.")
NO_LEVEL = Reason("config", INVALID, "Thinking level is not supported for this model.")
NEEDS_LEVEL = Reason("config", INVALID, "Thinking level must be specified for this model.")
NO_MINIMAL = Reason("config", INVALID, "Thinking level MINIMAL is not supported for this model.")
NO_BLOCKING = Reason("config", INVALID, "BLOCKING function calls are not supported for this model.")
NO_SCHEDULING = Reason("config", INVALID, "Function response scheduling is not supported for this model.")
NO_ENTITY = Reason("handle", POLICY, "Requested entity was not found.")
NOT_IMPLEMENTED = Reason("internal", POLICY, "Operation is not implemented, or supported, or enabled.")
ERROR = Reason("internal", INTERNAL, "Internal error encountered.")
UNAVAILABLE = Reason("internal", INTERNAL, "The service is currently unavailable.")
DEADLINE = Reason("deadline", INTERNAL, "Deadline expired before operation could complete.")
QUOTA = Reason(
    "quota", INTERNAL, "You exceeded your current quota, please check your plan and billing details."
)


def no_model(model: str, version: str) -> Reason:
    """Say that a model is not there."""
    told = f"{model} is not found for API version {version}, or is not supported for bidiGenerateContent."
    return Reason("model", POLICY, told)


def no_modalities(wanted: str) -> Reason:
    """Say that the model does not answer in this way."""
    told = f"The requested combination of response modalities ({wanted}) is not supported by the model."
    return Reason("config", INVALID, told)


def unknown_name(name: str, place: str) -> Reason:
    """Say that a message has a field that is none."""
    where = f" at '{place}'" if place else ""
    told = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
    return Reason("config", INVALID, told)


def closing(reason: Reason) -> Close:
    """Return the end of a connection for this reason, as much of it as a close frame can carry."""
    return Close(reason.code, reason.text.encode()[:_REASON_BYTES].decode(errors="ignore"))


_SIGNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("config", ("unknown name",)),
    ("auth", ("api key", "api_key", "unauthenticated", "permission", "auth_token", "access token")),
    ("model", ("is not found for api version", "not supported for bidigeneratecontent")),
    ("quota", ("quota", "resource_exhausted", "resource has been exhausted", "rate limit")),
    ("deadline", ("deadline expired", "deadline_exceeded")),
    ("handle", ("requested entity was not found", "session not found", "resumption")),
    ("context", ("request contains an invalid argument", "context", "token count")),
)
_ADVICE: dict[Kind, str] = {
    "auth": "check the API key or token",
    "model": "set Config.model to a model of the Live API",
    "config": "correct the settings that the service names",
    "quota": "wait, or check plan and billing of the account",
    "context": "the settings are wrong or the conversation is too long: correct them or begin anew",
    "handle": "start another session",
    "deadline": "open another connection",
    "internal": "try again",
}
_RETRYABLE: frozenset[Kind] = frozenset({"deadline", "internal"})


def kind_of(code: int | None, reason: str) -> Kind:
    """Tell what kind of end this is, by the words where there are any that we know, else by the code."""
    said = reason.lower()
    for kind, signs in _SIGNS:
        if any(each in said for each in signs):
            return kind
    return "config" if code in (INVALID, POLICY) and said != NOT_IMPLEMENTED.text.lower() else "internal"


def explained(failure: S2SError, provider: str) -> S2SError:
    """Return the error that an end is to whoever has to mend it."""
    if not isinstance(failure, ConnectionLostError) or not failure.reason or failure.code not in _SAID:
        return failure
    kind = kind_of(failure.code, failure.reason)
    told = f"{failure.reason.rstrip(' .')} (close code {failure.code}): {_ADVICE[kind]}"
    error: S2SError
    match kind:
        case "auth":
            error = AuthError(told)
        case "quota":
            error = RateLimitError(told, code="quota")
        case "model" | "config" | "context" | "handle":
            error = ProviderError(told, code=kind)
        case "internal" if failure.code == POLICY:
            error = ProviderError(told, code=kind, retryable=True)
        case "deadline" | "internal":
            error = ConnectionLostError(told, code=failure.code, reason=failure.reason, resumable=True)
    error.provider, error.session_id = provider, failure.session_id
    error.__cause__ = failure
    return error


def survivable(failure: S2SError | None) -> bool:
    """Tell whether another connection may go on after this one: never where the service said no."""
    match failure:
        case None:
            return True
        case ConnectError(retryable=retryable):
            return retryable
        case ConnectionLostError(code=1011, reason=reason) if reason:
            return kind_of(INTERNAL, reason) in _RETRYABLE
        case ConnectionLostError(code=code):
            return code not in (INVALID, POLICY, 1002, 1003, 1009, 1010)
        case _:
            return False


def reason_of(error: S2SError) -> Reason:
    """Return what to close with for an error of ours."""
    match error:
        case AuthError():
            return BAD_KEY
        case RateLimitError():
            return QUOTA
        case ProviderError(code="deadline_expired"):
            return DEADLINE
        case ProviderError(code="unknown_handle"):
            return NO_ENTITY
        case ProviderError(code="precondition"):
            return PRECONDITION
        case ConnectError() | ConnectionLostError():
            return UNAVAILABLE
        case ConfigError() | RemoteProtocolError():
            return Reason("config", INVALID, str(error))
        case _:
            return ERROR
