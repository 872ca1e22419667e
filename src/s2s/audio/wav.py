"""WAV files, whole or as a stream: any common kind comes in, callers see PCM16 and write it as mono."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from struct import pack
from sys import maxsize
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple, Self, TypeAlias

from s2s.audio.extra import prefer_numpy
from s2s.audio.g711 import decode_alaw, decode_ulaw
from s2s.audio.pcm import Carry, as_bytes, downmix, from_floats
from s2s.audio.riff import ALAW, FLOAT, PCM, ULAW, UNKNOWN_SIZE, Layout, read_layout
from s2s.errors import AudioFormatError, ConfigError
from s2s.formats import AudioFormat

WavSource: TypeAlias = str | Path | bytes | BinaryIO
WavTarget: TypeAlias = str | Path | BinaryIO


class Wav(NamedTuple):
    """The sound of a file, PCM16 mono."""

    format: AudioFormat
    pcm: bytes


class WavReader:
    """Iterates once over the sound of a file; one that was cut short gives what is there."""

    def __init__(self, file: BinaryIO, chunk_ms: float) -> None:
        layout = read_layout(file)
        self.format = _format(layout)
        self.channels = layout.channels
        """How many are averaged."""
        self._layout = layout
        self._decode = _decoder(layout)
        self._file = file
        self._chunk_frames = max(1, int(layout.sample_rate * chunk_ms / 1000))

    def __iter__(self) -> Iterator[bytes]:
        return (downmix(pcm, self.channels) for pcm in self.interleaved())

    def interleaved(self) -> Iterator[bytes]:
        """Yield the sound of all channels, PCM16 interleaved, in place of mono."""
        frame_bytes = self._layout.channels * self._layout.sample_bytes
        carry = Carry(frame_bytes)
        left = maxsize if self._layout.n_bytes is None else self._layout.n_bytes
        while raw := self._file.read(min(left, self._chunk_frames * frame_bytes)):
            left -= len(raw)
            if frames := carry.push(raw):
                yield self._decode(frames)


class WavWriter:
    """Writes PCM16 mono as it comes; what was written can be read even if the program dies before `close`."""

    def __init__(self, target: WavTarget, sample_rate: int = 24_000) -> None:
        self.format = AudioFormat(sample_rate=sample_rate)
        self._opened = ExitStack()
        self._file = self._opened.enter_context(opened(target, "wb"))
        self._start = self._file.tell() if self._file.seekable() else None
        self._carry = Carry(2)
        self._n_bytes = 0
        self._file.write(_header(sample_rate, UNKNOWN_SIZE))

    def write(self, chunk: object) -> None:
        """Append a chunk, which is anything that `as_bytes` takes."""
        pcm = self._carry.push(as_bytes(chunk))
        self._file.write(pcm)
        self._n_bytes += len(pcm)

    def close(self) -> None:
        """Put the length into the header, if the target can seek; close the file, if it was opened here."""
        with self._opened:
            if self._start is not None and not self._file.closed:
                self._file.seek(self._start)
                self._file.write(_header(self.format.sample_rate, self._n_bytes))
                self._file.seek(0, 2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def open_wav(source: WavSource, chunk_ms: float = 20.0) -> Iterator[WavReader]:
    """Open a path, the bytes of a file or a binary file that need not seek, to read it chunk by chunk.

    Raises AudioFormatError for what is no WAV file or of a kind that is not understood.
    """
    with opened(source, "rb") as file:
        yield WavReader(file, chunk_ms)


def read_wav(source: WavSource) -> Wav:
    """Read a whole WAV file. Raises AudioFormatError as `open_wav` does."""
    with open_wav(source, chunk_ms=1000.0) as reader:
        return Wav(reader.format, b"".join(reader))


def write_wav(target: WavTarget, pcm: object, sample_rate: int = 24_000) -> None:
    """Write a whole WAV file; `pcm` is anything that `as_bytes` takes."""
    with WavWriter(target, sample_rate) as writer:
        writer.write(pcm)


def opened(file: WavSource, mode: Literal["rb", "wb"]) -> AbstractContextManager[BinaryIO]:
    """Open a path or the bytes of a file; a file that is given open stays open."""
    match file:
        case str() | Path():
            return open(file, mode)
        case bytes():
            return BytesIO(file)
        case _:
            return nullcontext(file)


def _header(sample_rate: int, n_bytes: int) -> bytes:
    data, whole = min(n_bytes, UNKNOWN_SIZE), min(n_bytes + 36, UNKNOWN_SIZE)
    sound = (16, PCM, 1, sample_rate, 2 * sample_rate, 2, 16)
    return pack("<4sI4s4sIHHIIHH4sI", b"RIFF", whole, b"WAVE", b"fmt ", *sound, b"data", data)


def _format(layout: Layout) -> AudioFormat:
    try:
        return AudioFormat(sample_rate=layout.sample_rate)
    except ConfigError as unusual:
        raise AudioFormatError(f"the WAV file cannot be used: {unusual}") from unusual


def _decoder(layout: Layout) -> Callable[[bytes], bytes]:
    decode = _DECODERS.get((layout.coding, layout.sample_bytes))
    if decode is None:
        raise AudioFormatError(
            f"WAV coding {layout.coding} with {layout.sample_bytes} bytes per sample is not understood: "
            "convert it with `ffmpeg -i FILE -c:a pcm_s16le out.wav`"
        )
    if layout.coding == FLOAT or layout.channels > 1:
        prefer_numpy()
    return decode


def _from_unsigned(raw: bytes) -> bytes:
    """Turn 8-bit samples, of which 128 is silence, into PCM16."""
    pcm = bytearray(2 * len(raw))
    pcm[1::2] = raw.translate(_SIGNED)
    return bytes(pcm)


def _upper_bytes(raw: bytes, width: int) -> bytes:
    """Keep the two high bytes of samples with more."""
    pcm = bytearray(2 * (len(raw) // width))
    pcm[0::2] = raw[width - 2 :: width]
    pcm[1::2] = raw[width - 1 :: width]
    return bytes(pcm)


_SIGNED = bytes(value ^ 0x80 for value in range(256))

_DECODERS: Mapping[tuple[int, int], Callable[[bytes], bytes]] = {
    (PCM, 1): _from_unsigned,
    (PCM, 2): bytes,
    (PCM, 3): partial(_upper_bytes, width=3),
    (PCM, 4): partial(_upper_bytes, width=4),
    (FLOAT, 4): partial(from_floats, code="f"),
    (FLOAT, 8): partial(from_floats, code="d"),
    (ALAW, 1): decode_alaw,
    (ULAW, 1): decode_ulaw,
}
