"""What is pushed on one side and pulled on the other: the way in, bounded."""

from __future__ import annotations

import asyncio
from collections import deque

from s2s.pipeline.frames import Frame


class Intake:
    """Frames that a processor has not taken yet, in order; for one reader.

    Who puts waits while `most_frames` wait, and no longer once nobody reads any more.
    """

    def __init__(self, most_frames: int = 50) -> None:
        self._most = most_frames
        self._waiting: deque[Frame] = deque()
        self._ended = False
        self._room = asyncio.Event()
        self._room.set()
        self._more = asyncio.Event()

    async def put(self, frame: Frame) -> None:
        """Append when there is room; once it has ended, what comes goes nowhere."""
        while len(self._waiting) >= self._most and not self._ended:
            self._room.clear()
            await self._room.wait()
        self.put_now(frame)

    def put_now(self, frame: Frame) -> None:
        """Append, whatever the room."""
        if not self._ended:
            self._waiting.append(frame)
            self._more.set()

    def end(self) -> None:
        """Take nothing more; what waits can still be read."""
        self._ended = True
        self._room.set()
        self._more.set()

    async def aclose(self) -> None:
        """Take nothing more, and forget what waits."""
        self._waiting.clear()
        self.end()

    def __aiter__(self) -> Intake:
        return self

    async def __anext__(self) -> Frame:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        self._room.set()
        return self._waiting.popleft()
