"""Policies, asked with plain data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import ConfigError, S2SError
from s2s.pipeline.hybrid import Either, Failure, OnFailure, OnToolOverload, PipelineState, Side, Stay
from s2s.pipeline.hybrid.policy import DEFAULT_POLICY, SIDES, Decision, decision, other, require_side

BROKEN = S2SError("the cable")
STATES = st.builds(
    PipelineState,
    side=st.sampled_from(SIDES),
    available=st.sampled_from([SIDES, ("s2s",), ("cascade",)]),
    because=st.sampled_from(["", "application", "OnFailure", "OnToolOverload"]),
    turns=st.integers(0, 3),
    calls=st.integers(0, 6),
    calls_open=st.integers(0, 6),
    failure=st.none() | st.builds(Failure, st.sampled_from(SIDES), st.just(BROKEN), st.floats(0, 100)),
)


def fled(ago_s: float, **fields: int | str) -> PipelineState:
    """Return the state of a session that has left S2S, so long ago, for it broke."""
    failure = Failure("s2s", BROKEN, ago_s)
    state = {"side": "cascade", "because": "OnFailure", "failure": failure, **fields}
    return PipelineState(**state)  # type: ignore[arg-type]


@given(state=STATES)
def test_who_stays_stays(state: PipelineState) -> None:
    assert Stay().decide(state) is None


def test_the_cascade_takes_over_from_more_calls_than_there_may_be() -> None:
    policy = OnToolOverload(most_calls=3)
    assert policy.decide(PipelineState(calls=3, calls_open=3)) is None
    assert policy.decide(PipelineState(calls=4)) == "cascade"
    assert policy.decide(PipelineState(calls_open=4)) == "cascade"
    assert policy.decide(PipelineState(side="cascade", calls=4)) is None


def test_s2s_gets_back_what_was_taken_from_it_after_so_many_turns() -> None:
    policy = OnToolOverload(turns=2)
    ours = PipelineState(side="cascade", because="OnToolOverload", turns=2)
    assert policy.decide(ours) == "s2s"
    assert policy.decide(PipelineState(side="cascade", because="OnToolOverload", turns=1)) is None
    for because in ("", "application", "OnFailure"):
        assert policy.decide(PipelineState(side="cascade", because=because, turns=9)) is None
    assert (
        policy.decide(PipelineState(side="cascade", because="OnToolOverload", turns=2, calls_open=1)) is None
    )


@given(state=STATES)
def test_a_broken_side_is_left(state: PipelineState) -> None:
    if state.side not in state.available:
        assert OnFailure().decide(state) == other(state.side)


def test_s2s_gets_the_conversation_back_after_a_while() -> None:
    policy = OnFailure(back_after_s=10)
    assert policy.decide(fled(9.9)) is None
    assert policy.decide(fled(10)) == "s2s"
    assert policy.decide(fled(10, calls_open=1)) is None
    assert policy.decide(fled(10, because="application")) is None
    assert policy.decide(PipelineState(failure=Failure("cascade", BROKEN, 99), because="OnFailure")) is None


def test_nothing_that_has_failed_is_nothing_to_flee_from() -> None:
    assert OnFailure().decide(PipelineState()) is None


@given(state=STATES)
def test_the_first_of_several_that_decides_decides(state: PipelineState) -> None:
    first, second = OnFailure(50), OnToolOverload(2)
    expected = first.decide(state) or second.decide(state)
    assert Either(first, second).decide(state) == expected
    assert Either(Stay(), Either(first), second).decide(state) == expected
    made = decision(Either(Stay(), Either(first), second), state)
    assert (made is None) is (expected is None)
    if made is not None:
        assert made == Decision(expected, "OnFailure" if first.decide(state) else "OnToolOverload")  # type: ignore[arg-type]


def test_the_usual_policy_knows_failures_and_overload() -> None:
    assert DEFAULT_POLICY.decide(PipelineState(available=("cascade",))) == "cascade"
    assert DEFAULT_POLICY.decide(PipelineState(calls=4)) == "cascade"
    assert (
        repr(DEFAULT_POLICY) == "Either(OnFailure(back_after_s=60.0), OnToolOverload(most_calls=3, turns=1))"
    )


class Lost:
    """Wants what there is not."""

    def decide(self, state: PipelineState) -> Side | None:
        return "nowhere"  # type: ignore[return-value]


def test_there_are_two_sides() -> None:
    assert (other("s2s"), other("cascade")) == ("cascade", "s2s")
    with pytest.raises(ConfigError, match="there is no side 'nowhere': use s2s or cascade"):
        decision(Lost(), PipelineState())
    assert require_side("cascade") == "cascade"
