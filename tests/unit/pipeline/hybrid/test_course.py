"""Responses, calls and turns, and what a policy is told of them."""

from s2s.config import Reconnect
from s2s.errors import HookError, S2SError
from s2s.events import Error, ResponseDone
from s2s.items import Call
from s2s.pipeline.hybrid import OnFailure, PipelineState, Side, Stay
from s2s.pipeline.hybrid.course import Course
from s2s.pipeline.hybrid.policy import Decision, SwitchPolicy
from s2s.pipeline.hybrid.record import Record

CABLE = S2SError("the cable")


def called(course: Course, *names: str, response_id: str = "r1") -> None:
    course.begun(response_id, "user_turn")
    for each in names:
        course.called(Call(each, "look"), response_id, 1)
    course.done(ResponseDone(response_id))


def test_a_turn_ends_with_its_last_response() -> None:
    course = Course()
    course.begun("r1", "user_turn")
    course.look(owed=False)
    assert (course.turns, course.idle, course.answers) == (0, False, ["r1"])
    course.done(ResponseDone("r1"))
    course.look(owed=True)
    assert (course.turns, course.idle) == (0, False)
    course.look(owed=False)
    assert (course.turns, course.idle) == (1, True)
    course.look(owed=False)
    assert course.turns == 1


def test_a_turn_waits_for_its_calls() -> None:
    course = Course()
    called(course, "c1", "c2")
    course.look(owed=False)
    assert (course.turns, course.calls_made, len(course.calls)) == (0, 2, 2)
    course.settled("c1")
    course.cancelled(["c2", "nobody"])
    course.look(owed=False)
    assert (course.turns, course.calls_made, course.calls) == (1, 0, {})


def test_another_turn_ends_one_that_waits() -> None:
    course = Course()
    called(course, "c1")
    course.begun("r2", "tool_result")
    course.done(ResponseDone("r2"))
    assert course.turns == 0
    course.begun("r3", "user_turn")
    assert (course.turns, course.calls_made, list(course.calls)) == (1, 0, ["c1"])
    course.done(ResponseDone("r3"))
    course.look(owed=False)
    assert (course.turns, course.idle) == (2, True)


def test_what_stands_beside_the_conversation_is_no_turn_and_its_calls_are_nobodys() -> None:
    course = Course()
    course.begun("r1", "out_of_band")
    course.called(Call("c1", "look"), "r1", 1)
    assert (course.calls, course.calls_made, course.answers, course.idle) == ({}, 0, [], False)
    course.done(ResponseDone("r1"))
    course.look(owed=False)
    assert (course.turns, course.idle) == (0, True)


def test_errors_count_until_a_response_is_completed() -> None:
    course = Course()
    for status in ("failed", "incomplete", "interrupted", "failed", "failed"):
        course.done(ResponseDone("r1", status))
    assert course.errors == 3
    course.done(ResponseDone("r1"))
    assert course.errors == 0


def test_all_responses_end_where_their_side_is_left() -> None:
    course = Course()
    course.begun("r1", "user_turn")
    course.begun("r2", "out_of_band")
    assert course.cut("failed") == [ResponseDone("r1", "failed"), ResponseDone("r2", "failed")]
    assert course.open == {}


def test_an_answer_is_owed_once_to_all_calls_of_a_response_that_broke_in_silence() -> None:
    course = Course()
    course.begun("r1", "user_turn")
    for each in ("c1", "c2"):
        course.called(Call(each, "look"), "r1", 1)
    course.cut("failed")
    assert not course.owes_answer("r1")
    course.settled("c1")
    assert not course.owes_answer("r1")
    course.settled("c2")
    assert course.owes_answer("r1")
    assert not course.owes_answer("r1")


def test_no_answer_is_owed_to_calls_of_a_response_that_had_said_something() -> None:
    course = Course()
    course.begun("r1", "user_turn")
    course.said("r1", "i1")
    course.called(Call("c1", "look"), "r1", 1)
    course.cut("failed")
    course.settled("c1")
    assert not course.owes_answer("r1")


def test_another_side_counts_its_own_turns_and_the_calls_of_the_turn_under_way() -> None:
    course = Course()
    called(course, "c1")
    course.settled("c1")
    course.look(owed=False)
    called(course, "c2", "c3", response_id="r2")
    course.moved()
    assert (course.turns, course.calls_made) == (0, 2)


def a_record(policy: SwitchPolicy | None = None, attempts: int = 5) -> Record:
    return Record(policy or Stay(), Reconnect(attempts=attempts, stable_s=10), "s2s", 100.0)


def test_a_policy_is_told_where_the_session_is_and_what_has_failed() -> None:
    record, course = a_record(), Course()
    course.user_text = "Hello"
    called(course, "c1")
    state = record.state(course, 107.0)
    assert (state.side, state.seconds, state.calls, state.calls_open, state.user_text, state.now) == (
        *("s2s", 7.0, 1, 1, "Hello"),
        107.0,
    )
    assert (state.failure, state.available) == (None, ("s2s", "cascade"))
    record.failed("cascade", CABLE, 107.0)
    state = record.state(course, 110.0)
    assert (state.available, state.failure and state.failure.ago_s) == (("s2s",), 3.0)
    assert record.state(course, 138.0).available == ("s2s", "cascade")
    assert record.state(course, 110.0, broken=True).available == ("cascade",)
    record.failed("s2s", CABLE, 111.0)
    last = record.state(course, 112.0).failure
    assert last is not None
    assert (last.side, last.ago_s) == ("s2s", 1.0)
    record.failed("cascade", CABLE, 112.0)
    record.failed("s2s", CABLE, 113.0)
    last = record.state(course, 113.0).failure
    assert last is not None
    assert last.side == "s2s"


def test_failures_in_a_row_are_counted() -> None:
    record = a_record(attempts=2)
    assert [record.fell(0, 101) for _ in range(3)] == [True, True, False]
    assert record.fell(1, 101)
    assert (record.fell(0, 111), record.falls) == (True, 1)


class Wanting:
    """Wants what it is told to, or raises it."""

    def __init__(self, *wants: Side | Exception | None) -> None:
        self.wants = [*wants]

    def decide(self, state: PipelineState) -> Side | None:
        wanted = self.wants.pop(0)
        if isinstance(wanted, Exception):
            raise wanted
        return wanted


def test_what_is_wrong_with_a_policy_is_told_once_and_again_after_it_was_well() -> None:
    record = a_record(Wanting(ValueError("a"), ValueError("a"), None, ValueError("a"), ValueError("b")))
    state = PipelineState()
    told = [record.decide(state) for _ in range(5)]
    assert [isinstance(each, Error) for each in told] == [True, False, False, True, True]
    assert isinstance(told[0], Error)
    assert isinstance(told[0].error, HookError)
    assert isinstance(told[0].error.__cause__, ValueError)


def test_a_side_that_does_not_work_is_not_wanted() -> None:
    record = a_record(Wanting("cascade", "cascade"))
    assert record.decide(PipelineState(available=("s2s",))) is None
    assert record.decide(PipelineState()) == Decision("cascade", "Wanting")


def test_neither_side_is_left() -> None:
    record = a_record(OnFailure())
    record.failed("s2s", CABLE, 101)
    assert record.both(S2SError("nobody")) == "no side is left: s2s: the cable; cascade: nobody"
