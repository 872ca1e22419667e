"""The user's audio on its way up: spelled without a detour, and counted, for a commit needs enough of it."""

from __future__ import annotations

from collections import deque

from pybase64 import b64encode

from s2s.audio.convert import ENCODERS
from s2s.formats import AudioFormat

SHORTEST_MS = 100
"""The least that the service takes for a turn."""

_HEAD, _TAIL = b'{"type":"input_audio_buffer.append","audio":"', b'"}'


class Uplink:
    """Spells audio in the session's input format, given as PCM16 at its rate."""

    def __init__(self, audio: AudioFormat) -> None:
        self.rate = audio.sample_rate
        self.waiting_ms = 0.0
        """Audio that no turn has taken yet, as far as we know."""
        self.position_ms = 0.0
        """All audio so far."""
        self._encode = ENCODERS.get(audio.encoding)
        self._bytes_per_ms = audio.sample_rate * 2 / 1000
        self._recent: deque[bytes] = deque()
        self._recent_bytes = 0
        self._kept_bytes = 0.0

    def keep(self, prefix_ms: int) -> None:
        """Keep the last so much audio at hand: a turn begins before anybody notices."""
        self._kept_bytes = prefix_ms * self._bytes_per_ms
        self._trim()

    def append(self, pcm: bytes) -> bytes:
        """Return the message for a chunk."""
        ms = len(pcm) / self._bytes_per_ms
        self.waiting_ms += ms
        self.position_ms += ms
        if self._kept_bytes:
            self._recent.append(pcm)
            self._recent_bytes += len(pcm)
            self._trim()
        return _HEAD + b64encode(pcm if self._encode is None else self._encode(pcm)) + _TAIL

    def taken(self) -> None:
        """A turn took what waited, or it was thrown away."""
        self.waiting_ms = 0.0

    def again(self) -> list[bytes]:
        """Return the messages for the audio that is kept at hand, after all else was thrown away."""
        self.taken()
        kept, self._recent, self._recent_bytes = self._recent, deque(), 0
        return [self.append(each) for each in kept]

    def _trim(self) -> None:
        while self._recent and self._recent_bytes - len(self._recent[0]) >= self._kept_bytes:
            self._recent_bytes -= len(self._recent.popleft())
