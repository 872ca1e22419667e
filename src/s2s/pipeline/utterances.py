"""The user's side of a pipeline, as events."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence

from s2s.events import Event, SpeechStarted, SpeechStopped, Transcript
from s2s.pipeline.frames import ControlFrame, TextFrame

_MOST_UNREAD = 64


class Utterances:
    """Gives every utterance an id, the same at its beginning, at its end and in its words."""

    def __init__(self, *, shows: bool) -> None:
        self.shows = shows
        """Whether the application wants to read what the user says."""
        self.speaking = ""
        """The utterance that has begun and is not over."""
        self._last_id = ""
        self._unread: deque[str] = deque(maxlen=_MOST_UNREAD)
        self._texts: dict[str, str] = {}

    def began(self, frame: ControlFrame) -> Sequence[Event]:
        """Return that the user speaks."""
        self.speaking = self._begin(frame.item_id)
        return (SpeechStarted(self.speaking, frame.position_ms),)

    def ended(self, frame: ControlFrame) -> Sequence[Event]:
        """Return that the user has said all."""
        last_id, self.speaking = self.speaking or self._last_id, ""
        item_id = frame.item_id or last_id or self._begin("")
        self._last_id = ""
        return (SpeechStopped(item_id, frame.position_ms),)

    def said(self, frame: TextFrame) -> Sequence[Event]:
        """Return the words: all of the utterance so far."""
        item_id = frame.item_id or (self._unread[0] if self._unread else self._begin(""))
        before = self._texts.pop(item_id, "")
        if not frame.final:
            self._texts[item_id] = frame.text
        elif item_id in self._unread:
            self._unread.remove(item_id)
        if not self.shows:
            return ()
        delta = frame.text.removeprefix(before)
        return (Transcript(frame.text, item_id, delta, frame.final, frame.language),)

    def _begin(self, item_id: str) -> str:
        self._last_id = item_id or f"user_{uuid.uuid4().hex[:16]}"
        self._unread.append(self._last_id)
        return self._last_id
