"""Arithmetic on PCM16 with numpy: the fast twin of what pcm, g711 and levels do without it, bit for bit.

Import it only where numpy is loaded (`s2s.audio.extra`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def downmix(pcm: bytes, channels: int) -> bytes:
    """Average interleaved channels to mono, halves rounded up."""
    frames = np.frombuffer(pcm, "<i2").reshape(-1, channels)
    total = frames[:, 0].astype(np.int32)
    for channel in range(1, channels):
        total += frames[:, channel]
    total += channels // 2
    total //= channels
    return total.astype("<i2").tobytes()


def from_floats(raw: bytes, code: str) -> bytes:
    """Turn native floats of this array code, full scale 1.0, into PCM16: clipped, NaN is silence."""
    scaled: npt.NDArray[np.floating] = np.minimum(np.maximum(np.frombuffer(raw, code), -1.0), 1.0)
    scaled *= 32768
    np.minimum(np.rint(scaled, out=scaled), 32767, out=scaled)
    scaled[np.isnan(scaled)] = 0
    return scaled.astype("<i2").tobytes()


def look_up(pcm: bytes, table: bytes) -> bytes:
    """Return for each sample the byte that the table of 65536 holds for it."""
    codes: npt.NDArray[np.uint8] = np.frombuffer(table, np.uint8).take(np.frombuffer(pcm, "<u2"))
    return codes.tobytes()


def mean_square(pcm: bytes) -> float:
    """Return the mean of the squared samples; exact, for integers do not round."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int64)
    return int(np.dot(samples, samples)) / len(samples)


def peak(pcm: bytes) -> int:
    """Return the largest magnitude."""
    samples = np.frombuffer(pcm, "<i2")
    return max(int(samples.max()), -int(samples.min()))
