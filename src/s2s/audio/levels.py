"""How loud PCM16 is, in dB relative to full scale: a full-scale square wave has 0 dBFS, a sine -3.0."""

from __future__ import annotations

from array import array
from math import log10
from operator import mul

from s2s.audio.extra import numpy_is_loaded
from s2s.audio.pcm import require_frames

FLOOR_DBFS = -96.0
"""What digital silence, or no sound at all, is said to have instead of minus infinity."""

_FULL_SCALE = 32768


def rms_dbfs(pcm: bytes) -> float:
    """Return the level of the mean power, -96.0 to 0."""
    return _dbfs(_mean_square(pcm) ** 0.5 if pcm else 0.0)


def peak_dbfs(pcm: bytes) -> float:
    """Return the level of the largest sample, -96.0 to 0."""
    return _dbfs(_peak(pcm) if pcm else 0)


def is_silent(pcm: bytes, below_dbfs: float = -60.0) -> bool:
    """Tell whether the mean power is below a level; speech close to a microphone has about -30 dBFS."""
    return rms_dbfs(pcm) < below_dbfs


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * log10(amplitude / _FULL_SCALE)) if amplitude else FLOOR_DBFS


def _mean_square(pcm: bytes) -> float:
    require_frames(pcm)
    if numpy_is_loaded():
        from s2s.audio import vector

        return vector.mean_square(pcm)
    numbers = array("h", pcm)
    return float(sum(map(mul, numbers, numbers)) / len(numbers))


def _peak(pcm: bytes) -> int:
    require_frames(pcm)
    if numpy_is_loaded():
        from s2s.audio import vector

        return vector.peak(pcm)
    numbers = array("h", pcm)
    return max(max(numbers), -min(numbers))
