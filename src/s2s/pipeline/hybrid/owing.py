"""What is owed to the user and the application, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from s2s.events import Origin
from s2s.pipeline.hybrid.owed import Asked, Declared, Owed, Shown, Spoken, Typed

T = TypeVar("T", bound=Owed)


class Owing:
    """The pieces in order, and which of them a response answers."""

    def __init__(self) -> None:
        self.pieces: list[Owed] = []

    @property
    def speaking(self) -> bool:
        """Whether the user is known to be in the middle of something."""
        return any(not each.over for each in self.all(Spoken))

    @property
    def waiting(self) -> bool:
        """Whether the user speaks, or an answer is to come."""
        return any(isinstance(each, Asked | Declared | Spoken) for each in self.pieces)

    @property
    def aloud(self) -> Sequence[Spoken]:
        """What another side has to hear again, for nobody knows the words."""
        found = self.all(Spoken)
        first = next((n for n, each in enumerate(found) if each.words is None), len(found))
        return found[first:]

    def all(self, kind: type[T]) -> list[T]:
        """Return the pieces of this kind."""
        return [each for each in self.pieces if isinstance(each, kind)]

    def put(self, owed: Owed, most: int = 0) -> None:
        """Append; where there may be no more than `most` of its kind, the oldest goes."""
        same = self.all(type(owed))
        self.drop(same[: max(0, len(same) + 1 - most)] if most else ())
        self.pieces.append(owed)

    def back(self, owed: Iterable[Owed]) -> None:
        """Owe again what was taken."""
        self.pieces = [*owed, *self.pieces]

    def drop(self, gone: Sequence[Owed]) -> None:
        """Owe these no more."""
        self.pieces = [each for each in self.pieces if all(each is not one for one in gone)]

    def spoken(self, item_id: str) -> Spoken | None:
        """Return what the user says in this item."""
        return next((each for each in self.all(Spoken) if each.item_id == item_id), None)

    def late(self, since: float) -> list[Owed]:
        """Return what should have been answered, and was asked before that time."""
        late = list[Owed]()
        for each in self.pieces:
            match each:
                case Asked(since=at) | Declared(since=at) | Spoken(since=at) if at < since:
                    late.append(each)
                case _:
                    pass
        return late

    def take(self, origin: Origin, *, answers_speech: bool) -> list[Owed]:
        """Return what a response answers, and let go of it: the oldest question of its kind, all of a turn.

        With `answers_speech` only a response to the user's turn answers what is said aloud.
        """
        last = self._answered(origin)
        if last is None:
            return []
        place = next(n for n, each in enumerate(self.pieces) if each is last)
        aloud = isinstance(last, Spoken | Declared) or not answers_speech
        kinds = (Typed, Shown, Spoken, Declared) if aloud else (Typed, Shown)
        taken = [*(each for each in self.pieces[:place] if isinstance(each, kinds)), last]
        self.drop(taken)
        return taken

    def _answered(self, origin: Origin) -> Owed | None:
        asked = self.all(Asked)
        if origin != "user_turn":
            return next((each for each in asked if each.origin == origin), None)
        over = [each for each in self.all(Spoken) if each.over]
        if over:
            return over[-1]  # a turn may be of several
        typed = [] if self.all(Spoken) else [each for each in asked if each.origin == "application"]
        oldest: list[Owed] = [*self.all(Declared)[:1], *typed[:1]]
        return oldest[0] if oldest else None
