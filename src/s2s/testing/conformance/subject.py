"""An engine under test, and what makes it speak, call and fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.events import TurnEnd
from s2s.items import JSON
from s2s.session import Session
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.tools import Tool

LOOK_UP = Tool(
    name="look_up",
    description="Look up a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
"""The tool that an engine is asked to call; a session has it unless a check brings its own."""

_CHUNK_BYTES = 960


class Ask(Enum):
    """What a check wants an engine to do."""

    SHORT = "answer in a few words"
    LONG = "speak for ten seconds at least"
    CALL = "call `look_up` with a city once, and say something about the result"
    TWO_CALLS = "call `look_up` twice in one response, and say something about the results"


class Subject(Struct, frozen=True, kw_only=True):
    """An engine under test; `engine` makes it, and `prompts` says what text makes it do what."""

    name: str
    engine: Callable[[Config], Engine]
    prompts: Mapping[Ask, str]
    speech: bytes = b""
    """A question that a person asks, up to a second of silence after it: PCM16 mono at 24000 Hz."""
    prepare: Callable[[Sequence[Ask]], Mapping[str, JSON]] = lambda asks: {}
    """Returns `Config.extra` that readies the engine for what it will be asked, in this order."""
    lose: Callable[[Engine], Coroutine[Any, Any, None]] | None = None
    """Breaks the connection of the session that this engine started last."""
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    within_s: float = 5.0
    """How long any one thing may take."""
    diverges: Mapping[str, str] = {}
    """Requirements that it does not meet, and why; pinned, for one that it does meet is a failure too."""

    @property
    def capabilities(self) -> Capabilities:
        """What the engine declares."""
        return self.engine(Config()).capabilities

    def has(self, needed: str) -> bool:
        """Return whether the engine, or this subject, has what a requirement needs."""
        match needed:
            case "":
                return True
            case "lose":
                return self.lose is not None
            case "speech":
                return bool(self.speech)
            case "two_calls":
                return Ask.TWO_CALLS in self.prompts
            case "manual":
                return bool(self.speech) and "manual" in self.capabilities.turn_detection
            case "transcripts":
                return bool(self.speech) and self.capabilities.transcripts
            case _:
                return bool(getattr(self.capabilities, needed))

    @asynccontextmanager
    async def talk(self, *asks: Ask, **fields: JSON) -> AsyncIterator[Provoked]:
        """Start a session that will be asked this; its events must have kept the contract by its end."""
        config = Config(**{"tools": [LOOK_UP], "extra": self.prepare(asks), **fields})
        engine = self.engine(config)
        async with engine.start() as session:
            talk = Provoked(self, engine, session, asks)
            yield talk
        events = await talk.rest()
        equal(violations(events, session.config.spoken), [])


class Provoked(Talk):
    """A talk that knows what to ask."""

    def __init__(self, subject: Subject, engine: Engine, session: Session, asks: Sequence[Ask]) -> None:
        super().__init__(session, within_s=subject.within_s)
        self.engine = engine
        self._subject = subject
        self._asks = iter(asks)

    async def ask(self) -> str:
        """Say the next prompt, aloud where the engine takes none in writing, and return it."""
        text = self._subject.prompts[next(self._asks)]
        if self._subject.has("text_input"):
            await self.session.send_text(text)
        else:
            await self.speak()
        return text

    async def turn(self) -> TurnEnd:
        """Say the next prompt and return the end of the turn that answers it."""
        await self.ask()
        return await self.until(TurnEnd)

    async def speak(self) -> None:
        """Say the question, and then a second of nothing."""
        spoken = self._subject.speech + bytes(48_000)
        for start in range(0, len(spoken), _CHUNK_BYTES):
            await self.session.send_audio(spoken[start : start + _CHUNK_BYTES])


def equal(found: object, expected: object) -> None:
    """Raise AssertionError that shows both, unless they are equal."""
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def holds(it: bool, otherwise: str) -> None:
    """Raise AssertionError unless it does."""
    if not it:
        raise AssertionError(otherwise)
