"""One of ours in a pipeline of Pipecat's."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final, Literal, TypeAlias

from pipecat.frames import frames as pc
from pipecat.processors.frame_processor import FrameCallback, FrameDirection, FrameProcessor
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.utils.time import time_now_iso8601

from s2s.commands import PLAIN_RESPONSE, AddItem
from s2s.pipeline.frames import CommandFrame, ControlFrame
from s2s.pipeline.pipecat.carried import S2SFrame
from s2s.pipeline.pipecat.exchange import COPY, SIGNALS, Exchange
from s2s.pipeline.pipecat.intake import Intake
from s2s.pipeline.pipecat.mapping import messages_of
from s2s.pipeline.pipecat.turns import TURNS
from s2s.pipeline.processor import Chain

Place: TypeAlias = Literal["processor", "engine", "engine_without_turns"]
"""What it is: any processor, an engine that finds the user's turns, or one that has to be told of them."""

_DOWN, _UP = FrameDirection.DOWNSTREAM, FrameDirection.UPSTREAM
_TAKEN: Final = (
    pc.InputAudioRawFrame,
    pc.InputTextRawFrame,
    pc.LLMMessagesAppendFrame,
    pc.LLMRunFrame,
    S2SFrame,
)
"""What an engine takes for itself."""
_SHARED: Final = (*SIGNALS, pc.InputImageRawFrame, pc.FunctionCallResultFrame)
"""What an engine must know of, and others too."""
_TRANSCRIPTS: Final = (pc.TranscriptionFrame, pc.InterimTranscriptionFrame)
_BROADCAST: Final = (
    *SIGNALS,
    pc.FunctionCallsStartedFrame,
    pc.FunctionCallInProgressFrame,
    pc.FunctionCallCancelFrame,
    pc.ExternalFunctionCallsStartedFrame,
    pc.ExternalFunctionCallInProgressFrame,
)


class S2SInPipecat(FrameProcessor):
    """Runs a processor of ours from Pipecat's StartFrame until its EndFrame, StopFrame or CancelFrame.

    An EndFrame is handed on when everything was said. An error of the processor is an ErrorFrame, and then
    this is not usable any more until the next StartFrame. Transcripts go to where an aggregator of the
    user's words stands: upstream from an engine, downstream from any other processor.
    """

    def __init__(self, inner: Chain, place: Place, sees: bool = True) -> None:
        super().__init__()
        self._inner = inner
        self._place = place
        self._sees = sees
        self._exchange = Exchange()
        self._intake: Intake | None = None
        self._pump: asyncio.Task[None] | None = None
        self._first_context: pc.LLMContextFrame | None = None

    @property
    def _is_engine(self) -> bool:
        return self._place != "processor"

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        """Take what is for the processor, and hand on everything else."""
        await super().process_frame(frame, direction)
        match frame:
            case pc.StartFrame():
                await self.push_frame(frame, direction)
                await self._begin()
                return
            case pc.EndFrame() | pc.StopFrame():
                await self._finish()
            case pc.CancelFrame():
                await self._drop()
            case _ if self._intake is not None and self._concerns(frame, direction):
                if await self._take(frame, self._intake):
                    return
            case _:
                pass
        await self.push_frame(frame, direction)

    async def queue_frame(
        self, frame: pc.Frame, direction: FrameDirection = _DOWN, callback: FrameCallback | None = None
    ) -> None:
        """Queue a frame; a CancelFrame does not wait behind audio for which there is no room."""
        if isinstance(frame, pc.CancelFrame) and self._intake is not None:
            await self._intake.aclose()
        await super().queue_frame(frame, direction, callback)

    async def cleanup(self) -> None:
        """Let go of everything."""
        await self._drop()
        await super().cleanup()  # type: ignore[no-untyped-call]

    async def _begin(self) -> None:
        if self._pump is not None:
            return
        await self.set_usable(True)
        self._exchange, self._first_context = Exchange(), None
        self._intake = Intake()
        self._intake.put_now(ControlFrame("start", metadata=COPY))
        self._pump = self.create_task(self._run(self._intake, self._exchange), "s2s")
        if self._is_engine:
            await self.broadcast_frame(
                pc.LLMServiceMetadataFrame,
                service_name=self.name,
                is_realtime_service=True,
                user_turn_strategies=ExternalUserTurnStrategies() if self._place == "engine" else None,
            )

    async def _finish(self) -> None:
        if self._pump is not None and self._intake is not None:
            self._intake.end()
            await asyncio.wait([self._pump])
            self._pump = None

    async def _drop(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            await self.cancel_task(pump, None)

    def _concerns(self, frame: pc.Frame, direction: FrameDirection) -> bool:
        match frame:
            case pc.InterruptionFrame():
                return True
            case _ if not self._is_engine:
                return direction is _DOWN
            case _ if isinstance(frame, TURNS):
                return self._place == "engine_without_turns"
            case pc.LLMContextFrame():
                return direction is _DOWN
            case pc.InputImageRawFrame():
                return self._sees
            case _:
                return isinstance(frame, (*_TAKEN, *_SHARED))

    async def _take(self, frame: pc.Frame, intake: Intake) -> bool:
        """Give a frame to the processor; return whether nobody else gets it."""
        if isinstance(frame, pc.LLMContextFrame):
            await self._seed(frame, intake)
            return False
        made = self._exchange.hear(frame)
        for each in made or ():
            if isinstance(frame, SIGNALS):
                intake.put_now(each)
            else:
                await intake.put(each)
        return made is not None and not isinstance(frame, _SHARED if self._is_engine else SIGNALS)

    async def _seed(self, frame: pc.LLMContextFrame, intake: Intake) -> None:
        # Later contexts hold what was said since, which the engine knows.
        if self._first_context is not None or not self._is_engine:
            return
        self._first_context = frame
        for message in messages_of(frame.context.get_messages()):
            await intake.put(CommandFrame(AddItem(message)))
        await intake.put(CommandFrame(PLAIN_RESPONSE))

    async def _run(self, intake: Intake, exchange: Exchange) -> None:
        try:
            async with aclosing(self._inner.process(intake)) as frames:
                async for frame in frames:
                    for each in exchange.tell(frame, time_now_iso8601()):
                        await self._send(each)
        except Exception as failed:  # noqa: BLE001  whatever it is, the pipeline must hear of it
            told = str(failed) or type(failed).__name__
            await self.push_error(told, exception=failed, force_treat_as_permanent=True)
        finally:
            await intake.aclose()
        for each in exchange.close():
            await self._send(each)

    async def _send(self, frame: pc.Frame) -> None:
        match frame:
            case pc.ErrorFrame():
                await self.push_error_frame(frame)
            case pc.InterruptionFrame():
                await self.stop_all_metrics()  # type: ignore[no-untyped-call]
                await self.broadcast_frame_instance(frame)
            case pc.VADUserStartedSpeakingFrame() | pc.VADUserStoppedSpeakingFrame() if self._is_engine:
                # A stage that detects speech tells what it hears; an engine tells what it decides.
                pass
            case _ if isinstance(frame, _BROADCAST):
                await self.broadcast_frame_instance(frame)
            case _ if isinstance(frame, _TRANSCRIPTS) and self._is_engine:
                await self.push_frame(frame, _UP)
            case _:
                await self.push_frame(frame)
