"""The voice of one stream: text by text, in order, until it is interrupted."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TypeGuard

from msgspec import UNSET
from msgspec.structs import replace

from s2s.commands import UpdateSession
from s2s.errors import UnsupportedError
from s2s.events import Error, Event, ResponseDone, ResponseStatus
from s2s.pipeline.frames import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    TextFrame,
    ToolCallFrame,
)
from s2s.pipeline.outlet import Outlet, says
from s2s.pipeline.stages.speech import Manner, Speech
from s2s.pipeline.stages.working import Bench, hand_on
from s2s.providers.local.answer import named
from s2s.providers.local.seats import require_voice
from s2s.providers.local.settings import form_of


class Voice:
    """Hears all frames of a stream; speaks texts one after the other while it goes on listening."""

    def __init__(self, manner: Manner, outlet: Outlet, group: asyncio.TaskGroup) -> None:
        self._manner = manner
        self._outlet = outlet
        self._bench: Bench[Frame | None] = Bench(group, self._do)
        self._speaks = True
        self._speech: Speech | None = None
        self._last_id = ""
        """The response that was spoken last."""
        self._over: dict[str, ResponseStatus] = {}
        """The responses of which nothing more is spoken, and why."""

    async def take(self, frame: Frame) -> None:
        """Hand a frame on, or speak it, when its turn comes."""
        match frame:
            case ControlFrame(signal="interrupt"):
                self._interrupt(frame)
            case ControlFrame(signal="start_of_utterance" | "end_of_utterance" | "played", role="user"):
                await hand_on(self._outlet, frame)
            case TextFrame(role="user") | AudioFrame(response_id=""):
                await hand_on(self._outlet, frame)
            case AudioFrame() | TextFrame():
                self._bench.add(frame)
            case _ if self._bench.waiting or (self._speech is not None and _needs_all_said(frame)):
                self._bench.add(frame)
            case _:
                await hand_on(self._outlet, self._judged(frame))
                self._note(frame)

    def end(self) -> None:
        """Speak what is left, for no more text comes."""
        self._bench.add(None)

    def _interrupt(self, cut: ControlFrame) -> None:
        bench = self._bench
        unsaid = {each.response_id for each in bench.waiting if _is_cut(each, cut)}
        if cut.response_id not in ("", self._last_id):  # it will not be spoken when its turn comes
            self._over |= dict.fromkeys(unsaid, "interrupted")
            self._outlet.put_now(cut)
            return
        left = deque(each for each in bench.waiting if not _is_cut(each, cut))
        bench.stop()
        self._speech = None
        self._over = dict.fromkeys((unsaid | {self._last_id}) - {""}, "interrupted")
        while left and (first := left[0]) is not None and not self._follows(first):
            self._outlet.put_now(first)
            self._note(first)
            left.popleft()
        self._outlet.interrupt(cut)
        bench.waiting = left
        bench.go_on()

    def _follows(self, frame: Frame) -> bool:
        """Tell whether a frame that waits must not come before the interrupt."""
        return says(frame) or self._judged(frame) is not frame

    async def _do(self, frame: Frame | None) -> None:
        match frame:
            case AudioFrame() | TextFrame(role="assistant") if self._is_silenced(frame):
                pass
            case TextFrame(role="assistant", form="written") if frame.metadata.get("spoken", self._speaks):
                await self._speak(frame)
            case None:
                await self._say(None)
            case _:
                if _needs_all_said(frame):
                    await self._say(None)
                if self._bench.goes_on:
                    await self._outlet.put(self._judged(frame))
                    self._note(frame)

    async def _speak(self, frame: TextFrame) -> None:
        if self._speech is None or not self._speech.has(frame):
            await self._say(None)
            if not self._bench.goes_on or self._is_silenced(frame):
                return
            self._speech = Speech(frame)
            self._over.pop("", None)
        self._last_id = frame.response_id
        await self._say(frame.text)
        if frame.final:
            await self._say(None)
        if frame.final and self._bench.goes_on:
            self._speech = None
            await self._outlet.put(replace(frame, text="", form="spoken"))

    async def _say(self, text: str | None) -> None:
        """Speak as far as the clauses go, and with none to the end."""
        if self._speech is None or self._last_id in self._over:
            return
        try:
            async with aclosing(self._speech.said(text, self._manner)) as frames:
                async for frame in frames:
                    if not self._bench.goes_on:
                        return
                    await self._outlet.put(frame)
        except Exception as failed:  # noqa: BLE001  a voice is foreign code
            if self._bench.goes_on:
                self._over[self._last_id] = "failed"
                self._tell(Error(named(failed)))

    def _is_silenced(self, frame: AudioFrame | TextFrame) -> bool:
        return self._over.get(frame.response_id) == "interrupted"

    def _judged(self, frame: Frame) -> Frame:
        """Return a frame as it is now: a response that was not spoken to its end is not completed."""
        done = _ended(frame)
        if done is None or done.response_id not in self._over:
            return frame
        return replace(frame, event=replace(done, status=self._over[done.response_id]))

    def _note(self, frame: Frame) -> None:
        match frame:
            case CommandFrame(command=UpdateSession() as changes):
                self._update(changes)
            case EventFrame(event=ResponseDone(response_id=response_id)):
                self._over.pop(response_id, None)
            case _:
                pass

    def _update(self, changes: UpdateSession) -> None:
        if changes.output_modalities is not UNSET:
            self._speaks = form_of(changes.output_modalities) == "spoken"
        if changes.voice is not UNSET:
            try:
                require_voice(self._manner.tts, changes.voice)
            except UnsupportedError as wrong:
                self._tell(Error(wrong))
            else:
                self._manner.voice = changes.voice or None

    def _tell(self, event: Event) -> None:
        self._outlet.put_now(EventFrame(event))


def _is_cut(frame: Frame | None, cut: ControlFrame) -> TypeGuard[AudioFrame | TextFrame]:
    if not isinstance(frame, AudioFrame | TextFrame):
        return False
    return says(frame) and cut.response_id in ("", frame.response_id)


def _needs_all_said(frame: Frame) -> bool:
    """Tell whether what was said before it must be spoken to the end first."""
    return isinstance(frame, ToolCallFrame | ControlFrame) or _ended(frame) is not None


def _ended(frame: Frame | None) -> ResponseDone | None:
    return frame.event if isinstance(frame, EventFrame) and isinstance(frame.event, ResponseDone) else None
