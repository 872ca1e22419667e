"""The next connection, opened before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from math import inf

from s2s.errors import S2SError
from s2s.lasting.connection import Connection, farewell

_FRESH_S = 25.0
_AGAIN_S = 5.0


class Aside:
    """Tasks that go on beside whoever reads and writes, until they are through."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Begin one."""
        task = asyncio.get_running_loop().create_task(work, name=f"s2s-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """Wait until all are through; each has bounds of its own, and goes on though this be cancelled."""
        await asyncio.shield(asyncio.gather(*self._tasks, return_exceptions=True))


class Spare:
    """One connection at most, which `begin` opens.

    A connection on which nothing happens does not last for long: one that was not taken is opened anew.
    `changed` is called when there is one, or none can be had.
    """

    def __init__(
        self,
        begin: Callable[[], Awaitable[Connection]],
        changed: Callable[[], None],
        aside: Aside,
    ) -> None:
        self.due = inf
        """When `renew` is to be called."""
        self._begin = begin
        self._changed = changed
        self._aside = aside
        self._opening: asyncio.Task[None] | None = None
        self._connection: Connection | None = None

    @property
    def awaited(self) -> bool:
        """Whether there is none yet, and it is worth waiting for."""
        return self._opening is not None and self._connection is None

    def prepare(self) -> None:
        """Open one, unless that was begun."""
        if self._opening is None:
            self._opening = self._aside.begin(self._open(), "spare")

    def renew(self) -> None:
        """Open another one in place of one that is too old, or that could not be opened."""
        self.drop()
        self.prepare()

    def take(self) -> Connection | None:
        """Return the connection if there is one; whatever is being opened is given up."""
        taken, self._connection = self._connection, None
        self.drop()
        return taken

    def drop(self) -> None:
        """Need none any more."""
        opening, self._opening, self.due = self._opening, None, inf
        connection, self._connection = self._connection, None
        if opening is not None:
            opening.cancel()
        if connection is not None:
            self._aside.begin(farewell(connection), "spare-closing")

    async def _open(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            self._connection = await self._begin()
            self.due = clock() + _FRESH_S
        except (S2SError, TimeoutError):
            self.due = clock() + _AGAIN_S
        self._changed()
