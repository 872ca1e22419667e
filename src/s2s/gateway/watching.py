"""Looks over the shoulder of a served session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from s2s.commands import Command
from s2s.events import Event
from s2s.links import Link, Told
from s2s.wire import Send

Watch: TypeAlias = Callable[[int, Event], None]
"""Gets the number of a session and what its engine told."""


class Watched:
    """A link whose events are also told to `watch`, which must not wait."""

    def __init__(self, inner: Link, watch: Callable[[Event], None]) -> None:
        self.input_rate = inner.input_rate
        self._inner = inner
        self._watch = watch

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Pass a command on."""
        events = await self._inner.send(command)
        for event in events:
            self._watch(event)
        return events

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the link tells."""
        async for told in self._inner:
            if not isinstance(told, Send):
                self._watch(told)
            yield told

    async def close(self) -> None:
        """Let go of the engine."""
        await self._inner.close()


class Onlooker(Struct, frozen=True):
    """Who watches one session, if anybody does; called, it wraps the link of that."""

    watch: Watch | None
    number: int

    def __call__(self, link: Link) -> Link:
        """Return the link as it is looked at."""
        return link if self.watch is None else Watched(link, self.tell)

    def tell(self, event: Event) -> None:
        """Tell what no engine does."""
        if self.watch is not None:
            self.watch(self.number, event)
