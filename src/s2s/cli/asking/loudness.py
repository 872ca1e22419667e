"""Tells voice from quiet by level alone, without an engine: to pace a file, and to measure from outside."""

from __future__ import annotations

from typing import Final

from s2s.audio.levels import FLOOR_DBFS, rms_dbfs

_LEAST_DBFS: Final = -55.0
_ROOM_DBFS: Final = -60.0
_ABOVE_ROOM_DB: Final = 12.0
_BELOW_PEAK_DB: Final = 30.0
_ROOM_RISES_DB_S: Final = 3.0
_PEAK_FALLS_DB_S: Final = 2.0
_SMOOTHING_MS: Final = 120.0
# Digital silence says nothing about the room that is heard next.
_NO_ROOM_DBFS: Final = -75.0


class Loudness:
    """Follows room noise and peaks of a stream; voice is well above the one and not far below the other."""

    def __init__(self) -> None:
        self.loudest_dbfs = FLOOR_DBFS
        self.ms = 0.0
        """How much sound there was."""
        self._smooth: float | None = None
        self._room = _ROOM_DBFS
        self._peak = FLOOR_DBFS

    def is_voice(self, pcm: bytes, ms: float) -> bool:
        """Judge the next chunk of PCM16 mono, which lasts `ms`."""
        level = rms_dbfs(pcm)
        self.ms += ms
        self.loudest_dbfs = max(self.loudest_dbfs, level)
        self._peak = max(level, self._peak - _PEAK_FALLS_DB_S * ms / 1000)
        if level > _NO_ROOM_DBFS:
            before = level if self._smooth is None else self._smooth
            self._smooth = before + (level - before) * min(1.0, ms / _SMOOTHING_MS)
            self._room = min(self._smooth, self._room + _ROOM_RISES_DB_S * ms / 1000)
        return level > max(_LEAST_DBFS, self._room + _ABOVE_ROOM_DB, self._peak - _BELOW_PEAK_DB)
