"""A loudspeaker that is only imagined: when each piece of the answer would be heard, and which never."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from s2s.events import AudioOutput


class Span(msgspec.Struct):
    """A stretch of the axis; one without an end holds nothing yet."""

    start_ms: float
    end_ms: float | None = None
    cut_ms: float | None = None
    """Where it was broken off; nobody heard the rest."""


class Piece(msgspec.Struct, frozen=True):
    """A piece of an answer, and where on the axis it sounds."""

    pcm: bytes
    """PCM16 mono."""
    rate: int
    start_ms: float
    item_id: str
    heard_ms: float
    """How much of its item was heard once it has sounded."""

    @property
    def end_ms(self) -> float:
        """Where its sound ends."""
        return self.start_ms + len(self.pcm) * 500 / self.rate

    def until(self, at_ms: float) -> Piece:
        """Return what of it sounds before a position."""
        samples = max(0, int((at_ms - self.start_ms) * self.rate / 1000))
        heard_ms = self.heard_ms - max(0.0, self.end_ms - at_ms)
        return msgspec.structs.replace(self, pcm=self.pcm[: samples * 2], heard_ms=heard_ms)


Listener: TypeAlias = Callable[[Piece], None]
"""Gets each piece when it was heard."""


class Playback:
    """Plays audio as soon as it has come and all audio before it is over; listeners get what was heard."""

    def __init__(self, *listeners: Listener) -> None:
        self.until_ms = 0.0
        """Where the audio that came so far ends."""
        self.spans: list[Span] = []
        self.listeners = list(listeners)
        self._waiting: deque[Piece] = deque()
        self._words: Span | None = None
        self._given: dict[str, float] = {}

    def words(self, at_ms: float) -> Span:
        """Return the stretch of words whose audio comes next; it fills as the audio comes."""
        self._words = Span(max(at_ms, self.until_ms))
        return self._words

    def play(self, event: AudioOutput, at_ms: float) -> float:
        """Take audio that came at a position and return the position where it sounds."""
        ms = len(event.audio) * 500 / event.sample_rate
        heard_ms = self._given.get(event.item_id, 0.0) + ms
        self._given = {event.item_id: heard_ms}
        start_ms = max(at_ms, self.until_ms)
        piece = Piece(event.audio, event.sample_rate, start_ms, event.item_id, heard_ms)
        if not self.spans or piece.start_ms > self.until_ms:
            self.spans.append(Span(piece.start_ms))
        if self._words is not None and self._words.end_ms is None:
            self._words.start_ms = piece.start_ms
        for span in (self.spans[-1], self._words):
            if span is not None:
                span.end_ms = piece.end_ms
        self.until_ms = piece.end_ms
        self._waiting.append(piece)
        return piece.start_ms

    def advance(self, now_ms: float) -> None:
        """Let time pass: what has sounded to its end was heard."""
        while self._waiting and self._waiting[0].end_ms <= now_ms:
            self._heard(self._waiting.popleft())

    def stop(self, at_ms: float) -> None:
        """Fall silent at a position: what comes after it is never heard."""
        self.advance(at_ms)
        if self._waiting and self._waiting[0].start_ms < at_ms:
            self._heard(self._waiting[0].until(at_ms))
        self._waiting.clear()
        self.until_ms = min(self.until_ms, at_ms)
        for span in (*self.spans[-1:], *([self._words] if self._words else ())):
            if span.end_ms is not None:
                span.cut_ms = at_ms if at_ms < span.end_ms else None

    def finish(self) -> None:
        """Play all that waits."""
        self.advance(self.until_ms)

    def _heard(self, piece: Piece) -> None:
        for listen in self.listeners:
            listen(piece)
