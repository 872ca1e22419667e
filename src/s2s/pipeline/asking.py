"""What frames ask of a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from msgspec import UNSET, Struct, UnsetType

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    CommitAudio,
    CreateResponse,
    InterruptMode,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import TurnDetection
from s2s.errors import ConfigError, S2SError, SessionClosedError, UnsupportedError
from s2s.events import Error
from s2s.items import Message, ToolResult
from s2s.pipeline.frames import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.mono import Mono
from s2s.pipeline.owing import Owed, Utterance
from s2s.session import Session
from s2s.tools import Tool, ToolSpec

T = TypeVar("T")

_USUAL_MS: Final = {"semantic": 8_000}
"""Silence after which any turn is over that was found by its words; others take less."""
_SILENCE_MS: Final = 2_000
_BEYOND_MS: Final = 1_000
END: Final = ControlFrame("end_of_utterance")
_FIXED: Final = ("language", "temperature", "max_output_tokens")


class Asking:
    """Does with one session what frames ask for; `owed` is what the session owes for that.

    Marks of the user's utterances belong to the audio and end where it does, for the engine tells its own.
    With manual turn detection the end of one is a commit.
    """

    def __init__(self, session: Session) -> None:
        self.owed = Owed(session.config.turns)
        self._session = session
        self._mono = Mono(session.config.heard.sample_rate)
        self._utterance = Utterance.UNHEARD
        self._unfinished: dict[str, str] = {}

    async def take(self, frame: Frame) -> Sequence[Frame]:
        """Do what it asks and return what to hand on: the frame if it asks nothing, or what was wrong.

        A session that has ended takes everything and does nothing. Raises ConfigError for what is no frame.
        """
        if not isinstance(frame, Struct):
            raise ConfigError(f"{frame!r} came to an engine: let the step before it yield frames, or nothing")
        try:
            left = await self._taken(frame)
        except SessionClosedError:
            return ()
        except S2SError as wrong:
            return (EventFrame(Error(wrong), frame.metadata),)
        return () if left is None else (left,)

    async def finish(self) -> Sequence[Frame]:
        """Have the engine notice that the user has said all, and return what was wrong.

        Turns that are found in audio end in silence; what is to be committed is committed.
        """
        turns = self.owed.turns
        if turns.mode == "manual":
            return await self.take(END) if self._utterance.uncommitted else ()
        if not self.owed.hears:
            return ()
        usual_ms = _USUAL_MS.get(turns.mode, _SILENCE_MS)
        ms = _BEYOND_MS + (usual_ms if turns.silence_ms is None else turns.silence_ms)
        rate = self._mono.sample_rate
        return await self.take(AudioFrame(bytes(2 * (ms * rate // 1000)), rate))

    async def _taken(self, frame: Frame) -> Frame | None:
        match frame:
            case AudioFrame():
                await self._hear(self._mono.push(frame))
            case TextFrame():
                return await self._read(frame)
            case ImageFrame(image=image, mime_type=mime_type):
                await self._session.send_image(image, mime_type)
            case ToolResultFrame(result=result):
                await self._answer(result)
            case ControlFrame():
                return await self._control(frame)
            case CommandFrame():
                return await self._command(frame)
            case EventFrame() | ToolCallFrame():
                return frame
        return None

    async def _control(self, frame: ControlFrame) -> Frame | None:
        match frame:
            case ControlFrame(signal="interrupt"):
                return await self._interrupt(frame)
            case ControlFrame(signal="played", position_ms=heard_ms, item_id=item_id):
                self._session.playhead.played(heard_ms, item_id or None)
            case _ if self._utterance is Utterance.UNHEARD:
                return frame
            case ControlFrame(signal="start_of_utterance", role="user"):
                self._utterance = Utterance.BEGUN
            case ControlFrame(signal="end_of_utterance", role="user"):
                if self.owed.turns.mode == "manual":
                    await self._commit()
            case _:
                return frame
        return None

    async def _hear(self, audio: bytes) -> None:
        if audio:
            await self._session.send_audio(audio)
            self._utterance = self._utterance.heard()
            self.owed.heard(len(audio) / 2 / self._mono.sample_rate)

    async def _read(self, frame: TextFrame) -> Frame | None:
        """Take text; of the assistant it comes in pieces."""
        item_id, role = frame.item_id, frame.role
        if role == "user":
            if not frame.final or not frame.text.strip():
                return frame
            await self._session.send_text(frame.text)
            self.owed.asked()
            return None
        text = self._unfinished.pop(item_id, "") + frame.text
        if not frame.final:
            self._unfinished[item_id] = text
        elif text.strip():
            await self._session.send_text(text, role=role, respond=False)
        return None

    async def _answer(self, result: ToolResult) -> None:
        await self._session.send_tool_result(result)
        self.owed.answered(result.call_id)

    async def _interrupt(self, frame: ControlFrame, mode: InterruptMode = "cancel") -> Frame | None:
        """Interrupt. Where nothing was under way no event says so, and sinks shall be silent all the same."""
        self._unfinished.clear()
        cut = await self._session.interrupt(mode=mode)
        self.owed.silenced(to_be_told=cut is not None)
        return frame if cut is None else None

    async def _commit(self) -> None:
        await self._hear(self._mono.flush())
        await self._session.commit()
        self._utterance = self._utterance.ended()
        if self.owed.turns.create_response:
            self.owed.asked()

    async def _command(self, frame: CommandFrame) -> Frame | None:
        session, command = self._session, frame.command
        match command:
            case AppendAudio(audio=audio):
                await self._hear(audio)
            case AppendImage(image=image, mime_type=mime_type):
                await session.send_image(image, mime_type)
            case CommitAudio():
                await self._commit()
            case ClearAudio():
                await session.clear()
                self._utterance = self._utterance.ended()
                self.owed.cleared()
            case AddItem(item=Message() as message):
                await _add(session, message)
            case RemoveItem(item_id=item_id):
                await session.remove(item_id)
            case CreateResponse():
                await _respond(session, command)
                self.owed.asked()
            case SendToolResult(call_id=call_id, output=output, is_error=is_error, respond=respond):
                await self._answer(ToolResult(call_id, output, is_error, respond))
            case UpdateSession():
                await self._update(command)
            case AddItem():
                raise UnsupportedError("calls and their results are history: give them to Config.history")
            case Truncate():
                raise UnsupportedError('what was heard is for the sink to tell: send ControlFrame("played")')
            case Cancel(response_id=response_id, mode=mode):
                sign = ControlFrame("interrupt", response_id=response_id or "", metadata=frame.metadata)
                return await self._interrupt(sign, mode)
        return None

    async def _update(self, changes: UpdateSession) -> None:
        """Change what can be changed. None leaves the choice to the engine, and so changes nothing."""
        await _update(self._session, changes)
        if isinstance(changes.turn_detection, TurnDetection):
            self.owed.turns = changes.turn_detection
        fixed = [name for name in _FIXED if getattr(changes, name) not in (UNSET, None)]
        if fixed:
            raise UnsupportedError(f"{', '.join(fixed)} cannot change during a session: start one with it")


async def _add(session: Session, message: Message) -> None:
    known = {each.item_id for each in session.history if isinstance(each, Message)}
    if message.heard_text is not None and message.item_id in known:
        return  # what was heard of its own answers a session knows by its playhead
    text = message.text if message.heard_text is None else message.heard_text
    if text.strip():
        await session.send_text(text, role=message.role, respond=False)


async def _respond(session: Session, wanted: CreateResponse) -> None:
    await session.respond(
        wanted.instructions,
        metadata=wanted.metadata,
        out_of_band=wanted.out_of_band,
        context=wanted.context,
        output_modalities=wanted.output_modalities,
    )


async def _update(session: Session, changes: UpdateSession) -> None:
    tools = _set(changes.tools)
    changed = {name for name in changes.__struct_fields__ if getattr(changes, name) is not UNSET}
    if changed - set(_FIXED):
        await session.update(
            instructions=_set(changes.instructions),
            tools=None if tools is None else [_tool(each) for each in tools],
            voice=_set(changes.voice),
            turn_detection=_set(changes.turn_detection),
            transcription=_set(changes.transcription),
            output_modalities=_set(changes.output_modalities),
        )


def _tool(spec: ToolSpec) -> Tool:
    """Return the tool without a function: whoever sends its description answers its calls."""
    return Tool(name=spec.name, description=spec.description, parameters=spec.parameters, policy=spec.policy)


def _set(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
