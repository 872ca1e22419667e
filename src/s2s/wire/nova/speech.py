"""What the user says, as the service has understood it."""

from __future__ import annotations

import itertools

from s2s.events import Event, Transcript
from s2s.items import Message
from s2s.wire.nova.memory import Memory
from s2s.wire.nova.reply import spaced


class Speech:
    """The item that the user is speaking, or spoke last while nothing has answered it."""

    def __init__(self, memory: Memory, *, told: bool) -> None:
        self.told = told
        """Whether somebody wants to know."""
        self._memory = memory
        self._numbers = itertools.count(1)
        self._item_id = ""
        self._text = ""

    @property
    def words(self) -> str:
        """What was said and is not answered."""
        return self._text

    def heard(self, text: str) -> list[Event]:
        """Words came, by more than one block where the user paused."""
        text = spaced(self._text, text) if self._text else text.lstrip()
        if not text:
            return []
        self._item_id = self._item_id or f"user_{next(self._numbers)}"
        self._text += text
        return [Transcript(self._text, self._item_id, text)] if self.told else []

    def over(self) -> list[Event]:
        """The words are complete."""
        return self.take()[0]

    def take(self) -> tuple[list[Event], Message | None]:
        """The words are complete: return them too, if there are any."""
        if not self._text:
            return [], None
        message = Message("user", self._text, self._item_id)
        self._text = self._item_id = ""
        self._memory.add(message)
        return [Transcript(message.text, message.item_id, final=True)] if self.told else [], message
