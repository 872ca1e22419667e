"""Calls without a result."""

from s2s.wire.nova.calls import Calls, OpenCall


def opened(calls: Calls, tool_use_id: str) -> OpenCall:
    made = calls.opened(tool_use_id, "weather", "{}", {})
    assert made is not None
    return made


def test_a_call_is_answered_once() -> None:
    calls = Calls()
    made = opened(calls, "t1")
    assert (made.call.id, made.tool_use_id, len(calls)) == ("t1", "t1", 1)
    assert calls.take("t1") is made
    assert calls.take("t1") is None
    assert len(calls) == 0


def test_a_call_that_is_told_twice_is_one() -> None:
    calls = Calls()
    opened(calls, "t1")
    assert calls.opened("t1", "weather", "{}", {}) is None
    calls.take("t1")
    assert calls.opened("t1", "weather", "{}", {}) is None


def test_calls_without_a_name_get_one_each() -> None:
    calls = Calls()
    assert [opened(calls, "").call.id for _ in range(2)] == ["call_1", "call_2"]


def test_another_stream_waits_for_none_of_them_and_may_use_their_names() -> None:
    calls = Calls()
    first = opened(calls, "t1")
    calls.parted()
    assert first.tool_use_id == ""
    second = opened(calls, "t1")
    assert (second.call.id, second.tool_use_id) == ("t1_1", "t1")
    assert calls.take("t1") is first


def test_no_more_is_remembered_than_there_is_use_for() -> None:
    calls = Calls()
    for number in range(3000):
        calls.take(opened(calls, f"t{number}").call.id)
    assert opened(calls, "t0").call.id == "t0"
