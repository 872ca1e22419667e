from array import array
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.audio.pcm import Carry, as_bytes, downmix, spread
from s2s.errors import AudioFormatError

RAMP = array("h", [-32768, -2, -1, 0, 1, 2, 32767])
PCM = RAMP.tobytes()
SIXTEEN_BIT = st.integers(-32768, 32767)


@pytest.mark.parametrize(
    "chunk",
    [
        PCM,
        bytearray(PCM),
        memoryview(PCM),
        memoryview(PCM).cast("b"),
        RAMP,
        array("B", PCM),
        np.array(RAMP),
        np.frombuffer(PCM, np.uint8),
        np.array(RAMP).reshape(-1, 1),
        np.repeat(np.array(RAMP), 2)[::2],
        np.array(RAMP)[::-1][::-1],
    ],
    ids=lambda chunk: type(chunk).__name__,
)
def test_sixteen_bit_chunks_are_taken_as_they_are(chunk: object) -> None:
    assert as_bytes(chunk) == PCM


def test_bytes_are_not_copied_and_other_buffers_are() -> None:
    assert as_bytes(PCM) is PCM
    reused = bytearray(PCM)
    held = as_bytes(reused)
    reused[:2] = b"\x12\x34"
    assert held == PCM


def test_columns_of_a_fortran_array_are_channels_all_the_same() -> None:
    stereo = np.asfortranarray(np.array([[1, 2], [3, 4]], np.int16))
    assert as_bytes(stereo) == array("h", [1, 2, 3, 4]).tobytes()


@pytest.mark.parametrize("make", [partial(array, "f"), partial(array, "d"), np.float32, np.float64])
def test_floats_have_full_scale_one(make: Callable[[list[float]], object]) -> None:
    floats = make([-1.0, -0.5, 0.0, 0.5, 1.0, -7.0, 7.0, float("inf"), float("-inf"), float("nan")])
    expected = [-32768, -16384, 0, 16384, 32767, -32768, 32767, 32767, -32768, 0]
    assert list(array("h", as_bytes(floats))) == expected


@given(st.lists(SIXTEEN_BIT))
def test_sixteen_bits_survive_being_floats(numbers: list[int]) -> None:
    floats = array("f", [number / 32768 for number in numbers])
    assert list(array("h", as_bytes(floats))) == numbers


@pytest.mark.parametrize(
    "chunk",
    [
        "sound",
        None,
        7,
        [1, 2, 3],
        np.zeros(3, ">i2"),
        np.zeros(3, np.int32),
        np.zeros(3, np.uint16),
        np.zeros(3, np.float16),
        np.zeros(3, np.complex64),
        np.zeros(3, "datetime64[s]"),
        np.float64(0.5),
        array("q", [1]),
    ],
    ids=repr,
)
def test_what_is_no_audio_is_refused_with_what_is(chunk: object) -> None:
    with pytest.raises(AudioFormatError, match="give PCM16 as bytes"):
        as_bytes(chunk)


def test_channels_are_averaged_without_overflow() -> None:
    loud = array("h", [32767, 32767, -32768, -32768, 1, 2, -1, -2]).tobytes()
    assert list(array("h", downmix(loud, 2))) == [32767, -32768, 2, -1]


@given(st.integers(1, 8), st.lists(SIXTEEN_BIT))
def test_equal_channels_come_back_as_one(channels: int, numbers: list[int]) -> None:
    pcm = array("h", numbers).tobytes()
    assert downmix(spread(pcm, channels), channels) == pcm


def test_a_split_frame_cannot_be_mixed() -> None:
    with pytest.raises(AudioFormatError, match="use Carry"):
        downmix(bytes(6), 2)


@given(st.integers(1, 16), st.lists(st.binary(max_size=40)))
def test_frames_survive_any_cutting(frame_bytes: int, chunks: list[bytes]) -> None:
    carry = Carry(frame_bytes)
    pushed = [carry.push(chunk) for chunk in chunks]
    whole = b"".join(chunks)
    assert all(len(frames) % frame_bytes == 0 for frames in pushed)
    assert b"".join(pushed) == whole[: len(whole) // frame_bytes * frame_bytes]


def test_whole_frames_pass_untouched() -> None:
    assert Carry(2).push(PCM) is PCM


def test_a_flush_forgets_half_a_sample() -> None:
    carry = Carry(2)
    carry.push(b"\x01\x02\x03")
    assert carry.flush() == b""
    assert carry.push(b"\x04\x05") == b"\x04\x05"
