from __future__ import annotations

from s2s.commands import CreateResponse
from s2s.events import Origin
from s2s.pipeline.stages.owed import Owed, Wanted

FIRST, SECOND = (Wanted("application", CreateResponse(metadata={"n": n})) for n in "12")


def owed(*origins: Origin | Wanted) -> list[Wanted]:
    """Return what is owed after all of these."""
    owed_ = Owed()
    for each in origins:
        owed_.add(each if isinstance(each, Wanted) else Wanted(each))
    return [owed_.next() for _ in range(len(owed_))]


def test_one_answer_is_enough_for_all_that_was_said() -> None:
    assert owed("user_turn", "user_turn") == [Wanted("user_turn")]
    assert owed("tool_result", "tool_result") == [Wanted("tool_result")]


def test_who_speaks_goes_before_what_tools_returned() -> None:
    assert owed("tool_result", "user_turn") == owed("user_turn", "tool_result") == [Wanted("user_turn")]


def test_who_asks_for_a_response_gets_one_of_his_own() -> None:
    assert owed("user_turn", FIRST, "user_turn", SECOND) == [Wanted("user_turn"), FIRST, SECOND]
    assert owed(FIRST, SECOND, "tool_result") == [FIRST, SECOND, Wanted("tool_result")]


def test_what_is_forgotten_is_owed_no_more() -> None:
    some = Owed()
    for each in (FIRST, Wanted("user_turn"), SECOND):
        some.add(each)
    assert (some.has("user_turn"), some.has("tool_result"), bool(some)) == (True, False, True)
    some.forget("application", "tool_result")
    assert (len(some), some.next(), bool(some)) == (1, Wanted("user_turn"), False)
