"""One stream of ours through a pipeline of Pipecat's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from msgspec.structs import replace
from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from s2s.errors import ProviderError
from s2s.pipeline.frames import AudioFrame, ControlFrame, Frame
from s2s.pipeline.mono import Mono
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.pipecat.answers import Bracketed
from s2s.pipeline.pipecat.ends import MEDIA, Entrance, Exit, Output
from s2s.pipeline.pipecat.gate import Gate
from s2s.pipeline.pipecat.mapping import of_agent
from s2s.pipeline.processor import Frames

_CANCEL_S: Final = 5.0


class Stream:
    """A worker with its runner, fed with our frames; what comes out goes into the outlet."""

    def __init__(self, processors: Sequence[FrameProcessor], params: PipelineParams, outlet: Outlet) -> None:
        self._outlet = outlet
        self._heard_hz = params.audio_in_sample_rate
        self._gate = Gate()
        output = Output(outlet, self._gate)
        self._entrance, self._exit = Entrance(output, self._gate), Exit(output, self._gate)
        self._runner = WorkerRunner(handle_sigint=False)
        self._worker = PipelineWorker(
            Pipeline([self._entrance, *processors, self._exit]),
            params=params,
            cancel_timeout_secs=_CANCEL_S,
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            processor_unusable_policy=ProcessorUnusablePolicy.CANCEL,
        )

    async def run(self, frames: Frames) -> None:
        """Run until the pipeline has ended. Raises S2SError if it fails, and whatever the frames raise."""
        await self._runner.add_workers(self._worker)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self._runner.run(), name="s2s-pipecat-run")
            feeding = group.create_task(self._feed(frames), name="s2s-pipecat-feed")
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                draining = group.create_task(_drain(self._outlet), name="s2s-pipecat-drain")
                await self._abandon(running)
                draining.cancel()
                raise
            feeding.cancel()
        if self._entrance.failure is not None:
            raise self._entrance.failure
        if self._exit.last is None:
            raise ProviderError("the pipeline of Pipecat did not start: see its log", provider="pipecat")
        if not feeding.cancelled() and (last := feeding.result()) is not None:
            await self._outlet.put(last)

    async def _feed(self, frames: Frames) -> Frame | None:
        """Give the frames to the pipeline, and its end after them; return one that must stay the last."""
        try:
            last = await self._give(frames)
        except Exception as failed:  # noqa: BLE001  it is raised where the pipeline has ended
            self._entrance.failure = failed
            await self._worker.cancel(reason=str(failed))
            return None
        await self._worker.queue_frame(pc.EndFrame())
        return last

    async def _give(self, frames: Frames) -> Frame | None:
        bracketed = Bracketed()
        last: Frame | None = None
        async for frame in _at_rate(frames, self._heard_hz):
            if _stops(frame):
                last = frame
                continue
            for each in bracketed.push(frame, time_now_iso8601()):
                if isinstance(each, MEDIA):
                    await self._gate.enter()
                await self._worker.queue_frame(each)
        for each in bracketed.close():
            await self._worker.queue_frame(each)
        return last

    async def _abandon(self, running: asyncio.Task[None]) -> None:
        """End the pipeline now; nobody reads what it makes."""
        # A worker that waits for its EndFrame to come through takes no other frame, but its pipeline does.
        await self._worker.pipeline.queue_frame(pc.CancelFrame())
        await self._runner.cancel()
        done, _ = await asyncio.wait([running], timeout=_CANCEL_S)
        if not done:
            # Some processor takes its time; the worker ends by what leaves the pipeline, and cleans up.
            await self._exit.push_frame(pc.CancelFrame())
            await asyncio.wait([running])


async def _drain(outlet: Outlet) -> None:
    async for _ in outlet:
        pass


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
