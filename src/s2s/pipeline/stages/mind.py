"""What a brain knows of one stream, and what it owes an answer to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from s2s.commands import AddItem, CreateResponse, RemoveItem, UpdateSession
from s2s.errors import LocalProtocolError, ToolError, UnsupportedError
from s2s.events import Error, Event, ResponseDone, ResponseStarted, ResponseStatus, ToolCallCancelled
from s2s.items import Message, ToolResult
from s2s.pipeline.frames import (
    NOTHING,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    TextFrame,
    ToolResultFrame,
)
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.stages.answering import Answer, Character
from s2s.pipeline.stages.errands import Errands
from s2s.pipeline.stages.owed import Owed, Wanted
from s2s.pipeline.stages.unread import Unread
from s2s.pipeline.stages.working import hand_on, stages_of
from s2s.providers.local.answer import named
from s2s.providers.local.settings import form_of, settings_of
from s2s.providers.local.stages import Prompt
from s2s.state.conversation import Conversation

_TURN_OVER: Final = ControlFrame("end_of_utterance", "assistant")


class Mind:
    """Hears all frames of a stream, and gives one answer at a time, none while the user speaks."""

    def __init__(self, character: Character, outlet: Outlet, group: asyncio.TaskGroup) -> None:
        own = character.config
        self._character = character
        self._outlet = outlet
        self._group = group
        self._settings = settings_of(own)
        self._conversation = Conversation(own.history)
        self._errands = Errands(own.toolset, own.limits.running_tools, group, self._ran)
        self._unread = Unread(group, self._begin)
        self._owed = Owed()
        self._stages: dict[str, float] = {}
        self._answer: Answer | None = None
        """The last one, which may be over."""
        self._turn_is_open = False

    async def take(self, frame: Frame) -> None:
        """Do what a frame asks for, and hand it on if it is not for the brain alone."""
        match frame:
            case ControlFrame(signal="interrupt"):
                self._interrupt(frame)
            case TextFrame(role="user", final=True):
                self._said(frame)
            case TextFrame(role="system" | "assistant" as role, text=text, item_id=item_id):
                self._conversation.add(Message(role, text, item_id))
            case ToolResultFrame(result=result):
                self._returned(result)
            case _:
                await hand_on(self._outlet, frame)
                self._note(frame)

    def end(self) -> None:
        """Answer what is owed, for the user says no more."""
        self._unread.clear()
        self._begin()

    def _note(self, frame: Frame) -> None:
        match frame:
            case ControlFrame(signal="start_of_utterance", role="user", item_id=item_id):
                self._unread.began(item_id)
            case ControlFrame(signal="end_of_utterance", role="user", item_id=item_id):
                self._unread.ended(item_id)
            case CommandFrame(command=AddItem(item=item)):
                self._conversation.add(item)
                if isinstance(item, ToolResult):
                    self._errands.settle(item)
            case CommandFrame(command=RemoveItem(item_id=item_id)):
                self._conversation.drop(item_id)
            case CommandFrame(command=UpdateSession() as changes):
                self._update(changes)
            case CommandFrame(command=CreateResponse(out_of_band=True)):
                wrong = "this brain answers one thing at a time: ask it without out_of_band"
                self._tell(Error(UnsupportedError(wrong)))
            case CommandFrame(command=CreateResponse() as by):
                self._want(Wanted("application", by))
            case _:
                pass

    def _said(self, frame: TextFrame) -> None:
        of = frame.item_id or self._unread.next_id
        spoken = self._unread.read(of)
        frame = replace(frame, item_id=of or f"user_{uuid.uuid4().hex[:16]}")
        self._outlet.put_now(frame)
        if frame.text.strip():
            self._stages |= stages_of(frame)
            self._conversation.heard_user(frame.item_id, frame.text)
            if not spoken or self._settings.turn_detection.create_response:
                self._want(Wanted("user_turn"))
        self._begin()

    def _want(self, wanted: Wanted) -> None:
        self._owed.add(wanted)
        self._begin()

    def _begin(self) -> None:
        if self._unread or not self._owed or (self._answer is not None and not self._answer.over):
            return
        wanted = self._owed.next()
        modalities = wanted.by.output_modalities
        metadata = NOTHING if modalities is None else {"spoken": form_of(modalities) == "spoken"}
        self._answer = answer = Answer(self._outlet, self._conversation, metadata)
        answer.stages, self._stages = self._stages, {}
        self._conversation.said(answer.item_id, "", 0.0)  # before what the user says meanwhile
        self._turn_is_open = True
        self._tell(ResponseStarted(answer.response_id, wanted.origin, wanted.by.metadata))
        answer.task = self._group.create_task(self._give(answer, self._prompt(wanted.by)))

    def _prompt(self, by: CreateResponse) -> Prompt:
        self._settings.tools = self._errands.specs
        history = self._conversation.items if by.context is None else by.context
        return self._settings.prompt(history, by.instructions)

    async def _give(self, answer: Answer, prompt: Prompt) -> None:
        status: ResponseStatus = "completed"
        try:
            await answer.give(self._character, prompt, self._errands)
        except Exception as failed:  # noqa: BLE001  a brain is foreign code
            if answer.over:
                return
            self._tell(Error(named(failed)))
            status = "failed"
        if not answer.over:
            self._end(answer, status)
            if self._owed.has("tool_result") and self._errands.calls.postpone(answer.response_id):
                self._owed.forget("tool_result")
            self._close_turn()
            self._begin()

    def _end(self, answer: Answer, status: ResponseStatus) -> None:
        answer.over = True
        self._tell(ResponseDone(answer.response_id, status, stages=answer.stages))

    def _close_turn(self) -> None:
        """Say that the agent has said all, unless it goes on once its calls are answered."""
        goes_on = self._errands.calls.open or self._owed.has("tool_result")
        if self._turn_is_open and not goes_on:
            self._turn_is_open = False
            self._outlet.put_now(_TURN_OVER)

    def _interrupt(self, cut: ControlFrame) -> None:
        answer = self._answer
        if cut.response_id and (answer is None or cut.response_id != answer.response_id):
            self._outlet.put_now(cut)
            return
        self._unsay(self._outlet.interrupt(cut))
        self._owed.forget("application", "tool_result")
        if not self._unread:  # else what was said meanwhile gets its answer with the next
            self._owed.forget("user_turn")
        if answer is not None and not answer.over:
            answer.stop()
            self._end(answer, "interrupted")
        stopped = self._errands.interrupt()
        for each in stopped:
            self._conversation.add(each)
        if stopped:
            self._tell(ToolCallCancelled(tuple(each.call_id for each in stopped)))
        if self._turn_is_open:
            self._turn_is_open = False
            self._outlet.put_now(_TURN_OVER)

    def _unsay(self, frames: Iterable[Frame]) -> None:
        """Forget what nobody has taken; it comes off the end of what was said."""
        for frame in reversed(list(frames)):
            if isinstance(frame, TextFrame):
                said = self._conversation.text_of(frame.item_id).removesuffix(frame.text)
                self._conversation.add(Message("assistant", said, frame.item_id))

    def _ran(self, result: ToolResult, failed: ToolError | None) -> None:
        if failed is not None:
            self._tell(Error(failed))
        if result.call_id in self._errands.calls.open:
            self._returned(result)

    def _returned(self, result: ToolResult) -> None:
        results = (each for each in self._conversation.items if isinstance(each, ToolResult))
        if any(each.call_id == result.call_id for each in results):
            wrong = f"call {result.call_id!r} is already settled: answer each call once"
            self._tell(Error(LocalProtocolError(wrong)))
            return
        self._conversation.add(result)
        if self._errands.settle(result):
            self._want(Wanted("tool_result"))
        elif self._answer is None or self._answer.over:
            self._close_turn()

    def _update(self, changes: UpdateSession) -> None:
        own, settings = self._character.config, self._settings
        settings.update(changes)
        settings.instructions = settings.instructions or own.instructions
        if settings.temperature is None:
            settings.temperature = own.temperature
        if settings.max_output_tokens is None:
            settings.max_output_tokens = own.max_output_tokens
        if changes.tools is not UNSET:
            self._errands.share(changes.tools)

    def _tell(self, event: Event) -> None:
        self._outlet.put_now(EventFrame(event))
