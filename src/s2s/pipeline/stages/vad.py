"""Hears when the user begins to speak, and when a turn is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Final, cast

from s2s.commands import ClearAudio, UpdateSession
from s2s.config import TurnDetection
from s2s.items import JSON
from s2s.patience import Patience
from s2s.pipeline.frames import AudioFrame, CommandFrame, ControlFrame, Frame
from s2s.pipeline.mono import Mono
from s2s.pipeline.processor import Frames
from s2s.pipeline.stages.turns import Turns
from s2s.pipeline.stages.working import filled, warmed
from s2s.providers.local.stages import VAD

_SLICE_MS: Final = 96
_INPUT_GONE_S: Final = 1.2


class VADProcessor:
    """Hands on all audio as it is, and says in between where the user's turns begin and end.

    `vad` is a registered name, with its `options`, or an object with the protocol `stages.VAD`. A
    CommandFrame(UpdateSession) changes the turn detection of its stream. In manual mode a turn ends with
    the ControlFrame("end_of_utterance") that comes from upstream. Where nothing comes for 1.2 s, a turn that
    is open is over. Positions are ms of the audio of the stream.
    """

    def __init__(
        self,
        vad: str | VAD = "silero",
        *,
        options: Mapping[str, JSON] | None = None,
        turn_detection: TurnDetection = TurnDetection(),  # noqa: B008  it is frozen
    ) -> None:
        self.vad = cast(VAD, filled("vad", vad, options))
        self._turn_detection = turn_detection

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Yield every frame, and the signals."""
        async with warmed(self.vad):
            if self._turn_detection != TurnDetection():
                # Those downstream keep more audio in manual mode, and answer or do not.
                yield CommandFrame(UpdateSession(turn_detection=self._turn_detection))
            turns, mono = Turns(self.vad, self._turn_detection), Mono(self.vad.sample_rate)
            async with aclosing(_Reader(frames)) as reader:
                while not reader.ended:
                    frame = await reader.next(turns.awaits_silence)
                    if isinstance(frame, AudioFrame):
                        yield frame
                        for n, pcm in enumerate(self._slices(mono.push(frame))):
                            if n:
                                await asyncio.sleep(0)
                            for made in turns.hear(pcm):
                                yield made
                    else:
                        for made in _taken(frame, turns):
                            yield made

    def _slices(self, pcm: bytes) -> Iterator[bytes]:
        step = self.vad.sample_rate * _SLICE_MS // 1000 * 2
        return (pcm[start : start + step] for start in range(0, len(pcm), step))


def _taken(frame: Frame | None, turns: Turns) -> Iterator[Frame]:
    """Do what a frame asks for, and hand it on; none comes at the end and after a while without any."""
    match frame:
        case None:
            yield from turns.end()
        case CommandFrame(command=UpdateSession(turn_detection=TurnDetection() as changed)):
            turns.tune(changed)
            yield frame
        case CommandFrame(command=ClearAudio()):
            yield frame
            yield from turns.forget()
        case ControlFrame(signal="end_of_utterance", role="user", item_id=""):
            yield from turns.commit(frame)
        case ControlFrame(signal="stop"):
            yield from turns.end()
            yield frame
        case _:
            yield frame


class _Reader:
    """Asks for frames, with patience where audio is due, which costs a task, and plainly where it is not."""

    def __init__(self, frames: Frames) -> None:
        self.ended = False
        self._frames = frames
        self._patience = Patience(frames)
        self._asked: Patience[Frame] | None = None
        self._left_s = _INPUT_GONE_S

    async def next(self, audio_is_due: bool) -> Frame | None:
        """Return the next frame; None at the end, or after a while without audio where some is due."""
        if not audio_is_due:
            self._left_s = _INPUT_GONE_S
        try:
            if not audio_is_due and self._asked is None:
                return await anext(self._frames)
            frame = await self._patient(audio_is_due)
        except StopAsyncIteration:
            self.ended = True
            return None
        self._asked = self._patience if frame is None else None
        return frame

    async def aclose(self) -> None:
        """Stop waiting."""
        await self._patience.close()

    async def _patient(self, audio_is_due: bool) -> Frame | None:
        # Only the time spent here counts: whoever takes the frames may take his own.
        began_at = asyncio.get_running_loop().time()
        frame = await self._patience.next(self._left_s if audio_is_due else None)
        self._left_s -= asyncio.get_running_loop().time() - began_at
        if isinstance(frame, AudioFrame):
            self._left_s = _INPUT_GONE_S
        return frame
