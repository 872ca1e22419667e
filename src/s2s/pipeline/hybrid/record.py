"""Where a session has been, what became of that, and what its policy makes of it."""

from __future__ import annotations

from typing import Final

from s2s.config import Reconnect
from s2s.errors import HookError, S2SError
from s2s.events import Error
from s2s.pipeline.hybrid.course import Course
from s2s.pipeline.hybrid.policy import (
    SIDES,
    Decision,
    Failure,
    PipelineState,
    Side,
    SwitchPolicy,
    decision,
    other,
)

_AGAIN_S: Final = 30.0
"""A side that could not be opened is not tried again so soon, unless there is no other."""


class Record:
    """The side of the moment, the failures of both, and how many there were in a row."""

    def __init__(self, policy: SwitchPolicy, reconnect: Reconnect, side: Side, now: float) -> None:
        self.side = side
        self.because = ""
        self.falls = 0
        """Switches in a row that a failure has caused."""
        self._since = now
        self._policy = policy
        self._reconnect = reconnect
        self._failed: dict[Side, tuple[S2SError, float]] = {}
        self._told = ""
        """What was wrong with the policy last."""

    def failed(self, side: Side, error: S2SError, now: float) -> None:
        """A side broke, or could not be opened."""
        self._failed.pop(side, None)
        self._failed[side] = error, now

    def fell(self, turns: int, now: float) -> bool:
        """Count a switch that a failure causes; False where there were too many of them in a row."""
        if turns or now - self._since >= self._reconnect.stable_s:
            self.falls = 0
        self.falls += 1
        return self.falls <= self._reconnect.attempts

    def arrived(self, side: Side, because: str, now: float) -> None:
        """The session has come to a side."""
        self.side, self.because, self._since = side, because, now

    def state(self, course: Course, now: float, *, broken: bool = False) -> PipelineState:
        """Return what the policy is told; with `broken` the side of the moment has just failed."""
        across = other(self.side)
        shut = across in self._failed and now - self._failed[across][1] < _AGAIN_S and not broken
        failures = [Failure(e, error, now - at) for e, (error, at) in self._failed.items()]
        return PipelineState(
            side=self.side,
            available=tuple(e for e in SIDES if not (broken if e == self.side else shut)),
            because=self.because,
            seconds=now - self._since,
            turns=course.turns,
            calls=course.calls_made,
            calls_open=len(course.calls),
            errors=course.errors,
            user_text=course.user_text,
            failure=failures[-1] if failures else None,
            now=now,
        )

    def decide(self, state: PipelineState) -> Decision | Error | None:
        """Return what the policy wants, or what is wrong with it, which is told once."""
        try:
            wanted = decision(self._policy, state)
        except Exception as failed:  # noqa: BLE001  a policy is foreign code
            what = f"the policy {self._policy!r} raised {type(failed).__name__}: {failed}"
            told = f"{what}; the session stays where it is"
            known, self._told = self._told, told
            error = HookError(told)
            error.__cause__ = failed
            return None if told == known else Error(error)
        self._told = ""
        return None if wanted is None or wanted.side not in state.available else wanted

    def both(self, across: S2SError) -> str:
        """Return that neither side works: this one failed, and so did the one across."""
        ours = self._failed.get(self.side)
        told = "it has ended" if ours is None else str(ours[0])
        return f"no side is left: {self.side}: {told}; {other(self.side)}: {across}"
