"""What the service says, as events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from pybase64 import b64decode

from s2s.errors import RemoteProtocolError
from s2s.events import Error, Event, ResponseStarted, Unrecognized
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.nova import messages as m
from s2s.wire.nova.counts import Meter
from s2s.wire.nova.replies import Block, Kind
from s2s.wire.nova.stream import Phase, Stream

Told = Sequence[Send | Event]
_MOST_OPEN = 64
_MOST_VALUES = 250_000
"""Of what has no shape that we know: each takes a hundred times as much memory as its two bytes."""
_RATES_HZ = range(4_000, 192_001)
_TEXTS = (Kind.HEARD, Kind.PLANNED, Kind.SAID)
_read = msgspec.json.Decoder(m.ServerMessage).decode


class _Fields(Struct, rename="camel"):
    """The additionalModelFields of a block of text."""

    generation_stage: str = ""


_fields = msgspec.json.Decoder(_Fields).decode
_INTERRUPTED = "".join(m.INTERRUPTED.split())
_WRONG = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Hearing:
    """Reads messages. One that cannot be read is an Error, and fatal only before a stream has begun."""

    def __init__(self, stream: Stream) -> None:
        self._on = stream
        self._blocks: dict[str, Block] = {}
        self._meter = Meter()

    def receive(self, message: bytes) -> Told:
        """Read one message."""
        on = self._on
        try:
            said = _read(message)
        except _WRONG as wrong:
            return (self._unreadable(wrong, message),)
        event = said.event
        if on.phase is not Phase.READY:
            return self._begins(said)
        if event is None:
            return (self._unrecognized(message),)
        if event.audio_output is not None:
            return self._speaks(event.audio_output)
        told = self._hear(event)
        if told is None:
            return (self._unrecognized(message),)
        return [*told, *on.due()] if on.asks.due else told

    def _begins(self, said: m.ServerMessage) -> Told:
        if self._on.phase is Phase.GIVEN_UP or said.response is None:
            return ()
        self._blocks.clear()
        self._meter = Meter()
        return self._on.accepted(said.response.request_id)

    def _hear(self, event: m.Told) -> list[Send | Event] | None:
        """Return what an event causes; None for one that we do not know."""
        on = self._on
        match event:
            case m.Told(content_start=m.OutputStart() as start):
                return self._start(start)
            case m.Told(text_output=m.TextOutput() as text):
                return self._text(text)
            case m.Told(content_end=m.OutputEnd(content_id=content_id, stop_reason=reason)):
                block = self._blocks.pop(content_id, None)
                return [] if block is None else [*on.replies.end(block, reason or "")]
            case m.Told(tool_use=m.ToolUse() as used):
                return self._calls(used)
            case m.Told(usage_event=m.UsageEvent() as spent):
                return [*on.replies.spent(self._meter.spent(spent))]
            case m.Told(completion_end=m.CompletionEnd()):
                return [*on.replies.finish()]
            case m.Told(completion_start=m.CompletionStart()):
                return []
            case _:
                return None

    def _start(self, start: m.OutputStart) -> list[Send | Event] | None:
        audio = start.audio_output_configuration
        rate = 0 if audio is None else audio.sample_rate_hertz or 0
        block = Block(_kind(start), rate if rate in _RATES_HZ else self._on.opening.output_rate)
        return None if block.kind is Kind.OTHER else self._begin(start.content_id, block)

    def _begin(self, content_id: str, block: Block) -> list[Send | Event]:
        self._blocks[content_id] = block
        if len(self._blocks) > _MOST_OPEN:
            del self._blocks[next(iter(self._blocks))]
        told = self._on.replies.begin(block)
        if any(isinstance(each, ResponseStarted) and each.origin == "user_turn" for each in told):
            self._on.uplink.understood()  # though its words may come later
        return [*told]

    def _block(self, content_id: str, otherwise: Kind, *kinds: Kind) -> tuple[Block, list[Send | Event]]:
        """Return the block of some content, which begins here where that was not said."""
        block = self._blocks.get(content_id)
        if block is not None and block.kind in (otherwise, *kinds):
            return block, []
        block = Block(otherwise, self._on.opening.output_rate)
        return block, self._begin(content_id, block)

    def _speaks(self, said: m.AudioOutput) -> Told:
        block = self._blocks.get(said.content_id)
        told: Sequence[Send | Event] = ()
        if block is None or block.kind is not Kind.SPOKEN:
            block, told = self._block(said.content_id, Kind.SPOKEN)
        try:
            pcm = b64decode(said.content, None, True)
        except ValueError:
            wrong = "audio of the service is no base64: it is left out"
            return [*told, Error(RemoteProtocolError(wrong, provider=self._on.opening.provider))]
        spoken = self._on.replies.speak(block, pcm)
        return [*told, *spoken] if told else spoken

    def _text(self, said: m.TextOutput) -> list[Send | Event]:
        replies, text = self._on.replies, said.content
        otherwise = Kind.HEARD if said.role == "USER" else Kind.SAID
        block, told = self._block(said.content_id, otherwise, *_TEXTS)
        match block.kind:
            case Kind.HEARD:
                return [*told, *self._user_said(text)]
            case _ if "".join(text.split()) == _INTERRUPTED:
                return [*told, *replies.interrupt()]
            case Kind.PLANNED:
                return [*told, *replies.plan(block, text)]
            case _:
                return [*told, *replies.said(block, text)]

    def _user_said(self, text: str) -> Sequence[Event]:
        on = self._on
        if not text.strip() or on.asks.echoed(text):
            return ()
        on.asks.noticed()
        on.uplink.understood()
        return on.speech.heard(text)

    def _calls(self, used: m.ToolUse) -> list[Send | Event]:
        on = self._on
        _, told = self._block(used.content_id, Kind.CALLED)
        raw, arguments = _arguments(used.content)
        made = on.calls.opened(used.tool_use_id, used.tool_name, raw, arguments)
        if made is None:
            return told
        # Whoever calls must be answered, even where nobody wants to hear of it.
        return [*told, *(on.refuse(made) if on.replies.reply is None else on.replies.call(made))]

    def _unreadable(self, wrong: Exception, message: bytes) -> Error:
        told = f"a message of the service cannot be read: {wrong}"
        error = RemoteProtocolError(told, received=message, provider=self._on.opening.provider)
        return Error(error, fatal=self._on.phase is Phase.WAITING)

    def _unrecognized(self, message: bytes) -> Event:
        if len(message) > _MOST_VALUES and sum(map(message.count, b",[{")) > _MOST_VALUES:
            return self._unreadable(ValueError("it holds too many values"), message)
        try:
            return Unrecognized(self._on.opening.provider, msgspec.json.decode(message))
        except _WRONG as wrong:
            return self._unreadable(wrong, message)


def _kind(start: m.OutputStart) -> Kind:
    match start.type, start.role:
        case "TEXT", "USER":
            return Kind.HEARD
        case "TEXT", _:
            return Kind.PLANNED if _stage(start.additional_model_fields) == "SPECULATIVE" else Kind.SAID
        case "AUDIO", role if role != "USER":
            return Kind.SPOKEN
        case "TOOL", _:
            return Kind.CALLED
        case _:
            return Kind.OTHER


def _stage(fields: str | None) -> str:
    try:
        return "" if fields is None else _fields(fields).generation_stage
    except _WRONG:
        return ""


def _arguments(content: str) -> tuple[str, dict[str, JSON]]:
    """Return the arguments of a call as they were written, and read; some are written as text of text."""
    value = _decoded(content)
    if isinstance(value, str):
        inner = _decoded(value)
        content, value = (value, inner) if isinstance(inner, dict) else (content, None)
    return content, value if isinstance(value, dict) else {}


def _decoded(text: str) -> JSON:
    try:
        return msgspec.json.decode(text)
    except _WRONG:
        return None
