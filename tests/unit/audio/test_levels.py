from array import array
from collections.abc import Callable
from math import pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.audio.levels import FLOOR_DBFS, is_silent, peak_dbfs, rms_dbfs
from s2s.errors import AudioFormatError

SQUARE = array("h", [-32768] * 10).tobytes()
SINE = array("h", [round(32767 * sin(2 * pi * n / 48)) for n in range(480)]).tobytes()


def test_full_scale() -> None:
    assert rms_dbfs(SQUARE) == peak_dbfs(SQUARE) == 0
    assert rms_dbfs(SINE) == pytest.approx(-3.01, abs=0.01)
    assert peak_dbfs(SINE) == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("pcm", [b"", bytes(960)])
def test_silence_has_a_level(pcm: bytes) -> None:
    assert rms_dbfs(pcm) == peak_dbfs(pcm) == FLOOR_DBFS
    assert is_silent(pcm)


def test_silence_is_a_matter_of_taste() -> None:
    assert not is_silent(SINE)
    assert is_silent(SINE, below_dbfs=-3)


@pytest.mark.parametrize("measure", [rms_dbfs, peak_dbfs])
def test_half_a_sample_is_refused(measure: Callable[[bytes], float]) -> None:
    with pytest.raises(AudioFormatError, match="use Carry"):
        measure(b"\x00")


@given(st.lists(st.integers(-32768, 32767)))
def test_the_mean_never_exceeds_the_peak(numbers: list[int]) -> None:
    pcm = array("h", numbers).tobytes()
    assert FLOOR_DBFS <= rms_dbfs(pcm) <= peak_dbfs(pcm) + 1e-9
    assert peak_dbfs(pcm) <= 0
