"""An item of the agent, spoken clause by clause."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from s2s.pipeline.frames import AudioFrame, Frame, TextFrame
from s2s.providers.local.answer import timely
from s2s.providers.local.clauses import Clauses
from s2s.providers.local.stages import TTS

_STEPS_PER_S = 50
_MOST_STEPS = 5


class Manner(Struct):
    """Who speaks, and how."""

    tts: TTS
    voice: str | None
    patience_s: float


class Speech:
    """The text of an item that is no clause yet, and how much audio it has."""

    def __init__(self, frame: TextFrame) -> None:
        self._first = frame
        self._clauses = Clauses()
        self._position_ms = 0.0

    def has(self, frame: TextFrame) -> bool:
        """Tell whether this text belongs to it."""
        return (frame.item_id, frame.response_id) == (self._first.item_id, self._first.response_id)

    async def said(self, text: str | None, manner: Manner) -> AsyncGenerator[Frame, None]:
        """Yield what more text makes audible, none being the end of it: each clause, and then its audio.

        Raises ProviderError when the voice gives nothing in time, and whatever else it fails with.
        """
        for clause in self._clauses.flush() if text is None else self._clauses.push(text):
            words = replace(self._first, text=clause, final=False, form="spoken")
            async with aclosing(self._voiced(clause, manner)) as voiced:
                async for audio in voiced:
                    if words.text:
                        yield words
                        words = replace(words, text="")
                    yield audio
            if words.text:  # it cannot be pronounced
                yield words

    async def _voiced(self, clause: str, manner: Manner) -> AsyncGenerator[AudioFrame, None]:
        tts, left = manner.tts, b""
        step = tts.sample_rate // _STEPS_PER_S * 2
        spoken = timely(tts.speak(clause, voice=manner.voice), manner.patience_s, "voice", "patience_s")
        async with aclosing(spoken) as pieces:
            async for piece in pieces:
                left += piece
                whole = len(left) - len(left) % step
                for start in range(0, whole, step * _MOST_STEPS):
                    yield self._frame(left[start : min(whole, start + step * _MOST_STEPS)], tts.sample_rate)
                left = left[whole:]
        if left:
            yield self._frame(left.ljust(step, b"\0"), tts.sample_rate)

    def _frame(self, audio: bytes, rate: int) -> AudioFrame:
        first, at_ms = self._first, self._position_ms
        self._position_ms += len(audio) * 500 / rate
        return AudioFrame(audio, rate, 1, at_ms, first.item_id, first.response_id, first.metadata)
