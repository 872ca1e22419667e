"""A dialect for tests: every command and event is one JSON message."""

from __future__ import annotations

from typing import Union, get_args

import msgspec

from s2s.commands import Command
from s2s.errors import RemoteProtocolError, S2SError
from s2s.events import Error, Event, ResponseDone, ResponseStarted
from s2s.items import JSON
from s2s.wire import Send


class SpelledError(msgspec.Struct, frozen=True, tag="error"):
    """An Error on the wire."""

    message: str
    fatal: bool


_EVENTS: JSON = Union[(*(each for each in get_args(Event) if each is not Error), SpelledError)]


class JSONClient:
    """Our side."""

    def __init__(self) -> None:
        self._open: dict[str, None] = {}

    def send(self, command: Command) -> list[Send | Event]:
        return [Send(msgspec.json.encode(command))]

    def receive(self, message: bytes) -> list[Send | Event]:
        event = _read(message, _EVENTS)
        match event:
            case SpelledError(message=text, fatal=fatal):
                return [Error(S2SError(text), fatal)]
            case ResponseStarted(response_id=response_id):
                self._open[response_id] = None
            case ResponseDone(response_id=response_id):
                self._open.pop(response_id, None)
            case _:
                pass
        return [event]

    def lost(self) -> list[Event]:
        done: list[Event] = [ResponseDone(each, "failed") for each in self._open]
        self._open.clear()
        return done


class JSONServer:
    """Their side."""

    def send(self, event: Event) -> list[Send | Command]:
        spelled = SpelledError(str(event.error), event.fatal) if isinstance(event, Error) else event
        return [Send(msgspec.json.encode(spelled))]

    def receive(self, message: bytes) -> list[Send | Command]:
        return [_read(message, Command)]


def _read(message: bytes, kind: JSON) -> JSON:
    try:
        return msgspec.json.decode(message, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as wrong:
        raise RemoteProtocolError(f"not a message of this dialect: {wrong}", received=message) from None
