"""Streams of frames for tests: sources that say what became of them, and what to do with what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

from s2s.pipeline import Frame, Frames, Processor, TextFrame, chain


class Source:
    """Yields these frames, and knows how many were asked for and whether it was closed."""

    def __init__(self, frames: Iterable[Frame], *, then: BaseException | None = None) -> None:
        self.asked = 0
        self.closed = False
        self._frames = list(frames)
        self._then = then

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self.frames()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """The stream."""
        try:
            for frame in self._frames:
                self.asked += 1
                await asyncio.sleep(0)
                yield frame
            if self._then is not None:
                raise self._then
        finally:
            self.closed = True


def texts(*words: str) -> list[Frame]:
    """Return a frame for each."""
    return [TextFrame(word) for word in words]


async def collected(frames: Frames) -> list[Frame]:
    """Return all that comes."""
    return [frame async for frame in frames]


async def through(processor: Processor, frames: Iterable[Frame], most: int | None = None) -> list[Frame]:
    """Return what becomes of these frames; closes the stream after `most` of them."""
    out: list[Frame] = []
    async with aclosing(chain(processor).process(Source(frames).frames())) as stream:
        async for frame in stream:
            out.append(frame)
            if len(out) == most:
                break
    return out


def others() -> set[asyncio.Task[object]]:
    """Return the tasks that run besides this one."""
    return asyncio.all_tasks() - {asyncio.current_task()}
