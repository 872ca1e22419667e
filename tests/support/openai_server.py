"""The server wire of OpenAI Realtime, driven with messages as a client would write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pybase64 import b64encode

from s2s.capabilities import Capabilities
from s2s.commands import Command
from s2s.events import AudioOutput, Event, ResponseDone, ResponseStarted, SessionStarted, TextOutput
from s2s.items import JSON
from s2s.wire import Close, Send, ServerWire
from s2s.wire.openai.server import OpenAIServer

EVERYTHING = Capabilities(truncate=True, images=True, updates=True, out_of_band=True)
PICTURE = "data:image/png;base64,iVBORw0KGgo="
Made = list[Command | dict[str, Any]]


class Server:
    """A server, and what it said and asked of its engine as plain data."""

    def __init__(
        self, wire: ServerWire | None = None, can: Capabilities | None = EVERYTHING, **settings: JSON
    ) -> None:
        self.wire = wire or OpenAIServer(input_rate=24_000, settings=settings, opened_at=1000.0)
        if can is not None:
            self.tells(SessionStarted("s", "plain", "plain-1", can))

    def hears(self, kind: str, **fields: JSON) -> Made:
        """Return what a message causes: commands, and messages as dicts."""
        return self.reads(msgspec.json.encode({"type": kind, **fields}))

    def reads(self, message: bytes) -> Made:
        """Return what these bytes cause."""
        return plain(self.wire.receive(message))

    def tells(self, *events: Event) -> Made:
        """Return what these events cause."""
        return [made for event in events for made in plain(self.wire.send(event))]

    def updates(self, **session: JSON) -> Made:
        """Change the session."""
        return self.hears("session.update", session={"type": "realtime", **session})

    def appends(self, ms: int) -> Made:
        """Append so much audio."""
        return self.hears("input_audio_buffer.append", audio=b64encode(bytes(48 * ms)).decode())

    def creates(self, text: str = "Hi.", **fields: JSON) -> Made:
        """Put a message of the user into the conversation."""
        content = [{"type": "input_text", "text": text}]
        return self.hears(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content, **fields}
        )

    def begins(self, response_id: str = "r1", item_id: str = "i1", ms: int = 200) -> Made:
        """Have the engine begin a spoken answer."""
        return self.tells(
            ResponseStarted(response_id),
            TextOutput("Hello", response_id, item_id),
            AudioOutput(bytes(48 * ms), 24_000, response_id, item_id),
        )

    def answers(self, response_id: str = "r1", item_id: str = "i1", ms: int = 200) -> Made:
        """Have the engine give a spoken answer."""
        return [*self.begins(response_id, item_id, ms), *self.tells(ResponseDone(response_id))]


def plain(made: Sequence[Send | Command | Close]) -> Made:
    """Return what a wire made, messages as dicts."""
    return [
        msgspec.json.decode(each.data) if isinstance(each, Send) else each
        for each in made
        if not isinstance(each, Close)
    ]


def types(made: Made) -> list[str]:
    """Return the types of messages, and the names of commands."""
    return [each["type"] if isinstance(each, dict) else type(each).__name__ for each in made]


def said(made: Made, kind: str) -> dict[str, Any]:
    """Return the one message of this kind."""
    (found,) = [each for each in made if isinstance(each, dict) and each["type"] == kind]
    return found


def refusal(made: Made) -> dict[str, Any]:
    """Return the error that is all that came."""
    (only,) = made
    assert isinstance(only, dict), only
    assert only["type"] == "error", only
    error: dict[str, Any] = only["error"]
    return error
