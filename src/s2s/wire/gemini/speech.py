"""The user's side: speech, where the service or we tell of it, and its words."""

from __future__ import annotations

import itertools

from s2s.events import Event, SpeechStarted, SpeechStopped, Transcript
from s2s.items import Message
from s2s.wire.gemini.memory import Memory


class Speech:
    """The item that the user is speaking, or spoke last while its words are not complete."""

    def __init__(self, memory: Memory) -> None:
        self.speaking = ""
        """The item that has begun and not stopped."""
        self._memory = memory
        self._ids = itertools.count(1)
        self._item_id = ""
        self._text = ""
        self._language: str | None = None

    def began(self, position_ms: float) -> list[Event]:
        """The user begins to speak: another item, unless that one is open."""
        if self.speaking:
            return []
        ended = self.flush()
        self._item_id = self.speaking = f"user_{next(self._ids)}"
        return [*ended, SpeechStarted(self.speaking, position_ms)]

    def stopped(self, position_ms: float) -> list[Event]:
        """The user has stopped."""
        item_id, self.speaking = self.speaking, ""
        return [SpeechStopped(item_id, position_ms)] if item_id else []

    def heard(self, text: str, language: str | None, *, finished: bool) -> list[Event]:
        """Words of the user came: what is new of them."""
        text = text if self._text else text.lstrip()
        told: list[Event] = []
        self._language = language or self._language
        if text:
            self._text += text
            told.append(Transcript(self._text, self._named(), text, language=self._language))
        return [*told, *self.over()] if finished else told

    def anew(self) -> list[Event]:
        """The words of speech that goes on will come from its beginning."""
        self._text = "" if self.speaking else self._text
        return []

    def guess(self, text: str) -> list[Event]:
        """Words came that may still change."""
        text = text if self._text else text.lstrip()
        return [Transcript(self._text + text, self._named(), language=self._language)] if text else []

    def over(self) -> list[Event]:
        """A turn of the service has ended: the words before it are complete, unless the user speaks on."""
        return [] if self.speaking else self.flush()

    def flush(self) -> list[Event]:
        """The words are complete, as far as they came; those of speech without any may still come."""
        item_id, text, self._text = self._item_id, self._text, ""
        if not text:
            return []
        if self.speaking != item_id:
            self._item_id = ""
        self._memory.add(Message("user", text))
        return [Transcript(text, item_id, "", True, self._language)]

    def _named(self) -> str:
        self._item_id = self._item_id or f"user_{next(self._ids)}"
        return self._item_id
