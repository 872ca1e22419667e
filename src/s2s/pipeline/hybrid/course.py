"""The course of a conversation: responses under way, tool calls, turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from s2s.events import Origin, ResponseDone, ResponseStatus
from s2s.items import Call

_SAME_TURN: Final = ("tool_result", "continuation")


class Response(Struct):
    """A response under way."""

    aside: bool
    items: list[str] = []
    """The items that it has said something in."""
    calls: int = 0


class OpenCall(Struct, frozen=True):
    """A call without a result."""

    call: Call
    response_id: str
    link: int
    """The number of the link whose engine made it."""


class Course:
    """What is under way, and what has been counted since the turn began."""

    def __init__(self) -> None:
        self.open: dict[str, Response] = {}
        self.calls: dict[str, OpenCall] = {}
        self.turns = 0
        """Turns that ended on this side."""
        self.calls_made = 0
        """Calls of the turn that has not ended."""
        self.errors = 0
        self.user_text = ""
        self._turn: list[str] = []
        """The responses of the turn that has not ended."""
        self._broken: set[str] = set()
        """Responses that were cut short after they made calls and before they said anything."""

    @property
    def idle(self) -> bool:
        """Whether no turn is under way, and nothing beside it."""
        return not self.open and not self._turn

    @property
    def answers(self) -> list[str]:
        """The responses under way that are not beside the conversation."""
        return [name for name, each in self.open.items() if not each.aside]

    def begun(self, response_id: str, origin: Origin) -> None:
        """A response began; one that belongs to no turn before it ends that."""
        aside = origin == "out_of_band"
        if not aside and origin not in _SAME_TURN and not self.answers:
            self._end_turn()
        self.open[response_id] = Response(aside)
        if not aside:
            self._turn.append(response_id)

    def said(self, response_id: str, item_id: str) -> None:
        """It said something."""
        response = self.open.get(response_id)
        if response is not None and item_id not in response.items[-1:]:
            response.items.append(item_id)

    def called(self, call: Call, response_id: str, link: int) -> None:
        """It asked for a tool; of one that is asked for beside the conversation no engine gets a result."""
        response = self.open.get(response_id)
        if response is not None and not response.aside:
            self.calls[call.id] = OpenCall(call, response_id, link)
            self.calls_made += 1
            response.calls += 1

    def settled(self, call_id: str) -> OpenCall | None:
        """A call was answered; return it, if it was open."""
        return self.calls.pop(call_id, None)

    def cancelled(self, call_ids: Iterable[str]) -> None:
        """Calls need no answer any more."""
        for each in call_ids:
            self.calls.pop(each, None)

    def done(self, event: ResponseDone) -> None:
        """A response ended."""
        self.errors = 0 if event.status == "completed" else self.errors + (event.status == "failed")
        self.open.pop(event.response_id, None)

    def cut(self, status: ResponseStatus) -> Sequence[ResponseDone]:
        """End all responses, for their side is left."""
        cut = [ResponseDone(each, status) for each in self.open]
        self._broken |= {n for n, each in self.open.items() if each.calls and not each.items}
        self.open.clear()
        return cut

    def owes_answer(self, response_id: str) -> bool:
        """Tell, once, whether the results of a response that was cut short must be spoken of: all are in."""
        if any(each.response_id == response_id for each in self.calls.values()):
            return False
        owes = response_id in self._broken
        self._broken.discard(response_id)
        return owes

    def look(self, *, owed: bool) -> None:
        """See whether the turn has ended by now; with `owed` a response is to follow."""
        waits = owed or self.answers or any(each.response_id in self._turn for each in self.calls.values())
        if self._turn and not waits:
            self._end_turn()

    def moved(self) -> None:
        """Another side has the conversation."""
        self.turns = self.errors = 0

    def _end_turn(self) -> None:
        if self._turn:
            self.turns += 1
        self.calls_made = 0
        self._turn.clear()
