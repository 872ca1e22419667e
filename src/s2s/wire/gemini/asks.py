"""What the service owes an answer to, oldest first: it does not say what it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
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


class Heard(Enum):
    """What came of the user's voice since the last response began."""

    NOTHING = "silence"
    WORDS = "words, which may be late ones of before"
    TURN = "speech that is over"


class Asks:
    """The questions that no response has begun to answer, and whether the user was heard to speak since."""

    def __init__(self) -> None:
        self._waiting: deque[Ask] = deque()
        self._heard = Heard.NOTHING

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def due(self) -> bool:
        """Whether an answer must come."""
        return bool(self._waiting) or self._heard is Heard.TURN

    @property
    def expected(self) -> bool:
        """Whether an answer would be no surprise."""
        return bool(self._waiting) or self._heard is not Heard.NOTHING

    @property
    def missed(self) -> bool:
        """Whether somebody waits for an answer."""
        return any(each.wanted == "heard" for each in self._waiting)

    @property
    def ours(self) -> bool:
        """Whether the application asked something, rather than the user."""
        return any(each.origin != "user_turn" for each in self._waiting)

    @property
    def said(self) -> Sequence[Item]:
        """What was said with the questions, as far as somebody waits for an answer."""
        return [item for each in self._waiting if each.wanted == "heard" for item in each.said]

    def put(self, ask: Ask) -> None:
        """Something more is asked."""
        self._waiting.append(ask)

    def noticed(self) -> None:
        """The user speaks, or has spoken: what comes next may answer that, and nothing hides it."""
        self._waiting = deque(each for each in self._waiting if each.wanted != "hidden")
        if self._heard is Heard.NOTHING:
            self._heard = Heard.WORDS

    def turned(self) -> None:
        """The user's turn is over: what comes next answers that."""
        self._heard = Heard.TURN
        self.passed()

    def passed(self) -> None:
        """Answers that nobody wants to hear will not come any more."""
        self._waiting = deque(each for each in self._waiting if each.wanted == "heard")

    def answered(self) -> None:
        """The service had nothing to say to what it heard."""
        self._heard = Heard.NOTHING

    def take(self, *, goes_on: bool) -> Ask:
        """Return what a response answers that begins now.

        With `goes_on` calls are open that do not hold the model up, and where nothing was asked it talks on.
        """
        heard, self._heard = self._heard, Heard.NOTHING
        if self._waiting:
            return self._waiting.popleft()
        return Ask("continuation" if goes_on and heard is Heard.NOTHING else "user_turn")

    def unwant(self) -> None:
        """Nobody wants to hear the answers to what was asked."""
        self._waiting = deque(replace(each, wanted="ended") for each in self._waiting)

    def spoken(self, words: Item | None) -> bool:
        """Ask in these words what the user spoke, whose sound is gone; return False where there are none."""
        unsaid = [each for each in self._waiting if each.origin == "user_turn" and not each.said]
        waits = self._heard is Heard.TURN or any(each.wanted == "heard" for each in unsaid)
        self._waiting = deque(each for each in self._waiting if each not in unsaid)
        if waits and words is not None and all(each is not words for each in self.said):
            self.put(Ask("user_turn", said=(words,)))
        return words is not None or not waits

    def again(self) -> Ask | None:
        """Return what is asked once more, all of it at once."""
        said = self.said
        asked = [each for each in self._waiting if each.wanted == "heard"]
        self.drop()
        if not asked:
            return None
        again = replace(asked[-1], said=tuple(said))
        self.put(again)
        return again

    def drop(self) -> None:
        """Nothing will come of what was asked."""
        self._waiting.clear()
        self._heard = Heard.NOTHING
