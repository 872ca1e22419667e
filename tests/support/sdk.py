"""What OpenAI's own SDK thinks of messages, and a wire on which all of them are noted. Needs openai."""

from __future__ import annotations

import asyncio
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest
from pybase64 import b64decode, b64encode

pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from openai.types.realtime.realtime_session_create_request import RealtimeSessionCreateRequest
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from s2s.commands import Command
from s2s.events import Event
from s2s.items import JSON
from s2s.wire import Close, Send, ServerWire

SERVERS_OWN = ("id", "object", "expires_at")
"""What the service adds to a session; the SDK has it in its answer to POST, and not in its events."""
CLIENT: TypeAdapter[JSON] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])
SERVER: TypeAdapter[JSON] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
ASKED_SESSION: TypeAdapter[JSON] = TypeAdapter(RealtimeSessionCreateRequest)
TOLD_SESSION: TypeAdapter[JSON] = TypeAdapter(RealtimeSessionCreateResponse)


_encode = msgspec.json.encode


def objections(message: bytes, judge: TypeAdapter[JSON]) -> list[str]:
    """Return what is wrong with a message: missing, of another type, or unknown to the SDK."""
    try:
        read = judge.validate_json(message, strict=True)
    except ValidationError as wrong:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong.errors()]
    return [f"{place}: unknown field" for place in strange(read)]


def strange(value: object, path: str = "") -> Iterator[str]:
    """Yield where there are fields that no model has; what users put in is a dict and is not looked into."""
    match value:
        case BaseModel():
            known = type(value).model_fields
            yield from (f"{path}.{name}" for name in value.model_extra or ())
            for name in value.model_fields_set & known.keys():
                yield from strange(getattr(value, name), f"{path}.{name}")
        case list():
            for index, each in enumerate(value):
                yield from strange(each, f"{path}[{index}]")
        case _:
            pass


def told_objections(message: bytes) -> list[str]:
    """Return what is wrong with a message of a server, but for what the SDK forgot."""
    read = json.loads(message)
    session = read.get("session")
    if session is None:
        return [each for each in objections(message, SERVER) if not _ours(each)]
    known = {key: value for key, value in session.items() if key not in SERVERS_OWN}
    return [
        *objections(_encode({**read, "session": known}), SERVER),
        *objections(_encode(known), ASKED_SESSION),
        *objections(_encode(_named_voice(session)), TOLD_SESSION),
    ]


def _ours(objection: str) -> bool:
    # The service tells the message of a failure too, and clients print it.
    return objection == ".response.status_details.error.message: unknown field"


def _named_voice(session: dict[str, JSON]) -> dict[str, JSON]:
    # The SDK lets a client ask for a voice by id, and has forgotten that the answer repeats it.
    output = session["audio"]["output"]
    voice = output["voice"]
    named = voice["id"] if isinstance(voice, dict) else voice
    return {**session, "audio": {**session["audio"], "output": {**output, "voice": named}}}


def filled(kind: Any, turn: int) -> JSON:  # noqa: ANN401  a type, of any form
    """Return a value of a type with every field given; where there is a choice, `turn` makes it."""
    arguments = [each for each in get_args(kind) if each is not type(None)]
    match get_origin(kind):
        case typing.Literal:
            return arguments[turn % len(arguments)]
        case typing.Union | types.UnionType:
            return filled(arguments[turn % len(arguments)], turn)
        case typing.Annotated:
            return filled(arguments[0], turn)
        case origin if origin is list:
            return [filled(arguments[0], turn)]
        case origin if origin is dict:
            return {"key": filled(arguments[1], turn)}
        case _ if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {each.alias or name: each for name, each in kind.model_fields.items()}
            return {name: filled(each.annotation, turn) for name, each in fields.items()}
        case _:
            return _PLAIN[kind]


_PLAIN: dict[object, JSON] = {str: "AAAA", int: 500, float: 0.5, bool: True, object: {}}


def messages_of(union: object) -> list[type[BaseModel]]:
    """Return the models of all messages of one side."""
    return list(get_args(get_args(union)[0]))


class Noted:
    """A server's wire that keeps what was said in both directions."""

    def __init__(self, inner: ServerWire) -> None:
        self.asked: list[bytes] = []
        self.said: list[bytes] = []
        self._inner = inner

    def send(self, event: Event) -> Sequence[Send | Command | Close]:
        """Spell an event."""
        return self._noted(self._inner.send(event))

    def receive(self, message: bytes) -> Sequence[Send | Command | Close]:
        """Read one message."""
        self.asked.append(message)
        return self._noted(self._inner.receive(message))

    def _noted(self, made: Sequence[Send | Command | Close]) -> Sequence[Send | Command | Close]:
        self.said += [each.data for each in made if isinstance(each, Send)]
        return made


def kinds(messages: Iterable[bytes]) -> set[str]:
    """Return the types of messages."""
    return {str(json.loads(each)["type"]) for each in messages}


class Line:
    """A connection of the stock SDK; all that comes over it must be what the SDK's own types say."""

    def __init__(self, connection: AsyncRealtimeConnection, *, within_s: float = 10.0) -> None:
        self.on = connection
        self.events: list[Any] = []
        self._within_s = within_s

    async def until(self, kind: str, where: Callable[[Any], bool] = lambda _: True) -> Any:  # noqa: ANN401
        """Read on and return the next event of this kind; an error that is not waited for fails."""
        try:
            async with asyncio.timeout(self._within_s):
                while True:
                    raw = await self.on.recv_bytes()
                    assert told_objections(raw) == []
                    event = self.on.parse_event(raw)
                    self.events.append(event)
                    if event.type == kind and where(event):
                        return event
                    assert event.type != "error", event
        except TimeoutError:
            raise AssertionError(f"no {kind} after {self.kinds}") from None

    async def speak(self, pcm: bytes) -> None:
        """Append speech of 24000 Hz, and a second of silence."""
        spoken = pcm + bytes(48_000)
        for start in range(0, len(spoken), 4800):
            await self.on.input_audio_buffer.append(audio=b64encode(spoken[start : start + 4800]).decode())

    async def write(self, text: str) -> None:
        """Put a message of the user into the conversation."""
        content = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [content]}
        await self.on.conversation.item.create(item=item)  # type: ignore[arg-type]
        await self.until("conversation.item.done")

    def all(self, kind: str) -> list[Any]:
        """Return what came of this kind."""
        return [each for each in self.events if each.type == kind]

    @property
    def kinds(self) -> list[str]:
        """The kinds of all that came."""
        return [each.type for each in self.events]

    @property
    def audio(self) -> bytes:
        """All audio that came."""
        return b"".join(b64decode(each.delta) for each in self.all("response.output_audio.delta"))

    @property
    def words(self) -> str:
        """All words of the answers, spoken or written."""
        kinds_ = ("response.output_audio_transcript.delta", "response.output_text.delta")
        return "".join(each.delta for each in self.events if each.type in kinds_)
