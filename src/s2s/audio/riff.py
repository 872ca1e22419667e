"""Finds the sound in a WAV file, front to back, so that a pipe will do."""

from __future__ import annotations

from struct import unpack, unpack_from
from typing import BinaryIO, NamedTuple

from s2s.errors import AudioFormatError

UNKNOWN_SIZE = 0xFFFFFFFF
"""What a program writes for a length that it does not know yet; some write 0."""

PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE

_OTHERS = {
    b"ID3": "an MP3 file",
    b"\xff\xfb": "an MP3 file",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"FORM": "an AIFF file",
    b"RIFX": "a big-endian WAV file",
    b"RIFF": "a RIFF file without sound",
    b"\x1aE\xdf\xa3": "a WebM or Matroska file",
}
_REMEDY = "convert it with `ffmpeg -i FILE out.wav`"


class Layout(NamedTuple):
    """How the sound is stored."""

    coding: int
    """PCM, FLOAT, ALAW, ULAW or a number that is not understood here."""
    channels: int
    sample_rate: int
    sample_bytes: int
    n_bytes: int | None
    """None: until the end of the file."""


def read_layout(file: BinaryIO) -> Layout:
    """Read up to the first byte of sound.

    Raises AudioFormatError if this is no WAV file or ends before its sound.
    """
    _read_opening(file)
    sound: Layout | None = None
    long_size: int | None = None
    while len(head := _read(file, 8)) == 8:
        name, size = unpack("<4sI", head)
        match name:
            case b"fmt ":
                sound = _parse_format(_read_chunk(file, size))
            case b"ds64":
                long_size = _parse_long_size(_read_chunk(file, size))
            case b"data" if sound:
                return sound._replace(n_bytes=long_size if size == UNKNOWN_SIZE else size or None)
            case _:
                _read_chunk(file, size)
    raise AudioFormatError("the WAV file ends before its sound: record or download it again")


def _read_opening(file: BinaryIO) -> None:
    opening = _read(file, 12)
    if not opening:
        raise AudioFormatError("the file is empty: give a WAV file")
    if len(opening) == 12 and opening[:4] in (b"RIFF", b"RF64") and opening[8:] == b"WAVE":
        return
    kinds = (kind for magic, kind in _OTHERS.items() if opening.startswith(magic))
    found = next(kinds, f"a file that begins with {opening!r}")
    raise AudioFormatError(f"this is {found}, not a WAV file: {_REMEDY}")


def _read_chunk(file: BinaryIO, size: int) -> bytes:
    """Read past a chunk and its padding; return its beginning."""
    left = size + size % 2
    kept = _read(file, min(left, 64))
    left -= len(kept)
    while left and (skipped := file.read(min(left, 1 << 16))):
        left -= len(skipped)
    return kept


def _read(file: BinaryIO, n_bytes: int) -> bytes:
    """Read so many bytes, less only at the end of the file; a pipe gives what has come so far."""
    got = b""
    while len(got) < n_bytes and (more := file.read(n_bytes - len(got))):
        got += more
    return got


def _parse_format(chunk: bytes) -> Layout:
    if len(chunk) < 16:
        raise AudioFormatError(f"the WAV file has a broken format chunk: {_REMEDY}")
    coding, channels, sample_rate, _, _, bits = unpack_from("<HHIIHH", chunk)
    if coding == EXTENSIBLE and len(chunk) >= 26:
        (coding,) = unpack_from("<H", chunk, 24)
    if not channels:
        raise AudioFormatError(f"the WAV file has no channels: {_REMEDY}")
    return Layout(coding, channels, sample_rate, (bits + 7) // 8, None)


def _parse_long_size(chunk: bytes) -> int | None:
    return int.from_bytes(chunk[8:16], "little") or None
