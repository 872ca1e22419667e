"""What the agent says at one sample rate, for sinks that have just one."""

from __future__ import annotations

from typing import NamedTuple

from s2s.pipeline.frames import AudioFrame
from s2s.pipeline.mono import Mono


class Piece(NamedTuple):
    """A piece of an item: PCM16 mono."""

    item_id: str
    pcm: bytes


class Voice:
    """Converts item by item, so that the end of each comes before the next one begins."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._mono = Mono(sample_rate)
        self._item_id = ""

    def push(self, frame: AudioFrame) -> list[Piece]:
        """Return what is complete with this frame. Raises what Mono does."""
        before = self.flush() if frame.item_id != self._item_id else []
        self._item_id = frame.item_id
        return before + self._pieces(self._mono.push(frame))

    def flush(self) -> list[Piece]:
        """Return what was withheld: the item is over."""
        return self._pieces(self._mono.flush())

    def _pieces(self, pcm: bytes) -> list[Piece]:
        return [Piece(self._item_id, pcm)] if pcm else []
