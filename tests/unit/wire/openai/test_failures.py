import pytest

from s2s.errors import (
    AuthError,
    LocalProtocolError,
    ProviderError,
    RateLimitError,
    S2SError,
    UnsupportedError,
)
from s2s.wire.openai.failures import failure, problem_of
from s2s.wire.openai.messages import Problem


@pytest.mark.parametrize(
    ("code", "kind", "fatal"),
    [
        ("invalid_api_key", AuthError, True),
        ("account_deactivated", AuthError, True),
        ("insufficient_quota", ProviderError, True),
        ("credit_balance_exhausted", ProviderError, True),
        ("billing_hard_limit_reached", ProviderError, True),
        ("session_expired", ProviderError, True),
        ("rate_limit_exceeded", RateLimitError, False),
        ("inference_rate_limit_exceeded", RateLimitError, False),
        ("server_error", ProviderError, False),
        ("unknown_parameter", ProviderError, False),
        ("cannot_update_voice", ProviderError, False),
        ("never_heard_of", ProviderError, False),
    ],
)
def test_a_code_says_what_it_means(code: str, kind: type[S2SError], fatal: bool) -> None:
    error, ends = failure(Problem(code=code, message="No."), "p", "s")
    assert (type(error), ends) == (kind, fatal)
    assert (error.provider, error.session_id) == ("p", "s")
    assert getattr(error, "code", code) == code


def test_a_type_decides_where_the_code_is_new() -> None:
    error, ends = failure(Problem(type="insufficient_quota", code="brand_new", message="Pay."), "p")
    assert ends
    assert "(insufficient_quota): check plan and billing" in str(error)


def test_the_place_of_the_trouble_is_told() -> None:
    error, _ = failure(Problem(code="unknown_parameter", message="Unknown.", param="session.x"), "p")
    assert str(error) == (
        "Unknown (unknown_parameter at session.x): leave it out, or use a model that knows it"
    )


def test_trouble_without_a_word_is_still_an_error() -> None:
    error, ends = failure(Problem(), "p")
    assert str(error) == "the service failed without a word (no code): see the message"
    assert not ends


@pytest.mark.parametrize("code", ["server_error", "session_expired"])
def test_what_passes_is_worth_another_try(code: str) -> None:
    error, _ = failure(Problem(code=code), "p")
    assert isinstance(error, ProviderError)
    assert error.retryable


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthError("no"), "invalid_api_key"),
        (ProviderError("no", code="insufficient_quota"), "insufficient_quota"),
        (ProviderError("no"), "server_error"),
        (RateLimitError("no"), "rate_limit"),
        (LocalProtocolError("no"), "invalid_value"),
        (UnsupportedError("no"), "invalid_value"),
        (S2SError("no"), "server_error"),
    ],
)
def test_our_errors_have_a_code_there(error: S2SError, code: str) -> None:
    problem = problem_of(error)
    assert (problem.code, problem.message) == (code, "no")
    assert problem.type
