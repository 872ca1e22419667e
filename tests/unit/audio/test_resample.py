"""Measured on sounds, not on the filter's formula: sine sweeps through the public class."""

from collections.abc import Callable
from itertools import permutations
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s.audio.resample import Resampler
from s2s.errors import AudioFormatError, ConfigError

Floats = npt.NDArray[np.float64]

TELEPHONE_AND_WIDE = list(permutations((8_000, 16_000, 24_000, 48_000), 2))
UNEVEN = [
    (44_100, 16_000),
    (16_000, 44_100),
    (44_100, 48_000),
    (22_050, 24_000),
    (11_025, 16_000),
    (32_000, 24_000),
]
AMPLITUDE = 30_000


class Heard(NamedTuple):
    """What came of a sine."""

    gain_db: float
    shift_us: float
    other_db: float
    """Everything in the output that is not the sine: aliases, images, rounding."""


def decibels(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-9)))


def resample(pcm: bytes, source_hz: int, target_hz: int) -> bytes:
    stream = Resampler(source_hz, target_hz)
    return stream.push(pcm) + stream.flush()


def listen(source_hz: int, target_hz: int, frequency: float) -> Heard:
    times = np.arange(source_hz // 8) / source_hz
    pcm = np.rint(AMPLITUDE * np.sin(2 * np.pi * frequency * times)).astype("<i2").tobytes()
    edge = target_hz // 100
    output = np.frombuffer(resample(pcm, source_hz, target_hz), "<i2")[edge:-edge].astype(float)
    if frequency >= target_hz / 2:
        return Heard(-np.inf, 0, loudness(output))
    angles = 2 * np.pi * frequency * (np.arange(len(output)) + edge) / target_hz
    waves = np.stack((np.sin(angles), np.cos(angles)), axis=1)
    (along, across), *_ = np.linalg.lstsq(waves, output, rcond=None)
    shift_us = np.arctan2(across, along) / (2 * np.pi * frequency) * 1e6
    return Heard(
        decibels(np.hypot(along, across) / AMPLITUDE), shift_us, loudness(output - waves @ [along, across])
    )


def loudness(sound: Floats) -> float:
    return decibels(float(np.sqrt(2 * np.mean(sound**2))) / AMPLITUDE)


def noise(n_samples: int) -> bytes:
    return np.random.default_rng(7).integers(-32768, 32767, n_samples).astype("<i2").tobytes()


@pytest.mark.parametrize(("source_hz", "target_hz"), TELEPHONE_AND_WIDE + UNEVEN)
def test_sweep(source_hz: int, target_hz: int) -> None:
    nyquist = min(source_hz, target_hz) / 2
    edges = nyquist * np.array([0.98, 0.995, 1.005, 1.02, 1.1])
    sweep = np.concatenate((np.linspace(50, source_hz / 2 - 50, 24), edges[edges < source_hz / 2]))
    for frequency in sweep:
        heard = listen(source_hz, target_hz, frequency)
        assert heard.other_db < -65, f"alias or image of {frequency:.0f} Hz"
        if frequency < 0.77 * nyquist:
            assert abs(heard.gain_db) < 0.1, f"not flat at {frequency:.0f} Hz"
            assert abs(heard.shift_us) < 0.1, f"shifted at {frequency:.0f} Hz"


@pytest.mark.parametrize(("source_hz", "target_hz"), TELEPHONE_AND_WIDE)
def test_the_delay_is_what_it_says_and_within_the_bound(source_hz: int, target_hz: int) -> None:
    stream = Resampler(source_hz, target_hz)
    withheld = []
    n_outputs = 0
    for n_inputs in range(1, source_hz // 50):
        n_outputs += len(stream.push(b"\x01\x00")) // 2
        withheld.append(1000 * (n_inputs / source_hz - n_outputs / target_hz))
    assert max(withheld) <= stream.delay_ms + 1e-9
    assert max(withheld) == pytest.approx(stream.delay_ms, abs=1000 / source_hz)
    assert stream.delay_ms <= (2.2 if 8_000 in (source_hz, target_hz) else 1.1)


@pytest.mark.parametrize(("source_hz", "target_hz"), TELEPHONE_AND_WIDE + UNEVEN)
@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 700), min_size=1, max_size=20))
def test_chunks_of_any_size_give_the_same_bits(source_hz: int, target_hz: int, sizes: list[int]) -> None:
    pcm = noise(sum(sizes))
    stream = Resampler(source_hz, target_hz)
    ends = np.cumsum(sizes)
    parts = [stream.push(pcm[2 * (end - size) : 2 * end]) for size, end in zip(sizes, ends, strict=True)]
    assert b"".join(parts) + stream.flush() == resample(pcm, source_hz, target_hz)


