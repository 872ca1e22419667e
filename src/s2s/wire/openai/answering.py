"""What a client asks of a server: the replies, and the commands for the engine."""

from __future__ import annotations

import binascii
import contextlib
import math
from collections.abc import Sequence

import msgspec
from pybase64 import b64decode

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Modality
from s2s.items import JSON, Item, Message, ToolResult
from s2s.wire import BinaryMessage, Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.failures import ACTIVE
from s2s.wire.openai.items import read
from s2s.wire.openai.ledger import Ledger, Promise
from s2s.wire.openai.schema import meant, problem_with, problem_with_item
from s2s.wire.openai.settings import merged, named_voice, read_changes
from s2s.wire.openai.uplink import SHORTEST_MS

MOST_AUDIO = 15 * 1024 * 1024
MOST_PROMISED = 64
"""Responses beside the conversation that an engine has not begun."""
Made = Sequence[Send | Command]


class Refused(Exception):
    """The service would say this."""

    def __init__(self, code: str | m.Problem, message: str = "", param: str | None = None) -> None:
        super().__init__(message)
        kind = "invalid_request_error"
        made = (
            m.Problem(type=kind, code=code, message=message, param=param) if isinstance(code, str) else code
        )
        self.problem = made


class Answering:
    """Reads messages. What is wrong with one is an `error` reply, and the session goes on."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def receive(self, message: bytes) -> Made:
        """Read one message."""
        event_id = None
        try:
            kind = self._kind(message)
            event_id = kind.event_id if isinstance(kind.event_id, str) else None
            return self._do(_decoded(kind.type, message))
        except Refused as refused:
            return [self._ledger.refuse(refused.problem, event_id)]

    def _kind(self, message: bytes) -> m.Kind:
        if isinstance(message, BinaryMessage):
            raise Refused("invalid_event", "Binary messages are not supported: send JSON as text.")
        try:
            return m.kind_of(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise _no_json(wrong) from None

    def _do(self, asked: m.AnyClientMessage) -> Made:
        match asked:
            case m.InputAudioBufferAppend(audio=audio):
                return self._append(audio)
            case m.SessionUpdate(session=session):
                return self._update(session)
            case m.InputAudioBufferCommit():
                return self._commit()
            case m.InputAudioBufferClear():
                self._ledger.input.clear()
                return [ClearAudio(), self._ledger.say(m.Cleared())]
            case m.ItemCreate():
                return self._create(asked)
            case m.ItemTruncate():
                return self._truncate(asked)
            case m.ItemDelete(item_id=item_id):
                self._require(item_id, "delete")
                del self._ledger.entries[item_id]
                return [RemoveItem(item_id), self._ledger.say(m.ItemDeleted(item_id=item_id))]
            case m.ItemRetrieve(item_id=item_id):
                self._require(item_id, "retrieve")
                return [self._ledger.say(m.ItemRetrieved(item=self._ledger.entries[item_id].item))]
            case m.ResponseCreate(response=wishes):
                return self._respond(wishes or m.ResponseWishes())
            case m.ResponseCancel(response_id=response_id):
                return self._cancel(response_id)
            case m.OutputAudioBufferClear():
                raise Refused("invalid_value", "This session has no output audio buffer to clear.", "type")

    def _append(self, audio: str) -> Made:
        ledger = self._ledger
        if len(audio) > MOST_AUDIO * 4 // 3:
            raise Refused(
                "invalid_value", "More than 15 MiB of audio in one event: send smaller ones.", "audio"
            )
        try:
            data = b64decode(audio, None, True)
        except (binascii.Error, ValueError):
            raise Refused("invalid_value", "Invalid 'audio': it is not base64.", "audio") from None
        pcm = ledger.ear.push(data)
        ledger.input.append(len(pcm) * 500 / ledger.input_rate)
        return [AppendAudio(pcm)] if pcm else []

    def _update(self, session: dict[str, JSON]) -> Made:
        ledger = self._ledger
        wrong = problem_with(session)
        if wrong is not None:
            raise Refused(wrong)
        session = {key: value for key, value in meant(session).items() if key not in _KEPT}
        speaks = (session.get("audio") or {}).get("output") or {}
        if "voice" in speaks and not ledger.takes_voice(named_voice(speaks["voice"])):
            del speaks["voice"]  # a stock client names a voice of the service, and any voice will do
        if "voice" in speaks and ledger.locks(speaks["voice"]):
            told = "Cannot update a conversation's voice if assistant audio is present."
            raise Refused("cannot_update_voice", told, "session.audio.output.voice")
        change = read_changes(ledger.asked, merged(ledger.asked, session))
        ledger.set(session)
        reply = ledger.say(m.SessionUpdated(session=ledger.session))
        return [reply] if change == UpdateSession() else [change, reply]

    def _commit(self) -> Made:
        ledger = self._ledger
        if ledger.input.waiting_ms < SHORTEST_MS:
            told = (
                f"Error committing input audio buffer: buffer too small. Expected at least {SHORTEST_MS}ms of"
                f" audio, but buffer only has {ledger.input.waiting_ms:.2f}ms of audio."
            )
            raise Refused("input_audio_buffer_commit_empty", told)
        ledger.input.waiting_ms = 0.0
        return [CommitAudio()]

    def _create(self, asked: m.ItemCreate) -> Made:
        ledger, item = self._ledger, asked.item
        item.id = item.id or ledger.new_id("item")
        if item.id in ledger.entries:
            told = f"Error adding item: an item with id '{item.id}' already exists."
            raise Refused("item_create_duplicate_item_id", told, "item.id")
        if asked.previous_item_id not in (None, "root") and asked.previous_item_id not in ledger.entries:
            told = f"Error adding item: the previous item with id '{asked.previous_item_id}' does not exist."
            raise Refused("invalid_value", told, "previous_item_id")
        wrong = problem_with_item(item)
        if wrong is not None:
            raise Refused(wrong)
        if not ledger.entries.has_room_for(item):
            told = "Error adding item: the conversation is full of items, or of what they hold: delete some."
            raise Refused("conversation_item_limit_reached", told)
        commands = self._commands(item)
        if not item.type.startswith("mcp_"):
            item.object, item.status = "realtime.item", item.status or "completed"
        return [*commands, *ledger.announce(item, ledger.entries.add(item, asked.previous_item_id))]

    def _commands(self, item: m.WireItem) -> list[Command]:
        pictures = [
            each.image_url for each in item.content or () if each.type == "input_image" and each.image_url
        ]
        can = self._ledger.capabilities
        if pictures and (can is None or not can.images):
            raise Refused("invalid_value", "This engine cannot see images.", "item.content")
        match read(item):
            case ToolResult(call_id=call_id, output=output):
                return [SendToolResult(call_id, output, respond=False)]
            case Message(text="") if pictures:
                return [_picture(each) for each in pictures]
            case None:
                return []
            case other:
                return [AddItem(other), *(_picture(each) for each in pictures)]

    def _truncate(self, asked: m.ItemTruncate) -> Made:
        ledger = self._ledger
        self._require(asked.item_id, "truncate")
        entry = ledger.entries[asked.item_id]
        if entry.audio_ms is None or entry.item.role != "assistant":
            raise Refused("unsupported_content_type", "Only model output audio messages can be truncated.")
        if asked.audio_end_ms < 0:
            told = f"Invalid 'audio_end_ms': {asked.audio_end_ms} is less than 0."
            raise Refused("invalid_value", told, "audio_end_ms")
        if asked.audio_end_ms > math.ceil(entry.audio_ms):
            told = f"Audio content of {int(entry.audio_ms)}ms is already shorter than {asked.audio_end_ms}ms"
            raise Refused("invalid_value", told, "audio_end_ms")
        entry.audio_ms = float(asked.audio_end_ms)
        entry.item.content = [m.Content(type="output_audio")]
        cut = m.ItemTruncated(
            item_id=asked.item_id, content_index=asked.content_index, audio_end_ms=asked.audio_end_ms
        )
        return [Truncate(asked.item_id, float(asked.audio_end_ms)), ledger.say(cut)]

    def _respond(self, wishes: m.ResponseWishes) -> Made:
        ledger = self._ledger
        aside = wishes.conversation == "none"
        if aside and (ledger.capabilities is None or not ledger.capabilities.out_of_band):
            told = "This engine has no out-of-band responses."
            raise Refused("invalid_value", told, "response.conversation")
        if not aside and ledger.busy:
            name = "" if ledger.active is None else f": {ledger.active.id}"
            told = (
                f"Conversation already has an active response in progress{name}. Wait until it is finished."
            )
            raise Refused(ACTIVE, told)
        if len(ledger.promised) == MOST_PROMISED:
            told = f"{MOST_PROMISED} responses wait to begin. Wait until some have."
            raise Refused("rate_limit_exceeded", told)
        context = None if wishes.input is None else self._context(wishes.input)
        heard: tuple[Modality, ...] = ("audio", "text")
        wanted = wishes.output_modalities
        ledger.promised.append(Promise(not aside, wishes.metadata or {}))
        return [
            CreateResponse(
                instructions=wishes.instructions,
                metadata=wishes.metadata or {},
                out_of_band=aside,
                context=context,
                output_modalities=None if wanted is None else ("text",) if "text" in wanted else heard,
            )
        ]

    def _context(self, given: list[JSON]) -> tuple[Item, ...]:
        items = []
        for each in given:
            if isinstance(each, dict) and each.get("type") == "item_reference":
                self._require(str(each.get("id")), "retrieve")
                items.append(self._ledger.entries[str(each.get("id"))].item)
            else:
                with contextlib.suppress(msgspec.ValidationError):
                    items.append(msgspec.convert(each, m.WireItem))
        return tuple(found for each in items if (found := read(each)) is not None)

    def _cancel(self, response_id: str | None) -> Made:
        ledger = self._ledger
        output = ledger.active if response_id is None else ledger.outputs.get(response_id)
        if output is None and response_id is None and ledger.promise is not None:
            ledger.promise.cancelled = True
            return []
        if output is None:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        output.reason = "client_cancelled"
        return [Cancel(output.id)]

    def _require(self, item_id: str, verb: str) -> None:
        if item_id not in self._ledger.entries:
            told = f"Error: the item with id '{item_id}' does not exist."
            raise Refused(f"item_{verb}_invalid_item_id", told, "item_id")


_KEPT = ("id", "object", "expires_at", "model", "type")


def _decoded(kind: str, message: bytes) -> m.AnyClientMessage:
    decoder = m.CLIENT.get(kind)
    if decoder is None:
        known = ", ".join(f"'{each}'" for each in m.CLIENT)
        raise Refused("invalid_value", f"Invalid value: '{kind}'. Supported values are: {known}.", "type")
    try:
        asked: m.AnyClientMessage = decoder.decode(message)
    except (msgspec.ValidationError, RecursionError) as wrong:
        what, _, place = str(wrong).partition(" - at `$.")
        param = place.strip("`") or None
        code = "missing_required_parameter" if "missing required" in what else "invalid_type"
        raise Refused(code, f"Invalid '{kind}': {what}.", param) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise _no_json(wrong) from None
    return asked


def _no_json(wrong: Exception) -> Refused:
    return Refused("invalid_json", f"We could not parse the JSON of your message: {wrong}.")


def _picture(url: str) -> AppendImage:
    head, _, data = url.partition(",")
    wrong = Refused("invalid_value", "Invalid 'image_url': use a data URI of base64.", "item.content")
    if not head.startswith("data:image/"):
        raise wrong
    try:
        image = b64decode(data, None, True)
    except (binascii.Error, ValueError):
        raise wrong from None
    return AppendImage(image, head.removeprefix("data:").partition(";")[0])
