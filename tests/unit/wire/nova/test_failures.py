"""What the end of a stream means."""

import pytest

from s2s.errors import (
    AuthError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    S2SError,
    SessionClosedError,
)
from s2s.wire.nova.failures import explained, survivable

IDLE = (
    "RequestId=1 : Timed out waiting for audio bytes or interactive content. Please ensure gaps between "
    "audio bytes and interactive content are less than 55 seconds."
)
CLOSED_531 = "InternalErrorCode=531::RST_STREAM closed stream. HTTP/2 error code: NO_ERROR"
PREFIX = "RequestId=6f1f2c1e : "


def lost(code: int | None, reason: str = "", *, resumable: bool = False) -> ConnectionLostError:
    return ConnectionLostError("it ended", code=code, reason=reason, resumable=resumable)


@pytest.mark.parametrize(
    "failure",
    [
        None,
        lost(400, f"{PREFIX}System instability detected. Please retry your request."),
        lost(400, IDLE),
        lost(400, f"{PREFIX}Timed out waiting for input events"),
        lost(400, CLOSED_531),
        lost(408, "Model has timed out in processing the request. Try your request again."),
        lost(424, "The system encountered an unexpected error during processing."),
        lost(429, "Too many requests, please wait before trying again."),
        lost(500),
        lost(503, "Service is not available."),
        lost(1006, "RST_STREAM NO_ERROR", resumable=True),
        lost(1001),
        lost(None),
        ConnectError("busy", retryable=True),
    ],
    ids=str,
)
def test_a_conversation_outlives_what_passes(failure: S2SError | None) -> None:
    assert survivable(failure)


@pytest.mark.parametrize(
    "failure",
    [
        lost(400, f"{PREFIX}Invalid input request, please fix your input and try again."),
        lost(400, "Chat history is over max limit. Trim chat history and try again."),
        lost(400, "Tool Response parsing error"),
        lost(400),
        lost(403),
        lost(404),
        AuthError("no"),
        ConnectError("no such host"),
        SessionClosedError("over"),
    ],
    ids=str,
)
def test_a_conversation_does_not_outlive_a_no(failure: S2SError) -> None:
    assert not survivable(failure)


@pytest.mark.parametrize(
    ("failure", "code", "retryable", "advice"),
    [
        (lost(400, "System instability detected. Please retry."), "unstable", True, "try again"),
        (lost(400, IDLE), "idle", True, "silence"),
        (lost(400, CLOSED_531), "idle", True, "silence"),
        (lost(400, "Chat history is over max limit."), "history_too_long", False, "shorter history"),
        (lost(400, "No open content found for content name: x"), "order", False, "report"),
        (lost(400, "Tool Response parsing error"), "tool_result", False, "JSON"),
        (lost(400, "The provided model identifier is invalid."), "model", False, "Config.model"),
        (lost(400, "Invalid input request."), "invalid", False, "correct the settings"),
        (lost(408), "session_limit", True, "another session"),
        (lost(424), "model_error", True, "try again"),
        (lost(500), "internal", True, "try again"),
        (lost(503, "Down."), "internal", True, "try again"),
    ],
    ids=str,
)
def test_whoever_has_to_mend_it_is_told_how(
    failure: ConnectionLostError, code: str, retryable: bool, advice: str
) -> None:
    failure.session_id = "s"
    error = explained(failure, "nova")
    assert isinstance(error, ProviderError)
    assert (error.code, error.retryable, error.provider, error.session_id) == (code, retryable, "nova", "s")
    assert advice in str(error).rpartition(": ")[2]
    assert failure.reason.rstrip(" .") in str(error)
    assert error.__cause__ is failure


def test_too_many_requests_are_a_limit() -> None:
    error = explained(lost(429, "Too many requests."), "nova")
    assert isinstance(error, RateLimitError)
    assert str(error).endswith("wait, or ask AWS for more concurrent streams")


@pytest.mark.parametrize(
    "failure",
    [lost(1006, "GOAWAY", resumable=True), lost(None), AuthError("no"), ConnectError("no")],
    ids=str,
)
def test_what_says_what_to_do_passes_as_it_is(failure: S2SError) -> None:
    assert explained(failure, "nova") is failure
    assert failure.provider == "nova"
