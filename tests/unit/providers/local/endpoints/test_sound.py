from array import array
from io import BytesIO
from itertools import pairwise
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.audio.wav import write_wav
from s2s.errors import AudioFormatError
from s2s.providers.local.endpoints.sound import Sound

RAMP = array("h", range(-2_000, 2_000)).tobytes()


def wav(pcm: bytes = RAMP, rate: int = 24_000) -> bytes:
    file = BytesIO()
    write_wav(file, pcm, rate)
    return file.getvalue()


def wav_of(coding: int, channels: int, bits: int, sound: bytes, size: int | None = None) -> bytes:
    frame = channels * bits // 8
    form = pack("<4sIHHIIHH", b"fmt ", 16, coding, channels, 24_000, 24_000 * frame, frame, bits)
    data = pack("<4sI", b"data", len(sound) if size is None else size) + sound
    return b"RIFF" + pack("<I", 4 + len(form) + len(data)) + b"WAVE" + form + data


def heard(*pieces: bytes, rate: int = 24_000, content_type: str = "audio/pcm") -> bytes:
    sound = Sound(rate, content_type)
    return b"".join(map(sound.push, pieces)) + sound.flush()


def cut(answer: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(answer) + 1) for place in places), len(answer)]
    return [answer[begin:end] for begin, end in pairwise(edges)]


@given(st.sampled_from([RAMP, wav()]), st.lists(st.integers(0, 10_000), max_size=20))
def test_pieces_of_any_size_are_the_same_sound(answer: bytes, places: list[int]) -> None:
    assert heard(*cut(answer, places)) == RAMP


def test_bare_samples_are_given_as_they_come() -> None:
    sound = Sound(24_000)
    assert sound.push(RAMP[:3]) == b""
    assert sound.push(RAMP[3:7]) == RAMP[:6]
    assert sound.push(RAMP[7:9]) == RAMP[6:8]


def test_a_wav_file_is_given_before_it_is_complete() -> None:
    sound, file = Sound(24_000), wav()
    assert sound.push(file[:43]) == b""
    assert sound.push(file[43:60]) == RAMP[:16]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_file_that_was_begun_without_its_length_goes_to_the_end(size: int) -> None:
    assert heard(wav_of(1, 1, 16, RAMP, size)) == RAMP


def test_what_follows_the_sound_in_a_wav_file_is_not_heard() -> None:
    answer = wav() + b"LIST" + pack("<I", 4) + b"INFO"
    assert heard(answer) == RAMP
    assert heard(*cut(answer, [7, len(answer) - 9])) == RAMP


def test_chunks_before_the_sound_are_passed_over() -> None:
    file = wav()
    assert heard(file[:12] + b"LIST" + pack("<I", 3_000) + bytes(3_000) + file[12:]) == RAMP


def test_a_wav_file_is_heard_at_its_own_rate_and_both_channels_as_one() -> None:
    half = heard(wav(RAMP, 12_000))
    assert abs(len(half) - 2 * len(RAMP)) <= 4
    stereo = array("h", [level for level in range(-100, 100) for _ in "lr"]).tobytes()
    assert heard(wav_of(1, 2, 16, stereo)) == array("h", range(-100, 100)).tobytes()


@pytest.mark.parametrize("content_type", ["audio/pcm;rate=12000", 'audio/L16; codec=pcm; rate="12000"'])
def test_the_type_may_tell_the_rate(content_type: str) -> None:
    assert abs(len(heard(RAMP, content_type=content_type)) - 2 * len(RAMP)) <= 4
    assert heard(RAMP, content_type=content_type, rate=12_000) == RAMP


def test_the_type_may_tell_the_channels() -> None:
    assert heard(array("h", [2, 4, 6, 8]).tobytes(), content_type="audio/pcm; channels=2") == b"\3\0\7\0"


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (b"ID3\4" + RAMP, "is an MP3 file, not PCM16"),
        (b"OggS" + RAMP, "is an Ogg file, not PCM16"),
        (b"fLaC" + RAMP, "is a FLAC file, not PCM16"),
        (b'{"error": "no voice"}', "is text, not PCM16"),
        (b"<!DOCTYPE html>", "is text, not PCM16"),
        (wav_of(3, 1, 32, bytes(400)), "WAV file of coding 3 with 4 bytes per sample"),
        (wav_of(1, 1, 8, bytes(400)), "WAV file of coding 1 with 1 bytes per sample"),
        (wav_of(1, 9, 16, bytes(360)), "channels of pcm16 cannot be 9"),
        (b"RIFF" + bytes(70_000), "a WAV file without sound"),
    ],
)
@pytest.mark.parametrize("first", [1, 5, 100_000])
def test_what_is_no_pcm_is_named(answer: bytes, match: str, first: int) -> None:
    with pytest.raises(AudioFormatError, match=match):
        heard(answer[:first], answer[first:])


def test_a_rate_that_cannot_be_is_named() -> None:
    with pytest.raises(AudioFormatError, match="cannot be 999999"):
        Sound(24_000, "audio/pcm;rate=999999")


@pytest.mark.parametrize("answer", [b"", b"\1", b"\1\0\1", b"RIFF\0\0", wav()[:44], wav()[:45]])
def test_an_answer_without_sound_is_silent(answer: bytes) -> None:
    assert heard(answer) == b""
