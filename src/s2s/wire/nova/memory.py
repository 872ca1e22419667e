"""What was said, for a stream that knows nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s2s.items import Item, Message
from s2s.wire.nova.reply import End, Reply
from s2s.wire.nova.wording import remembered

_MOST = 2000


class Memory:
    """What both sides have said, in the order in which they began to."""

    def __init__(self, seed: Iterable[Item]) -> None:
        self._said: list[Message | Reply] = [*remembered(seed)]

    def add(self, said: Message | Reply) -> None:
        """Note what is said now; of too much the oldest goes."""
        self._said.append(said)
        if len(self._said) > _MOST:
            del self._said[: _MOST // 2]

    def forget(self, said: Iterable[Message]) -> None:
        """Take back what is going to be said anew."""
        gone = {id(each) for each in said}
        self._said = [each for each in self._said if id(each) not in gone]

    def truncate(self, item_id: str, heard_ms: float) -> None:
        """Note that the user has heard so much of an answer and no more."""
        for each in self._said:
            if isinstance(each, Reply) and each.item_id == item_id:
                each.heard_ms = heard_ms

    def unheard(self, item_id: str) -> bool:
        """Note that nothing was heard of an answer, and return whether it is one that was cut off."""
        answers = [each for each in self._said if isinstance(each, Reply) and each.item_id == item_id]
        cut = next((each for each in answers if each.end is End.CUT), None)
        if cut is None:
            return False
        cut.heard_ms = 0.0
        return True

    @property
    def messages(self) -> Sequence[Message]:
        """All of it."""
        said = [each.message if isinstance(each, Reply) else each for each in self._said]
        return [each for each in said if each.text.strip()]
