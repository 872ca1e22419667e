"""The outline of a sound of any length in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

from s2s.audio.levels import peak_dbfs, rms_dbfs

_FIRST_BIN_MS: Final = 10.0
_MOST_BINS: Final = 16_384


class Envelope:
    """Peak and RMS, 0 to 1, of equal bins on a time axis; bins grow when there would be too many."""

    def __init__(self) -> None:
        self.bin_ms = _FIRST_BIN_MS
        self._peaks = array("f")
        self._powers = array("f")

    def __bool__(self) -> bool:
        return bool(self._peaks)

    @property
    def end_ms(self) -> float:
        """Where the last bin ends."""
        return len(self._peaks) * self.bin_ms

    def add(self, pcm: bytes, rate: int, at_ms: float) -> None:
        """Draw PCM16 mono into the bins from `at_ms` on; what is there already stays where it is louder."""
        step = max(1, round(rate * _FIRST_BIN_MS / 1000)) * 2
        for start in range(0, len(pcm), step):
            piece = pcm[start : start + step]
            self._draw(at_ms + start * 500 / rate, _linear(peak_dbfs(piece)), _linear(rms_dbfs(piece)))

    def between(self, from_ms: float, to_ms: float) -> tuple[float, float]:
        """Return the largest peak and RMS of a stretch."""
        bins = slice(
            int(from_ms / self.bin_ms), max(int(from_ms / self.bin_ms) + 1, int(to_ms / self.bin_ms))
        )
        return max(self._peaks[bins], default=0.0), max(self._powers[bins], default=0.0)

    @property
    def loudest(self) -> float:
        """The largest peak."""
        return max(self._peaks, default=0.0)

    def _draw(self, at_ms: float, peak: float, power: float) -> None:
        while (at := int(at_ms / self.bin_ms)) >= _MOST_BINS:
            self.bin_ms *= 2
            self._peaks = array("f", _halved(self._peaks))
            self._powers = array("f", _halved(self._powers))
        for bins, value in ((self._peaks, peak), (self._powers, power)):
            bins.extend([0.0] * (at + 1 - len(bins)))
            bins[at] = max(bins[at], value)


def _halved(bins: array[float]) -> Iterator[float]:
    return (max(bins[at : at + 2]) for at in range(0, len(bins), 2))


def _linear(dbfs: float) -> float:
    return 0.0 if dbfs <= -96.0 else min(1.0, 10.0 ** (dbfs / 20))
