"""The user's audio on its way in, at whatever rate its block declares."""

from __future__ import annotations

from s2s.audio.convert import InputConverter
from s2s.formats import AudioFormat


class Ear:
    """Turns audio into PCM16 at the rate that the engine hears; half a sample waits for the rest of it."""

    def __init__(self, input_rate: int) -> None:
        self._input_rate = input_rate
        self._converter: InputConverter | None = None

    def hear(self, audio: bytes, rate_hz: int) -> bytes:
        """Return what is complete with this; a block keeps to one rate."""
        if self._converter is None:
            self._converter = InputConverter(AudioFormat(sample_rate=rate_hz), self._input_rate)
        return self._converter.push(audio)

    def forget(self) -> None:
        """Begin anew: another block does not follow on the one before it."""
        self._converter = None
