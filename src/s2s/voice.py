"""Turns an engine's audio into what the application asked for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from s2s.audio.convert import OutputConverter
from s2s.events import AudioOutput
from s2s.formats import AudioFormat


class Voice:
    """Converts the audio of one item after the other; what a filter holds back comes at the item's end."""

    def __init__(self, spoken: AudioFormat) -> None:
        self.spoken = spoken
        """The format in which audio goes out."""
        self.bytes_per_ms = spoken.bytes_per_ms
        self._plain_hz = spoken.sample_rate if spoken.encoding == "pcm16" and spoken.channels == 1 else None
        self.passes_hz = self._plain_hz
        """Audio of this rate goes out as it is; None while the rest of other audio is held back."""
        self._converter: OutputConverter | None = None
        self._last: AudioOutput | None = None
        self._position_ms = 0.0

    def convert(self, event: AudioOutput) -> Sequence[AudioOutput]:
        """Return the event in the application's format, after the rest of an item before it."""
        rest = self.finish() if self._last is not None and self._last.item_id != event.item_id else ()
        if event.sample_rate == self._plain_hz:
            return (*rest, event)
        if self._converter is None:
            self._converter = OutputConverter(event.sample_rate, self.spoken)
            self._position_ms = event.position_ms
        self._last, self.passes_hz = event, None
        return (*rest, *self._made(event, self._converter.push(event.audio)))

    def finish(self) -> Sequence[AudioOutput]:
        """Return what is left of the item, and be ready for the next."""
        converter, last = self._converter, self._last
        self.reset()
        return () if converter is None or last is None else self._made(last, converter.flush())

    def reset(self) -> None:
        """Drop what is left: nobody shall hear it."""
        self._converter = self._last = None
        self.passes_hz = self._plain_hz

    def _made(self, event: AudioOutput, audio: bytes) -> Sequence[AudioOutput]:
        if not audio:
            return ()
        begins_ms = self._position_ms
        self._position_ms += len(audio) / self.bytes_per_ms
        return (replace(event, audio=audio, sample_rate=self.spoken.sample_rate, position_ms=begins_ms),)
