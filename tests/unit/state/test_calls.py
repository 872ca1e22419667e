import pytest

from s2s.errors import LocalProtocolError
from s2s.items import Call
from s2s.state.calls import Calls


def opened(*calls: tuple[str, str]) -> Calls:
    made = Calls()
    for call_id, response_id in calls:
        made.opened(Call(call_id, "look_up"), response_id)
    return made


def test_one_answer_lets_the_model_speak() -> None:
    calls = opened(("c", "r"))
    assert (calls.open, calls.waiting, calls.response_of("c")) == (("c",), (Call("c", "look_up"),), "r")
    assert calls.settle("c", respond=True) is True
    assert (calls.open, calls.waiting) == ((), ())


def test_of_parallel_calls_only_the_last_answer_lets_the_model_speak() -> None:
    calls = opened(("a", "r"), ("b", "r"), ("c", "r"))
    assert [calls.settle(each, respond=True) for each in "bac"] == [False, False, True]


def test_one_answer_of_several_that_wants_a_response_is_enough() -> None:
    calls = opened(("a", "r"), ("b", "r"))
    assert [calls.settle("a", respond=True), calls.settle("b", respond=False)] == [False, True]


def test_nobody_speaks_where_no_answer_wants_it() -> None:
    calls = opened(("a", "r"), ("b", "r"))
    assert [calls.settle(each, respond=False) for each in "ab"] == [False, False]


def test_responses_do_not_wait_for_one_another() -> None:
    calls = opened(("a", "r"), ("b", "s"))
    assert [calls.settle("b", respond=True), calls.settle("a", respond=True)] == [True, True]


def test_a_second_answer_is_refused_and_says_which_calls_are_open() -> None:
    calls = opened(("a", "r"), ("b", "r"))
    calls.settle("a", respond=True)
    with pytest.raises(LocalProtocolError) as refused:
        calls.settle("a", respond=True)
    assert str(refused.value) == (
        "call 'a' is already settled: answer each ToolCall once, by its call.id (open: b)"
    )


def test_an_answer_to_a_call_that_was_never_made_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"call 'x' was never made: .* \(open: none\)"):
        Calls().settle("x", respond=True)


def test_dropped_calls_are_settled_and_those_that_were_not_open_are_not_dropped() -> None:
    calls = opened(("a", "r"), ("b", "r"), ("c", "r"))
    calls.settle("b", respond=False)
    assert calls.drop(("a", "b", "x")) == ("a",)
    assert calls.open == ("c",)
    with pytest.raises(LocalProtocolError, match="call 'a' is already settled"):
        calls.settle("a", respond=True)


def test_a_call_may_be_made_again_under_its_old_id() -> None:
    calls = opened(("a", "r"))
    calls.settle("a", respond=True)
    calls.opened(Call("a", "look_up"), "s")
    assert calls.settle("a", respond=True) is True


def test_a_long_session_remembers_no_more_than_its_latest_calls() -> None:
    calls = Calls()
    for n in range(1500):
        calls.opened(Call(f"c{n}", "look_up"), "r")
        calls.settle(f"c{n}", respond=False)
    with pytest.raises(LocalProtocolError, match="was never made"):
        calls.settle("c0", respond=False)
    with pytest.raises(LocalProtocolError, match="is already settled"):
        calls.settle("c1499", respond=False)
