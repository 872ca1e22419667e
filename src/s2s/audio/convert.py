"""Between what the application speaks and what an engine speaks: the door that a session uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from s2s.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from s2s.audio.pcm import Carry, as_bytes, downmix, spread
from s2s.audio.resample import Resampler
from s2s.formats import AudioFormat

DECODERS: Mapping[str, Callable[[bytes], bytes]] = {"g711_ulaw": decode_ulaw, "g711_alaw": decode_alaw}
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {"g711_ulaw": encode_ulaw, "g711_alaw": encode_alaw}


class Step(Protocol):
    """One stage that a stream of audio passes through."""

    def push(self, chunk: bytes, /) -> bytes:
        """Return what is complete with this chunk."""
        ...

    def flush(self) -> bytes:
        """Return what was withheld; the next chunk begins a new stream."""
        ...


class Map:
    """A step that remembers nothing."""

    def __init__(self, push: Callable[[bytes], bytes]) -> None:
        self.push = push

    def flush(self) -> bytes:
        """Return nothing, for nothing was withheld."""
        return b""


class Converter:
    """One stream through the steps that it needs; a split sample waits for the rest of it."""

    def __init__(self, steps: list[Step], delay_ms: float) -> None:
        self._steps = tuple(steps)
        self._pushes = tuple(step.push for step in steps)
        self.delay_ms = delay_ms
        """The most that `push` withholds."""

    def push(self, chunk: object) -> bytes:
        """Return what is complete with this chunk, which is anything that `as_bytes` takes.

        Raises AudioFormatError for what is no audio.
        """
        audio = as_bytes(chunk)
        for push in self._pushes:
            audio = push(audio)
        return audio

    def flush(self) -> bytes:
        """Return what was withheld; the next chunk begins a new stream."""
        audio = b""
        for step in self._steps:
            audio = step.push(audio) + step.flush()
        return audio


class InputConverter(Converter):
    """Turns a stream of any format into PCM16 mono at a rate.

    Raises ConfigError if the rates differ and numpy is missing.
    """

    def __init__(self, source: AudioFormat, target_hz: int) -> None:
        resampler = Resampler(source.sample_rate, target_hz)
        steps: list[Step] = [Carry(source.frame_bytes)] if source.frame_bytes > 1 else []
        if decode := DECODERS.get(source.encoding):
            steps.append(Map(decode))
        if source.channels > 1:
            steps.append(Map(partial(downmix, channels=source.channels)))
        if source.sample_rate != target_hz:
            steps.append(resampler)
        super().__init__(steps, resampler.delay_ms)


class OutputConverter(Converter):
    """Turns a stream of PCM16 mono at a rate into any format; every channel gets the same sound.

    Raises ConfigError if the rates differ and numpy is missing.
    """

    def __init__(self, source_hz: int, target: AudioFormat) -> None:
        resampler = Resampler(source_hz, target.sample_rate)
        steps: list[Step] = [Carry(2)]
        if source_hz != target.sample_rate:
            steps.append(resampler)
        if target.channels > 1:
            steps.append(Map(partial(spread, channels=target.channels)))
        if encode := ENCODERS.get(target.encoding):
            steps.append(Map(encode))
        super().__init__(steps, resampler.delay_ms)
