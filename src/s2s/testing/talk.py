"""A session and all that it has told, for checks that read in the order of the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from s2s.errors import S2SError
from s2s.events import AudioOutput, Error, Event, TextOutput
from s2s.session import Session

E = TypeVar("E", bound=Event)


class Talk:
    """Reads a session's events only while something waits for one; `events` is everything so far."""

    def __init__(self, session: Session, *, within_s: float = 5.0) -> None:
        self.session = session
        self.events: list[Event] = []
        self._within_s = within_s

    async def until(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> E:
        """Read on and return the next event of this kind of which `where` holds.

        Raises AssertionError where it does not come in time, or the session ends before.
        """
        try:
            async with asyncio.timeout(self._within_s):
                async for event in self.session:
                    self.events.append(event)
                    if isinstance(event, kind) and where(event):
                        return event
        except TimeoutError:
            raise AssertionError(f"no {kind.type} within {self._within_s:g} s after {self}") from None
        raise AssertionError(f"the session ended without a {kind.type}: {self}")

    async def rest(self) -> list[Event]:
        """Read to the end of the session and return all of its events."""
        async with asyncio.timeout(self._within_s):
            self.events += [event async for event in self.session]
        return self.events

    async def listen(self, seconds: float) -> list[Event]:
        """Read for so long and return what came."""
        before = len(self.events)
        try:
            async with asyncio.timeout(seconds):
                async for event in self.session:
                    self.events.append(event)
        except TimeoutError:
            pass
        return self.events[before:]

    def all(self, kind: type[E]) -> list[E]:
        """Return what came of this kind."""
        return [each for each in self.events if isinstance(each, kind)]

    @property
    def errors(self) -> list[S2SError]:
        """What went wrong."""
        return [each.error for each in self.all(Error)]

    @property
    def text(self) -> str:
        """What the engine said."""
        return "".join(each.text for each in self.all(TextOutput))

    @property
    def audio(self) -> bytes:
        """How it sounded."""
        return b"".join(each.audio for each in self.all(AudioOutput))

    def __str__(self) -> str:
        return " ".join(each.type for each in self.events) or "nothing"
