"""Makes speech of what a brain says, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import TypeAlias, TypeVar

from msgspec import Struct

from s2s.errors import ProviderError
from s2s.items import Call
from s2s.providers.local.clauses import Clauses
from s2s.providers.local.stages import TTS, Brain, Prompt, Thought

T = TypeVar("T")


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
    longest_s: float

    async def answer(self, prompt: Prompt, stages: dict[str, float]) -> AsyncGenerator[Piece, None]:
        """Yield the answer as it forms, a clause and then sentences; `stages` gets the times of the first.

        Raises ProviderError when the brain or the voice gives nothing within `longest_s`, or the brain
        something else than text and calls.
        """
        async with aclosing(self._clauses(prompt, stages)) as clauses:
            async for clause in clauses:
                if isinstance(clause, Call):
                    yield clause
                    continue
                async with aclosing(self._spoken(clause, stages)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def _clauses(self, prompt: Prompt, stages: dict[str, float]) -> AsyncGenerator[Thought, None]:
        clauses = Clauses()
        asked_at = _now()
        async with aclosing(self._timely(self.brain.respond(prompt), "brain")) as thoughts:
            async for thought in thoughts:
                stages.setdefault("brain", _ms(_now() - asked_at))
                for text in clauses.push(thought) if isinstance(thought, str) else clauses.flush():
                    yield text
                if not isinstance(thought, str):
                    yield _checked(thought)
        for text in clauses.flush():
            yield text

    async def _spoken(self, text: str, stages: dict[str, float]) -> AsyncGenerator[Spoken, None]:
        if self.tts is None:
            yield Spoken(text)
            return
        asked_at = _now()
        unsaid, odd = text, b""
        async with aclosing(self._timely(self.tts.speak(text, voice=self.voice), "voice")) as voiced:
            async for audio in voiced:
                stages.setdefault("tts", _ms(_now() - asked_at))
                audio = odd + audio
                whole = len(audio) & ~1
                yield Spoken(unsaid, audio[:whole])
                unsaid, odd = "", audio[whole:]
        if unsaid:
            yield Spoken(unsaid)

    async def _timely(self, made: AsyncIterable[T], who: str) -> AsyncGenerator[T, None]:
        """Yield what a stage gives, each in time, and have the stage let go in the end."""
        things = aiter(made)
        try:
            while True:
                try:
                    async with asyncio.timeout(self.longest_s) as limit:
                        thing = await anext(things)
                except StopAsyncIteration:
                    return
                except TimeoutError as late:
                    raise self._late(who) if limit.expired() else late from None
                yield thing
        finally:
            close = getattr(things, "aclose", None)
            if close is not None:
                await close()

    def _late(self, who: str) -> ProviderError:
        return ProviderError(
            f"the {who} gave nothing for {self.longest_s:g} s: check it, or raise extra['brain_s']",
            code=f"{who}_timeout",
            retryable=True,
        )


def _checked(thought: object) -> Call:
    if isinstance(thought, Call):
        return thought
    raise ProviderError(f"the brain gave {type(thought).__name__}: it must yield str or s2s.Call")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
