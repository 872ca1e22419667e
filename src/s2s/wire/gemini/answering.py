"""What a client asks of a server, as commands for the engine."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.errors import ConfigError, RemoteProtocolError
from s2s.items import Message
from s2s.wire import Close, Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.ear import Ear, rate_of
from s2s.wire.gemini.endings import Made, break_off, end_turn, stop
from s2s.wire.gemini.failures import INVALID, NO_ACTIVITY, NO_ENTITY, Reason, closing
from s2s.wire.gemini.items import read_turns, result_of, text_of
from s2s.wire.gemini.judging import FIRST, no_base64, objection, unreadable
from s2s.wire.gemini.ledger import Ledger, Turn, Window, remember
from s2s.wire.gemini.reading import Unknown, read
from s2s.wire.gemini.template import Template, decoded
from s2s.wire.gemini.wanted import tools_of

MOST_BYTES = 20 * 1024 * 1024
"""The longest message, which is 15 MiB in base64."""
_PICTURES = ("image/", "video/")
TOO_LONG = Reason("config", INVALID, "The message is too long: send less than 15 MiB at a time.")


class Refused(Exception):
    """The service would end the connection for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Answering:
    """Reads messages. What is wrong with one ends the connection, for there is no other word for it."""

    def __init__(self, ledger: Ledger, input_rate: int) -> None:
        self._ledger = ledger
        self._ear = Ear(input_rate)
        self._template: Template[int] = Template()
        self._seeds = ledger.agreed.seeds

    def receive(self, message: bytes) -> Sequence[Send | Command | Close]:
        """Read one message."""
        if len(message) > MOST_BYTES:
            return [closing(TOO_LONG)]
        short_way = self._template.match(message)
        if short_way is not None:
            return self._hear(short_way[1], short_way[0])
        try:
            said, unknown = read(message, m.ClientMessage)
            return self._do(said, unknown, message)
        except RemoteProtocolError as wrong:
            return [closing(unreadable(wrong))]
        except ConfigError as wrong:
            return [closing(Reason("config", INVALID, str(wrong)))]
        except Refused as refused:
            return [closing(refused.reason)]

    def _do(self, said: m.ClientMessage, unknown: list[Unknown], message: bytes) -> Made:
        agreed = self._ledger.agreed
        wrong = objection(said, unknown, agreed, seeds=self._seeds) if agreed.strict else None
        if wrong is not None or said.setup is not None:
            raise Refused(wrong or FIRST)
        told: Made = []
        if said.realtime_input is not None:
            told += self._realtime(said.realtime_input)
            self._learn(said, message)
        if said.client_content is not None:
            told += self._content(said.client_content)
        for each in (said.tool_response and said.tool_response.function_responses) or ():
            told += self._result(each)
        if said.context_update is not None:
            told += self._update(said.context_update)
        return told

    def _learn(self, said: m.ClientMessage, message: bytes) -> None:
        """Take the short way to messages such as this one, if it is audio and nothing else."""
        audio = said.realtime_input and said.realtime_input.audio
        if audio and said == m.ClientMessage(realtime_input=m.RealtimeInput(audio=audio)):
            self._template.learn(message, rate_of(audio.mime_type))

    def _realtime(self, given: m.RealtimeInput) -> Made:
        told: Made = []
        if not self._ledger.agreed.manual and (given.activity_start or given.activity_end) is not None:
            raise Refused(NO_ACTIVITY)
        if given.activity_start is not None:
            told += self._open()
        if given.audio is not None:
            told += self._hear(_bytes_of(given.audio, "audio"), rate_of(given.audio.mime_type))
        for each in given.media_chunks or ():
            told += self._chunk(each)
        if given.video is not None:
            told += self._show(given.video, "video")
        if given.text:
            told += self._say(given.text)
        if given.audio_stream_end and not self._ledger.agreed.manual:
            told.append(CommitAudio())
        if given.activity_end is not None:
            told += self._close()
        return told

    def _open(self) -> Made:
        """The user begins to speak."""
        ledger = self._ledger
        if ledger.window is not Window.CLOSED:
            return []
        ledger.window = Window.OPEN
        self._ear.forget()
        if not ledger.agreed.interrupts:
            return []
        return break_off(ledger) if ledger.reply is None else stop(ledger)

    def _close(self) -> Made:
        """The user has stopped; even one who said nothing is answered."""
        before, self._ledger.window = self._ledger.window, Window.CLOSED
        if before is Window.CLOSED:
            return []
        self._ledger.ask(Turn.COMMITTED)
        return [CommitAudio()]

    def _hear(self, audio: bytes, rate: int) -> Made:
        ledger = self._ledger
        if ledger.agreed.manual and ledger.window is Window.CLOSED:
            return []
        pcm = self._ear.hear(audio, rate)
        return [AppendAudio(pcm)] if pcm else []

    def _chunk(self, chunk: m.Blob) -> Made:
        """Take audio or a picture in the old way."""
        if (chunk.mime_type or "").startswith(_PICTURES):
            return self._show(chunk, "media_chunks")
        return self._hear(_bytes_of(chunk, "media_chunks"), rate_of(chunk.mime_type))

    def _show(self, picture: m.Blob, place: str) -> Made:
        image, can = _bytes_of(picture, place), self._ledger.capabilities
        if can is None or not can.images or not image:
            return []
        return [AppendImage(image, picture.mime_type or "image/jpeg")]

    def _say(self, text: str) -> Made:
        """Take words; white space alone only asks for an answer."""
        words: Made = [AddItem(Message("user", text))] if text.strip() else []
        return [*self._cut(always=False), *words, self._ask()]

    def _cut(self, *, always: bool) -> Made:
        agreed = self._ledger.agreed
        return stop(self._ledger) if agreed.profile.cuts_by_text and (always or agreed.interrupts) else []

    def _ask(self) -> CreateResponse:
        if self._ledger.window is Window.OPEN:
            self._ledger.window = Window.ASKED
        self._ledger.ask()
        return CreateResponse()

    def _content(self, content: m.ClientContent) -> Made:
        asks = bool(content.turn_complete) and not self._seeds
        self._seeds = self._seeds and not content.turn_complete
        told = self._cut(always=True) if asks else []
        for each in content.turns or ():
            told += self._turn(each)
        return [*told, self._ask()] if asks else told

    def _turn(self, turn: m.Content) -> Made:
        if turn.role == "system" and self._ledger.agreed.profile.surface == "vertex":
            return [UpdateSession(instructions=text_of(turn))]
        told: Made = []
        for part in turn.parts or ():
            blob = part.inline_data
            if blob is not None and (blob.mime_type or "").startswith(_PICTURES):
                told += self._show(blob, "client_content.turns.parts.inline_data")
        return [*told, *map(AddItem, read_turns([turn]))]

    def _result(self, response: m.FunctionResponse) -> Made:
        ledger, tools = self._ledger, self._ledger.tools
        call = tools.find(response.id, response.name)
        if call is None:
            return self._unasked(response)
        result = result_of(response)
        output = result.output if response.response else ""
        if response.will_continue:
            tools.collect(call.id, output)
            if tools.collected_bytes > MOST_BYTES:
                raise Refused(TOO_LONG)
            return []
        follows = call.name in tools.background or not ledger.agreed.strict
        silent = follows and response.scheduling == "SILENT"
        told = stop(ledger) if response.scheduling == "INTERRUPT" and call.name in tools.background else []
        respond = tools.calls.settle(call.id, respond=not silent)
        if respond:
            ledger.ask()
        told.append(SendToolResult(call.id, tools.collected(call.id, output), result.is_error, respond))
        waits = ledger.turn is Turn.OPEN and ledger.reply is None and not tools.calls.open
        return [*told, *end_turn(ledger)] if waits and not respond else told

    def _unasked(self, response: m.FunctionResponse) -> Made:
        """Take the answer to a call that this connection knows nothing of, or no longer."""
        ledger, agreed, call_id = self._ledger, self._ledger.agreed, response.id or ""
        if call_id in ledger.tools.withdrawn:
            return []
        if call_id and agreed.resumed:
            result = result_of(response)
            remember(ledger.tools.withdrawn, call_id, None)
            told: Made = [SendToolResult(call_id, result.output, result.is_error, not result.is_error)]
            told += end_turn(ledger) if result.is_error and agreed.profile.answers_lost_calls else []
            return told
        if agreed.strict and not agreed.profile.thinks_aloud:
            raise Refused(NO_ENTITY)
        return []

    def _update(self, update: m.ContextUpdate) -> Made:
        ledger, change = self._ledger, UpdateSession()
        if update.system_instruction is not None:
            change = replace(change, instructions=text_of(update.system_instruction))
        if update.tools is not None:
            unset = ledger.agreed.unset_behavior
            tools = tuple(each.spec for each in tools_of(update.tools.tools, unset))
            ledger.tools.declare(update.tools.tools, unset)
            change = replace(change, tools=tools)
        return [] if change == UpdateSession() else [change]


def _bytes_of(blob: m.Blob, place: str) -> bytes:
    try:
        return decoded(blob.data)
    except ValueError:
        raise Refused(no_base64(f"realtime_input.{place}.data")) from None
