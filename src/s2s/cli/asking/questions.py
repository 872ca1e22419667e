"""Questions as sound: WAV files read in small chunks, so that their length costs no memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from s2s.audio.convert import InputConverter
from s2s.audio.wav import WavReader, open_wav
from s2s.cli.asking.loudness import Loudness
from s2s.errors import AudioFormatError
from s2s.formats import AudioFormat

CHUNK_MS: Final = 20
LOOK_AHEAD_MS: Final = 300


class Sound(msgspec.Struct, frozen=True):
    """One chunk of a question: PCM16 mono of `CHUNK_MS`, the last one of a file may be shorter."""

    pcm: bytes
    ms: float
    voiced: bool
    voice_ahead: bool = False
    """Within `LOOK_AHEAD_MS` there is voice: the soft beginning of a word comes before its loud part."""


class Question(msgspec.Struct, frozen=True):
    """A WAV file, by path or as bytes."""

    name: str
    source: Path | bytes

    @property
    def format(self) -> AudioFormat:
        """What is in it. Raises AudioFormatError that says what to do."""
        try:
            with open_wav(self.source) as reader:
                return reader.format
        except AudioFormatError as wrong:
            raise AudioFormatError(f"{self.name}: {wrong}") from wrong

    def sounds(self, rate: int, loudness: Loudness) -> Iterator[Sound]:
        """Read it front to back, at most `LOOK_AHEAD_MS` ahead, as PCM16 at a rate."""
        with open_wav(self.source, chunk_ms=CHUNK_MS) as reader:
            yield from _looking_ahead(_judged(_converted(reader, rate), rate, loudness))


def _converted(reader: WavReader, rate: int) -> Iterator[bytes]:
    converter = InputConverter(AudioFormat(sample_rate=reader.format.sample_rate), rate)
    yield from map(converter.push, reader)
    yield converter.flush()


def _judged(chunks: Iterable[bytes], rate: int, loudness: Loudness) -> Iterator[Sound]:
    for pcm in chunks:
        ms = len(pcm) * 500 / rate
        if pcm:
            yield Sound(pcm, ms, loudness.is_voice(pcm, ms))


def _looking_ahead(sounds: Iterable[Sound]) -> Iterator[Sound]:
    ahead = deque[Sound]()
    for sound in sounds:
        ahead.append(sound)
        if len(ahead) * CHUNK_MS > LOOK_AHEAD_MS:
            yield _foreseen(ahead)
    while ahead:
        yield _foreseen(ahead)


def _foreseen(ahead: deque[Sound]) -> Sound:
    voice_ahead = any(each.voiced for each in ahead)
    return msgspec.structs.replace(ahead.popleft(), voice_ahead=voice_ahead)
