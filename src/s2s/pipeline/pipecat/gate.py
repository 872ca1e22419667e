"""How much sound and how many images may be inside a pipeline that has no bound of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Lets frames in while few of them are ahead, and while what comes out is taken."""

    def __init__(self, most_frames: int = 50) -> None:
        self._most = most_frames
        self._ahead = 0
        self._held = 0
        self._room = asyncio.Event()

    async def enter(self) -> None:
        """Wait for room and take it."""
        while self._held or self._ahead >= self._most:
            self._room.clear()
            await self._room.wait()
        self._ahead += 1

    def leave(self) -> None:
        """Give the room of one frame back."""
        self._ahead = max(0, self._ahead - 1)
        self._room.set()

    def forget(self) -> None:
        """Give all room back: what was ahead may never come."""
        self._ahead = 0
        self._room.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing in meanwhile."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._room.set()
