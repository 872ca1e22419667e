"""Has the user's speech transcribed, and shows the application what it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from s2s.errors import ProviderError, S2SError
from s2s.events import Error, Event, Transcript
from s2s.foreign import Late, contained
from s2s.providers.local.ear import Utterance
from s2s.providers.local.stages import STT

_TAIL_MS: Final = 96
_LONGEST_S: Final = 20.0


class Reading(Struct, frozen=True):
    """The words of an utterance as far as it went when it was read."""

    text: str
    covered_bytes: int
    """How much of the utterance's audio the text is about."""
    took_ms: float


class Scribe:
    """Reads utterances one at a time or several at once; a reading that fails is an Error and no words."""

    def __init__(self, stt: STT, tell: Callable[[Event], None], *, shows: bool) -> None:
        self.shows = shows
        """Whether the application wants to read what the user says."""
        self._stt = stt
        self._tell = tell
        self._tail_bytes = stt.sample_rate * _TAIL_MS // 1000 * 2

    async def read(self, utterance: Utterance, *, urgent: bool = True) -> Reading:
        """Return the words of all audio so far."""
        loop = asyncio.get_running_loop()
        began_at, text = loop.time(), ""
        covered_bytes = utterance.covered(self._tail_bytes)
        try:
            audio = utterance.unsettled(self._tail_bytes)
            heard = await contained(self._stt.transcribe(audio, urgent=urgent), _LONGEST_S)
            text = utterance.believed(heard)
        except Exception as failed:  # noqa: BLE001  a stage is foreign code
            self._tell(Error(_named(failed)))
        return Reading(text, covered_bytes, round((loop.time() - began_at) * 1000, 3))

    async def preview(self, utterance: Utterance) -> None:
        """Show the words so far, when nothing more urgent is to be read; a stage may decline to guess."""
        reading = await self.read(utterance, urgent=False)
        if reading.text not in ("", utterance.settled_text):
            self.show(utterance, reading.text)

    def show(self, utterance: Utterance, text: str, *, final: bool = False) -> None:
        """Tell the application the text of an utterance, unless it knows it."""
        before, utterance.shown = utterance.shown, text
        if self.shows and (final or text != before):
            self._tell(Transcript(text, utterance.item_id, text.removeprefix(before), final))


def _named(failed: Exception) -> S2SError:
    if isinstance(failed, S2SError):
        return failed
    late = isinstance(failed, Late)
    why = f"nothing came for {_LONGEST_S:g} s" if late else f"{type(failed).__name__}: {failed}"
    error = ProviderError(f"the user could not be transcribed: {why}; check the STT stage")
    error.__cause__ = failed
    return error
