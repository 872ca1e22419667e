"""A lull in what the user says, for a service that does not tell when the user speaks."""

from __future__ import annotations

from math import inf

from s2s.audio.levels import is_silent

LULL_S = 2.0
_BELOW_DBFS = -45.0


class Lull:
    """Waits for one: so much quiet audio, or none at all; nothing is judged before it is waited for."""

    def __init__(self) -> None:
        self.passed_ms = 0.0
        """How much audio has passed, judged or not."""
        self._quiet_s = inf
        self._seen_ms = 0.0

    @property
    def here(self) -> bool:
        """Whether the user is silent, as far as anybody has asked."""
        return self._quiet_s >= LULL_S

    def wait(self) -> None:
        """Judge from now on: in what has passed the user may have begun to speak."""
        if self.passed_ms:
            self._quiet_s, self._seen_ms = 0.0, self.passed_ms

    def hear(self, pcm: bytes, ms: float) -> None:
        """Take audio."""
        self.passed_ms += ms
        if self._quiet_s < inf:
            self._quiet_s = self._quiet_s + ms / 1000 if is_silent(pcm, _BELOW_DBFS) else 0.0

    def begin(self) -> None:
        """Take it for one: the service has found nobody speaking."""
        self._quiet_s = max(self._quiet_s, LULL_S)

    def look(self) -> None:
        """Take it for one where no audio has come since the last look: the microphone is closed."""
        if self.passed_ms == self._seen_ms:
            self.begin()
        self._seen_ms = self.passed_ms

    def end(self) -> None:
        """Wait no more."""
        self._quiet_s = inf
