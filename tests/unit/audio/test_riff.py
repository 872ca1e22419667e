from io import BytesIO
from struct import pack

import pytest

from s2s.audio.riff import ALAW, FLOAT, PCM, UNKNOWN_SIZE, Layout, read_layout
from s2s.errors import AudioFormatError

SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, content: bytes) -> bytes:
    return pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)


def sound_format(coding: int = PCM, channels: int = 1, rate: int = 24_000, bits: int = 16) -> bytes:
    return pack("<HHIIHH", coding, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)


def riff(*chunks: bytes, size: int | None = None, name: bytes = b"RIFF") -> BytesIO:
    content = b"WAVE" + b"".join(chunks)
    return BytesIO(pack("<4sI", name, len(content) if size is None else size) + content)


FORMAT = chunk(b"fmt ", sound_format())
SOUND = chunk(b"data", b"\x01\x00\x02\x00")


def test_the_file_is_left_at_its_first_byte_of_sound() -> None:
    file = riff(FORMAT, SOUND)
    assert read_layout(file) == Layout(PCM, channels=1, sample_rate=24_000, sample_bytes=2, n_bytes=4)
    assert file.read(4) == b"\x01\x00\x02\x00"


def test_other_chunks_and_their_padding_are_skipped() -> None:
    notes = chunk(b"LIST", bytes(100_001))
    assert read_layout(riff(notes, FORMAT, chunk(b"fact", b"\x00" * 4), notes, SOUND)).n_bytes == 4


@pytest.mark.parametrize(("coding", "bits"), [(PCM, 24), (FLOAT, 32), (ALAW, 8)])
def test_an_extensible_format_names_its_coding_at_the_end(coding: int, bits: int) -> None:
    extension = pack("<HHIH", 22, bits, 3, coding) + SUBTYPE_TAIL
    extensible = chunk(b"fmt ", sound_format(0xFFFE, channels=2, bits=bits) + extension)
    layout = read_layout(riff(extensible, SOUND))
    assert (layout.coding, layout.channels, layout.sample_bytes) == (coding, 2, bits // 8)


@pytest.mark.parametrize(
    ("declared", "size"),
    [(UNKNOWN_SIZE, UNKNOWN_SIZE), (36, UNKNOWN_SIZE), (UNKNOWN_SIZE, 0), (36, 0), (0, 0)],
)
def test_a_length_that_was_never_written_means_until_the_end(declared: int, size: int) -> None:
    file = riff(FORMAT, pack("<4sI", b"data", size) + bytes(8), size=declared)
    assert read_layout(file).n_bytes is None


def test_a_file_beyond_four_gigabytes_has_its_length_elsewhere() -> None:
    long_size = chunk(b"ds64", pack("<QQQI", 6 << 30, 5 << 30, 0, 0))
    data = pack("<4sI", b"data", UNKNOWN_SIZE)
    assert read_layout(riff(long_size, FORMAT, data, size=UNKNOWN_SIZE, name=b"RF64")).n_bytes == 5 << 30


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "the file is empty: give a WAV file"),
        (b"ID3\x04 and so on", "an MP3 file, not a WAV file: convert it"),
        (b"OggS and so on", "an Ogg file, not a WAV file: convert it"),
        (b"RIFX\x00\x00\x00\x00WAVE", "a big-endian WAV file, not a WAV file: convert it"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "a RIFF file without sound, not a WAV file: convert it"),
        (b"hello", "a file that begins with b'hello'"),
        (riff().getvalue(), "ends before its sound"),
        (riff(FORMAT).getvalue(), "ends before its sound"),
        (riff(SOUND).getvalue(), "ends before its sound"),
        (riff(chunk(b"LIST", bytes(9))).getvalue()[:-5], "ends before its sound"),
        (riff(chunk(b"fmt ", bytes(10)), SOUND).getvalue(), "broken format chunk"),
        (riff(chunk(b"fmt ", sound_format(channels=0)), SOUND).getvalue(), "has no channels"),
    ],
)
def test_what_is_no_wav_file_is_refused_with_what_it_is(content: bytes, found: str) -> None:
    with pytest.raises(AudioFormatError, match=found):
        read_layout(BytesIO(content))
