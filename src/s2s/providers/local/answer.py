"""Makes speech of what a brain says, piece by piece."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeAlias, TypeVar

from msgspec import Struct, json
from msgspec.structs import replace

from s2s.errors import ProviderError, S2SError
from s2s.foreign import Late, contained
from s2s.items import Call, Item
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
        clauses, before = Clauses(), [*prompt.history]
        asked_at = _now()
        async with aclosing(timely(self.brain.respond(prompt), self.longest_s, "brain")) as thoughts:
            async for thought in thoughts:
                stages.setdefault("brain", _ms(_now() - asked_at))
                for text in clauses.push(thought) if isinstance(thought, str) else clauses.flush():
                    yield text
                if not isinstance(thought, str):
                    before.append(call := checked(thought, before))
                    yield call
        for text in clauses.flush():
            yield text

    async def _spoken(self, text: str, stages: dict[str, float]) -> AsyncGenerator[Spoken, None]:
        if self.tts is None:
            yield Spoken(text)
            return
        asked_at = _now()
        unsaid, odd = text, b""
        voiced_in_time = timely(self.tts.speak(text, voice=self.voice), self.longest_s, "voice")
        async with aclosing(voiced_in_time) as voiced:
            async for audio in voiced:
                stages.setdefault("tts", _ms(_now() - asked_at))
                audio = odd + audio
                whole = len(audio) & ~1
                yield Spoken(unsaid, audio[:whole])
                unsaid, odd = "", audio[whole:]
        if unsaid:
            yield Spoken(unsaid)


async def timely(
    made: AsyncIterable[T], longest_s: float, who: str, setting: str = "extra['brain_s']"
) -> AsyncGenerator[T, None]:
    """Yield what a stage gives, each in time, and have the stage let go in the end.

    Raises ProviderError, which names the setting, when it gives nothing for so long.
    """
    things = aiter(made)
    try:
        while True:
            try:
                thing = await contained(anext(things), longest_s)
            except StopAsyncIteration:
                return
            except Late:
                told = f"the {who} gave nothing for {longest_s:g} s: check it, or raise {setting}"
                raise ProviderError(told, code=f"{who}_timeout", retryable=True) from None
            yield thing
    finally:
        close = getattr(things, "aclose", None)
        if close is not None:
            await close()


def named(failed: Exception) -> S2SError:
    """Return what broke an answer off as an error of ours, which says what to check."""
    if isinstance(failed, S2SError):
        return failed
    error = ProviderError(
        f"the answer broke off: {type(failed).__name__}: {failed}; check the brain and the voice"
    )
    error.__cause__ = failed
    return error


def checked(thought: object, before: Iterable[Item]) -> Call:
    """Return what is a call, with an id that no call before it has, and its arguments in writing.

    Some brains give neither. Raises ProviderError for what no brain may give.
    """
    if not isinstance(thought, Call):
        raise ProviderError(f"the brain gave {type(thought).__name__}: it must yield str or s2s.Call")
    if not thought.id or any(isinstance(each, Call) and each.id == thought.id for each in before):
        thought = replace(thought, id=f"call_{uuid.uuid4().hex[:16]}")
    if thought.arguments and thought.raw == "{}":
        thought = replace(thought, raw=json.encode(thought.arguments).decode())
    return thought


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
