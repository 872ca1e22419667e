"""The two ends of a pipeline of Pipecat's inside ours: where our frames go in, and where its own come out."""

from __future__ import annotations

from typing import Final

from pipecat.frames import frames as pc
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from s2s.events import Unrecognized
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.pipecat.answers import Named
from s2s.pipeline.pipecat.gate import Gate
from s2s.pipeline.pipecat.mapping import error_of, is_fatal, of_agent

MEDIA: Final = (pc.InputAudioRawFrame, pc.OutputAudioRawFrame, pc.InputImageRawFrame)
_OF_THE_PIPELINE: Final = (
    pc.StartFrame,
    pc.EndFrame,
    pc.StopFrame,
    pc.CancelFrame,
    pc.HeartbeatFrame,
    pc.PipelineFlushFrame,
    pc.WorkerFrame,
    pc.WorkerSystemFrame,
)


class Output:
    """Frames that come out, as ours. Media wait for room, and what keeps its order; signals do not."""

    def __init__(self, outlet: Outlet, gate: Gate) -> None:
        self._outlet = outlet
        self._gate = gate
        self._named = Named()

    async def put(self, frame: pc.Frame) -> None:
        """Hand over what a frame says."""
        if isinstance(frame, _OF_THE_PIPELINE):
            return
        made = self._named.push(frame)
        if made is None:
            told = {"frame": type(frame).__name__, "text": str(frame)}
            made = [EventFrame(Unrecognized("pipecat", told))]
        for each in made:
            if isinstance(frame, MEDIA):
                with self._gate.held():
                    await self._outlet.put(each)
            elif isinstance(each, ControlFrame) and each.signal == "interrupt":
                for unsaid in self._outlet.interrupt(each):
                    if isinstance(unsaid, AudioFrame) and not of_agent(unsaid):
                        self._outlet.put_now(unsaid)
            elif isinstance(frame, pc.SystemFrame):
                self._outlet.put_now(each)
            else:
                await self._outlet.put(each)


class Entrance(FrameProcessor):
    """Stands before the first processor; what comes upstream leaves here.

    Of a frame that was sent in both directions the other copy says it.
    """

    def __init__(self, output: Output, gate: Gate) -> None:
        super().__init__(enable_direct_mode=True)
        self._output = output
        self._gate = gate
        self.failure: Exception | None = None
        """What the stream ends with, such as the error of a processor that can do nothing any more."""

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        """Hand on, and count the media that are not done with."""
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM and self.next is not None and isinstance(frame, MEDIA):
            await self.next.queue_frame(frame, direction, self._done)
            return
        if isinstance(frame, pc.InterruptionFrame | pc.ErrorFrame):
            self._gate.forget()
        if direction is FrameDirection.UPSTREAM:
            await self._comes_back(frame)
        await self.push_frame(frame, direction)

    async def _comes_back(self, frame: pc.Frame) -> None:
        if isinstance(frame, pc.ErrorFrame) and is_fatal(frame):
            self.failure = self.failure or error_of(frame)
        elif frame.broadcast_sibling_id is None:
            await self._output.put(frame)

    async def _done(self, processor: FrameProcessor, frame: pc.Frame, direction: FrameDirection) -> None:
        self._gate.leave()


class Exit(FrameProcessor):
    """Stands behind the last processor; what comes downstream leaves here."""

    def __init__(self, output: Output, gate: Gate) -> None:
        super().__init__()
        self._output = output
        self._gate = gate
        self.last: pc.Frame | None = None
        """What ended the pipeline, once it has come here."""

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        """Hand over, and hand on for the pipeline's own sake."""
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM:
            if isinstance(frame, pc.InterruptionFrame):
                self._gate.forget()
            if isinstance(frame, pc.EndFrame | pc.StopFrame | pc.CancelFrame):
                self.last = frame
            await self._output.put(frame)
        await self.push_frame(frame, direction)
