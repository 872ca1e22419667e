"""Finds the user's turns in audio, for an engine that leaves them to the application.

Without words only silence can say that a turn is over: `silence_ms`, or half a second as far as the
eagerness goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from msgspec.structs import replace

from s2s.audio.resample import Resampler
from s2s.commands import AppendAudio, CommitAudio
from s2s.config import TurnDetection
from s2s.providers.local.ear import Ear, Sound, Utterance, hearing_for
from s2s.providers.local.endpointing import PATIENCE
from s2s.providers.local.stages import VAD

_SILENCE_MS: Final = 500
_PREFIX_MS: Final = 400


def silence_for(turns: TurnDetection) -> float:
    """Return how much silence ends a turn of which nobody knows the words."""
    return _SILENCE_MS * PATIENCE[turns.eagerness] if turns.silence_ms is None else turns.silence_ms


class Unsent:
    """The end of all audio so far, of which the engine has nothing."""

    def __init__(self, rate: int) -> None:
        self._samples_per_ms = rate / 1000
        self._audio = bytearray()
        self._before_bytes = 0

    def push(self, audio: bytes) -> None:
        """Append audio."""
        self._audio += audio

    def take(self, until_ms: float = inf) -> bytes:
        """Return what lies before this position in all audio, and forget it."""
        size = len(self._audio)
        if until_ms < inf:
            size = min(size, max(0, 2 * round(until_ms * self._samples_per_ms) - self._before_bytes))
        taken = bytes(self._audio[:size])
        del self._audio[:size]
        self._before_bytes += size
        return taken


class Listener:
    """Says what of the audio an engine is to be sent, and where each turn is over.

    It is sent speech, with the pauses in it and some audio from before. Positions are ms of all audio.
    """

    def __init__(self, vad: VAD, input_rate: int, turns: TurnDetection) -> None:
        self.began_ms = 0.0
        """Where the speech began that was noticed last."""
        self.ended_ms = 0.0
        """Where the speech ended that was taken for a turn last."""
        self._window_ms = vad.window_ms
        self._resampler = Resampler(input_rate, vad.sample_rate)
        self._ear = Ear(vad.open(), vad.sample_rate, vad.window_ms, hearing_for(turns))
        self._unsent = Unsent(input_rate)
        self.tune(turns)

    def tune(self, turns: TurnDetection) -> None:
        """Find turns by other settings from now on."""
        hearing = hearing_for(turns)
        self.silence_ms = silence_for(turns)
        self._prefix_ms = _PREFIX_MS if turns.prefix_ms is None else turns.prefix_ms
        self._kept_ms = self._prefix_ms + hearing.onset_windows * self._window_ms
        self._ear.tune(replace(hearing, prefix_ms=0.0))

    @property
    def speaking(self) -> bool:
        """Whether speech has begun that no turn has taken."""
        return self._ear.utterance is not None

    def hear(self, audio: bytes) -> Iterator[AppendAudio | CommitAudio]:
        """Judge PCM16 mono; yield what the engine is to be sent, while the positions are those of it."""
        ear = self._ear
        self._unsent.push(audio)
        for sound in ear.push(self._resampler.push(audio), str):
            match sound, ear.utterance:
                case Sound.ONSET, Utterance(began_ms=began_ms):
                    self.began_ms = began_ms
                    self._unsent.take(began_ms - self._prefix_ms)
                case Sound.PAUSE, _ if ear.silence_ms >= self.silence_ms:
                    yield from self.end()
                case _:
                    pass
        if ear.utterance is None:
            self._unsent.take(ear.position_ms - self._kept_ms)
        else:
            ear.utterance.audio.clear()  # nobody transcribes it here
            yield from self._rest()

    def end(self) -> Iterator[AppendAudio | CommitAudio]:
        """Take the turn of the speech that is open, if any is."""
        ended = self._ear.close()
        if ended is not None:
            yield from self._rest(self._ear.position_ms)
            self.ended_ms = ended.ended_ms
            yield CommitAudio()

    def forget(self) -> None:
        """Forget the speech that is open, and the audio that could come before the next."""
        forgotten = self._ear.clear()
        self._unsent.take()
        if forgotten is not None:
            self.ended_ms = forgotten.ended_ms

    def _rest(self, until_ms: float = inf) -> Iterator[AppendAudio]:
        audio = self._unsent.take(until_ms)
        if audio:
            yield AppendAudio(audio)
