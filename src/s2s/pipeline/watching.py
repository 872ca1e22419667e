"""Has the hooks of one stream called, one after the other, beside the frames."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from s2s.errors import HookError, S2SError
from s2s.events import Error
from s2s.hooking import MOST_WAITING, Hook, HookCalls
from s2s.pipeline.answers import Answers, Response
from s2s.pipeline.frames import ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.processor import Frames
from s2s.pipeline.running import stops

if TYPE_CHECKING:
    from s2s.pipeline.hooks import PipelineHooks

Happening: TypeAlias = Frame | Response


class Watching:
    """The hooks of one stream. `asked` is set while somebody waits for a frame."""

    def __init__(self, hooks: PipelineHooks, longest_s: float, outlet: Outlet, asked: asyncio.Event) -> None:
        self._hooks = hooks
        self._longest_s = longest_s
        self._outlet = outlet
        self._asked = asked
        self._calls = HookCalls(longest_s, self._tell)
        self._answers = Answers()
        self._owed: deque[Happening] = deque()
        self._change = asyncio.Event()
        self._ended = False

    async def run(self, frames: Frames) -> None:
        """Hand the frames on to their end; raise what ended them, as `on_error` left it."""
        failure, last = None, None
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(self._call_owed(), name="s2s-pipeline-hooks")
            try:
                last = await self._read(frames)
            except Exception as failed:  # noqa: BLE001  whatever it is, the application may judge it
                failure = failed
            self._end()
            await asyncio.wait([calling], timeout=self._longest_s)
            calling.cancel()
        self._give_up()
        if failure is not None:
            await self._judge(failure)
        if last is not None:
            self._outlet.put_now(last)

    async def _read(self, frames: Frames) -> Frame | None:
        """Hand frames on and return the one that stops, which is to be the last."""
        last: Frame | None = None
        await self._asked.wait()
        async for frame in frames:
            response = self._answers.take(frame)
            if response is not None:
                self._owe(response)
            if stops(frame):
                last = frame
            elif not self._owe(frame) or not _waits(frame):
                self._asked.clear()
                self._outlet.put_now(frame)
                await self._asked.wait()
        return last

    def _owe(self, what: Happening) -> bool:
        """Have the hooks of it called; return False where there are none, or too many are owed."""
        if not self._chain(what):
            return False
        if len(self._owed) >= MOST_WAITING:
            self._tell(Error(HookError(f"hooks are {MOST_WAITING} frames behind: one was not hooked")))
            return False
        self._owed.append(what)
        self._change.set()
        return True

    def _end(self) -> None:
        response = self._answers.end()
        if response is not None:
            self._owe(response)
        self._ended = True
        self._change.set()

    async def _call_owed(self) -> None:
        while True:
            while self._owed:
                await self._call(self._owed[0])
                self._owed.popleft()
            if self._ended:
                return
            self._change.clear()
            await self._change.wait()

    async def _call(self, what: Happening) -> None:
        match what:
            case EventFrame(event=Error(error=error) as event):
                left = await self._calls.filtered(self._chain(what), error)
                if left is not None:
                    self._outlet.put_now(replace(what, event=replace(event, error=left)))
            case _:
                for hook in self._chain(what):
                    await self._calls.call(hook, what)

    def _give_up(self) -> None:
        """Let go of the hooks that there was no time for; errors are told as they were."""
        for what in self._owed:
            if isinstance(what, EventFrame):
                self._outlet.put_now(what)
        if self._owed:
            when = f"within {self._longest_s:g} s after the end"
            self._tell(
                Error(HookError(f"hooks of {len(self._owed)} frames did not return {when}: shorten them"))
            )

    async def _judge(self, failure: Exception) -> None:
        """Raise what ended the stream, unless it is swallowed."""
        error = _named(failure)
        left = await self._calls.filtered(_listed(self._hooks.on_error), error)
        if left is error:
            raise failure
        if left is not None:
            raise left from failure

    def _chain(self, what: Happening) -> tuple[Hook, ...]:
        hooks = self._hooks
        match what:
            case ControlFrame(signal="start_of_utterance", role="user"):
                return _listed(hooks.on_speech_start)
            case ControlFrame(signal="end_of_utterance", role="user"):
                return _listed(hooks.on_speech_end)
            case TextFrame(role="user", final=True, text=text) if text.strip():
                return _listed(hooks.on_transcript)
            case Response():
                return _listed(hooks.on_response)
            case EventFrame(event=Error()):
                return _listed(hooks.on_error)
            case _:
                return ()

    def _tell(self, error: Error) -> None:
        self._outlet.put_now(EventFrame(error))


def _listed(hooks: Hook | tuple[Hook, ...]) -> tuple[Hook, ...]:
    return hooks if isinstance(hooks, tuple) else (hooks,)


def _waits(frame: Frame) -> bool:
    """Tell whether a frame is told only once its hooks have returned, for they may change it."""
    return isinstance(frame, EventFrame) and isinstance(frame.event, Error)


def _named(failure: Exception) -> S2SError:
    if isinstance(failure, S2SError):
        return failure
    error = S2SError(f"the pipeline failed with {type(failure).__name__}: {failure}")
    error.__cause__ = failure
    return error
