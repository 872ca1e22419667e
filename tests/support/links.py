"""Links that do what a test says, and the engines that open them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

from s2s.capabilities import Capabilities
from s2s.commands import AppendAudio, Command
from s2s.config import Config
from s2s.engine import Engine
from s2s.events import AudioOutput, Event, ResponseStarted, SessionStarted, TextOutput
from s2s.links import Link
from s2s.providers.script import ScriptEngine, ScriptLink
from s2s.wire import Send

MS = 48
"""Bytes of a millisecond at 24000 Hz."""


class PlainLink:
    """Tells what a test puts in, keeps what it is sent, and ends when it is told to."""

    input_rate = 24_000

    def __init__(self, *events: Event | Send, capabilities: Capabilities | None = None) -> None:
        self.sent: list[Command | Send] = []
        self.closed = 0
        self.answers: Callable[[Command | Send], Sequence[Event]] = lambda _: ()
        started = SessionStarted("plain-session", "plain", "plain", capabilities or Capabilities())
        self._events: deque[Event | Send | Exception | None] = deque((started, *events))
        self._change = asyncio.Event()

    def tell(self, *events: Event | Send) -> None:
        """Have the session hear this."""
        self._events.extend(events)
        self._change.set()

    def end(self, cause: Exception | None = None) -> None:
        """End, in order or with an error."""
        self._events.append(cause)
        self._change.set()

    async def send(self, command: Command | Send) -> Sequence[Event]:
        self.sent.append(command)
        return self.answers(command)

    async def __aiter__(self) -> AsyncIterator[Event | Send]:
        while True:
            while self._events:
                told = self._events.popleft()
                if told is None:
                    return
                if isinstance(told, Exception):
                    raise told
                yield told
            self._change.clear()
            await self._change.wait()

    async def close(self) -> None:
        self.closed += 1

    @property
    def commands(self) -> list[Command | Send]:
        """What it was sent, but for audio."""
        return [each for each in self.sent if not isinstance(each, AppendAudio)]


class SilentLink(PlainLink):
    """Never says a word, so it is never ready."""

    def __init__(self) -> None:
        super().__init__()
        self._events.clear()


class StuckLink(PlainLink):
    """Never takes what it is sent."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        await asyncio.Event().wait()
        return ()


class PlainEngine(Engine):
    """Opens the link that a test holds."""

    name: ClassVar[str] = "plain"

    def __init__(
        self,
        link: Callable[[], Link] = PlainLink,
        capabilities: Capabilities | None = None,
        config: Config | None = None,
    ) -> None:
        super().__init__(config)
        self._link = link
        self._can = capabilities or Capabilities()

    @property
    def capabilities(self) -> Capabilities:
        return self._can

    async def open(self, config: Config) -> Link:
        return self._link()


class Tapped:
    """A link in whose way nothing is put and of which everything is noted."""

    def __init__(self, link: Link) -> None:
        self.input_rate = link.input_rate
        self.sent: list[Command | Send] = []
        self.told: list[Event | Send] = []
        self._link = link

    async def send(self, command: Command | Send) -> Sequence[Event]:
        self.sent.append(command)
        return await self._link.send(command)

    async def __aiter__(self) -> AsyncIterator[Event | Send]:
        async for told in self._link:
            self.told.append(told)
            yield told

    async def close(self) -> None:
        await self._link.close()

    @property
    def audio(self) -> list[AppendAudio]:
        """The audio that it was sent."""
        return [each for each in self.sent if isinstance(each, AppendAudio)]


class KeptScript(ScriptEngine):
    """The script engine, its links kept so that a test can break them."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.links: list[ScriptLink] = []

    async def open(self, config: Config) -> Link:
        link = await super().open(config)
        assert isinstance(link, ScriptLink)
        self.links.append(link)
        return link

    @property
    def link(self) -> ScriptLink:
        """The newest."""
        return self.links[-1]


def said(response_id: str, *words: str, item_id: str = "item-1", word_ms: int = 100) -> list[Event]:
    """Return a response up to where its words were all sent, one piece of audio each."""
    events: list[Event] = [ResponseStarted(response_id)]
    for index, word in enumerate(words):
        events += [
            TextOutput(word if index == 0 else f" {word}", response_id, item_id),
            AudioOutput(bytes(word_ms * MS), 24_000, response_id, item_id, index * word_ms),
        ]
    return events


def types(events: Sequence[Event]) -> list[str]:
    """Return the kinds of these events."""
    return [each.type for each in events]
