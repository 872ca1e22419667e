"""The end of the user's audio, for whoever has to hear it again."""

from __future__ import annotations


class Sound:
    """PCM16 mono as it came, `most_s` of it at most. A place is a number of bytes of all audio so far."""

    def __init__(self, rate: int, most_s: float) -> None:
        self._bytes_per_ms = rate / 500
        self._most_bytes = self.bytes_of(most_s * 1000)
        self._kept = bytearray()
        self.end = 0

    @property
    def begin(self) -> int:
        """The first place that is still known."""
        return self.end - len(self._kept)

    def push(self, audio: bytes) -> None:
        """Append audio."""
        self._kept += audio
        self.end += len(audio)
        if len(self._kept) > self._most_bytes:
            del self._kept[: len(self._kept) - self._most_bytes]

    def between(self, begin: int, end: int) -> bytes:
        """Return what is known of the audio between two places."""
        start = self.begin
        return bytes(self._kept[max(0, begin - start) : max(0, end - start)])

    def bytes_of(self, ms: float) -> int:
        """Return how many bytes last so long, in whole samples."""
        return 2 * round(ms * self._bytes_per_ms / 2)

    def ms_of(self, place: int) -> float:
        """Return where a place lies in all audio."""
        return place / self._bytes_per_ms
