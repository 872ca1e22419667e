"""Turns what the user says into text, utterance by utterance."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Final, cast

from msgspec import UNSET, Struct
from msgspec.structs import replace

from s2s.commands import ClearAudio, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import UnsupportedError
from s2s.events import Error, Event
from s2s.items import JSON
from s2s.pipeline.frames import AudioFrame, CommandFrame, ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.processor import Frames
from s2s.pipeline.stages.tape import Tape
from s2s.pipeline.stages.working import Bench, filled, hand_on, listen, stages_of
from s2s.providers.local.ear import Utterance
from s2s.providers.local.scribe import Scribe
from s2s.providers.local.seats import require_language
from s2s.providers.local.stages import STT

_LONGEST_MS: Final = 120_000
_MOST_WAITING: Final = 32


class STTProcessor:
    """Takes the audio out of the stream and puts a final TextFrame of the user in for each utterance.

    `stt` is a registered name, with its `options`, or an object with the protocol `stages.STT`. It listens to
    the ControlFrames that a VADProcessor makes; they, and all else, are handed on while it transcribes. The
    text is empty where nothing was understood. Where nobody finds turns, an end_of_utterance without an item
    takes what was heard since the last: 120 s of it in manual mode, else 0.6 s.
    """

    def __init__(
        self,
        stt: str | STT = "moonshine",
        *,
        options: Mapping[str, JSON] | None = None,
        language: str | None = None,
    ) -> None:
        self.stt = cast(STT, filled("stt", stt, options))
        self._language = language

    def process(self, frames: Frames, /) -> Frames:
        """Return the stream with texts in place of audio."""
        return concurrently(partial(self._transcribe, frames))

    async def _transcribe(self, frames: Frames, outlet: Outlet) -> None:
        require_language(self.stt, self._language)
        await listen(self.stt, frames, outlet, partial(_Desk, self.stt, self._language, outlet))


class _Stretch(Struct):
    """Audio to be transcribed, and the end of its utterance if it goes that far."""

    utterance: Utterance
    end: ControlFrame | None = None


class _Desk:
    """The audio of one stream, and what is still to be transcribed of it."""

    def __init__(self, stt: STT, language: str | None, outlet: Outlet, group: asyncio.TaskGroup) -> None:
        self._stt = stt
        self._language = language
        self._outlet = outlet
        self._scribe = Scribe(stt, self._tell, shows=False)
        self._bench = Bench(group, self._read)
        self._tape = Tape(stt.sample_rate)
        self._open: ControlFrame | None = None
        self._settled = ""

    async def take(self, frame: Frame) -> None:
        """Keep audio; hand all else on, and note what it says of the audio."""
        if isinstance(frame, AudioFrame):
            await self._bench.room(_MOST_WAITING)
            self._hear(frame)
            return
        frame = self._named(frame)
        await hand_on(self._outlet, frame)
        match frame:
            case ControlFrame(signal="start_of_utterance", role="user", position_ms=position_ms):
                self._tape.begin(position_ms)
                self._open = frame
            case ControlFrame(signal="end_of_utterance", role="user"):
                self._end(frame)
            case CommandFrame(command=ClearAudio()):
                self._tape.clear()
                self._open = None
            case CommandFrame(command=UpdateSession() as changes):
                self._update(changes)
            case _:
                pass

    def end(self) -> None:
        """Take the utterance that is open, for no more comes of it."""
        if self._open is not None:
            self._end(replace(self._open, signal="end_of_utterance", position_ms=0.0))

    def _named(self, frame: Frame) -> Frame:
        """Take the end of a turn that nobody has found for the end of all that was heard since the last."""
        match frame:
            case ControlFrame(signal="end_of_utterance", role="user", item_id="") if self._open is None:
                self._open = replace(frame, item_id=f"user_{uuid.uuid4().hex[:16]}")
                return self._open
            case _:
                return frame

    def _hear(self, frame: AudioFrame) -> None:
        self._tape.push(frame)
        if self._open is None:
            self._tape.shorten()
        elif self._tape.kept_ms >= _LONGEST_MS:
            self._transcribe(self._tape.take(), self._open.item_id)

    def _end(self, end: ControlFrame) -> None:
        if self._open is None:  # it was cleared, or never began
            self._bench.add(_Stretch(Utterance(end.item_id, 0.0, bytearray()), end))
            return
        self._open = None
        self._transcribe(self._tape.take(end.position_ms), end.item_id, end)

    def _transcribe(self, audio: bytes, item_id: str, end: ControlFrame | None = None) -> None:
        utterance = Utterance(item_id, 0.0, bytearray(audio), _voiced_ms(end))
        self._bench.add(_Stretch(utterance, end))

    async def _read(self, stretch: _Stretch) -> None:
        utterance, end = stretch.utterance, stretch.end
        utterance.settled_text, self._settled = self._settled, ""
        text, took_ms = utterance.believed(""), 0.0
        if utterance.audio and utterance.voiced_ms:
            reading = await self._scribe.read(utterance)
            text, took_ms = reading.text or text, reading.took_ms
        if end is None:
            self._settled = text
            return
        stages = {**stages_of(end), "stt": took_ms}
        metadata = {**end.metadata, "stages": stages}
        await self._outlet.put(
            TextFrame(text, item_id=end.item_id, language=self._language, metadata=metadata)
        )

    def _update(self, changes: UpdateSession) -> None:
        if isinstance(changes.turn_detection, TurnDetection):
            self._tape.tune(changes.turn_detection)
        if changes.language is not UNSET:
            try:
                require_language(self._stt, changes.language)
            except UnsupportedError as wrong:
                self._tell(Error(wrong))
            else:
                self._language = changes.language

    def _tell(self, event: Event) -> None:
        self._outlet.put_now(EventFrame(event))


def _voiced_ms(end: ControlFrame | None) -> float:
    """Return how much of it is speech, as far as somebody told: all of it, or more, where not."""
    told = end.metadata.get("voiced_ms") if end is not None else None
    return float(told) if isinstance(told, int | float) else float("inf")
