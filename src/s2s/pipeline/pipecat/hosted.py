"""Processors of Pipecat's in a pipeline of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeAlias

from msgspec.structs import replace
from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from s2s.errors import ConfigError, ProviderError
from s2s.pipeline.frames import AudioFrame, ControlFrame, Frame
from s2s.pipeline.mono import Mono
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.pipecat.answers import Bracketed
from s2s.pipeline.pipecat.ends import SOUND, Entrance, Exit, Output
from s2s.pipeline.pipecat.gate import Gate
from s2s.pipeline.pipecat.mapping import of_agent
from s2s.pipeline.processor import Frames

Maker: TypeAlias = FrameProcessor | Callable[[], FrameProcessor]
_CANCEL_S = 5.0


class PipecatStep:
    """Runs a pipeline of Pipecat's for each stream, and ends when that has.

    A processor serves one stream; a function that makes one serves many. The audio of the user comes to them
    as mono at `params.audio_in_sample_rate`. A processor that cannot go on ends the stream with its error.
    """

    def __init__(self, makers: Sequence[Maker], params: PipelineParams | None = None) -> None:
        for each in makers:
            if not isinstance(each, FrameProcessor) and not callable(each):
                raise ConfigError(f"{each!r} is no processor of Pipecat's, and no function that makes one")
        self._makers = tuple(makers)
        self._params = params or PipelineParams()
        self._spent: set[FrameProcessor] = set()

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Yield what the processors make of these frames. Raises S2SError."""
        made = self._made()

        async def work(outlet: Outlet) -> None:
            await self._host(made, frames, outlet)

        async with aclosing(concurrently(work)) as stream:
            async for frame in stream:
                yield frame

    def _made(self) -> list[FrameProcessor]:
        made = [each if isinstance(each, FrameProcessor) else each() for each in self._makers]
        if again := self._spent.intersection(made):
            names = ", ".join(sorted(each.name for each in again))
            raise ConfigError(f"{names} had its stream: give from_pipecat a function that makes a new one")
        self._spent.update(each for each in made if each in self._makers)
        return made

    async def _host(self, made: list[FrameProcessor], frames: Frames, outlet: Outlet) -> None:
        gate = Gate()
        output = Output(outlet, gate)
        entrance, leaving = Entrance(output, gate), Exit(output, gate)
        worker = self._worker(Pipeline([entrance, *made, leaving]))
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(self._feed(frames, worker, gate), name="s2s-pipecat-feed")
            running = group.create_task(runner.run(), name="s2s-pipecat-run")
            await asyncio.wait([running])
            feeding.cancel()
        if entrance.failure is not None:
            raise entrance.failure
        if leaving.last is None:
            raise ProviderError("the pipeline of Pipecat did not start: see its log", provider="pipecat")
        if not feeding.cancelled() and (last := feeding.result()) is not None:
            await outlet.put(last)

    def _worker(self, pipeline: Pipeline) -> PipelineWorker:
        return PipelineWorker(
            pipeline,
            params=self._params,
            cancel_timeout_secs=_CANCEL_S,
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            processor_unusable_policy=ProcessorUnusablePolicy.CANCEL,
        )

    async def _feed(self, frames: Frames, worker: PipelineWorker, gate: Gate) -> Frame | None:
        """Give the frames to the worker, and its EndFrame after them; return one that must stay the last."""
        bracketed = Bracketed()
        last: Frame | None = None
        async for frame in _at_rate(frames, self._params.audio_in_sample_rate):
            if _stops(frame):
                last = frame
                continue
            for each in bracketed.push(frame, time_now_iso8601()):
                if isinstance(each, SOUND):
                    await gate.enter()
                await worker.queue_frame(each)
        for each in bracketed.close():
            await worker.queue_frame(each)
        await worker.queue_frame(pc.EndFrame())
        return last


async def _at_rate(frames: Frames, sample_rate: int) -> AsyncGenerator[Frame, None]:
    """Yield the frames until one says stop, those of the user's audio as mono at this rate."""
    mono = Mono(sample_rate)
    last: Frame | None = None
    async for frame in frames:
        if _stops(frame):
            last = frame
            break
        foreign = isinstance(frame, AudioFrame) and (frame.sample_rate, frame.channels) != (sample_rate, 1)
        if not isinstance(frame, AudioFrame) or of_agent(frame) or not foreign:
            yield frame
        elif audio := mono.push(frame):
            yield replace(frame, audio=audio, sample_rate=sample_rate, channels=1)
    if left := mono.flush():
        yield AudioFrame(left, sample_rate)
    if last is not None:
        yield last


def _stops(frame: Frame) -> bool:
    return isinstance(frame, ControlFrame) and frame.signal == "stop"
