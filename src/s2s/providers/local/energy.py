"""Tells speech from silence by how much louder it is than the quietest of the last seconds.

It needs no model and no numpy, and knows nothing of voices: what suddenly becomes louder counts as speech,
until it has gone on as evenly as speech never does.
"""

from __future__ import annotations

from collections import deque
from math import exp
from typing import Final

from s2s.audio.levels import FLOOR_DBFS, rms_dbfs
from s2s.errors import ConfigError
from s2s.providers.local.pool import Pool

_RATE_HZ: Final = 16_000
_WINDOW_MS: Final = 32
_WINDOW_BYTES: Final = _RATE_HZ * _WINDOW_MS // 1000 * 2
_BLOCK_WINDOWS: Final = 15
_BLOCKS: Final = 5
_SLOPE_DB: Final = 2.0
# A room is between these; outside of them a first sound, or none, is no measure of it.
_QUIETEST_DBFS: Final = -60.0
_NOISIEST_DBFS: Final = -40.0


class EnergyVAD:
    """Fills the VAD seat. A window `above_db` over the noise is as likely speech as not.

    Noise that sets in is taken for speech for 2.4 to 2.9 s. Nothing below -60 dBFS plus `above_db` is speech.
    Raises ConfigError where `above_db` is not between 3 and 30.
    """

    sample_rate = _RATE_HZ
    window_ms = float(_WINDOW_MS)

    def __init__(self, pool: Pool, *, above_db: float = 8.0) -> None:
        if not 3 <= above_db <= 30:
            raise ConfigError(f"above_db must lie between 3 and 30, not {above_db}")
        self._above_db = above_db

    async def warm(self) -> None:
        """Return at once: there is nothing to load."""

    def open(self) -> EnergyStream:
        """Begin a session's stream."""
        return EnergyStream(self._above_db)


class EnergyStream:
    """One session's audio, and how loud its room is."""

    def __init__(self, above_db: float) -> None:
        self._above_db = above_db
        self._rest = b""
        self._noise = Noise()

    def push(self, pcm: bytes) -> list[float]:
        """Return how likely speech is in each window of 32 ms that this audio completes.

        The audio is PCM16 LE mono at 16 kHz, cut anywhere between samples.
        """
        pcm = self._rest + pcm if self._rest else pcm
        whole = len(pcm) - len(pcm) % _WINDOW_BYTES
        self._rest = pcm[whole:]
        return [self._judge(pcm[at : at + _WINDOW_BYTES]) for at in range(0, whole, _WINDOW_BYTES)]

    def reset(self) -> None:
        """Forget the audio so far."""
        self._rest = b""
        self._noise = Noise()

    def _judge(self, window: bytes) -> float:
        level = rms_dbfs(window)
        if level <= FLOOR_DBFS:  # no sound of a room: somebody muted the microphone, or audio was lost
            return 0.0
        louder_db = level - self._noise.heard(level)
        return 1 / (1 + exp((self._above_db - louder_db) / _SLOPE_DB))


class Noise:
    """The level of the quietest window of the last 2.4 s, as speech has a gap in any such time."""

    def __init__(self) -> None:
        self._blocks: deque[float] = deque(maxlen=_BLOCKS)
        self._lowest = _NOISIEST_DBFS
        self._windows = 0

    def heard(self, level: float) -> float:
        """Take the level of one more window, and return that of the noise."""
        self._lowest = min(self._lowest, level)
        self._windows += 1
        lowest = min((self._lowest, *self._blocks))
        if self._windows == _BLOCK_WINDOWS:
            self._blocks.append(self._lowest)
            self._lowest, self._windows = 0.0, 0
        return max(lowest, _QUIETEST_DBFS)
