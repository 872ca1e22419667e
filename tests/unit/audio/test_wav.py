import wave
from array import array
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.audio.g711 import decode_alaw, decode_ulaw
from s2s.audio.wav import WavWriter, open_wav, read_wav, write_wav
from s2s.errors import AudioFormatError, ConfigError
from s2s.formats import AudioFormat

RAMP = [-32768, -256, 0, 255, 32767]
PCM = array("h", RAMP).tobytes()
CODES = bytes(range(256))


class Pipe(BytesIO):
    """A file that cannot seek and gives what has come so far."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise OSError(f"no seeking to {offset} from {whence}")

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size if size is None or size <= 8 else min(size, 7))


def wav(coding: int, bits: int, sound: bytes, channels: int = 1, size: int | None = None) -> bytes:
    frame = channels * bits // 8
    head = pack("<4sIHHIIHH", b"fmt ", 16, coding, channels, 16_000, 16_000 * frame, frame, bits)
    data = pack("<4sI", b"data", len(sound) if size is None else size)
    return pack("<4sI", b"RIFF", 36 + len(sound)) + b"WAVE" + head + data + sound


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (wav(1, 8, bytes([0, 127, 128, 255])), array("h", [-32768, -256, 0, 32512]).tobytes()),
        (wav(1, 16, PCM), PCM),
        (wav(1, 24, b"".join(b"\x99" + pack("<h", x) for x in RAMP)), PCM),
        (wav(1, 32, b"".join(b"\x99\x99" + pack("<h", x) for x in RAMP)), PCM),
        (wav(3, 32, array("f", (x / 32768 for x in RAMP)).tobytes()), PCM),
        (wav(3, 64, array("d", (x / 32768 for x in RAMP)).tobytes()), PCM),
        (wav(6, 8, CODES), decode_alaw(CODES)),
        (wav(7, 8, CODES), decode_ulaw(CODES)),
        (wav(1, 16, array("h", [100, 200, -5, -7]).tobytes(), channels=2), array("h", [150, -6]).tobytes()),
        (wav(1, 24, (b"\x00" + pack("<h", 9)) * 6, channels=6), pack("<h", 9)),
    ],
    ids=["8", "16", "24", "32", "float32", "float64", "alaw", "ulaw", "stereo", "surround"],
)
def test_every_common_kind_becomes_pcm16_mono(content: bytes, expected: bytes) -> None:
    assert read_wav(content) == (AudioFormat(sample_rate=16_000), expected)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 1_000])
def test_a_wrong_length_gives_what_is_there(size: int) -> None:
    assert read_wav(wav(1, 16, PCM, size=size)).pcm == PCM


def test_half_a_frame_at_the_end_is_no_sound() -> None:
    assert read_wav(wav(1, 16, PCM)[:-1]).pcm == PCM[:-2]


def test_what_follows_the_sound_is_not_heard() -> None:
    assert read_wav(wav(1, 16, PCM) + b"LIST" + bytes(40)).pcm == PCM


def test_a_stream_comes_in_chunks_of_the_asked_length() -> None:
    with open_wav(wav(1, 16, bytes(2_000)), chunk_ms=20) as reader:
        assert [len(chunk) for chunk in reader] == [640, 640, 640, 80]


def test_a_chunk_has_at_least_one_frame() -> None:
    with open_wav(wav(1, 16, PCM), chunk_ms=0.001) as reader:
        assert list(reader) == [PCM[at : at + 2] for at in range(0, len(PCM), 2)]


def test_a_pipe_will_do() -> None:
    stereo = array("h", range(400)).tobytes()
    assert read_wav(Pipe(wav(1, 16, stereo, channels=2))) == read_wav(wav(1, 16, stereo, channels=2))


def test_a_file_that_was_given_stays_open() -> None:
    file = BytesIO(wav(1, 16, PCM))
    read_wav(file)
    assert not file.closed


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"", "give a WAV file"),
        (b"fLaC and so on", "a FLAC file, not a WAV file"),
        (wav(2, 4, PCM), "coding 2 with 1 bytes per sample is not understood"),
        (wav(1, 64, PCM), "coding 1 with 8 bytes per sample is not understood"),
        (wav(1, 16, PCM).replace(pack("<I", 16_000), bytes(4), 1), "whole number from 4000 to 192000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(content: bytes, remedy: str) -> None:
    with pytest.raises(AudioFormatError, match=remedy):
        read_wav(content)


@pytest.mark.parametrize("kind", [str, Path])
def test_what_is_written_is_read_back_by_anybody(tmp_path: Path, kind: type[str] | type[Path]) -> None:
    path = kind(tmp_path / "said.wav")
    write_wav(path, array("h", RAMP), 16_000)
    assert read_wav(path) == (AudioFormat(sample_rate=16_000), PCM)
    with wave.open(str(path)) as other:
        assert other.getparams()[:4] == (1, 2, 16_000, len(RAMP))
        assert other.readframes(99) == PCM


@given(st.lists(st.binary(max_size=50)))
def test_any_cutting_is_written_as_one_sound(chunks: list[bytes]) -> None:
    file = BytesIO()
    with WavWriter(file) as writer:
        for chunk in chunks:
            writer.write(chunk)
    whole = b"".join(chunks)
    assert read_wav(file.getvalue()).pcm == whole[: len(whole) // 2 * 2]


@pytest.mark.parametrize("kind", [BytesIO, Pipe])
def test_a_recording_that_was_never_closed_can_be_read(kind: type[BytesIO]) -> None:
    file = kind()
    writer = WavWriter(file, 8_000)
    writer.write(PCM)
    assert read_wav(file.getvalue()) == (AudioFormat(sample_rate=8_000), PCM)


def test_a_pipe_is_written_without_seeking() -> None:
    file = Pipe()
    write_wav(file, PCM)
    assert read_wav(file.getvalue()).pcm == PCM


def test_a_recording_can_follow_something_else() -> None:
    file: BinaryIO = BytesIO(b"before")
    file.seek(6)
    write_wav(file, PCM)
    file.seek(0)
    assert file.read(6) == b"before"
    assert read_wav(file).pcm == PCM


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "twice.wav")
    writer.write(PCM)
    writer.close()
    writer.close()
    assert read_wav(tmp_path / "twice.wav").pcm == PCM


def test_an_impossible_rate_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use a whole number"):
        WavWriter(tmp_path / "never.wav", 0)
    assert list(tmp_path.iterdir()) == []


def test_channels_can_be_had_as_they_are() -> None:
    frames = pack("<4h", 1, 3, 5, 7)
    sound = pack("<HHIIHH", 1, 2, 8000, 32000, 4, 16)
    body = b"WAVEfmt " + pack("<I", 16) + sound + b"data" + pack("<I", len(frames)) + frames
    file = b"RIFF" + pack("<I", len(body)) + body
    with open_wav(file) as reader:
        assert (reader.channels, b"".join(reader.interleaved())) == (2, frames)
    with open_wav(file) as reader:
        assert b"".join(reader) == pack("<2h", 2, 6)
