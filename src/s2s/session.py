"""One conversation, as the application holds it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import msgspec
from msgspec import UNSET

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.audio.pcm import as_bytes
from s2s.capabilities import Capabilities, TurnMode
from s2s.commands import (
    AddItem,
    AppendImage,
    ClearAudio,
    CommitAudio,
    CreateResponse,
    InterruptMode,
    RemoveItem,
    SendToolResult,
    UpdateSession,
)
from s2s.config import Config, Modality, TurnDetection
from s2s.errors import BacklogError, SessionClosedError, UnsupportedError
from s2s.events import Event, Interrupted, Usage
from s2s.items import Item, Message, Role, ToolResult, whole
from s2s.queues import Outbox
from s2s.runtime import OpenLink, Runtime
from s2s.state.playhead import Playhead
from s2s.tools import Tool, ToolFunction, as_tools

_SLICE_MS = 1000
"""A longer chunk goes out in slices, each waiting for room."""

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Samples(Protocol):
    """An array of numbers, such as numpy's."""

    def tobytes(self) -> bytes:
        """Return the numbers as they lie in memory."""
        ...


class Session:
    """One conversation with an engine; `engine.start()` makes it.

    Send from any task of the loop that started it, read from one. Every method that sends raises
    SessionClosedError once the session has ended, chained to what ended it.
    """

    def __init__(self, config: Config, capabilities: Capabilities) -> None:
        self.config = config
        self.capabilities = capabilities
        _require_conversion(config, capabilities)
        self._runtime = Runtime(config, capabilities)
        self._ear: InputConverter | None = None
        self._slice_bytes = config.heard.bytes_in(_SLICE_MS)

    async def open(self, open_link: OpenLink) -> Self:
        """Connect; `engine.start()` does it. Raises S2SError when the engine does not become ready."""
        link = await self._runtime.start(open_link)
        try:
            self._ear = InputConverter(self.config.heard, link.input_rate)
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def id(self) -> str:
        """The id that the engine gave."""
        return "" if self._runtime.started is None else self._runtime.started.session_id

    @property
    def history(self) -> tuple[Item, ...]:
        """What was said so far, in order; interrupted answers also carry what was heard of them."""
        return self._runtime.dialogue.conversation.items

    @property
    def usage(self) -> Usage:
        """What the session cost so far."""
        return self._runtime.dialogue.usage

    @property
    def playhead(self) -> Playhead:
        """What the user has heard; a sink that knows reports to `playhead.played(ms)`."""
        return self._runtime.dialogue.playhead

    async def send_audio(self, chunk: Buffer | Samples) -> None:
        """Let the engine hear a chunk in `config.input_format`, of any length; odd bytes wait for the next.

        Takes bytes-like PCM16 LE, or arrays of int16 or float. Waits while `limits.input_audio_s` are
        on their way already. Raises AudioFormatError, or BacklogError after `limits.send_s`: then the
        engine will not hear the rest of this chunk.
        """
        outbox, ear = self._runtime.outbox, self._ear
        if ear is None:
            raise SessionClosedError("this session is not open yet: use engine.start()")
        raw = as_bytes(chunk)
        for start in range(0, len(raw), self._slice_bytes):
            if not outbox.has_room:
                outbox = await self._room()
            audio = ear.push(raw[start : start + self._slice_bytes])
            if audio:
                outbox.put_audio(audio)

    async def send_text(self, text: str, *, role: Role = "user", respond: bool = True) -> None:
        """Say something in writing, and have it answered unless `respond` is False.

        Half of a character, a lone surrogate, becomes a question mark here and wherever text is taken.
        """
        self._supports(self.capabilities.text_input, "text input")
        self._runtime.tell(AddItem(Message(role, whole(text), f"item_{uuid.uuid4().hex[:16]}")))
        if respond:
            self._runtime.tell(CreateResponse())

    async def send_image(self, image: bytes, mime_type: str = "image/jpeg") -> None:
        """Show a still or a frame of a video. Raises UnsupportedError where the engine cannot see."""
        self._supports(self.capabilities.images, "images")
        self._runtime.tell(AppendImage(image, mime_type))

    async def send_tool_result(self, result: ToolResult) -> None:
        """Answer a ToolCall; the model goes on once all calls of its response are answered.

        Raises LocalProtocolError for a call that is unknown or already answered.
        """
        output = whole(result.output)
        self._runtime.tell(SendToolResult(result.call_id, output, result.is_error, result.respond))

    async def commit(self) -> None:
        """Declare the user's turn over; without turn detection nothing else does."""
        self._runtime.tell(CommitAudio())

    async def clear(self) -> None:
        """Have the engine forget the audio that no turn has taken yet."""
        self._runtime.tell(ClearAudio())

    async def respond(
        self,
        instructions: str | None = None,
        *,
        metadata: Mapping[str, str] | None = None,
        out_of_band: bool = False,
        context: Sequence[Item] | None = None,
        output_modalities: Sequence[Modality] | None = None,
    ) -> None:
        """Have the engine speak now, by these instructions for once.

        An out-of-band response stands beside the conversation, and may run while another one does:
        `context` is what it answers, its ResponseStarted carries the `metadata`. Raises UnsupportedError.
        """
        aside = out_of_band or context is not None
        self._supports(self.capabilities.out_of_band or not aside, "out-of-band responses")
        self._runtime.tell(
            CreateResponse(
                None if instructions is None else whole(instructions),
                dict(metadata or {}),
                out_of_band,
                None if context is None else tuple(context),
                None if output_modalities is None else tuple(output_modalities),
            )
        )

    async def remove(self, item_id: str) -> None:
        """Have a message forgotten by the engine and left out of `history`."""
        self._runtime.tell(RemoveItem(item_id))

    async def update(
        self,
        *,
        instructions: str | None = None,
        tools: list[Tool | ToolFunction] | None = None,
        voice: str | None = None,
        turn_detection: TurnDetection | TurnMode | None = None,
        transcription: bool | None = None,
        output_modalities: Sequence[Modality] | None = None,
    ) -> None:
        """Change these settings from now on; None leaves one as it is.

        Raises UnsupportedError where the engine cannot change during a session, and LocalProtocolError
        for another voice where `capabilities.voice_locks` and it was heard already.
        """
        self._supports(self.capabilities.updates, "updates during a session")
        turns = TurnDetection(mode=turn_detection) if isinstance(turn_detection, str) else turn_detection
        toolset = None if tools is None else as_tools(tools)
        self._runtime.tell(
            UpdateSession(
                instructions=UNSET if instructions is None else whole(instructions),
                tools=UNSET if toolset is None else tuple(each.spec for each in toolset),
                voice=UNSET if voice is None else voice,
                turn_detection=UNSET if turns is None else turns,
                transcription=UNSET if transcription is None else transcription,
                output_modalities=UNSET if output_modalities is None else tuple(output_modalities),
            )
        )
        if toolset is not None:
            self._runtime.dialogue.tools = {each.name: each for each in toolset}

    async def interrupt(
        self, *, mode: InterruptMode = "cancel", confirm_s: float = 0.0
    ) -> Interrupted | None:
        """Stop the answer, and those asked for before: no audio is delivered of them from now on.

        Returns the event that says what was heard and how far the engine follows, or None when nothing was
        under way: an answer that was asked for and has not begun then ends as it begins. Where the engine was
        asked to stop, this waits up to `confirm_s` for it to say so, and returns `server_confirmed` then.

        With mode `reset` an engine that cannot be stopped is replaced by one that knows of the answer only
        what was heard; it costs another connection, and the conversation is told to it once more. Raises
        UnsupportedError where it can be neither.
        """
        if self.closed:
            return None
        can = self.capabilities
        self._supports(mode == "cancel" or can.resets or can.interrupt != "local_only", "a reset")
        mode = mode if can.resets else "cancel"
        outcome = self._runtime.dialogue.interrupt("application", self._runtime.now, mode=mode)
        self._runtime.follow(outcome)
        cut = next((each for each in outcome.events if isinstance(each, Interrupted)), None)
        if cut is None or cut.confirmation != "requested" or mode == "reset" or not confirm_s:
            return cut
        stopped = await self._runtime.stops(cut.response_id, confirm_s)
        return msgspec.structs.replace(cut, confirmation="server_confirmed") if stopped else cut

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return not self._runtime.running

    def recv(self) -> AsyncIterator[Event]:
        """Iterate over the events until the session has ended; SessionEnded is the last.

        Leaving the loop and coming back loses nothing. A second reader at the same time gets
        LocalProtocolError.
        """
        return _Events(self._runtime)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.recv()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session; safe to call twice. Events that wait can still be read."""
        await self._runtime.close()

    async def _room(self) -> Outbox:
        limits = self.config.limits
        try:
            async with asyncio.timeout(limits.send_s):
                await self._runtime.outbox.room()
                return self._runtime.outbox
        except TimeoutError:
            raise BacklogError(
                f"the engine is {limits.input_audio_s:g} s of audio behind and took none for "
                f"{limits.send_s:g} s: send no faster than real time, or drop this chunk"
            ) from None

    def _supports(self, supported: bool, what: str) -> None:
        if not supported:
            raise UnsupportedError(f"this engine does not support {what}: see session.capabilities")


def _require_conversion(config: Config, capabilities: Capabilities) -> None:
    """Raise ConfigError, before anything is opened, where the one rate of the engine cannot be converted."""
    if len(capabilities.input_rates) == 1:
        InputConverter(config.heard, *capabilities.input_rates)
    if len(capabilities.output_rates) == 1:
        OutputConverter(*capabilities.output_rates, config.spoken)


class _Events(AsyncIterator[Event]):
    """An iterator and no generator, so that a cancelled read loses nothing and can be repeated."""

    def __init__(self, runtime: Runtime) -> None:
        self._inbox = runtime.inbox

    def __anext__(self) -> Awaitable[Event]:
        return self._inbox.next()
