"""The turns of the user in one stream of audio, as signals."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from s2s.config import TurnDetection
from s2s.errors import LocalProtocolError
from s2s.events import Error
from s2s.pipeline.frames import ControlFrame, EventFrame, Frame
from s2s.providers.listener import silence_for
from s2s.providers.local.ear import Ear, Sound, Utterance, hearing_for
from s2s.providers.local.stages import VAD

_LONGEST_MS: Final = 120_000
_END: Final = ControlFrame("end_of_utterance")


class Turns:
    """Judges audio, PCM16 mono at the detector's rate, and says what it changes.

    The end of a turn tells in its metadata how long the silence was that decided it, and how much of the
    turn was speech.
    """

    def __init__(self, vad: VAD, turns: TurnDetection) -> None:
        self._ear = Ear(vad.open(), vad.sample_rate, vad.window_ms, hearing_for(turns))
        self._told = ""
        """The item whose beginning was told last."""
        self._taken_ms = 0.0
        """How far the audio belongs to turns that are over."""
        self.tune(turns)

    @property
    def awaits_silence(self) -> bool:
        """Whether somebody speaks, and silence will end it."""
        return self._ear.utterance is not None and self._turns.mode != "manual"

    def tune(self, turns: TurnDetection) -> None:
        """Find turns by other settings from now on."""
        self._turns = turns
        self._silence_ms = silence_for(turns)
        # Whoever transcribes keeps the audio, so none from before is needed here.
        self._ear.tune(replace(hearing_for(turns), prefix_ms=0.0))

    def hear(self, pcm: bytes) -> Iterator[Frame]:
        """Yield the signals that lie in this audio."""
        for sound in self._ear.push(pcm, _new_item):
            utterance = self._ear.utterance
            if utterance is not None:
                utterance.audio.clear()
                if self._turns.mode != "manual":
                    yield from self._judge(sound, utterance)

    def end(self) -> Iterator[Frame]:
        """Take the turn that is open, if silence could end it."""
        if self.awaits_silence:
            yield from self._end()

    def commit(self, asked: ControlFrame) -> Iterator[Frame]:
        """Take the turn now, however short the silence; in manual mode whatever was heard since the last."""
        ear = self._ear
        if ear.utterance is None and self._turns.mode == "manual" and ear.position_ms > self._taken_ms:
            ear.utterance = Utterance(_new_item(), self._taken_ms, bytearray(), ended_ms=ear.position_ms)
        if ear.utterance is None:
            wrong = "nothing was heard since the last turn: there is nothing to commit"
            yield EventFrame(Error(LocalProtocolError(wrong)))
        yield from self._end(asked)

    def forget(self) -> Iterator[Frame]:
        """Forget the turn that is open, and say that it is over if its beginning was told."""
        forgotten = self._ear.clear()
        self._taken_ms = self._ear.position_ms
        if forgotten is not None and forgotten.item_id == self._told:
            yield replace(_END, item_id=forgotten.item_id, position_ms=forgotten.ended_ms)

    def _judge(self, sound: Sound, utterance: Utterance) -> Iterator[Frame]:
        if utterance.item_id != self._told:
            yield self._began(utterance)
            if self._turns.interrupt_response:
                yield ControlFrame("interrupt")
        silent = sound is Sound.PAUSE and self._ear.silence_ms >= self._silence_ms
        if silent or self._ear.position_ms - utterance.began_ms >= _LONGEST_MS:
            yield from self._end()

    def _began(self, utterance: Utterance) -> Frame:
        self._told = utterance.item_id
        return ControlFrame("start_of_utterance", item_id=self._told, position_ms=utterance.began_ms)

    def _end(self, asked: ControlFrame = _END) -> Iterator[Frame]:
        silence_ms = self._ear.silence_ms
        ended = self._ear.close()
        if ended is None:
            return
        if ended.item_id != self._told:
            yield self._began(ended)
        self._taken_ms = self._ear.position_ms
        told = {"stages": {"endpointing": round(silence_ms, 3)}, "voiced_ms": ended.voiced_ms}
        metadata = {**asked.metadata, **told}
        yield replace(asked, item_id=ended.item_id, position_ms=ended.ended_ms, metadata=metadata)


def _new_item() -> str:
    return f"user_{uuid.uuid4().hex[:16]}"
