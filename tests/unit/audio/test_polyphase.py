from array import array
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s.audio.polyphase import HALF_PERIODS, Polyphase, design

RATIOS = [(2, 3), (3, 2), (1, 2), (6, 1), (1, 6), (160, 441), (147, 80), (1, 24)]


def impulse_response(up: int, down: int) -> list[int]:
    stream = Polyphase(design(up, down))
    loud = np.zeros(200 * down, "<i2")
    loud[100 * down] = 32767
    return list(array("h", stream.push(loud.tobytes()) + stream.flush()))


def test_streams_of_one_ratio_share_their_filter() -> None:
    assert design(2, 3) is design(2, 3)


@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_the_response_is_symmetric_around_the_impulse(up: int, down: int) -> None:
    response = impulse_response(up, down)
    centre = 100 * up
    assert response[centre] == max(response)
    assert response[centre + 1 : 2 * centre] == response[centre - 1 : 0 : -1]


@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_the_filter_is_as_long_as_it_says(up: int, down: int) -> None:
    response = np.array(impulse_response(up, down))
    heard = np.flatnonzero(response) - 100 * up
    assert max(abs(heard)) <= HALF_PERIODS * max(1, up / down)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_any_ratio_and_any_cutting(up: int, down: int, sizes: list[int]) -> None:
    up, down = up // gcd(up, down), down // gcd(up, down)
    if max(up, down) > 30 * min(up, down):
        return
    fir = design(up, down)
    pcm = np.random.default_rng(3).integers(-32768, 32767, sum(sizes)).astype("<i2").tobytes()
    cut, whole = Polyphase(fir), Polyphase(fir)
    ends = np.cumsum(sizes)
    parts = [cut.push(pcm[2 * (end - size) : 2 * end]) for size, end in zip(sizes, ends, strict=True)]
    output = whole.push(pcm) + whole.flush()
    assert b"".join(parts) + cut.flush() == output
    assert len(output) // 2 == -(-sum(sizes) * up // down)


@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_a_long_push_is_cut_into_small_products(up: int, down: int) -> None:
    pcm = np.random.default_rng(5).integers(-32768, 32767, 20_000).astype("<i2").tobytes()
    fir = design(up, down)
    assert fir.batch < 20_000
    step = 2 * fir.batch
    long, short = Polyphase(fir), Polyphase(fir)
    assert long.push(pcm) == b"".join(short.push(pcm[at : at + step]) for at in range(0, len(pcm), step))
