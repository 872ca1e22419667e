"""Finds the user's speech in the input: where it begins, pauses and goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from msgspec import Struct

from s2s.config import TurnDetection
from s2s.providers.local.stages import VADStream

_LEAST_VOICED_MS: Final = 96
_SURE_VOICED_MS: Final = 250
_LONGEST_SILENCE_MS: Final = 4_000
# What a transcriber makes of breath, clicks and hum.
_PHANTOMS: Final = frozenset({"you", "thank you", "thanks", "bye", "oh", "uh", "um", "hmm"})


class Sound(Enum):
    """What one window changed."""

    ONSET = "the user began to speak"
    SPEECH = "the user goes on"
    PAUSE = "the user is silent, for now"


class Hearing(Struct, frozen=True):
    """When a window counts as speech."""

    onset: float = 0.5
    """Probability from which silence becomes speech."""
    release: float = 0.35
    """Probability below which speech becomes silence."""
    onset_windows: int = 2
    """Windows in a row that make speech out of silence, so that a click does not."""
    prefix_ms: float = 384.0
    """Audio kept from before the onset: soft consonants come before the first loud window."""


def hearing_for(turns: TurnDetection) -> Hearing:
    """Return what counts as speech in a session."""
    usual = Hearing()
    onset = usual.onset if turns.threshold is None else turns.threshold
    prefix_ms = usual.prefix_ms if turns.prefix_ms is None else turns.prefix_ms
    return Hearing(onset, onset * usual.release / usual.onset, prefix_ms=prefix_ms)


class Utterance(Struct):
    """Speech of the user with the pauses in it. Positions are ms of input audio since the session began."""

    item_id: str
    began_ms: float
    audio: bytearray
    """PCM16 mono, from `prefix_ms` before the onset to now, the middle of long silences left out."""
    voiced_ms: float = 0.0
    ended_ms: float = 0.0
    """Where the last window of speech ended."""
    silence_bytes: int = 0
    """How much of the end of `audio` is silence."""
    settled_text: str = ""
    settled_bytes: int = 0
    """How much of `audio` is in `settled_text` and needs no other look."""
    shown: str = ""
    """What the application was last told of its text."""

    @property
    def unsettled_bytes(self) -> int:
        """How much audio no settled text covers."""
        return len(self.audio) - self.settled_bytes

    def covered(self, tail_bytes: int) -> int:
        """Return where the audio to be transcribed ends, with `tail_bytes` of the silence after speech."""
        return len(self.audio) - max(0, self.silence_bytes - tail_bytes)

    def unsettled(self, tail_bytes: int) -> bytes:
        """Return the audio that is still to be transcribed, of its silent end only `tail_bytes`."""
        return bytes(self.audio[self.settled_bytes : self.covered(tail_bytes)])

    def believed(self, text: str) -> str:
        """Return all that was said, `text` being the unsettled part; nothing where it was hardly speech."""
        whole = " ".join((self.settled_text, text)).strip()
        bare = whole.lower().strip(" .,!?")
        if self.voiced_ms < _LEAST_VOICED_MS or (self.voiced_ms < _SURE_VOICED_MS and bare in _PHANTOMS):
            return ""
        return whole

    def settle(self, text: str, covered_bytes: int) -> None:
        """Take this text for that much of `audio`, so that a long turn is not transcribed twice."""
        self.settled_text = text
        self.settled_bytes = covered_bytes


class Ear:
    """Cuts the input into windows and has each judged; remembers the utterance that is open."""

    def __init__(self, stream: VADStream, sample_rate: int, window_ms: float, hearing: Hearing) -> None:
        self.utterance: Utterance | None = None
        self.position_ms = 0.0
        self._stream = stream
        self._window_ms = window_ms
        self.bytes_per_ms = sample_rate * 2 / 1000
        self._window_bytes = int(self.bytes_per_ms * window_ms)
        self._rest = bytearray()
        self._before: deque[bytes] = deque()
        self._loud_windows = 0
        self.tune(hearing)

    def tune(self, hearing: Hearing) -> None:
        """Judge by other thresholds from now on."""
        self._hearing = hearing
        kept = round(hearing.prefix_ms / self._window_ms) + hearing.onset_windows
        self._before = deque(self._before, maxlen=kept)

    @property
    def silence_ms(self) -> float:
        """How long the open utterance has been silent."""
        return 0.0 if self.utterance is None else self.position_ms - self.utterance.ended_ms

    def push(self, pcm: bytes, new_item: Callable[[], str]) -> Iterator[Sound]:
        """Yield what each complete window changed; state is that of the window just yielded.

        An utterance that begins here gets its id from `new_item`.
        """
        self._rest += pcm
        while len(self._rest) >= self._window_bytes:
            window = bytes(self._rest[: self._window_bytes])
            del self._rest[: self._window_bytes]
            self.position_ms += self._window_ms
            for probability in self._stream.push(window):
                sound = self._judge(window, probability, new_item)
                if sound is not None:
                    yield sound

    def reopen(self, before: Utterance) -> None:
        """Let the open utterance continue one that seemed over: both are one turn after all."""
        now = self.utterance
        if now is None:
            return
        now.item_id, now.began_ms = before.item_id, before.began_ms
        now.settled_text, now.settled_bytes = before.settled_text, before.settled_bytes
        now.shown = before.shown
        now.audio = before.audio + now.audio
        now.voiced_ms += before.voiced_ms

    def close(self) -> Utterance | None:
        """End the open utterance and return it."""
        ended, self.utterance = self.utterance, None
        self._loud_windows = 0
        return ended

    def clear(self) -> Utterance | None:
        """Forget all audio; return the utterance that ends unheard."""
        self._before.clear()
        return self.close()

    def _judge(self, window: bytes, probability: float, new_item: Callable[[], str]) -> Sound | None:
        open_ = self.utterance
        if open_ is None:
            return self._listen(window, probability, new_item)
        open_.audio += window
        threshold = self._hearing.release if open_.silence_bytes == 0 else self._hearing.onset
        if probability < threshold:
            open_.silence_bytes += len(window)
            self._shorten(open_)
            return Sound.PAUSE
        open_.silence_bytes = 0
        open_.voiced_ms += self._window_ms
        open_.ended_ms = self.position_ms
        return Sound.SPEECH

    def _shorten(self, utterance: Utterance) -> None:
        spare = utterance.silence_bytes - int(_LONGEST_SILENCE_MS * self.bytes_per_ms)
        if spare > 0:
            middle = len(utterance.audio) - utterance.silence_bytes // 2
            del utterance.audio[middle : middle + spare]
            utterance.silence_bytes -= spare

    def _listen(self, window: bytes, probability: float, new_item: Callable[[], str]) -> Sound | None:
        self._before.append(window)
        self._loud_windows = self._loud_windows + 1 if probability >= self._hearing.onset else 0
        if self._loud_windows < self._hearing.onset_windows:
            return None
        voiced_ms = self._loud_windows * self._window_ms
        audio = bytearray(b"".join(self._before))
        self.utterance = Utterance(
            new_item(), self.position_ms - voiced_ms, audio, voiced_ms, self.position_ms
        )
        self._before.clear()
        self._loud_windows = 0
        return Sound.ONSET
