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
    said: tuple[Item, ...] | None = ()
    """What was said with it; None where the user said it aloud."""
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
        return [item for each in self._waiting if each.wanted == "heard" for item in each.said or ()]

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
        """Ask in these words what the user said aloud, whose sound is gone; False where there are none."""
        aloud = [each for each in self._waiting if each.said is None and each.wanted == "heard"]
        if not aloud and self._heard is not Heard.TURN:
            return True
        if words is None:
            return False
        self.unheard()
        if all(each is not words for each in self.said):
            self.put(replace([Ask("user_turn"), *aloud][-1], said=(words,)))
        return True

    def unheard(self) -> None:
        """What the user said aloud is lost."""
        self._waiting = deque(each for each in self._waiting if each.said is not None)
        self._heard = Heard.NOTHING

    def again(self) -> Ask | None:
        """Return what is asked once more, all of it at once; what was said aloud is said again after it."""
        said = self.said
        wanted = [each for each in self._waiting if each.wanted == "heard"]
        asked = [replace(each, said=tuple(said)) for each in wanted if each.said is not None][-1:]
        self.drop()
        self._waiting += [*asked, *[each for each in wanted if each.said is None][-1:]]
        return asked[0] if asked else None

    def drop(self) -> None:
        """Nothing will come of what was asked."""
        self._waiting.clear()
        self._heard = Heard.NOTHING