@pytest.mark.parametrize(("source_hz", "target_hz"), TELEPHONE_AND_WIDE + UNEVEN)
def test_long_streams_do_not_drift(source_hz: int, target_hz: int) -> None:
    stream = Resampler(source_hz, target_hz)
    chunk = bytes(2 * (source_hz // 50 + 1))
    chunks = 500
    n_inputs = chunks * len(chunk) // 2
    n_outputs = sum(len(stream.push(chunk)) for _ in range(chunks)) + len(stream.flush())
    assert n_outputs // 2 == ceil(n_inputs * target_hz / source_hz)


def test_a_twenty_ms_chunk_in_is_a_twenty_ms_chunk_out() -> None:
    stream = Resampler(24_000, 16_000)
    sizes = [len(stream.push(bytes(960))) // 2 for _ in range(50)]
    assert set(sizes[1:]) == {320}
    assert 320 - sizes[0] == 17


@pytest.mark.parametrize(("source_hz", "target_hz"), [(24_000, 16_000), (8_000, 24_000), (44_100, 48_000)])
def test_peaks_between_the_samples_are_clipped_not_wrapped(source_hz: int, target_hz: int) -> None:
    pcm = np.tile(np.array([32767, 32767, -32767, -32767], "<i2"), source_hz // 40).tobytes()
    output = np.frombuffer(resample(pcm, source_hz, target_hz), "<i2").astype(float)
    angles = 2 * np.pi * source_hz / 4 * np.arange(len(output)) / target_hz + np.pi / 4
    true = np.clip(32767 * np.sqrt(2) * np.sin(angles), -32768, 32767)
    assert np.max(np.abs(output - true)[100:-100]) < 300


@pytest.mark.parametrize(("source_hz", "target_hz"), [(48_000, 16_000), (16_000, 24_000), (44_100, 16_000)])
@pytest.mark.parametrize("level", [-32768, -12_345, 0, 12_345, 32767])
def test_a_constant_stays_that_constant(source_hz: int, target_hz: int, level: int) -> None:
    pcm = np.full(source_hz // 10, level, "<i2").tobytes()
    assert set(np.frombuffer(resample(pcm, source_hz, target_hz), "<i2")[40:-40]) == {level}


def test_a_flush_begins_a_new_stream() -> None:
    pcm = noise(1_000)
    stream = Resampler(24_000, 16_000)
    first = stream.push(pcm) + stream.flush()
    assert stream.push(pcm) + stream.flush() == first
    assert stream.flush() == b""


@pytest.mark.parametrize("kind", [bytes, memoryview, lambda pcm: memoryview(pcm).cast("h")])
def test_views_are_as_good_as_bytes(kind: Callable[[bytes], bytes | memoryview]) -> None:
    pcm = noise(480)
    assert Resampler(24_000, 16_000).push(kind(pcm)) == Resampler(24_000, 16_000).push(pcm)


def test_equal_rates_pass_through() -> None:
    pcm = noise(480)
    stream = Resampler(16_000, 16_000)
    assert stream.push(pcm) is pcm
    assert stream.flush() == b""
    assert stream.delay_ms == 0


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1), (24_000.0, 16_000), (1_000_000, 16_000)])
def test_impossible_rates_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="use a whole number"):
        Resampler(*rates)


def test_rates_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(ConfigError, match="use a usual rate"):
        Resampler(191_999, 192_000)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="use Carry"):
        Resampler(24_000, 16_000).push(b"\x00")
