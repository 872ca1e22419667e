from array import array
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.audio.g711 import decode_ulaw, encode_alaw
from s2s.audio.pcm import spread
from s2s.audio.resample import Resampler
from s2s.errors import AudioFormatError
from s2s.formats import AudioFormat

FORMATS = [
    AudioFormat(),
    AudioFormat(sample_rate=16_000, channels=2),
    AudioFormat(sample_rate=44_100, channels=3),
    AudioFormat("g711_ulaw", 8_000),
    AudioFormat("g711_alaw", 8_000),
]
formats = st.sampled_from(FORMATS)
rates = st.sampled_from([8_000, 16_000, 24_000])


def tone(sample_rate: int, seconds: float = 0.5) -> bytes:
    times = np.arange(int(sample_rate * seconds)) / sample_rate
    wave: npt.NDArray[np.int16] = np.rint(12_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")
    return wave.tobytes()


def test_what_needs_no_conversion_is_not_touched() -> None:
    pcm = tone(24_000)
    assert InputConverter(AudioFormat(), 24_000).push(pcm) is pcm
    assert OutputConverter(24_000, AudioFormat()).push(pcm) is pcm
    assert InputConverter(AudioFormat(), 24_000).delay_ms == 0


def test_a_telephone_call_in() -> None:
    codes = bytes(range(256)) * 10
    converter = InputConverter(AudioFormat("g711_ulaw", 8_000), 24_000)
    stream = Resampler(8_000, 24_000)
    assert converter.push(codes) == stream.push(decode_ulaw(codes))
    assert converter.flush() == stream.flush()
    assert converter.delay_ms == stream.delay_ms > 0


def test_a_telephone_call_out() -> None:
    converter = OutputConverter(24_000, AudioFormat("g711_alaw", 8_000))
    stream = Resampler(24_000, 8_000)
    pcm = tone(24_000)
    assert converter.push(pcm) == encode_alaw(stream.push(pcm))
    assert converter.flush() == encode_alaw(stream.flush())


def test_a_stereo_microphone_with_floats() -> None:
    frames = np.array([[0.5, -0.5], [0.25, 0.75]], np.float32)
    converter = InputConverter(AudioFormat(channels=2), 24_000)
    assert list(array("h", converter.push(frames))) == [0, 16_384]


def test_every_loudspeaker_gets_the_same_sound() -> None:
    pcm = tone(24_000)
    assert OutputConverter(24_000, AudioFormat(channels=2)).push(pcm) == spread(pcm, 2)


@settings(max_examples=40, deadline=None)
@given(formats, rates, st.binary(max_size=2_000), st.lists(st.integers(0, 2_000), max_size=6))
def test_no_cutting_changes_what_comes_in(
    source: AudioFormat, rate: int, heard: bytes, cuts: list[int]
) -> None:
    whole, cut = InputConverter(source, rate), InputConverter(source, rate)
    edges = [0, *sorted(min(edge, len(heard)) for edge in cuts), len(heard)]
    parts = [cut.push(heard[start:end]) for start, end in pairwise(edges)]
    assert b"".join(parts) + cut.flush() == whole.push(heard) + whole.flush()


@settings(max_examples=40, deadline=None)
@given(formats, rates, st.binary(max_size=2_000), st.lists(st.integers(0, 2_000), max_size=6))
def test_no_cutting_changes_what_goes_out(
    target: AudioFormat, rate: int, spoken: bytes, cuts: list[int]
) -> None:
    whole, cut = OutputConverter(rate, target), OutputConverter(rate, target)
    edges = [0, *sorted(min(edge, len(spoken)) for edge in cuts), len(spoken)]
    parts = [cut.push(spoken[start:end]) for start, end in pairwise(edges)]
    assert b"".join(parts) + cut.flush() == whole.push(spoken) + whole.flush()


@pytest.mark.parametrize("there", FORMATS)
def test_there_and_back_is_the_same_sound(there: AudioFormat) -> None:
    pcm = tone(24_000)
    out, back = OutputConverter(24_000, there), InputConverter(there, 24_000)
    returned = back.push(out.push(pcm) + out.flush()) + back.flush()
    sent, heard = (np.frombuffer(sound, "<i2")[500:11_000].astype(float) for sound in (pcm, returned))
    error = np.sqrt(np.mean((sent - heard) ** 2) / np.mean(sent**2))
    assert error < (0.02 if there.encoding.startswith("g711") else 0.001)


def test_a_flush_begins_a_new_stream() -> None:
    converter = InputConverter(AudioFormat(sample_rate=16_000), 24_000)
    first = converter.push(tone(16_000) + b"\x01") + converter.flush()
    assert converter.push(tone(16_000)) + converter.flush() == first


def test_what_is_no_audio_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="give PCM16"):
        InputConverter(AudioFormat(), 24_000).push("hello")
