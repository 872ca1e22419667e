import inspect

import pytest

import s2s
from s2s import errors


def all_errors() -> list[type[errors.S2SError]]:
    return [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, errors.S2SError)]


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_knows_its_provider_and_session(kind: type[errors.S2SError]) -> None:
    error = kind("it broke: try again", provider="nova", session_id="s1")
    assert (str(error), error.provider, error.session_id) == ("it broke: try again", "nova", "s1")
    assert isinstance(error, errors.S2SError)


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_is_at_the_front_door(kind: type[errors.S2SError]) -> None:
    assert getattr(s2s, kind.__name__) is kind


def test_the_message_of_a_peer_is_kept_short() -> None:
    assert errors.RemoteProtocolError("no", received=bytes(900)).received == bytes(500)


def test_a_rate_limit_is_worth_another_try() -> None:
    error = errors.RateLimitError("slower", retry_after_s=2.5)
    assert (error.retryable, error.code, error.retry_after_s) == (True, "rate_limit", 2.5)


def test_ordinary_python_catches_what_is_like_it() -> None:
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.UnknownProviderError, LookupError)
    assert issubclass(errors.ConnectError, ConnectionError)
    assert issubclass(errors.ConnectionLostError, ConnectionError)
