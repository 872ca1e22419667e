"""What the service owes an answer to, oldest first: it does not say what it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from s2s.events import Origin
from s2s.items import Message
from s2s.wire.nova.wording import NUDGE

_MOST_UNSAID = 64


class Ask(Struct, frozen=True):
    """Something that will be answered."""

    origin: Origin
    metadata: dict[str, str] = {}
    said: tuple[Message, ...] = ()
    """What the user says with it."""
    wanted: Literal["heard", "ended", "hidden"] = "heard"
    """Whether the answer is heard, ends as it begins, or is not even told of."""

    @property
    def words(self) -> str:
        """How it is asked in writing."""
        return "\n".join(each.text for each in self.said if each.text.strip()) or NUDGE


class Asks:
    """The questions that no response has begun to answer; those that are written are asked one by one."""

    def __init__(self) -> None:
        self._unsaid: deque[Ask] = deque()
        self._waiting: deque[Ask] = deque()
        self._echoes: list[str] = []

    @property
    def due(self) -> bool:
        """Whether there is one to be asked, and none before it."""
        return bool(self._unsaid) and not self.wanted

    @property
    def full(self) -> bool:
        """Whether too many wait to be asked."""
        return len(self._unsaid) >= _MOST_UNSAID

    @property
    def expected(self) -> bool:
        """Whether an answer would be no surprise."""
        return bool(self._waiting)

    @property
    def wanted(self) -> bool:
        """Whether somebody is to hear of the next answer."""
        return any(each.wanted != "hidden" for each in self._waiting)

    @property
    def none(self) -> bool:
        """Whether nothing is asked, nor to be asked."""
        return not self._waiting and not self._unsaid

    def write(self, ask: Ask) -> None:
        """Something is to be asked in writing."""
        self._unsaid.append(ask)

    def next(self) -> Ask:
        """Return what is asked in writing now."""
        ask = self._unsaid.popleft()
        self.put(ask)
        self._echoes.append(_folded(ask.words))
        return ask

    def put(self, ask: Ask) -> None:
        """Something was asked; what comes next may answer that, and nothing hides it."""
        if ask.wanted == "heard":
            self._waiting = deque(each for each in self._waiting if each.wanted != "hidden")
        self._waiting.append(ask)

    def noticed(self) -> None:
        """The user has spoken: an answer that nobody wanted to hear does not come any more."""
        self._waiting = deque(each for each in self._waiting if each.wanted == "heard")

    def echoed(self, text: str) -> bool:
        """Tell whether this is what was asked in writing, which the service may repeat once."""
        heard = _folded(text)
        if heard not in self._echoes:
            return False
        self._echoes.remove(heard)
        return True

    def take(self, origin: Origin) -> Ask:
        """Return what a response answers that begins now; of this origin where nothing was asked."""
        self._echoes.clear()
        return self._waiting.popleft() if self._waiting else Ask(origin)

    def unwant(self) -> list[Message]:
        """Nobody wants to hear the answers to what was asked; return what need not be asked any more."""
        told = [each for each in self._waiting if each.wanted != "hidden"]
        hidden = [each for each in self._waiting if each.wanted == "hidden"]
        self._waiting = deque([*hidden, *(replace(each, wanted="ended") for each in told)])
        unsaid = [message for each in self._unsaid for message in each.said]
        self._unsaid.clear()
        return unsaid

    def again(self, spoken: Message | None) -> Sequence[Message]:
        """Ask everything once more, and what was spoken last; return what was said already of it."""
        asked = [each for each in self._waiting if each.wanted == "heard"]
        if spoken is not None:
            asked.append(Ask("user_turn", said=(spoken,)))
        self._unsaid.extendleft(reversed(asked))
        self.drop()
        return [message for each in asked for message in each.said]

    def drop(self) -> bool:
        """Nothing will come of what was asked; return whether somebody waits for it."""
        missed = any(each.wanted == "heard" for each in self._waiting)
        self._waiting.clear()
        self._echoes.clear()
        return missed


def _folded(text: str) -> str:
    return " ".join(text.split())
