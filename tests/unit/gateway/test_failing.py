import traceback

from s2s.errors import ConnectError, S2SError
from s2s.gateway.failing import light


class Session:
    """Something large."""


def broken() -> S2SError:
    """Return an error that went through many hands."""
    try:
        shallow()
    except S2SError as error:
        return light(error)
    raise AssertionError


def shallow() -> None:
    session = Session()
    try:
        deep()
    except ExceptionGroup:
        raise ConnectError(f"no {type(session).__name__}: try again") from None


def deep() -> None:
    session = Session()
    try:
        deepest()
    except KeyError as missing:
        raise ExceptionGroup(f"of {type(session)}", [missing]) from missing


def deepest() -> None:
    session = Session()
    raise KeyError(str(type(session)))


def all_of(error: BaseException) -> str:
    """Return all that can be known of an error."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format())


def test_an_error_keeps_its_words_and_lets_go_of_the_rest() -> None:
    error = broken()
    assert str(error) == "no Session: try again"
    hidden = error.__context__
    assert isinstance(hidden, ExceptionGroup)
    for each in (error, hidden, hidden.exceptions[0]):
        assert "Session object" not in all_of(each)


def test_where_it_was_raised_is_still_known() -> None:
    hidden = broken().__context__
    assert hidden is not None
    assert "in deepest" in all_of(hidden)


def test_errors_that_lead_to_each_other_are_let_go_of_once() -> None:
    one, other = S2SError("one"), S2SError("other")
    one.__context__, other.__context__ = other, one
    assert light(one) is one
