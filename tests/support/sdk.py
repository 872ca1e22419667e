"""What OpenAI's own SDK thinks of messages, and a wire on which all of them are noted. Needs openai."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import pytest

pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from openai.types.realtime.realtime_session_create_request import RealtimeSessionCreateRequest
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from s2s.commands import Command
from s2s.events import Event
from s2s.items import JSON
from s2s.wire import Send, ServerWire

CLIENT: TypeAdapter[JSON] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])
SERVER: TypeAdapter[JSON] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
ASKED_SESSION: TypeAdapter[JSON] = TypeAdapter(RealtimeSessionCreateRequest)
TOLD_SESSION: TypeAdapter[JSON] = TypeAdapter(RealtimeSessionCreateResponse)


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


class Noted:
    """A server's wire that keeps what was said in both directions."""

    def __init__(self, inner: ServerWire) -> None:
        self.asked: list[bytes] = []
        self.said: list[bytes] = []
        self._inner = inner

    def send(self, event: Event) -> Sequence[Send | Command]:
        """Spell an event."""
        return self._noted(self._inner.send(event))

    def receive(self, message: bytes) -> Sequence[Send | Command]:
        """Read one message."""
        self.asked.append(message)
        return self._noted(self._inner.receive(message))

    def _noted(self, made: Sequence[Send | Command]) -> Sequence[Send | Command]:
        self.said += [each.data for each in made if isinstance(each, Send)]
        return made


def kinds(messages: Iterable[bytes]) -> set[str]:
    """Return the types of messages."""
    return {str(json.loads(each)["type"]) for each in messages}
