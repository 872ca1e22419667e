"""What a server remembers of one connection, so that what it says of it is true."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import TypeVar

from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.errors import LocalProtocolError, S2SError
from s2s.events import Usage
from s2s.formats import AudioFormat
from s2s.items import Call
from s2s.state.calls import Calls
from s2s.voice import Voice
from s2s.weight import weight_bytes
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.agreed import Agreed
from s2s.wire.gemini.spelling import RATE, Spelling
from s2s.wire.gemini.wanted import is_background

T = TypeVar("T")
_MOST_KNOWN = 256


class Window(Enum):
    """What the user does, where it is the client who says so."""

    CLOSED = "the user is silent, and what is heard is not meant for us"
    OPEN = "the user speaks"
    ASKED = "the user speaks, and has also asked in another way"


class Stage(Enum):
    """How far a reply is."""

    SPEAKING = "it is being generated"
    GENERATED = "all of it was told, and the client may still be playing it"
    CUT = "it was interrupted: nothing more of it is told but its end"


class Turn(Enum):
    """Whether the client waits for the end of a turn though no reply is being given."""

    OVER = "it does not"
    ASKED = "it has asked for an answer that has not begun"
    COMMITTED = "it has said that the user's turn is over, and the answer has not begun"
    OPEN = "the turn goes on when calls are answered"


class Reply(Struct):
    """A response that is being given."""

    id: str
    stage: Stage = Stage.SPEAKING
    held: str = ""
    """Words that wait for their audio."""
    opened: str = ""
    """The item whose words have begun and not ended, where that is told."""
    calls: list[Call] = []
    """What the engine asks for, told when the response is over."""


class Tools:
    """What can be called, and the calls without an answer."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.background: set[str] = set()
        """Tools that hold nobody up."""
        self.collected_bytes = 0
        """How much is kept of answers of which more is to come."""
        self.withdrawn: dict[str, None] = {}
        """Calls that were taken back, and that the client may have answered before it heard of that."""
        self._parts: dict[str, list[str]] = {}

    def declare(self, tools: Iterable[m.Tool] | None, unset: str) -> None:
        """Take these for the tools that there are; `unset` is what silence about their behavior means."""
        declared = [each for tool in tools or () for each in tool.function_declarations or ()]
        self.background = {each.name for each in declared if is_background(each, unset)}

    @property
    def blocking(self) -> tuple[str, ...]:
        """The open calls that the model waits for."""
        return tuple(each.id for each in self.calls.waiting if each.name not in self.background)

    def find(self, call_id: str | None, name: str | None) -> Call | None:
        """Return the open call of this id, or the oldest of this name where there is no id."""
        found = (each.id == call_id if call_id else each.name == name for each in self.calls.waiting)
        return next((each for each, fits in zip(self.calls.waiting, found, strict=True) if fits), None)

    def collect(self, call_id: str, output: str) -> None:
        """Keep a part of an answer."""
        self._parts.setdefault(call_id, []).append(output)
        self.collected_bytes += weight_bytes(output)

    def collected(self, call_id: str, output: str = "") -> str:
        """Return the whole answer, of which this is the last part."""
        parts = self._parts.pop(call_id, [])
        self.collected_bytes -= sum(map(weight_bytes, parts))
        return "\n".join([*parts, output] if output or not parts else parts)

    def withdraw(self, call_ids: Sequence[str]) -> tuple[str, ...]:
        """Take calls back; return those that were open."""
        dropped = self.calls.drop(tuple(call_ids))
        for each in dropped:
            self.collected(each)
            remember(self.withdrawn, each, None)
        return dropped


class Ledger:
    """The reply under way, the calls without an answer, and what the client is still owed."""

    def __init__(self, agreed: Agreed, new_handle: Callable[[], str] | None, *, pretty: bool) -> None:
        self.agreed = agreed
        self.capabilities: Capabilities | None = None
        """None until the engine has started."""
        self.spelling = Spelling(vertex=agreed.profile.surface == "vertex", pretty=pretty)
        self.new_handle = new_handle if agreed.resumes else None
        self.voice = Voice(AudioFormat(sample_rate=RATE))
        self.reply: Reply | None = None
        self.last_id = ""
        """The last reply that came to its end."""
        self.turn, self.window = Turn.OVER, Window.CLOSED
        self.owed: Usage | None = None
        """What was spent and not yet told."""
        self.tools = Tools()
        self.tools.declare(agreed.setup.tools, agreed.unset_behavior)

    def fails(self, error: S2SError) -> bool:
        """Tell whether the client waits for an answer that will not come, for this error.

        What was refused may have been asked before the question, but for the end of the user's turn.
        """
        answered = self.turn is Turn.OPEN and not self.tools.calls.open
        asked = self.turn is Turn.ASKED or answered
        refused = isinstance(error, LocalProtocolError)
        return self.reply is None and (self.turn is Turn.COMMITTED or (asked and not refused))

    def ask(self, how: Turn = Turn.ASKED) -> None:
        """Note that the client has asked for an answer."""
        self.turn = how if self.turn is Turn.OVER else self.turn

    def answer(self, response_id: str) -> Reply:
        """Note that one begins."""
        self.turn = Turn.OVER if self.turn in (Turn.ASKED, Turn.COMMITTED) else self.turn
        self.reply = Reply(response_id)
        return self.reply


def remember(known: dict[str, T], name: str, what: T) -> None:
    """Note something, and let go of the oldest of too many."""
    known[name] = what
    if len(known) > _MOST_KNOWN:
        del known[next(iter(known))]
