"""WAV files in place of a microphone and a loudspeaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from itertools import chain
from math import inf
from pathlib import Path
from typing import Final

from s2s.audio.wav import WavReader, WavSource, WavTarget, open_wav
from s2s.errors import ConfigError
from s2s.formats import ENCODINGS
from s2s.pipeline.frames import AudioFrame, ControlFrame, Frame
from s2s.pipeline.running import STOP
from s2s.pipeline.transports.playing import AtOnce, Playing, Reports, Timeline
from s2s.pipeline.transports.recording import Recording, now

_MOST_CHANNELS: Final = ENCODINGS["pcm16"].channels[-1]


class WavFile:
    """Reads what the user says from a WAV file of any kind, and writes what the agent says into another one.

    After the file comes silence, `tail_ms` of it, so that the end of the last words is noticed. The answers
    are mono, at the rate of the first. By default all goes as fast as it can, and what is written is one
    answer after the other. In `realtime` the source is as slow as a microphone and tells what was played, and
    the file is what a loudspeaker would have played from the beginning on: every answer at its time, without
    what an interruption cut off.

    Whatever ends the run, the file is complete. Files that are given open stay open.
    """

    def __init__(
        self,
        source: WavSource,
        sink: WavTarget | None = None,
        *,
        chunk_ms: float = 20.0,
        realtime: bool = False,
        tail_ms: float = 2_000.0,
    ) -> None:
        if not (0 < chunk_ms < inf and 0 <= tail_ms < inf):
            raise ConfigError(f"chunk_ms={chunk_ms:g}, tail_ms={tail_ms:g}: give more than 0, and at least 0")
        if _same(source, sink):
            raise ConfigError(f"{sink} is what is read: write into another file")
        self._source = source
        self._chunk_ms = chunk_ms
        self._tail_ms = tail_ms
        self._paced = realtime
        self._reports = Reports()
        self._recording = Recording(sink, self._timeline if realtime else _at_once)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield the file chunk by chunk. Raises AudioFormatError, and OSError where it cannot be read."""
        with open_wav(self._source, self._chunk_ms) as reader:
            began = self._recording.begin()
            for frame in self._heard(reader):
                sounded = began + (frame.position_ms + frame.duration_ms) / 1000
                await asyncio.sleep(max(0.0, sounded - now()) if self._paced else 0)
                yield frame
                self._recording.write()
                for report in self._reports.due(now()):
                    yield report
        for report in self._reports.rest():
            yield report
        yield STOP

    async def send(self, frame: Frame, /) -> None:
        """Write audio; frames that say nothing about playing are for others. Raises OSError."""
        recording = self._recording
        recording.begin()
        match frame:
            case AudioFrame():
                await recording.say(frame)
            case ControlFrame(signal="interrupt"):
                recording.interrupt()
                self._reports.hurry()
            case ControlFrame(signal="end_of_utterance", role="assistant"):
                recording.flush()
            case ControlFrame(signal="stop"):
                await recording.finish()
            case _:
                pass

    async def close(self) -> None:
        """Complete the file that was written."""
        self._recording.close()

    def _heard(self, reader: WavReader) -> Iterator[AudioFrame]:
        rate, mixed = reader.format.sample_rate, reader.channels > _MOST_CHANNELS
        channels = 1 if mixed else reader.channels
        n_bytes, a_second = 0, rate * channels * 2
        sounds = chain(reader if mixed else reader.interleaved(), self._silence(rate, channels * 2))
        for audio in sounds:
            yield AudioFrame(audio, rate, channels, n_bytes * 1000 / a_second)
            n_bytes += len(audio)

    def _silence(self, rate: int, frame_bytes: int) -> Iterator[bytes]:
        left, most = int(rate * self._tail_ms / 1000), max(1, int(rate * self._chunk_ms / 1000))
        while left > 0:
            yield bytes(frame_bytes * min(left, most))
            left -= most

    def _timeline(self, sample_rate: int, began: float) -> Playing:
        return Timeline(sample_rate, began, self._reports.played)


def _at_once(sample_rate: int, began: float) -> Playing:
    return AtOnce()


def _same(source: WavSource, sink: WavTarget | None) -> bool:
    """Tell whether both are one file, by whatever names: to open the sink would empty the source."""
    if not (isinstance(source, str | Path) and isinstance(sink, str | Path)):
        return False
    with suppress(OSError):
        return Path(source).samefile(sink)
    return Path(source).resolve() == Path(sink).resolve()
