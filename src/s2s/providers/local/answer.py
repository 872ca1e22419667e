"""Makes speech of what a brain says, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

from msgspec import Struct

from s2s.errors import ProviderError
from s2s.items import Call
from s2s.providers.local.clauses import Clauses
from s2s.providers.local.stages import TTS, Brain, Prompt, Thought


class Spoken(Struct, frozen=True):
    """Text of the answer and its audio; the text of a piece comes with the first of its audio."""

    text: str
    audio: bytes = b""


Piece: TypeAlias = Spoken | Call


class Speaker(Struct, frozen=True):
    """A brain and a voice. Without a voice the answer stays written."""

    brain: Brain
    tts: TTS | None
    voice: str | None
    longest_thought_s: float

    async def answer(self, prompt: Prompt, stages: dict[str, float]) -> AsyncIterator[Piece]:
        """Yield the answer as it forms, a clause and then sentences; `stages` gets the times of the first.

        Raises ProviderError when the brain gives nothing within `longest_thought_s`.
        """
        clauses = Clauses()
        asked_at = _now()
        async for thought in self._thoughts(prompt):
            stages.setdefault("brain", _ms(_now() - asked_at))
            texts = clauses.push(thought) if isinstance(thought, str) else clauses.flush()
            for text in texts:
                async for piece in self._spoken(text, stages):
                    yield piece
            if isinstance(thought, Call):
                yield thought
        for text in clauses.flush():
            async for piece in self._spoken(text, stages):
                yield piece

    async def _thoughts(self, prompt: Prompt) -> AsyncIterator[Thought]:
        thoughts = aiter(self.brain.respond(prompt))
        try:
            while True:
                async with asyncio.timeout(self.longest_thought_s):
                    thought = await anext(thoughts, None)
                if thought is None:
                    return
                yield thought
        except TimeoutError:
            raise ProviderError(
                f"the brain gave nothing for {self.longest_thought_s:g} s: check it, or raise extra['brain_s']",
                code="brain_timeout",
                retryable=True,
            ) from None
        finally:
            close = getattr(thoughts, "aclose", None)
            if close is not None:
                await close()

    async def _spoken(self, text: str, stages: dict[str, float]) -> AsyncIterator[Spoken]:
        if self.tts is None:
            yield Spoken(text)
            return
        asked_at = _now()
        unsaid = text
        async for audio in self.tts.speak(text, voice=self.voice):
            stages.setdefault("tts", _ms(_now() - asked_at))
            yield Spoken(unsaid, audio)
            unsaid = ""
        if unsaid:
            yield Spoken(unsaid)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
