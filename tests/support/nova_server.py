"""The server wire of Nova Sonic, driven with events as a client would write them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
from pybase64 import b64decode, b64encode

from s2s.capabilities import Capabilities
from s2s.commands import Command
from s2s.events import (
    AudioOutput,
    Event,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    TextOutput,
    Tokens,
    ToolCall,
    Usage,
)
from s2s.items import JSON, Call
from s2s.wire import Close, Send
from s2s.wire.nova.server import NovaServer
from s2s.wire.nova.setups import Setting, Setup

EVERYTHING = Capabilities(truncate=True)
USAGE = Usage(Tokens(10, text=4, audio=6), Tokens(7, text=2, audio=5))
PCM = bytes(range(256)) * 4
BONN = Call("c1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
ROME = Call("c2", "look_up", {"city": "Rome"}, '{"city":"Rome"}')
LOOK_UP = {"name": "look_up", "description": "Looks it up.", "inputSchema": {"json": '{"type":"object"}'}}
Made = list[Command | Close | dict[str, Any]]

PLAIN: JSON = {"mediaType": "text/plain"}
DOCUMENT: JSON = {"mediaType": "application/json"}
LPCM: JSON = {
    "mediaType": "audio/lpcm",
    "sampleRateHertz": 16_000,
    "sampleSizeBits": 16,
    "channelCount": 1,
    "audioType": "SPEECH",
    "encoding": "base64",
}


def event(name: str, body: JSON) -> bytes:
    """Return a message of this event."""
    return msgspec.json.encode({"event": {name: body}})


def session_start(**fields: JSON) -> bytes:
    """Begin a session."""
    return event("sessionStart", {"inferenceConfiguration": {"maxTokens": 1024}, **fields})


def prompt_start(*, tools: Sequence[JSON] = (), rate_hz: int = 24_000, **fields: JSON) -> bytes:
    """Begin a prompt."""
    declared: JSON = {
        "toolUseOutputConfiguration": DOCUMENT,
        "toolConfiguration": {"tools": [{"toolSpec": each} for each in tools]},
    }
    output = {**LPCM, "sampleRateHertz": rate_hz, "voiceId": "tiffany"}
    common: JSON = {
        "promptName": "p",
        "textOutputConfiguration": PLAIN,
        "audioOutputConfiguration": output,
    }
    return event("promptStart", {**common, **(declared if tools else {}), **fields})


def text_start(role: str = "USER", name: str = "t", *, interactive: bool = True, **fields: JSON) -> bytes:
    """Open a block of text."""
    common = {"promptName": "p", "contentName": name, "type": "TEXT", "role": role}
    return event(
        "contentStart", {**common, "interactive": interactive, "textInputConfiguration": PLAIN, **fields}
    )


def audio_start(name: str = "a", **fields: JSON) -> bytes:
    """Open a block of audio."""
    common = {"promptName": "p", "contentName": name, "type": "AUDIO", "role": "USER", "interactive": True}
    return event("contentStart", {**common, "audioInputConfiguration": {**LPCM, **fields}})


def result_start(call_id: str, name: str) -> bytes:
    """Open a block of a result."""
    common = {"promptName": "p", "contentName": name, "type": "TOOL", "role": "TOOL", "interactive": False}
    asked = {"toolUseId": call_id, "type": "TEXT", "textInputConfiguration": PLAIN}
    return event("contentStart", {**common, "toolResultInputConfiguration": asked})


def content(kind: str, text: str, name: str) -> bytes:
    """Say something in a block."""
    return event(kind, {"promptName": "p", "contentName": name, "content": text})


def audio(pcm: bytes = PCM, name: str = "a") -> bytes:
    """Say audio."""
    return content("audioInput", b64encode(pcm).decode(), name)


def end(name: str) -> bytes:
    """Close a block."""
    return event("contentEnd", {"promptName": "p", "contentName": name})


OPENING, PROMPT_END, SESSION_END = (
    audio_start(),
    event("promptEnd", {"promptName": "p"}),
    event("sessionEnd", {}),
)


def text_block(role: str, text: str, name: str, *, interactive: bool = False) -> list[bytes]:
    """Say a whole block of text."""
    return [text_start(role, name, interactive=interactive), content("textInput", text, name), end(name)]


def setup_of(*messages: bytes, generation: int = 2, request_id: str = "", opening: bytes = OPENING) -> Setup:
    """Return what these messages set up, after which the audio is opened."""
    setting = Setting(request_id=request_id, generation=generation)
    for each in (*(messages or (session_start(), prompt_start())), opening):
        ended = setting.receive(each)
        assert ended is None, ended
    assert setting.complete is not None
    return setting.complete


class Server:
    """A server, and what it said and asked of its engine as plain data."""

    def __init__(
        self,
        *messages: bytes,
        can: Capabilities | None = EVERYTHING,
        generation: int = 2,
        request_id: str = "",
        input_rate: int = 16_000,
        cut: JSON = "INTERRUPTED",
        opening: bytes = OPENING,
    ) -> None:
        ids = itertools.count(1)
        self.names = (f"name-{number}" for number in itertools.count(1))
        self.wire = NovaServer(
            setup_of(*messages, generation=generation, request_id=request_id, opening=opening),
            session_id="s",
            input_rate=input_rate,
            new_id=lambda: f"id-{next(ids)}",
            cut=cut,
        )
        if can is not None:
            assert self.tells(SessionStarted("session-1", "plain", "plain-1", can)) == []

    def hears(self, *messages: bytes) -> Made:
        """Return what these messages cause: commands, ends, and events as dicts."""
        return [made for each in messages for made in _plain(self.wire.receive(each))]

    def tells(self, *events: Event) -> Made:
        """Return what these events cause."""
        return [made for each in events for made in _plain(self.wire.send(each))]

    def writes(self, text: str = "Hi.") -> Made:
        """Say something in writing, and ask for an answer."""
        return self.hears(*text_block("USER", text, next(self.names), interactive=True))

    def results(self, call: Call, document: str = '{"result":"It rains."}') -> Made:
        """Answer a call."""
        name = next(self.names)
        return self.hears(result_start(call.id, name), content("toolResult", document, name), end(name))

    def calls(self, *calls: Call, response_id: str = "r1") -> Made:
        """Have the engine make calls."""
        asked = (ToolCall(each, response_id) for each in calls)
        return self.tells(ResponseStarted(response_id), *asked, ResponseDone(response_id, usage=USAGE))


def _plain(made: Sequence[Send | Command | Close]) -> Made:
    return [msgspec.json.decode(each.data)["event"] if isinstance(each, Send) else each for each in made]


def spoken(text: str, ms: int = 100, response_id: str = "r1", item_id: str = "i1") -> tuple[Event, ...]:
    """Return words and audio of so many ms for them."""
    return (
        TextOutput(text, response_id, item_id),
        AudioOutput(bytes(48 * ms), 24_000, response_id, item_id),
    )


def answer(*sentences: str, response_id: str = "r1", item_id: str = "i1") -> tuple[Event, ...]:
    """Return a spoken answer from its beginning to its end."""
    return (
        ResponseStarted(response_id),
        *(each for text in sentences for each in spoken(text, response_id=response_id, item_id=item_id)),
        TextOutput("", response_id, item_id, final=True),
        ResponseDone(response_id, usage=USAGE),
    )


# What was made, in short.


def brief(made: Made) -> list[str]:
    """Return each event and command in a word or two; a start and what it holds are one."""
    told = [_brief(each) for each in made]
    return [each for each in told if each]


def _brief(made: Command | Close | dict[str, Any]) -> str:
    if isinstance(made, Close):
        return f"{made.code}: {made.reason}"
    if not isinstance(made, dict):
        return type(made).__name__
    ((name, body),) = made.items()
    match name:
        case "contentStart" if body["type"] == "TEXT":
            stage = msgspec.json.decode(body["additionalModelFields"])["generationStage"]
            return f"{body['role']} {stage}:"
        case "contentStart":
            return f"{body['type']}:"
        case "textOutput":
            return str(body["content"])
        case "audioOutput":
            return f"{len(b64decode(body['content']))} bytes"
        case "toolUse":
            return f"{body['toolName']}({body['content']})"
        case "contentEnd":
            return str(body["stopReason"])
        case _:
            return str(name)
