"""Where the frames of a pipeline come from that somebody else feeds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from s2s.pipeline.frames import Frame

_MOST_WAITING = 16


class Feed:
    """A source for one reader, bounded: who feeds it waits where nobody asks for frames.

    `ready` is called when the reader asks for more than the first frame, and so has dealt with that.
    """

    def __init__(self, first: Frame, ready: Callable[[], None], most_waiting: int = _MOST_WAITING) -> None:
        self._waiting: deque[Frame] = deque((first,))
        self._taken = 0
        self._ready = ready
        self._most = most_waiting
        self._over = False
        self._room = asyncio.Event()
        self._reader: asyncio.Future[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether the reader has dealt with everything, and waits for more."""
        return not self._waiting and self._reader is not None

    async def put(self, frame: Frame) -> None:
        """Append when there is room; a frame that nobody will ask for is dropped."""
        while len(self._waiting) >= self._most and not self._over:
            self._room.clear()
            await self._room.wait()
        if not self._over:
            self.put_now(frame)

    def put_now(self, *frames: Frame) -> None:
        """Append, whatever the room."""
        self._waiting.extend(frames)
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    def end(self) -> None:
        """Let go of who feeds it: nobody asks for frames any more."""
        self._over = True
        self._room.set()

    async def aclose(self) -> None:
        """End it, as the pipeline does that has no more use for it."""
        self.end()

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> Frame:
        if self._taken == 1:
            self._ready()
        while not self._waiting:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self._taken += 1
        self._room.set()
        return self._waiting.popleft()
