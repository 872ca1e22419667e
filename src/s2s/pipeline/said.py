"""What an agent said of late, and how much sound that was."""

from __future__ import annotations

from collections import deque

from s2s.items import Message
from s2s.state.conversation import Conversation

_MOST_ITEMS = 64


class Said:
    """The last items of the agent, so that what the user heard of one can be told in words."""

    def __init__(self) -> None:
        self._conversation = Conversation()
        self._lengths_ms: dict[str, float] = {}
        self._order: deque[str] = deque()

    def text(self, item_id: str, text: str) -> None:
        """Append words of an item."""
        self._conversation.said(item_id, text, self._length_ms(item_id))

    def audio(self, item_id: str, ms: float) -> float:
        """Append sound of an item and return where in it that begins, in ms."""
        at_ms = self._length_ms(item_id)
        self._lengths_ms[item_id] = at_ms + ms
        return at_ms

    def heard(self, item_id: str, heard_ms: float) -> Message | None:
        """Return an item with what was heard of it up to here; None where it has no words, or is too old."""
        if item_id not in self._lengths_ms:
            return None
        self._conversation.heard_until(item_id, heard_ms, self._lengths_ms[item_id])
        messages = (each for each in self._conversation.items if isinstance(each, Message))
        return next((each for each in messages if each.item_id == item_id), None)

    def _length_ms(self, item_id: str) -> float:
        if item_id not in self._lengths_ms:
            self._lengths_ms[item_id] = 0.0
            self._order.append(item_id)
            if len(self._order) > _MOST_ITEMS:
                oldest = self._order.popleft()
                self._conversation.drop(oldest)
                del self._lengths_ms[oldest]
        return self._lengths_ms[item_id]
