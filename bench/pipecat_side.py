"""The same with Pipecat's own pipeline, worker and runner, without what a bench does not need of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from loguru import logger
from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from bench.pipeline import CHUNK, FRAME_S, FRAMES, PACED_FRAMES, PIPELINES, RATE, STEPS
from s2s.pipeline.pipecat import as_pipecat

logger.disable("pipecat")


class _Hands(FrameProcessor):
    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class _Echoes(FrameProcessor):
    """The least that a service can be which answers audio with audio."""

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, pc.InputAudioRawFrame):
            frame = pc.TTSAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        await self.push_frame(frame, direction)


class _Counts(FrameProcessor):
    """Hands on too, and is the last of them."""

    def __init__(self, kind: type[pc.Frame], direct: bool = False) -> None:
        super().__init__(enable_direct_mode=direct)
        self._kind = kind
        self.count = 0
        self.came = asyncio.Event()

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, self._kind):
            self.count += 1
            self.came.set()
        await self.push_frame(frame, direction)

    async def until(self, count: int) -> None:
        while self.count < count:
            self.came.clear()
            await self.came.wait()


class _Kind(NamedTuple):
    make: Callable[[], pc.Frame]
    first: Callable[[], list[FrameProcessor]]
    last: Callable[[], _Counts]


def _heard() -> pc.Frame:
    return pc.InputAudioRawFrame(CHUNK, RATE, 1)


def _said() -> pc.Frame:
    return pc.OutputAudioRawFrame(CHUNK, RATE, 1)


def _hands(direct: bool = False) -> list[FrameProcessor]:
    return [_Hands(enable_direct_mode=direct) for _ in range(STEPS - 1)]


HANDS_ON = {
    "InputAudioRawFrame": _Kind(_heard, _hands, lambda: _Counts(pc.InputAudioRawFrame)),
    "OutputAudioRawFrame": _Kind(_said, _hands, lambda: _Counts(pc.OutputAudioRawFrame)),
    "InputAudioRawFrame, direct mode": _Kind(
        _heard, lambda: _hands(True), lambda: _Counts(pc.InputAudioRawFrame, True)
    ),
    "no processor, only who counts": _Kind(_heard, list, lambda: _Counts(pc.InputAudioRawFrame, True)),
}
ANSWERS = {
    "a processor that echoes": _Kind(_heard, lambda: [_Echoes()], lambda: _Counts(pc.TTSAudioRawFrame, True)),
    "as_pipecat of the same engine": _Kind(
        _heard,
        lambda: [as_pipecat("script", extra={"echo": True})],
        lambda: _Counts(pc.TTSAudioRawFrame, True),
    ),
}
KINDS = {**HANDS_ON, **ANSWERS}


async def burst(kind: str) -> float:
    """Return the cost of frames that come as fast as they are taken."""
    make = KINDS[kind].make
    async with _running(kind) as (worker, counts):
        before = time.process_time()
        for _ in range(FRAMES):
            await worker.queue_frame(make())
        await counts.until(FRAMES)
        return (time.process_time() - before) / FRAMES * 1e6


async def one_at_a_time(kind: str) -> float:
    """Return the cost of frames of which each waits for the one before it to come out."""
    make = KINDS[kind].make
    async with _running(kind) as (worker, counts):
        before = time.process_time()
        for number in range(FRAMES):
            await worker.queue_frame(make())
            await counts.until(number + 1)
        return (time.process_time() - before) / FRAMES * 1e6


async def paced(kind: str) -> float:
    """Return the cost of frames that come 50 times a second, in many pipelines."""
    make = KINDS[kind].make
    loop = asyncio.get_running_loop()
    ready, go = asyncio.Semaphore(0), asyncio.Event()
    ended = asyncio.Event()

    async def run() -> None:
        async with _running(kind) as (worker, counts):
            ready.release()
            await go.wait()
            began = loop.time()
            for number in range(PACED_FRAMES):
                await asyncio.sleep(began + number * FRAME_S - loop.time())
                await worker.queue_frame(make())
            await counts.until(PACED_FRAMES)
            ready.release()
            await ended.wait()

    runs = [asyncio.create_task(run()) for _ in range(PIPELINES)]
    for _ in runs:
        await ready.acquire()
    before = time.process_time()
    go.set()
    for _ in runs:
        await ready.acquire()
    used = time.process_time() - before
    ended.set()
    await asyncio.gather(*runs)
    return used / PACED_FRAMES / PIPELINES * 1e6


@asynccontextmanager
async def _running(kind: str) -> AsyncIterator[tuple[PipelineWorker, _Counts]]:
    counts = KINDS[kind].last()
    worker = PipelineWorker(
        Pipeline([*KINDS[kind].first(), counts]),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    yield worker, counts
    await worker.cancel()
    await running
