"""The arithmetic of the resampler: a polyphase FIR as one small matrix product per chunk. Needs numpy.

With up / down the ratio of the rates in lowest terms, output sample j lies at source position j * down / up
and is a weighted sum of the source samples around it; only `up` different sets of weights (phases) occur.
Weights are multiples of 2**-30 and samples are whole, so in float64 every sum is exact: no order of addition,
no chunking and no BLAS changes a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from s2s.errors import ConfigError

Floats: TypeAlias = npt.NDArray[np.float64]

HALF_PERIODS = 17
"""Half the length of the filter in sample periods of the slower rate: what the resampler withholds."""
ATTENUATION_DB = 67.0
"""Of everything beyond the slower rate's Nyquist frequency."""
MOST_WEIGHTS = 2**21
"""16 MB of weights: enough for any rate in use against any other."""

_FEW_MACS = 2**17
"""OpenBLAS keeps a product this small to one thread."""
_SMALL_MATRIX = 9000
"""And a product of one row with a matrix up to this size."""


class Filter(NamedTuple):
    """A designed filter, shared by every stream of the same ratio."""

    up: int
    down: int
    half: int
    """Source samples needed after the position of an output sample."""
    hop: int
    """Source samples by which a stream moves on: a multiple of it, when it lets go of the past."""
    batch: int
    """Source samples that may be pushed at once without waking the threads of BLAS."""
    run: Callable[[Floats, int, int], Floats]
    """From (source, start, count) compute so many outputs; the first window begins start / up samples in."""


class Polyphase:
    """One stream through a filter; the state is the past samples that future output depends on."""

    def __init__(self, fir: Filter) -> None:
        self._fir = fir
        self._reset()

    @property
    def withheld(self) -> int:
        """Source samples that wait for those after them, at most."""
        return self._fir.half

    def push(self, pcm: bytes) -> bytes:
        """Return the PCM16 that is complete with this chunk."""
        source = np.frombuffer(pcm, "<i2")
        batch = self._fir.batch
        if len(source) <= batch:
            return self._advance(source)
        return b"".join(self._advance(source[at : at + batch]) for at in range(0, len(source), batch))

    def flush(self) -> bytes:
        """Return the PCM16 up to the end of the source, and begin a new stream."""
        rest = self.push(bytes(2 * self._fir.half))
        self._reset()
        return rest

    def _reset(self) -> None:
        self._past = np.zeros(self._fir.half - 1)
        self._start = 0

    def _advance(self, source: npt.NDArray[np.int16]) -> bytes:
        """Append source samples and compute every output sample whose window they complete."""
        up, down, half, hop, _, run = self._fir
        past = len(self._past)
        length = past + len(source)
        known = np.zeros(length + hop)
        known[:past] = self._past
        known[past:length] = source
        count = max(0, ((length - 2 * half + 1) * up - 1 - self._start) // down + 1)
        following = self._start + count * down
        gone = following // (up * hop) * hop
        output = run(known, self._start, count) if count else known[:0]
        self._past = known[gone:length]
        self._start = following - gone * up
        return _to_pcm(output)


@lru_cache(maxsize=64)
def design(up: int, down: int) -> Filter:
    """Return the filter that multiplies a sample rate by up / down, in lowest terms.

    Raises ConfigError if the rates have so little in common that the table would not be sensible.
    """
    half = ceil(HALF_PERIODS * max(1.0, down / up))
    if up * 2 * half > MOST_WEIGHTS:
        raise ConfigError(
            f"resampling by {up}/{down} needs too large a table: use a usual rate, such as 24000 Hz"
        )
    phases = _phases(up, down, half)
    cycles = max(2, 24 // max(up, down))
    if cycles * up * (2 * half + cycles * down) > _SMALL_MATRIX:
        batch = max(1, _FEW_MACS * down // (2 * half * up))
        return Filter(up, down, half, 1, batch, _by_sample(phases, down))
    matrix = _matrix(phases, down, cycles)
    batch = max(1, _FEW_MACS // matrix.size - 1) * cycles * down
    return Filter(up, down, half, cycles * down, batch, _by_block(matrix, down, cycles * down))


def _phases(up: int, down: int, half: int) -> Floats:
    """Return the weights, shape (up, 2 * half): a Kaiser-windowed sinc sampled at every phase."""
    slow = min(1.0, up / down)
    width = HALF_PERIODS / slow
    transition = (ATTENUATION_DB - 7.95) / (14.36 * 2 * HALF_PERIODS)
    cutoff = (1 - transition) * slow
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    distance = np.arange(up)[:, None] / up - (np.arange(2 * half) - half + 1)
    window = np.i0(beta * np.sqrt(np.clip(1 - (distance / width) ** 2, 0, None)))
    weights = np.where(abs(distance) < width, np.sinc(cutoff * distance) * window, 0)
    exact: Floats = np.rint(weights / weights.sum(axis=1, keepdims=True) * 2**30) / 2**30
    return exact


def _matrix(phases: Floats, down: int, cycles: int) -> Floats:
    """Return the weights of a block of outputs as columns: each phase's, moved to where its window begins."""
    up, taps = phases.shape
    matrix = np.zeros((taps + cycles * down, cycles * up))
    for column in range(cycles * up):
        first, phase = divmod(column * down, up)
        matrix[first : first + taps, column] = phases[phase]
    return matrix


def _by_block(matrix: Floats, down: int, hop: int) -> Callable[[Floats, int, int], Floats]:
    """Compute whole blocks, several cycles of all phases each: the way for ratios with few phases."""
    length, width = matrix.shape

    def run(source: Floats, start: int, count: int) -> Floats:
        skipped = start // down
        blocks = -(-(skipped + count) // width)
        windows = np.ndarray((blocks, length), np.float64, source, 0, (hop * 8, 8))
        output: Floats = windows.copy() @ matrix
        return output.ravel()[skipped : skipped + count]

    return run


def _by_sample(phases: Floats, down: int) -> Callable[[Floats, int, int], Floats]:
    """Compute each output from its own window and phase: the way for ratios with many phases."""
    up, taps = phases.shape

    def run(source: Floats, start: int, count: int) -> Floats:
        windows = np.ndarray((len(source) - taps + 1, taps), np.float64, source, 0, (8, 8))
        first, phase = np.divmod(start + np.arange(count) * down, up)
        output: Floats = np.einsum("ij,ij->i", windows[first], phases[phase])
        return output

    return run


def _to_pcm(output: Floats) -> bytes:
    np.rint(output, out=output)
    np.maximum(output, -32768, out=output)
    np.minimum(output, 32767, out=output)
    return output.astype("<i2").tobytes()
