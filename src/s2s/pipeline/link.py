"""A chain of processors as the link of a session."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from s2s.capabilities import Capabilities
from s2s.commands import Cancel, Command, CreateResponse, UpdateSession
from s2s.config import Config
from s2s.errors import ConnectionLostError, ProviderError, S2SError
from s2s.events import Event, SessionStarted
from s2s.pipeline.feed import Feed
from s2s.pipeline.frames import AudioFrame, CommandFrame, ControlFrame, Frame, TextFrame
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.pace import Pace
from s2s.pipeline.processor import Chain
from s2s.pipeline.reports import Reports
from s2s.pipeline.requests import START, Requests, opening
from s2s.providers.local.tempo import tempo_of
from s2s.wire import Send

_MOST_FRAMES: Final = 4
"""That have come out of the chain ahead of their time."""
_SAID_ALL: Final = ControlFrame("end_of_utterance", "assistant")


class PipeLink:
    """Commands go into the chain as frames, and what comes out is told as events, audio in its time.

    One task runs the chain from its first frame to its end, for some processors must not change theirs.
    """

    def __init__(self, chain: Chain, config: Config, capabilities: Capabilities, name: str) -> None:
        self.input_rate = _nearest(config.heard.sample_rate, capabilities.input_rates)
        self._name = name
        self._close_s = config.limits.close_s
        self._pace = Pace(tempo_of(config.extra).lead_ms)
        self._reports = Reports(config)
        self._requests = Requests(self.input_rate, self._reports.responses.said.heard)
        session_id = f"{name}_{uuid.uuid4().hex[:16]}"
        self._started = SessionStarted(session_id, name, config.model or name, capabilities)
        self._over = False
        self._ready = asyncio.Event()
        self._feed = Feed(START, self._ready.set)
        self._feed.put_now(*opening(config))
        self._outlet = Outlet(_MOST_FRAMES)
        self._root = asyncio.create_task(self._run(chain), name="s2s-pipe")
        self._root.add_done_callback(self._ended)

    async def up(self) -> None:
        """Return when the chain has taken its first frame and asks for more. Raises what prevents it."""
        await self._ready.wait()
        if self._root.done() and (failure := self._failure()) is not None:
            raise failure

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Have the chain asked for it; whatever that causes comes as events.

        A chain that has ended is asked nothing more, but that is told only once all is that it said before.
        From then on this raises ConnectionLostError.
        """
        if self._over:
            raise ConnectionLostError(f"{self._name} has ended: start another session")
        if not isinstance(command, Send):
            for frame in self._requests.frames(self._noted(command)):
                if _asks(frame) and self._feed.idle:
                    # A chain with nothing else to do has said all; one of plain functions may not say so.
                    self._outlet.put_now(_SAID_ALL)
                if isinstance(frame, TextFrame):
                    self._reports.typed(frame.item_id)
                await self._feed.put(frame)
        return ()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events until the chain ends or is closed.

        Raises what it failed with; what it was saying is left open then, as by any link that breaks.
        """
        yield self._started
        failure: S2SError | None = None
        try:
            async for frame in self._outlet:
                if isinstance(frame, AudioFrame) and not self._reports.responses.silences(frame):
                    await self._pace.in_time(frame.duration_ms)
                for event in self._reports.hear(frame):
                    yield event
            failure = self._failure()
        except S2SError as fatal:
            failure = fatal
        self._over = True
        if failure is not None:
            raise failure
        for event in self._reports.responses.end():
            yield event

    async def close(self) -> None:
        """Close the chain, which may be under way already. Raises what it could not end without."""
        self._over = True
        running = not self._root.done()
        if not self._root.cancelling():
            self._root.cancel()
        _, left = await asyncio.wait([self._root], timeout=self._close_s)
        if left:
            raise S2SError(
                f"a processor of {self._name} went on for {self._close_s:g} s after it was closed: "
                "let CancelledError through"
            )
        failure = self._failure()
        if running and failure is not None:
            raise failure

    def _noted(self, command: Command) -> Command:
        """Note what concerns what comes out, and return what concerns the chain."""
        match command:
            case UpdateSession():
                self._reports.update(command)
            case Cancel(response_id=response_id):
                implied = self._reports.responses.implies(response_id or "")
                self._silence(response_id or "")
                return Cancel() if implied else command
            case _:
                pass
        return command

    async def _run(self, chain: Chain) -> None:
        try:
            async with aclosing(chain.process(self._feed)) as frames:
                async for frame in frames:
                    self._take(frame)
                    await self._outlet.room()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("something that it waited for was cancelled") from None

    def _take(self, frame: Frame) -> None:
        match frame:
            case AudioFrame():
                for piece in self._pace.pieces(frame):
                    self._outlet.put_now(piece)
            case ControlFrame(signal="interrupt", response_id=""):
                self._silence()
                self._outlet.interrupt(frame)
            case ControlFrame(signal="interrupt", response_id=response_id):
                self._silence(response_id)
                self._outlet.put_now(frame)
            case _:
                self._outlet.put_now(frame)
        self._ready.set()

    def _silence(self, response_id: str = "") -> None:
        self._reports.responses.silence(response_id)
        self._pace.anew()

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._feed.end()
        self._outlet.end()
        self._ready.set()

    def _failure(self) -> S2SError | None:
        error = None if self._root.cancelled() else self._root.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if error is None or isinstance(error, S2SError):
            return error
        failure = ProviderError(
            f"a processor of {self._name} failed: {type(error).__name__}: {error}", provider=self._name
        )
        failure.__cause__ = error
        return failure


def _asks(frame: Frame) -> bool:
    match frame:
        case TextFrame() | CommandFrame(command=CreateResponse()) | ControlFrame(signal="end_of_utterance"):
            return True
        case _:
            return False


def _nearest(rate: int, rates: Sequence[int]) -> int:
    """Return the lowest of the rates that is not below this one, or the highest."""
    return min((each for each in rates if each >= rate), default=max(rates))
