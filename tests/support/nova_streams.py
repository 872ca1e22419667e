"""A conversation over many streams of Nova Sonic, and what became of every word of it.

Questions and answers have numbers. Whoever speaks question 7 says it at a level of its own, and whoever hears
that understands "q7" and answers "a7": so nothing is lost or doubled unnoticed, however it was told.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

from s2s.commands import AddItem, Command, SendToolResult
from s2s.config import Config
from s2s.events import Event, SpeechStopped, Transcript
from s2s.items import JSON, Call, Message
from s2s.links import Link
from s2s.providers.script import Reply, ScriptEngine, ScriptLink
from s2s.simulators.nova import NovaSimulator
from s2s.transports import Transport
from s2s.wire import Send

Kind: TypeAlias = Literal["short", "long", "tool"]
HZ = 16_000
LULL_MS = 500
"""The silence that ends what the user says."""
CHUNK_MS = 100
_QUESTION = re.compile(r"\bq(\d+)\b")
_RESULT = re.compile(r"\br(\d+)\b")


def tokens(text: str) -> list[str]:
    """Return the questions, answers, results and parts of answers that a text names, in order."""
    return re.findall(r"\b[qabr]\d+\b", text)


def loud(number: int, ms: float) -> bytes:
    """Return how a question sounds."""
    return array("h", [2000 + 100 * number]).tobytes() * round(ms * HZ / 1000)


def runs(pcm: bytes) -> list[tuple[int, float]]:
    """Return which question was heard for how many milliseconds, 0 for silence."""
    if pcm == pcm[:2] * (len(pcm) // 2):
        return [(_number(int.from_bytes(pcm[:2], "little")), len(pcm) * 500 / HZ)]
    levels = itertools.groupby(array("h", pcm))
    return [(_number(level), sum(1 for _ in same) * 1000 / HZ) for level, same in levels]


def _number(level: int) -> int:
    return (level - 2000) // 100 if level else 0


class Mind(ScriptLink):
    """What listens and answers behind one stream."""

    input_rate = HZ

    def __init__(self, config: Config, engine: Parrot) -> None:
        super().__init__(config, engine.capabilities)
        self.began = asyncio.get_running_loop().time()
        self.told = [(each.role, each.text) for each in config.history if isinstance(each, Message)]
        """What it was told of earlier streams."""
        self.heard: dict[int, float] = {}
        """Milliseconds of each question."""
        self.understood: list[int] = []
        """The questions that it has told the words of."""
        self.asked: list[str] = []
        """What it was asked in writing."""
        self.results: list[str] = []
        self._engine = engine
        self._words: list[int] = []
        self._quiet_ms = 0.0

    async def send(self, command: Command | Send) -> tuple[Event, ...]:
        """Take a command, and note what is said."""
        match command:
            case AddItem(item=Message(text=text)):
                self.asked.append(text)
            case SendToolResult(output=output):
                self.results.append(output)
            case _:
                pass
        return tuple(await super().send(command))

    def _hear(self, audio: bytes) -> None:
        for number, ms in runs(audio):
            if not number:
                self._rest(ms)
                continue
            self._quiet_ms = 0.0
            self.heard[number] = self.heard.get(number, 0.0) + ms
            if not self._words:
                self._user_began(0.0)
            if number not in self._words:
                self._words.append(number)

    def _rest(self, ms: float) -> None:
        self._quiet_ms += ms
        if self._words and self._quiet_ms >= LULL_MS:
            words, self._words = self._words, []
            self.understood += words
            self._said = " ".join(f"q{each}" for each in words)
            item_id = self._ear.item_id
            self._tell(SpeechStopped(item_id, 0.0))
            self._tell(Transcript(self._said, item_id, self._said, final=True))
            self._answer("user_turn", self._said)

    def _reply(self, prompt: str) -> Reply:
        questions = [int(each) for each in _QUESTION.findall(prompt)]
        called = [each for each in questions if self._engine.kinds.get(each) == "tool"]
        says = [self._engine.answer(each) for each in questions if each not in called]
        says += [f"b{each} came of it." for each in _RESULT.findall(prompt)]
        calls = tuple(self._engine.call(each) for each in called)
        return Reply(says=" ".join(says) or ("" if calls else "What else?"), calls=calls)


class Parrot(ScriptEngine):
    """Answers every question by its number: at length, with a tool, or in short."""

    def __init__(self, pace: float = 4, **kinds: Kind) -> None:
        super().__init__(Config(extra={"pace": pace}))
        self.kinds = {int(name[1:]): kind for name, kind in kinds.items()}
        self.minds: list[Mind] = []
        self._calls = itertools.count(1)

    async def open(self, config: Config) -> Link:
        """Return a link at once."""
        self.minds.append(Mind(config, self))
        return self.minds[-1]

    def answer(self, number: int) -> str:
        """Return what is said to a question: 0.8 s, or 12 s."""
        first = f"a{number} is the answer."
        if self.kinds.get(number) != "long":
            return first
        return " ".join([first, *(f"Part {each} of it follows now." for each in range(2, 12))])

    def call(self, number: int) -> Call:
        """Return the call of a tool that a question makes, another one each time."""
        return Call(f"call_{next(self._calls)}", "look_up", {"n": number}, f'{{"n":{number}}}')


class Stream:
    """A client's end of one stream, and all that passed it but audio."""

    def __init__(self, near: Transport, clock: Callable[[], float]) -> None:
        self.opened_at = clock()
        self.closed_at: float | None = None
        self.asked: list[JSON] = []
        self.said: list[JSON] = []
        self.said_count = 0
        self.audio_at: list[float] = []
        """When the user's audio passed."""
        self._near = near
        self._clock = clock

    async def send(self, message: bytes) -> None:
        """Pass a message on."""
        await self._near.send(message)
        self._note(message)

    def write(self, message: bytes) -> bool:
        """Pass a message on where there is room."""
        taken = self._near.write(message)  # type: ignore[attr-defined]
        if taken:
            self._note(message)
        return bool(taken)

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Pass on what the service says."""
        async for message in self:
            take(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for message in self._near:
            self.said_count += 1
            if b'"audioOutput":{"' not in message:
                self.said.append(_read(message))
            yield message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Note when."""
        self.closed_at = self.closed_at or self._clock()
        await self._near.close(code, reason)

    def _note(self, message: bytes) -> None:
        if b'"audioInput":{"' in message:
            self.audio_at.append(self._clock())
        else:
            self.asked.append(_read(message))

    @property
    def usage(self) -> tuple[int, int]:
        """Return the tokens that the service has told of: read, and said."""
        spent = [each["event"]["usageEvent"] for each in self.said if "usageEvent" in each.get("event", {})]
        last = spent[-1] if spent else {"totalInputTokens": 0, "totalOutputTokens": 0}
        return last["totalInputTokens"], last["totalOutputTokens"]


def _read(message: bytes) -> JSON:
    try:
        return msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


class Street:
    """Dials a simulator."""

    def __init__(self, simulator: NovaSimulator, dial_s: float = 0.0) -> None:
        self.streams: list[Stream] = []
        self.simulator = simulator
        self._dial_s = dial_s

    async def connect(self, url: str, headers: Mapping[str, str]) -> Stream:
        """Open a stream; what `extra["connect"]` wants."""
        await asyncio.sleep(self._dial_s)
        near = await self.simulator.connect(url, headers)
        self.streams.append(Stream(near, asyncio.get_running_loop().time))
        return self.streams[-1]

    async def connect_slowly(self, url: str, headers: Mapping[str, str]) -> Transport:
        """Open a stream that has no short way."""
        return _Slow(await self.connect(url, headers))


class _Slow:
    def __init__(self, stream: Stream) -> None:
        self.send = stream.send
        self.close = stream.close
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)
