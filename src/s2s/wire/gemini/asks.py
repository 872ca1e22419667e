"""What the service owes an answer to, oldest first: it does not say what it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from s2s.events import Origin
from s2s.items import Item


class Ask(Struct, frozen=True):
    """Something that will be answered."""

    origin: Origin
    metadata: dict[str, str] = {}
    said: tuple[Item, ...] = ()
    """What was said with it."""
    wanted: Literal["heard", "ended", "hidden"] = "heard"
    """Whether the answer is heard, ends as it begins, or is not even told of."""


class Asks:
    """The questions that no response has begun to answer, and whether the user was heard to speak since."""

    def __init__(self) -> None:
        self._waiting: deque[Ask] = deque()
        self._heard_speech = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def expected(self) -> bool:
        """Whether an answer would be no surprise."""
        return bool(self._waiting) or self._heard_speech

    @property
    def said(self) -> Sequence[Item]:
        """What was said with the questions."""
        return [item for each in self._waiting for item in each.said]

    def put(self, ask: Ask) -> None:
        """Something more is asked."""
        self._waiting.append(ask)

    def noticed(self) -> None:
        """The user speaks, and the service will answer when it finds that the turn is over."""
        self._heard_speech = True

    def take(self, *, goes_on: bool) -> Ask:
        """Return what a response answers that begins now.

        With `goes_on` calls are open that do not hold the model up, and where nothing was asked it talks on.
        """
        spoke, self._heard_speech = self._heard_speech, False
        if self._waiting:
            return self._waiting.popleft()
        return Ask("continuation" if goes_on and not spoke else "user_turn")

    def unwant(self) -> None:
        """Nobody wants to hear the answers to what was asked."""
        self._waiting = deque(replace(each, wanted="ended") for each in self._waiting)

    def drop(self) -> None:
        """Nothing will come of what was asked."""
        self._waiting.clear()
        self._heard_speech = False
