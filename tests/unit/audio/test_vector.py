"""The same sums on paper: plain Python integers against numpy."""

from array import array
from itertools import chain
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.audio import vector

NUMBERS = st.lists(st.integers(-32768, 32767), min_size=1)


@given(st.integers(1, 8), NUMBERS)
def test_downmix(channels: int, numbers: list[int]) -> None:
    frames = [numbers[at : at + channels] for at in range(0, len(numbers) - channels + 1, channels)]
    pcm = array("h", chain.from_iterable(frames)).tobytes()
    expected = [(sum(frame) + channels // 2) // channels for frame in frames]
    assert list(array("h", vector.downmix(pcm, channels))) == expected


@pytest.mark.parametrize("code", ["f", "d"])
@given(values=st.lists(st.floats(width=32)))
def test_from_floats(code: str, values: list[float]) -> None:
    expected = [0 if isnan(x) else min(32767, round(max(-1.0, min(1.0, x)) * 32768)) for x in values]
    assert list(array("h", vector.from_floats(array(code, values).tobytes(), code))) == expected


@given(NUMBERS)
def test_look_up(numbers: list[int]) -> None:
    table = bytes(number * 7 % 251 for number in range(65536))
    expected = bytes(table[number] for number in numbers)
    assert vector.look_up(array("h", numbers).tobytes(), table) == expected


@given(NUMBERS)
def test_levels(numbers: list[int]) -> None:
    pcm = array("h", numbers).tobytes()
    assert vector.mean_square(pcm) == sum(number**2 for number in numbers) / len(numbers)
    assert vector.peak(pcm) == max(map(abs, numbers))
