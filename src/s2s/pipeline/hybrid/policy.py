"""Which side shall hold the conversation, decided from plain data."""

from __future__ import annotations

from typing import Final, Literal, Protocol, TypeAlias, get_args

from msgspec import Struct

from s2s.errors import ConfigError, S2SError

Side: TypeAlias = Literal["s2s", "cascade"]
SIDES: Final[tuple[Side, ...]] = get_args(Side)
_HOME: Final[Side] = "s2s"


def other(side: Side) -> Side:
    """Return the side across."""
    return "cascade" if side == "s2s" else "s2s"


def require_side(side: str) -> Side:
    """Return the side of this name. Raises ConfigError that lists both."""
    for each in SIDES:
        if each == side:
            return each
    raise ConfigError(f"there is no side {side!r}: use {' or '.join(SIDES)}")


class Failure(Struct, frozen=True):
    """A side broke, or could not be opened."""

    side: Side
    error: S2SError
    ago_s: float


class PipelineState(Struct, frozen=True, kw_only=True):
    """What a policy knows of one session."""

    side: Side = _HOME
    """The side that holds the conversation, or has just broken."""
    available: tuple[Side, ...] = SIDES
    """The sides that work, as far as is known; this one is missing where it has just broken."""
    because: str = ""
    """What brought the session there: the class of a policy, "application"; nothing at the beginning."""
    seconds: float = 0.0
    """How long it has been there."""
    turns: int = 0
    """Turns that ended there."""
    calls: int = 0
    """Tool calls in this turn of the model."""
    calls_open: int = 0
    """Tool calls without a result."""
    errors: int = 0
    """Errors and failed responses since a response was completed."""
    user_text: str = ""
    """What the user said last."""
    failure: Failure | None = None
    """The last one of any side."""
    now: float = 0.0
    """Seconds of one monotonic clock."""


class SwitchPolicy(Protocol):
    """Decides which side shall hold the conversation; asked at whatever happens, and as time passes.

    A switch takes place when no turn is under way, or before the results of calls that are open.
    """

    def decide(self, state: PipelineState, /) -> Side | None:
        """Return the side that shall have it, or None where this policy does not mind."""
        ...


class Stay(Struct, frozen=True):
    """Never switches by itself: a side that breaks ends the session."""

    def decide(self, state: PipelineState) -> Side | None:
        """Return None."""
        return None


class OnToolOverload(Struct, frozen=True):
    """Has the cascade take over where S2S makes more calls than that in one turn, or has more open at once.

    S2S gets the conversation back after so many turns of the cascade, the overloaded one included.
    """

    most_calls: int = 3
    turns: int = 1

    def decide(self, state: PipelineState) -> Side | None:
        """Return the cascade while there is too much to do, and later S2S."""
        if state.side == "s2s":
            return "cascade" if max(state.calls, state.calls_open) > self.most_calls else None
        ours = state.because == type(self).__name__
        return "s2s" if ours and state.turns >= self.turns and not state.calls_open else None


class OnFailure(Struct, frozen=True):
    """Leaves a side that breaks or cannot be opened, and goes back to S2S after a while."""

    back_after_s: float = 60.0

    def decide(self, state: PipelineState) -> Side | None:
        """Return the other side of a broken one, and S2S once its failure is so long ago."""
        if state.side not in state.available:
            return other(state.side)
        if state.side == _HOME or state.because != type(self).__name__ or state.failure is None:
            return None
        return _HOME if state.failure.ago_s >= self.back_after_s and not state.calls_open else None


class Either:
    """The first of several policies that decides anything."""

    def __init__(self, *policies: SwitchPolicy) -> None:
        self.policies = policies

    def decide(self, state: PipelineState) -> Side | None:
        """Ask them in order."""
        return next((found for each in self.policies if (found := each.decide(state)) is not None), None)

    def __repr__(self) -> str:
        return f"Either({', '.join(map(repr, self.policies))})"


DEFAULT_POLICY: Final[SwitchPolicy] = Either(OnFailure(), OnToolOverload())


class Decision(Struct, frozen=True):
    """A side, and the class of the policy that wants it."""

    side: Side
    because: str


def decision(policy: SwitchPolicy, state: PipelineState) -> Decision | None:
    """Return what a policy decides, and which one it was where there are several."""
    if isinstance(policy, Either):
        found = (decision(each, state) for each in policy.policies)
        return next((each for each in found if each is not None), None)
    side = policy.decide(state)
    return None if side is None else Decision(require_side(side), type(policy).__name__)
