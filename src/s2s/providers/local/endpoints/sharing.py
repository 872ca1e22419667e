"""A thing that all users of an event loop share, such as an HTTP client, closed when the last one leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

T = TypeVar("T", bound="_Closeable")


class _Closeable(Protocol):
    async def aclose(self) -> None: ...


class _Share(Generic[T]):
    """The thing of one event loop and the number of its users there."""

    def __init__(self) -> None:
        self.users = 0
        self.thing: T | None = None
        self.making = asyncio.Lock()


class Shared(Generic[T]):
    """Made by `make` when it is first used, and made anew after the last user left.

    What was made in one event loop is used and closed there only; a loop that ended takes its share with it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._shares: dict[asyncio.AbstractEventLoop, _Share[T]] = {}

    def enter(self) -> None:
        """Count one more user in this event loop."""
        for loop in [each for each in list(self._shares) if each.is_closed()]:
            self._shares.pop(loop, None)
        self._shares.setdefault(asyncio.get_running_loop(), _Share()).users += 1

    async def leave(self) -> None:
        """Count one user less, once for each `enter`; after the last one the thing is closed."""
        loop = asyncio.get_running_loop()
        share = self._shares[loop]
        share.users -= 1
        if not share.users:
            del self._shares[loop]
            if share.thing is not None:
                await share.thing.aclose()

    @asynccontextmanager
    async def using(self) -> AsyncIterator[T]:
        """Yield the thing to a user of this block."""
        self.enter()
        try:
            yield await self._thing(self._shares[asyncio.get_running_loop()])
        finally:
            await self.leave()

    async def _thing(self, share: _Share[T]) -> T:
        async with share.making:
            if share.thing is None:
                share.thing = await self._make()
            return share.thing
