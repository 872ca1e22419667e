"""What an error of the service means: for the session, and for whoever has to mend it.

Source: error payloads of the live service as transcribed by public gateways (2026-08), and the lists of fatal
codes in livekit-agents 1.8.9 and openai-python 3.57.0.
"""

from __future__ import annotations

from s2s.errors import AuthError, ConfigError, LocalProtocolError, ProviderError, RateLimitError, S2SError
from s2s.wire.openai.messages import Problem

BENIGN = frozenset(
    {
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "item_create_duplicate_item_id",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "invalid_value",
        "unsupported_content_type",
    }
)
"""What comes of a race between an interruption and the end of what it interrupts."""
ACTIVE = "conversation_already_has_active_response"

_KEY = "check the API key"
_PAY = "check plan and billing of the account"
_ADVICE: dict[str, str] = {
    "invalid_api_key": _KEY,
    "invalid_issuer": _KEY,
    "account_deactivated": "ask the provider why",
    "insufficient_quota": _PAY,
    "credit_balance_exhausted": _PAY,
    "billing_hard_limit_reached": _PAY,
    "invalid_model": "use a realtime model that the key has access to",
    "model_not_found": "use a realtime model that the key has access to",
    "missing_model": "set Config.model",
    "beta_api_shape_disabled": "leave the header OpenAI-Beta out",
    "session_expired": "start another session",
    "cannot_update_voice": "start another session with the voice",
    "unknown_parameter": "leave it out, or use a model that knows it",
    "invalid_value": "correct it",
    "rate_limit_exceeded": "wait and try again",
    "inference_rate_limit_exceeded": "wait and try again",
    "server_error": "try again",
}
_AUTH = frozenset({"invalid_api_key", "invalid_issuer", "account_deactivated"})
_FATAL = frozenset(
    {
        *_AUTH,
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "invalid_model",
        "model_not_found",
        "missing_model",
        "beta_api_shape_disabled",
        "session_expired",
    }
)
_PASSING = frozenset({"server_error", "session_expired"})
_RATE = frozenset({"rate_limit_exceeded", "inference_rate_limit_exceeded"})


def failure(problem: Problem, provider: str, session_id: str = "") -> tuple[S2SError, bool]:
    """Return the error that a problem is, and whether the session can go on after it.

    Codes change and types stay, so either decides.
    """
    names = [each for each in (problem.code, problem.type) if each]
    name = next((each for each in names if each in _ADVICE), names[0] if names else "")
    what = problem.message or "the service failed without a word"
    where = f" at {problem.param}" if problem.param else ""
    message = f"{what.rstrip(' .')} ({name or 'no code'}{where}): {_ADVICE.get(name, 'see the message')}"
    error: S2SError
    if name in _AUTH:
        error = AuthError(message)
    elif name in _RATE:
        error = RateLimitError(message, code=name)
    else:
        error = ProviderError(message, code=name, retryable=name in _PASSING)
    error.provider, error.session_id = provider, session_id
    return error, name in _FATAL


def problem_of(error: S2SError) -> Problem:
    """Spell an error of ours."""
    match error:
        case AuthError():
            return Problem(type="invalid_request_error", code="invalid_api_key", message=str(error))
        case ProviderError(code=code):
            known = code in _ADVICE and code not in ("server_error",)
            kind = "invalid_request_error" if known else "server_error"
            return Problem(type=kind, code=code or "server_error", message=str(error))
        case LocalProtocolError() | ConfigError():
            return Problem(type="invalid_request_error", code="invalid_value", message=str(error))
        case _:
            return Problem(type="server_error", code="server_error", message=str(error))
