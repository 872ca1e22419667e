"""Audio frames of any rate and number of channels as one stream of PCM16 mono."""

from __future__ import annotations

from s2s.audio.convert import InputConverter
from s2s.errors import AudioFormatError, ConfigError
from s2s.formats import AudioFormat
from s2s.pipeline.frames import AudioFrame


class Mono:
    """Hears frames at one sample rate; a stream that changes its format goes on in the new one."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._format = (0, 0)
        self._converter: InputConverter | None = None

    def push(self, frame: AudioFrame) -> bytes:
        """Return what is complete with this frame.

        Raises AudioFormatError for a frame of no such audio, ConfigError if numpy is missing.
        """
        if self._converter is None or self._format != (frame.sample_rate, frame.channels):
            left = b"" if self._converter is None else self._converter.flush()
            self._converter = InputConverter(_format(frame), self.sample_rate)
            self._format = (frame.sample_rate, frame.channels)
            return left + self._converter.push(frame.audio)
        return self._converter.push(frame.audio)

    def flush(self) -> bytes:
        """Return what was withheld; the next frame begins a new stream."""
        return b"" if self._converter is None else self._converter.flush()


def _format(frame: AudioFrame) -> AudioFormat:
    try:
        return AudioFormat("pcm16", frame.sample_rate, frame.channels)
    except ConfigError as wrong:
        raise AudioFormatError(f"an AudioFrame holds PCM16, 4 to 192 kHz, 1 to 8 channels: {wrong}") from None
