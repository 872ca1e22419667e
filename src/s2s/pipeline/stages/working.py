"""What the stages share: where they sit, and how one listens while it works."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Generic, Protocol, TypeVar

from s2s.errors import BacklogError
from s2s.items import JSON
from s2s.pipeline.frames import AudioFrame, ControlFrame, Frame, TextFrame
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.processor import Frames
from s2s.providers.local.pool import shared_pool
from s2s.providers.local.seats import attended, stage

T = TypeVar("T")
_MOST_WAITING: Final = 10_000


class Warms(Protocol):
    """A stage, whichever."""

    async def warm(self) -> None:
        """Load what is needed. Raises ConfigError."""
        ...


class Listener(Protocol):
    """What a stage knows of one stream."""

    async def take(self, frame: Frame, /) -> None:
        """Do what a frame asks for; it must not wait for the work, for an interrupt may follow."""
        ...

    def end(self) -> None:
        """Do what is left to do, for nothing more comes."""
        ...


def filled(seat: str, chosen: object, options: Mapping[str, JSON] | None) -> object:
    """Return the stage that a name, or an object, puts on this seat. Raises ConfigError if there is none."""
    return stage(seat, {seat: chosen, f"{seat}_options": options or {}}, shared_pool())


@asynccontextmanager
async def warmed(stage: Warms) -> AsyncIterator[None]:
    """Have a stage ready for one stream. Raises its ConfigError."""
    async with attended(stage):
        await stage.warm()
        yield


async def listen(
    stage: Warms, frames: Frames, outlet: Outlet, listener: Callable[[asyncio.TaskGroup], Listener]
) -> None:
    """Let a listener hear the frames, and let its tasks finish; the stop comes last."""
    last: Frame | None = None
    async with warmed(stage):
        async with asyncio.TaskGroup() as group:
            hears = listener(group)
            async for frame in frames:
                if isinstance(frame, ControlFrame) and frame.signal == "stop":
                    last = frame
                    break
                await hears.take(frame)
            hears.end()
        if last is not None:
            await outlet.put(last)


async def hand_on(outlet: Outlet, frame: Frame) -> None:
    """Append a frame that came in: audio when there is room, all else at once, for an interrupt may follow.

    Raises BacklogError where nobody takes them.
    """
    if isinstance(frame, AudioFrame):
        await outlet.put(frame)
        return
    _require_room(len(outlet))
    outlet.put_now(frame)


def stages_of(frame: ControlFrame | TextFrame) -> dict[str, float]:
    """Return the milliseconds per stage that its metadata tells."""
    match frame.metadata.get("stages"):
        case dict() as stages:
            return stages
        case _:
            return {}


class Bench(Generic[T]):
    """Pieces of work, done one after the other, in a task that lives as long as there are some.

    A piece stays the first of `waiting` until it is done, so whoever stops the work sees what is left.
    """

    def __init__(self, group: asyncio.TaskGroup, work: Callable[[T], Awaitable[None]]) -> None:
        self.waiting: deque[T] = deque()
        self._group = group
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def add(self, piece: T) -> None:
        """Append a piece. Raises BacklogError where the work does not keep up."""
        _require_room(len(self.waiting))
        self.waiting.append(piece)
        self.go_on()

    async def room(self, most: int) -> None:
        """Wait where so much is to be done that more had better not come."""
        if len(self.waiting) >= most and self._task is not None:
            await asyncio.wait([self._task])

    def go_on(self) -> None:
        """Work, if there is something to do."""
        if self._task is None and self.waiting:
            self._task = self._group.create_task(self._run())

    def stop(self) -> None:
        """Give up the piece that is being worked on, and do not begin another before `go_on`."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def goes_on(self) -> bool:
        """Whether who asks is at work and was not stopped, of which foreign code may take no notice."""
        return self._task is asyncio.current_task()

    async def _run(self) -> None:
        while self.waiting:
            await self._work(self.waiting[0])
            if not self.goes_on:
                return
            self.waiting.popleft()
        self._task = None


def _require_room(waiting: int) -> None:
    if waiting >= _MOST_WAITING:
        raise BacklogError(f"{waiting} frames wait and more come: send them more slowly, or take them faster")
