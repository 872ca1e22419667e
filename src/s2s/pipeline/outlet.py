"""For processors that go on listening while they talk: tasks of their own, and one bounded way out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import TypeAlias

from s2s.errors import ConfigError, LocalProtocolError
from s2s.pipeline.frames import AudioFrame, Frame, TextFrame


class Outlet:
    """What a processor has made and nobody has taken yet, in order; for one reader.

    At most `most_frames` wait, so whoever makes them goes no faster than they are taken. Raises ConfigError
    where not even one may.
    """

    def __init__(self, most_frames: int) -> None:
        if most_frames < 1:
            raise ConfigError(
                f"most_frames={most_frames}: with room for none nothing goes through, give 1 or more"
            )
        self._most = most_frames
        self._waiting: deque[Frame] = deque()
        self._ended = False
        self._room = asyncio.Event()
        self._room.set()
        self._reader: asyncio.Future[None] | None = None

    async def put(self, frame: Frame) -> None:
        """Append when there is room."""
        await self.room()
        self.put_now(frame)

    async def room(self) -> None:
        """Return once there is room, or none is needed any more: before what cannot be taken yet is made."""
        while len(self._waiting) >= self._most and not self._ended:
            self._room.clear()
            await self._room.wait()

    def put_now(self, frame: Frame) -> None:
        """Append, whatever the room: for the few frames that must not wait."""
        self._waiting.append(frame)
        self._wake()

    def interrupt(self, frame: Frame) -> list[Frame]:
        """Take back what the agent had still to say, append this, and return what was taken back."""
        unsaid = [each for each in self._waiting if says(each)]
        self._waiting = deque(each for each in self._waiting if not says(each))
        self.put_now(frame)
        if len(self._waiting) < self._most:
            self._room.set()
        return unsaid

    def end(self) -> None:
        """Append nothing more; what waits can still be taken, and nobody waits for room."""
        self._ended = True
        self._room.set()
        self._wake()

    def __len__(self) -> int:
        """How many frames wait to be taken."""
        return len(self._waiting)

    def __aiter__(self) -> Outlet:
        return self

    async def __anext__(self) -> Frame:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            if self._reader is not None and not self._reader.done():
                raise LocalProtocolError(
                    "two read the same frames, and each would miss some: let one of them read"
                )
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        frame = self._waiting.popleft()
        self._room.set()
        return frame

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


Work: TypeAlias = Callable[[Outlet], Coroutine[object, object, None]]


async def concurrently(work: Work, most_frames: int = 4) -> AsyncGenerator[Frame, None]:
    """Yield what `work` puts into its outlet while it runs; it ends with the work, and by its first error.

    Closing it cancels the work and waits for its end.
    """
    outlet = Outlet(most_frames)
    task = asyncio.create_task(work(outlet), name="s2s-processor")
    task.add_done_callback(lambda _: outlet.end())
    try:
        async for frame in outlet:
            yield frame
        try:
            await task
        except ExceptionGroup as failed:
            raise _first(failed) from None
    finally:
        task.cancel()
        await _at_rest(task)
        if not task.cancelled():
            task.exception()  # whoever closes has heard it, or does not want to: it is nobody's any more


async def _at_rest(task: asyncio.Task[None]) -> None:
    """Return when a task has ended: who is cancelled meanwhile must not leave it behind."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as again:
            cancelled = again
    if cancelled is not None:
        raise cancelled


def says(frame: Frame) -> bool:
    """Tell whether it is what an agent says, and so what an interruption takes back."""
    return isinstance(frame, AudioFrame) or (isinstance(frame, TextFrame) and frame.role == "assistant")


def _first(failed: BaseException) -> BaseException:
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed
