"""What is still to be said: bounded, taken in frames of 20 ms, the oldest given up first."""

from __future__ import annotations

from s2s.audio.pcm import Carry

INPUT_HZ = 24_000
FRAME_BYTES = INPUT_HZ // 50 * 2
"""20 ms of PCM16 mono at 24,000 Hz."""

_BYTES_PER_MS = INPUT_HZ * 2 // 1000
_SILENCE = bytes(FRAME_BYTES)


class Backlog:
    """Audio between an application that pushes as it likes and a track that takes a frame every 20 ms."""

    def __init__(self, most_s: float) -> None:
        self._most_bytes = max(FRAME_BYTES, round(most_s * INPUT_HZ) * 2)
        self._carry = Carry(2)
        self._pcm = bytearray()
        self._rest_bytes = 0
        self.dropped_ms = 0.0
        """All that was ever given up for want of room."""

    @property
    def waiting_ms(self) -> float:
        """How far the track is behind."""
        return len(self._pcm) / _BYTES_PER_MS

    def push(self, pcm: bytes) -> float:
        """Append PCM16 mono at 24,000 Hz, in pieces of any size; return how many ms had to be given up."""
        self._pcm += self._carry.push(pcm)
        excess_bytes = len(self._pcm) - self._most_bytes
        if excess_bytes <= 0:
            return 0.0
        dropped_bytes = -(-excess_bytes // FRAME_BYTES) * FRAME_BYTES
        del self._pcm[:dropped_bytes]
        dropped_ms = dropped_bytes / _BYTES_PER_MS
        self.dropped_ms += dropped_ms
        return dropped_ms

    def take(self) -> bytes:
        """Return the next frame, or silence; less than a frame waits one turn for the rest of it."""
        rest_bytes, self._rest_bytes = self._rest_bytes, len(self._pcm)
        if rest_bytes != len(self._pcm) < FRAME_BYTES:
            return _SILENCE
        frame = bytes(self._pcm[:FRAME_BYTES])
        del self._pcm[:FRAME_BYTES]
        self._rest_bytes = 0
        return frame.ljust(FRAME_BYTES, b"\0")

    def clear(self) -> float:
        """Give up everything that waits; return how many ms."""
        cleared_ms = self.waiting_ms
        self._pcm.clear()
        return cleared_ms
