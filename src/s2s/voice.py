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
        self._spoken = spoken
        self._plain_hz = spoken.sample_rate if spoken.encoding == "pcm16" and spoken.channels == 1 else None
        self._converter: OutputConverter | None = None
        self._last: AudioOutput | None = None

    def convert(self, event: AudioOutput) -> Sequence[AudioOutput]:
        """Return the event in the application's format, after the rest of an item before it."""
        if event.sample_rate == self._plain_hz:
            return (event,)
        rest = self.finish() if self._last is not None and self._last.item_id != event.item_id else ()
        if self._converter is None:
            self._converter = OutputConverter(event.sample_rate, self._spoken)
        self._last = event
        audio = self._converter.push(event.audio)
        return (*rest, self._made(event, audio)) if audio else rest

    def finish(self) -> Sequence[AudioOutput]:
        """Return what is left of the item, and be ready for the next."""
        converter, last = self._converter, self._last
        self.reset()
        audio = converter.flush() if converter is not None else b""
        return (self._made(last, audio),) if audio and last is not None else ()

    def reset(self) -> None:
        """Drop what is left: nobody shall hear it."""
        self._converter = self._last = None

    def _made(self, event: AudioOutput, audio: bytes) -> AudioOutput:
        return replace(event, audio=audio, sample_rate=self._spoken.sample_rate)
