"""What the end of a connection means, and whether the conversation can go on after it."""

import pytest

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
from s2s.wire.gemini import failures as f
from s2s.wire.gemini.failures import (
    INTERNAL,
    INVALID,
    POLICY,
    Kind,
    Reason,
    closing,
    explained,
    kind_of,
    reason_of,
    survivable,
)

REASONS = [each for each in vars(f).values() if isinstance(each, Reason)]
MADE = [
    f.no_model("models/gemini-1", "v1beta"),
    f.no_modalities("TEXT"),
    f.unknown_name("x", "setup"),
    f.unknown_name("x", ""),
]


def lost(code: int | None, reason: str = "") -> ConnectionLostError:
    return ConnectionLostError("the connection closed", code=code, reason=reason)


@pytest.mark.parametrize("reason", [*REASONS, *MADE], ids=lambda reason: reason.text[:30])
def test_every_reason_that_is_given_is_understood(reason: Reason) -> None:
    close = closing(reason)
    assert close.code == reason.code
    assert len(close.reason.encode()) <= 123
    assert kind_of(close.code, close.reason) == reason.kind


def test_a_reason_is_cut_between_characters() -> None:
    close = closing(Reason("config", INVALID, "ä" * 100))
    assert close.reason == "ä" * 61


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (INVALID, "Request contains an invalid argument.", "context"),
        (INVALID, "Something new.", "config"),
        (INVALID, "Unknown name \"x\" at 'setup.session_resumption'", "config"),
        (POLICY, "models/x is not found for API version v1beta, or is not supp", "model"),
        (POLICY, "Something new.", "config"),
        (POLICY, "Operation is not implemented, or supported, or enabled.", "internal"),
        (POLICY, "Requested entity was not found.", "handle"),
        (INTERNAL, "You exceeded your current quota, please check", "quota"),
        (INTERNAL, "Deadline expired before operation could complete.", "deadline"),
        (INTERNAL, "Something new.", "internal"),
        (1006, "", "internal"),
        (None, "", "internal"),
    ],
)
def test_words_say_more_than_codes(code: int | None, reason: str, kind: Kind) -> None:
    assert kind_of(code, reason) == kind


@pytest.mark.parametrize(
    ("failure", "goes_on"),
    [
        (None, True),
        (lost(1000), True),
        (lost(1001), True),
        (lost(1006), True),
        (lost(1011), True),
        (lost(1011, "Internal error encountered."), True),
        (lost(1011, "Deadline expired before operation could complete."), True),
        (lost(1011, "You exceeded your current quota."), False),
        (lost(1007), False),
        (lost(1007, "Request contains an invalid argument."), False),
        (lost(1007, "API key not valid."), False),
        (lost(1008), False),
        (lost(1008, "Requested entity was not found."), False),
        (lost(1009), False),
        (lost(None), True),
        (ConnectError("no", retryable=True), True),
        (ConnectError("no", retryable=False), False),
        (AuthError("no"), False),
        (RemoteProtocolError("no"), False),
    ],
    ids=str,
)
def test_a_conversation_goes_on_unless_the_service_said_no(failure: S2SError | None, goes_on: bool) -> None:
    assert survivable(failure) is goes_on


@pytest.mark.parametrize(
    ("code", "reason", "kind", "said"),
    [
        (INVALID, "API key not valid. Please pass a valid API key.", AuthError, "check the API key"),
        (INTERNAL, "You exceeded your current quota.", RateLimitError, "wait"),
        (POLICY, "models/x is not found for API version v1, or", ProviderError, "Config.model"),
        (INVALID, "Thinking level is not supported.", ProviderError, "correct the settings"),
        (INVALID, "Request contains an invalid argument.", ProviderError, "too long"),
        (INTERNAL, "Internal error encountered.", ConnectionLostError, "try again"),
    ],
)
def test_an_end_is_explained_with_what_to_do(code: int, reason: str, kind: type[S2SError], said: str) -> None:
    failure = lost(code, reason)
    failure.session_id = "s1"
    error = explained(failure, "gemini_live")
    assert type(error) is kind
    assert said in str(error)
    assert f"(close code {code})" in str(error)
    assert (error.provider, error.session_id, error.__cause__) == ("gemini_live", "s1", failure)


@pytest.mark.parametrize("failure", [lost(1006), lost(1011), lost(1001, "bye"), ConnectError("no")], ids=str)
def test_what_explains_itself_is_left_alone(failure: S2SError) -> None:
    assert explained(failure, "gemini_live") is failure


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthError("no"), f.BAD_KEY),
        (RateLimitError("no"), f.QUOTA),
        (ProviderError("no", code="deadline_expired"), f.DEADLINE),
        (ProviderError("no", code="unknown_handle"), f.NO_ENTITY),
        (ConnectError("no"), f.UNAVAILABLE),
        (lost(1006), f.UNAVAILABLE),
        (ConfigError("set a model"), Reason("config", INVALID, "set a model")),
        (RemoteProtocolError("not JSON"), Reason("config", INVALID, "not JSON")),
        (ProviderError("secret"), f.ERROR),
        (S2SError("secret"), f.ERROR),
    ],
    ids=lambda each: type(each).__name__,
)
def test_errors_of_ours_close_with_what_a_client_may_know(error: S2SError, reason: Reason) -> None:
    assert reason_of(error) == reason
