"""Sample-rate conversion of a live stream with about a millisecond of delay.

A resampler for files may look far ahead; in a call, somebody waits for what it looks ahead. This one looks 17
sample periods of the slower rate ahead, withholds just those, and keeps its output aligned with its input.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from s2s.audio.extra import require_numpy
from s2s.audio.pcm import require_frames
from s2s.formats import AudioFormat

if TYPE_CHECKING:
    from s2s.audio.polyphase import Polyphase


class Resampler:
    """Converts PCM16 mono from one rate to another; chunks of any size give the same stream, bit for bit.

    n source samples become exactly ceil(n * target / source) samples, the last of them by `flush`.
    Equal rates pass through and need no numpy. Raises ConfigError for an impossible rate or a missing numpy.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        for rate in (source_hz, target_hz):
            AudioFormat(sample_rate=rate)
        self._stream = None if source_hz == target_hz else _polyphase(source_hz, target_hz)
        self.delay_ms = 0.0 if self._stream is None else self._stream.withheld * 1000 / source_hz
        """The most that `push` withholds; the output itself is not shifted against the input."""

    def push(self, pcm: bytes | memoryview) -> bytes:
        """Return the PCM16 that is complete with this chunk of whole samples."""
        pcm = bytes(pcm)
        if self._stream is None or not pcm:
            return pcm
        require_frames(pcm)
        return self._stream.push(pcm)

    def flush(self) -> bytes:
        """Return the PCM16 that was withheld; the next chunk begins a new stream."""
        return b"" if self._stream is None else self._stream.flush()


def _polyphase(source_hz: int, target_hz: int) -> Polyphase:
    require_numpy(f"resampling from {source_hz} to {target_hz} Hz")
    from s2s.audio.polyphase import Polyphase, design

    common = gcd(source_hz, target_hz)
    return Polyphase(design(target_hz // common, source_hz // common))
