"""Switches: when they may take place, how far they are, and what marks them among the commands."""

from __future__ import annotations

from enum import Enum, IntEnum
from math import inf

from msgspec import Struct

from s2s.pipeline.hybrid.line import Line
from s2s.pipeline.hybrid.memory import Memory
from s2s.pipeline.hybrid.policy import Side
from s2s.wire import Send


class Phase(Enum):
    """Where a session stands between its sides."""

    SERVING = "commands pass, and events are told"
    CUTTING = "the same, until what ends the answer under way has passed"
    HOLDING = "the side lives; commands wait for the other one"
    AWAY = "the side broke; commands wait for the other one"
    MOVING = "another link has taken over; before any command it is told what passed"
    ENDED = "it cannot go on, or nobody wants it to"


class Moment(IntEnum):
    """When a switch may take place, the soonest last."""

    TURN = 0
    """When no turn is under way and the user does not speak."""
    CALLS = 1
    """The same, or when calls are open and no response is under way."""
    NOW = 2


class Move(Struct):
    """A switch that is to come."""

    side: Side
    why: str
    because: str
    """What the policy will know of it."""
    moment: Moment
    blocked_until: float = inf
    """When a side has taken no command for too long."""

    def due(self, memory: Memory, now: float) -> bool:
        """Tell whether it may take place now."""
        match self.moment:
            case Moment.TURN:
                return memory.idle(now)
            case Moment.CALLS:
                return memory.idle(now) or self.holds(memory)
            case Moment.NOW:
                return True

    def holds(self, memory: Memory) -> bool:
        """Tell whether the side has nothing to do but to wait for results, which are for the other one."""
        return self.moment > Moment.TURN and bool(memory.course.calls) and not memory.course.open


class Turnout(Send, frozen=True, gc=False):
    """Nothing for a peer: has the session's writer come by, once it has sent what was asked before."""


class OwedReply(Send, frozen=True, gc=False):
    """What a link owes its peer."""

    reply: Send
    line: Line
