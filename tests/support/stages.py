"""Stages for the local engine that hear, think and speak by arithmetic, so that the floor needs no model.

A word is 200 ms of samples at a level of its own, so the words that a stretch of audio holds are in the
audio, however it was cut, joined or cleared, and a word of which less than half arrived is not heard.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TypeAlias

from msgspec.structs import replace

from s2s.items import Call, Message, ToolResult
from s2s.providers.local.stages import Prompt, Thought

RATE = 16_000
WORD_MS = 200
WINDOW_MS = 32.0
VOICE_RATE = 24_000
FOREVER = math.inf

_LOUD = 1_000
_STEP = 8
_words: list[str] = []

Script: TypeAlias = Iterable[Thought | float | Exception | object]


def speech(text: str, word_ms: int = WORD_MS) -> bytes:
    """Return these words as PCM16 at 16 kHz; each keeps the punctuation that it is written with."""
    return b"".join(array("h", [_level(word)]) * (word_ms * RATE // 1000) for word in text.split())


def silence(ms: float) -> bytes:
    """Return silence at 16 kHz."""
    return bytes(2 * int(ms * RATE / 1000))


def click() -> bytes:
    """Return a noise that is too short to be speech: one loud window."""
    return speech("click", word_ms=int(WINDOW_MS))


def words_in(pcm: bytes) -> str:
    """Return the words in PCM16 at 16 kHz."""
    by_ms = memoryview(pcm[: len(pcm) // 2 * 2]).cast("h")[:: RATE // 1000]
    found: list[str] = []
    for level, run in groupby(by_ms):
        word, rest = divmod(level - _LOUD - _STEP, _STEP)
        if 0 <= word < len(_words) and not rest:
            found += [_words[word]] * round(sum(1 for _ in run) / WORD_MS)
    return " ".join(found)


class LoudVAD:
    """Takes loud windows for speech."""

    sample_rate = RATE
    window_ms = WINDOW_MS

    async def warm(self) -> None: ...

    def open(self) -> LoudVAD:
        return self

    def push(self, pcm: bytes) -> Sequence[float]:
        size = int(RATE * WINDOW_MS / 1000) * 2
        windows = (memoryview(pcm)[at : at + size].cast("h") for at in range(0, len(pcm) - size + 1, size))
        return [1.0 if sum(map(abs, each)) > _LOUD * len(each) / 2 else 0.0 for each in windows]

    def reset(self) -> None: ...


class LevelSTT:
    """Reads the words from the levels, after `delay_s`; raises `fails` while that is set."""

    sample_rate = RATE
    languages: tuple[str, ...] = ("en",)

    def __init__(self, delay_s: float = 0.03) -> None:
        self.delay_s = delay_s
        self.fails: Exception | None = None
        self.asked: list[bytes] = []
        self.running = 0

    async def warm(self) -> None: ...

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        self.asked.append(pcm)
        with _counted(self):
            await _pass(self.delay_s)
        if self.fails is not None:
            raise self.fails
        return words_in(pcm)


class ToneTTS:
    """Says each word as `word_ms` of a level of its own, all words of a text in one piece after `delay_s`."""

    sample_rate = VOICE_RATE
    voices: tuple[str, ...] = ("alto", "tenor")

    def __init__(self, word_ms: int = 100, delay_s: float = 0.01) -> None:
        self.word_ms = word_ms
        self.delay_s = delay_s
        self.fails: Exception | None = None
        self.piece_bytes = 1 << 30
        self.spoken: list[tuple[str, str | None]] = []
        self.running = 0

    async def warm(self) -> None: ...

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
        self.spoken.append((text, voice))
        with _counted(self):
            await _pass(self.delay_s)
            if self.fails is not None:
                raise self.fails
            samples = self.word_ms * VOICE_RATE // 1000
            audio = b"".join(array("h", [_level(word)]) * samples for word in text.split())
            for at in range(0, len(audio), self.piece_bytes):
                yield audio[at : at + self.piece_bytes]


class ScriptedBrain:
    """Thinks what `reply` returns for the prompt: text and calls are yielded, so is anything that is wrong;
    numbers are seconds to think, exceptions are raised.
    """

    def __init__(self, reply: Callable[[Prompt], Script], *, speculative: bool = True) -> None:
        self.reply = reply
        self.speculative = speculative
        self.prompts: list[Prompt] = []
        self.running = 0

    async def warm(self) -> None: ...

    async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        self.prompts.append(prompt)
        with _counted(self):
            for each in self.reply(prompt):
                match each:
                    case float():
                        await _pass(each)
                    case Exception():
                        raise each
                    case _:
                        yield each  # type: ignore[misc]  # wrong types too: the floor must bear them

    @property
    def asked(self) -> list[str]:
        """The last words of each prompt."""
        return [said(each) for each in self.prompts]


def said(prompt: Prompt) -> str:
    """Return the last entry of a prompt as text."""
    match prompt.history[-1:]:
        case (Message(text=text),):
            return text
        case (ToolResult(output=output),):
            return output
        case _:
            return ""


def echo(prompt: Prompt) -> Script:
    """Repeat the user, or tell what a tool returned."""
    yield f"You said {said(prompt)}"


def calling(*calls: Call) -> Callable[[Prompt], Script]:
    """Return a brain that answers the user with these calls, and their results with words.

    The ids of the calls get the number of entries before them, for none may come twice.
    """

    def reply(prompt: Prompt) -> Script:
        match prompt.history[-1]:
            case ToolResult(output=output):
                return [f"The tool says {output}."]
            case _:
                return [replace(each, id=f"{each.id}-{len(prompt.history)}") for each in calls]

    return reply


@contextmanager
def _counted(stage: LevelSTT | ToneTTS | ScriptedBrain) -> Iterator[None]:
    stage.running += 1
    try:
        yield
    finally:
        stage.running -= 1


async def _pass(seconds: float) -> None:
    if seconds == FOREVER:
        await asyncio.Event().wait()
    await asyncio.sleep(seconds)


def _level(word: str) -> int:
    if word not in _words:
        _words.append(word)
    return _LOUD + _STEP * (_words.index(word) + 1)
