"""The answers that a brain owes."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from s2s.commands import PLAIN_RESPONSE, CreateResponse
from s2s.events import Origin


class Wanted(Struct, frozen=True):
    """An answer that is owed, and to whom."""

    origin: Origin
    by: CreateResponse = PLAIN_RESPONSE


class Owed:
    """Answers in the order in which they were wanted.

    One is enough for all that was said and all that tools returned meanwhile; who asks for a response gets
    one of his own.
    """

    def __init__(self) -> None:
        self._waiting: deque[Wanted] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def has(self, origin: Origin) -> bool:
        """Tell whether an answer to this is owed."""
        return any(each.origin == origin for each in self._waiting)

    def add(self, wanted: Wanted) -> None:
        """Owe an answer."""
        if wanted.origin == "user_turn":
            self.forget("tool_result")
        if wanted.origin == "application" or not (self.has("user_turn") or self.has("tool_result")):
            self._waiting.append(wanted)

    def next(self) -> Wanted:
        """Return the first one, which is owed no more."""
        return self._waiting.popleft()

    def forget(self, *origins: Origin) -> None:
        """Owe no answers to these."""
        self._waiting = deque(each for each in self._waiting if each.origin not in origins)
