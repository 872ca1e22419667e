"""A pipeline of Pipecat's as a test wants it: silent, and with an ear at each end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

pytest.importorskip("pipecat.workers.runner")

from loguru import logger
from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

F = TypeVar("F", bound=pc.Frame)
DOWN, UP = FrameDirection.DOWNSTREAM, FrameDirection.UPSTREAM


def silent() -> None:
    """Have Pipecat write no log."""
    logger.disable("pipecat")


class Ear(FrameProcessor):
    """Notes what goes by, and hands it on."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[pc.Frame, FrameDirection]] = []
        self._news = asyncio.Event()

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.heard.append((frame, direction))
        self._news.set()
        await self.push_frame(frame, direction)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds; it is asked again with each frame."""
        while not holds():
            self._news.clear()
            await self._news.wait()


class Piped:
    """Processors between two ears, in a worker with its runner."""

    def __init__(self, *processors: FrameProcessor, params: PipelineParams | None = None) -> None:
        self.before, self.behind = Ear(), Ear()
        self.worker = PipelineWorker(
            Pipeline([self.before, *processors, self.behind]),
            params=params,
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )

    @property
    def down(self) -> list[pc.Frame]:
        """What came out at the end."""
        return [frame for frame, direction in self.behind.heard if direction is DOWN]

    @property
    def up(self) -> list[pc.Frame]:
        """What came back to the beginning."""
        return [frame for frame, direction in self.before.heard if direction is UP]

    def all(self, kind: type[F]) -> list[F]:
        """Return the frames of this kind that came out at the end."""
        return [frame for frame in self.down if isinstance(frame, kind)]

    async def comes(self, kind: type[pc.Frame], count: int = 1) -> None:
        """Wait until so many frames of this kind have come out at the end."""
        await self.behind.until(lambda: len(self.all(kind)) >= count)

    async def comes_back(self, kind: type[pc.Frame], count: int = 1) -> None:
        """Wait until so many frames of this kind have come back to the beginning."""
        await self.before.until(lambda: sum(isinstance(each, kind) for each in self.up) >= count)

    async def send(self, *frames: pc.Frame) -> None:
        """Send frames in at the beginning."""
        await self.worker.queue_frames(frames)


@asynccontextmanager
async def piped(*processors: FrameProcessor, params: PipelineParams | None = None) -> AsyncIterator[Piped]:
    """Run the processors; afterwards the pipeline has ended and left no task behind."""
    pipeline = Piped(*processors, params=params)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(pipeline.worker)
    running = asyncio.create_task(runner.run())
    await pipeline.comes(pc.StartFrame)
    await asyncio.sleep(0.01)  # until the worker, too, takes it for started
    try:
        yield pipeline
        await pipeline.send(pc.EndFrame())
    finally:
        left = runner.task_manager.current_tasks
        await asyncio.wait_for(running, 60)
    assert not left(), f"dangling: {left()}"
