"""What the agent says, as a WAV file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import BinaryIO, Final, TypeAlias

from msgspec import Struct

from s2s.audio.wav import WavTarget, WavWriter, opened
from s2s.errors import SessionClosedError
from s2s.pipeline.frames import AudioFrame
from s2s.pipeline.transports.playing import Playing
from s2s.pipeline.transports.voice import Piece, Voice

_AHEAD_MS: Final = 200.0
_SILENCE_HZ: Final = 24_000

Player: TypeAlias = Callable[[int, float], Playing]
"""Makes what plays audio of a sample rate from a moment on."""


class _Sound(Struct):
    voice: Voice
    playing: Playing
    writer: WavWriter | None


class Recording:
    """A mono file with the sample rate of the first audio; without a target it plays to nobody.

    It is there when it has begun, and complete when it is closed.
    """

    def __init__(self, target: WavTarget | None, player: Player) -> None:
        self._target = target
        self._player = player
        self._opened = ExitStack()
        self._file: BinaryIO | None = None
        self._began: float | None = None
        self._sound: _Sound | None = None
        self._closed = False

    def begin(self) -> float:
        """Open the file, the first time, and return when that was. Raises OSError."""
        if self._closed:
            raise SessionClosedError("the file is closed: make another transport")
        if self._began is None:
            if self._target is not None:
                self._file = self._opened.enter_context(opened(self._target, "wb"))
            self._began = now()
        return self._began

    async def say(self, frame: AudioFrame) -> None:
        """Play audio, and return when little of it is left to play."""
        sound = self._sounding(frame.sample_rate)
        self._play(sound, sound.voice.push(frame))
        await self._played(_AHEAD_MS)

    def flush(self) -> None:
        """Play what was withheld: an item is over."""
        if self._sound is not None:
            self._play(self._sound, self._sound.voice.flush())

    def interrupt(self) -> None:
        """Forget what was not played."""
        self.write()
        if self._sound is not None:
            self._sound.voice.flush()
            self._sound.playing.stop(now())

    async def finish(self) -> None:
        """Play to the end."""
        self.flush()
        await self._played(0.0)

    def write(self) -> None:
        """Write what was played by now."""
        if self._sound is not None:
            pcm = self._sound.playing.heard(now())
            if self._sound.writer is not None:
                self._sound.writer.write(pcm)

    def close(self) -> None:
        """Write what was played by now, and the length."""
        self._closed = True
        with self._opened:
            if self._file is not None and self._sound is None:
                self._sounding(_SILENCE_HZ)
            self.write()
            self._sound = self._file = None

    def _sounding(self, sample_rate: int) -> _Sound:
        if self._sound is None:
            began = now() if self._began is None else self._began
            voice, playing = Voice(sample_rate), self._player(sample_rate, began)
            self._sound = _Sound(voice, playing, self._written(sample_rate))
        return self._sound

    def _written(self, sample_rate: int) -> WavWriter | None:
        if self._file is None:
            return None
        return self._opened.enter_context(WavWriter(self._file, sample_rate))

    def _play(self, sound: _Sound, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            sound.playing.play(piece, now())
        self.write()

    async def _played(self, to_ms: float) -> None:
        if self._sound is not None:
            left_ms = self._sound.playing.left_ms(now())
            await asyncio.sleep(max(0.0, left_ms - to_ms) / 1000)
            self.write()


def now() -> float:
    """Return the clock of the loop."""
    return asyncio.get_running_loop().time()
