"""What an engine tells, while somebody is there to hear it and while nobody is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable

from msgspec import Struct

from s2s.errors import S2SError
from s2s.events import Event, GoingAway, Reconnected, Reconnecting, SessionStarted
from s2s.links import Link, Told
from s2s.patience import Patience

_MOST_UNWANTED = 64


class End(Struct, frozen=True):
    """The engine tells nothing more."""

    failure: S2SError | None = None


class Reading:
    """What an engine tells, read ahead by one thing; held while nobody is there to hear it.

    Meanwhile what nobody wants is skipped, and at the first thing that somebody may want reading stops: an
    engine that talks on fills the bounded way to here and no memory. An end is noticed as soon as it is read.
    """

    def __init__(self, link: Link, over: Callable[[], Awaitable[None]]) -> None:
        self._source = aiter(link)
        self._over = over
        self._told: Patience[Told | End] = Patience(self)
        self._unwanted: deque[str] = deque(maxlen=_MOST_UNWANTED)
        self._its_own: tuple[type[Event], ...] = (Reconnecting, Reconnected)
        """What it tells of its connections, which are not those of whoever listens."""
        self._ends_at: float | None = None
        self._limit: asyncio.Timeout | None = None
        self._somebody = asyncio.Event()
        self._somebody.set()

    async def next(self, within_s: float | None) -> Told | End | None:
        """Return the next thing, or None where there is none in time."""
        return await self._told.next(within_s)

    def wanted(self, told: Told | End) -> bool:
        """Tell whether this is of no response whose listener has gone, and of no connection of the engine."""
        ours = not isinstance(told, self._its_own)
        return ours and getattr(told, "response_id", None) not in self._unwanted

    async def hold(self, until: float, heard: Iterable[str]) -> list[Told | End]:
        """Hold what comes, and end at `until`; return what was read already.

        Nobody wants the rest of the responses of which the beginning was `heard`.
        """
        self._somebody.clear()
        self._unwanted.extend(heard)
        rest: list[Told | End] = []
        # Looking once more leaves a read under way, which minds when to end.
        while not rest or not isinstance(rest[-1], End):
            told = await self.next(0)
            if told is None:
                break
            rest.append(told)
        self._reschedule(until)
        return rest

    def release(self) -> bool:
        """Go on, for somebody is there again; return whether it is not too late."""
        if self._limit is not None and self._limit.expired():
            return False
        self._reschedule(None)
        self._somebody.set()
        return True

    def expire(self, now: float) -> None:
        """End, whoever is there."""
        self._ends_at = now
        self._reschedule(now)

    async def close(self) -> None:
        """Stop reading."""
        await self._told.close()
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()

    def __aiter__(self) -> AsyncIterator[Told | End]:
        return self

    async def __anext__(self) -> Told | End:
        told = await self._in_time()
        if isinstance(told, End):
            await self._over()
        return told

    async def _in_time(self) -> Told | End:
        try:
            async with asyncio.timeout_at(self._ends_at) as limit:
                self._limit = limit
                return await self._read()
        except TimeoutError:
            if not limit.expired():
                raise
            return End()
        finally:
            self._limit = None

    async def _read(self) -> Told | End:
        while True:
            try:
                told = await anext(self._source)
            except StopAsyncIteration:
                return End()
            except S2SError as failure:
                return End(failure)
            if isinstance(told, SessionStarted) and told.capabilities.resumption != "none":
                self._its_own = (Reconnecting, Reconnected, GoingAway)
            if self.wanted(told):
                await self._somebody.wait()
                return told
            await asyncio.sleep(0)

    def _reschedule(self, when: float | None) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(when)


def _now() -> float:
    return asyncio.get_running_loop().time()
