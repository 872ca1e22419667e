"""Audio that was heard, by its position, as much as may be needed."""

from __future__ import annotations

from typing import Final

from s2s.config import TurnDetection
from s2s.pipeline.frames import AudioFrame
from s2s.pipeline.mono import Mono
from s2s.providers.listener import Unsent

_PREFIX_MS: Final = 400
# That somebody speaks is told a few windows late.
_NOTICED_MS: Final = 200
_TAIL_MS: Final = 96
_MANUAL_MS: Final = 120_000


class Tape:
    """The end of all audio so far, PCM16 mono at one rate. Positions are ms of all audio."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._mono = Mono(sample_rate)
        self._audio = Unsent(sample_rate)
        self._from_ms = 0.0
        self._until_ms = 0.0
        self._before_ms = 0.0
        """How far it went before the audio that came last, which may be much at once."""
        self.tune(TurnDetection())

    @property
    def kept_ms(self) -> float:
        """How much is kept."""
        return self._until_ms - self._from_ms

    def tune(self, turns: TurnDetection) -> None:
        """Keep what may be needed of the time before somebody says that the user speaks."""
        self._prefix_ms = _PREFIX_MS if turns.prefix_ms is None else turns.prefix_ms
        self._spare_ms = _MANUAL_MS if turns.mode == "manual" else self._prefix_ms + _NOTICED_MS

    def push(self, frame: AudioFrame) -> None:
        """Append audio. Raises AudioFormatError, or ConfigError if numpy is missing."""
        pcm = self._mono.push(frame)
        self._audio.push(pcm)
        self._before_ms = self._until_ms
        self._until_ms += len(pcm) * 500 / self._rate

    def shorten(self) -> None:
        """Forget what is too old."""
        self._drop(self._before_ms - self._spare_ms)

    def begin(self, position_ms: float) -> None:
        """Forget what lies before speech that begins here."""
        self._drop(min(position_ms, self._until_ms) - self._prefix_ms)

    def take(self, position_ms: float = 0.0) -> bytes:
        """Return the audio up to here, with a little silence after it, or else all, and forget it."""
        until_ms = position_ms + _TAIL_MS if position_ms > self._from_ms else self._until_ms
        self._from_ms = min(until_ms, self._until_ms)
        return self._audio.take(self._from_ms)

    def clear(self) -> None:
        """Forget everything."""
        self.take()

    def _drop(self, until_ms: float) -> None:
        if until_ms > self._from_ms:
            self._audio.take(until_ms)
            self._from_ms = until_ms
