"""The server wire of Gemini Live, driven with messages as a client would write them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from pybase64 import b64encode

from s2s.capabilities import Capabilities
from s2s.commands import Command
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    Usage,
)
from s2s.items import JSON, Call
from s2s.wire import Close, Send
from s2s.wire.gemini.judging import opening
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import LIVE_38, Profile
from s2s.wire.gemini.server import GeminiServer

EVERYTHING = Capabilities(truncate=True, images=True, updates=True)
MANUAL = {"automaticActivityDetection": {"disabled": True}}
USAGE = Usage(Tokens(10, text=10), Tokens(7, audio=7))
PCM = bytes(range(256)) * 4
BLOCKS = {"name": "look_up", "behavior": "BLOCKING"}
WORKS_ON = {"name": "order", "behavior": "NON_BLOCKING"}
BONN = Call("c1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
ROME = Call("c2", "look_up", {"city": "Rome"}, '{"city":"Rome"}')
TEA = Call("c3", "order", {"what": "tea"}, '{"what":"tea"}')
Made = list[Command | Close | dict[str, Any]]


def setup_of(*, tools: Sequence[JSON] = (), **fields: JSON) -> Setup:
    """Return a setup as a client would write it."""
    declared = {"tools": [{"functionDeclarations": [*tools]}]} if tools else {}
    written = msgspec.json.encode({"setup": {"model": "models/any", **declared, **fields}})
    read = opening(written, lambda _: LIVE_38, strict=False)
    assert isinstance(read, Setup), read
    return read


class Server:
    """A server, what it said and asked of its engine as plain data, and all that it said as bytes."""

    def __init__(
        self,
        profile: Profile = LIVE_38,
        can: Capabilities | None = EVERYTHING,
        *,
        strict: bool = False,
        pretty: bool = False,
        handles: bool = False,
        **setup: JSON,
    ) -> None:
        names = (f"handle-{number}" for number in itertools.count(1))
        self.said: list[bytes] = []
        self.wire = GeminiServer(
            setup_of(**setup),
            profile,
            input_rate=16_000,
            strict=strict,
            pretty=pretty,
            new_handle=(lambda: next(names)) if handles else None,
        )
        if can is not None:
            self.tells(SessionStarted("session-1", "plain", "plain-1", can))

    def hears(self, **message: JSON) -> Made:
        """Return what a message causes: commands, ends, and messages as dicts."""
        return self.reads(msgspec.json.encode(message))

    def reads(self, message: bytes) -> Made:
        """Return what these bytes cause."""
        return self._plain(self.wire.receive(message))

    def tells(self, *events: Event) -> Made:
        """Return what these events cause."""
        return [made for event in events for made in self._plain(self.wire.send(event))]

    def appends(self, audio: bytes = PCM, mime_type: str = "audio/pcm;rate=16000") -> Made:
        """Send audio."""
        return self.hears(realtimeInput={"audio": {"mimeType": mime_type, "data": b64encode(audio).decode()}})

    def writes(self, text: str = "Hi.") -> Made:
        """Send a turn in writing, and ask for an answer."""
        turn = {"role": "user", "parts": [{"text": text}]}
        return self.hears(clientContent={"turns": [turn], "turnComplete": True})

    def results(self, *responses: JSON) -> Made:
        """Answer calls."""
        return self.hears(toolResponse={"functionResponses": [*responses]})

    def answers(self, response_id: str = "r1") -> Made:
        """Have the engine give a spoken answer."""
        return self.tells(*answer(response_id))

    def calls(self, *calls: Call, response_id: str = "r1") -> Made:
        """Have the engine make calls."""
        asked = (ToolCall(each, response_id) for each in calls)
        return self.tells(ResponseStarted(response_id), *asked, ResponseDone(response_id, usage=USAGE))

    def _plain(self, made: Sequence[Send | Command | Close]) -> Made:
        self.said += [each.data for each in made if isinstance(each, Send)]
        return [msgspec.json.decode(each.data) if isinstance(each, Send) else each for each in made]


def spoken(response_id: str = "r1", item_id: str = "i1", text: str = "Good day.") -> tuple[Event, ...]:
    """Return words and the audio for them."""
    return (
        TextOutput(text, response_id, item_id),
        AudioOutput(bytes(4800), 24_000, response_id, item_id),
    )


def answer(response_id: str = "r1", item_id: str = "i1") -> tuple[Event, ...]:
    """Return a spoken answer from its beginning to its end."""
    return (
        ResponseStarted(response_id),
        *spoken(response_id, item_id),
        AudioOutput(bytes(4800), 24_000, response_id, item_id, 100.0),
        TextOutput("", response_id, item_id, final=True),
        ResponseDone(response_id, usage=USAGE),
    )


def result(call: Call = BONN, output: str = "It rains.", **fields: JSON) -> dict[str, JSON]:
    """Return the answer to a call, as a client writes it."""
    return {"id": call.id, "name": call.name, "response": {"output": output}, **fields}


# Whole conversations: each drives a server and returns all that it caused.


def text_turn(server: Server) -> Made:
    """Ask in writing, and be answered."""
    return [*server.writes(), *server.answers()]


def audio_turn(server: Server) -> Made:
    """Speak, and be answered; the end waits until all was played."""
    return [
        *server.appends(),
        *server.tells(
            SpeechStarted("u1", 1200.0),
            Transcript("Hello", "u1", "Hello"),
            Transcript("Hello there.", "u1", " there."),
            SpeechStopped("u1", 2400.0),
            Transcript("Hello there.", "u1", "", final=True),
            ResponseStarted("r1"),
            *spoken(),
            ResponseGenerated("r1"),
            TextOutput("", "r1", "i1", final=True),
            ResponseDone("r1", usage=USAGE),
        ),
    ]


def barge_in(server: Server) -> Made:
    """Be spoken over: it is told where the user was, and all that comes after it is left out."""
    return server.tells(
        ResponseStarted("r1"),
        *spoken(),
        SpeechStarted("u2", 12_300.0),
        Interrupted("r1", "i1", 80.0, "user_speech", "server_confirmed"),
        *spoken(text=" And more."),
        ResponseDone("r1", "interrupted", USAGE),
    )


def parallel_calls(server: Server) -> Made:
    """Have two tools called, answer both, and hear what comes of it."""
    called = server.calls(BONN, ROME)
    return [*called, *server.results(result(BONN)), *server.results(result(ROME)), *server.answers("r2")]


def calls_in_vain(server: Server) -> Made:
    """Have a tool called, and speak before it has answered."""
    return [*server.calls(BONN), *server.tells(SpeechStarted("u2", 5000.0))]


def calls_taken_back(server: Server) -> Made:
    """Have a tool called whose answer the engine then does without."""
    return [*server.calls(BONN), *server.tells(ToolCallCancelled(("c1",)))]


CONVERSATIONS: tuple[Callable[[Server], Made], ...] = (
    text_turn,
    audio_turn,
    barge_in,
    parallel_calls,
    calls_in_vain,
    calls_taken_back,
)


# What was made, in short.


def brief(made: Made) -> list[str]:
    """Return each message and command in a word or two."""
    return [_brief(each) for each in made]


def _brief(made: Command | Close | dict[str, Any]) -> str:
    if isinstance(made, Close):
        return f"{made.code}: {made.reason}"
    if not isinstance(made, dict):
        return type(made).__name__
    words = [word for name, value in made.items() for word in _MEMBERS[name](value)]
    return "+".join(words)


def _content(content: dict[str, Any]) -> list[str]:
    parts = content.get("modelTurn", {}).get("parts", ())
    told = ["thought" if "thought" in each else "text" if "text" in each else "audio" for each in parts]
    for name, word in (("outputTranscription", "words"), ("inputTranscription", "heard")):
        if name in content:
            told.append(word if "text" in content[name] else f"{word}-{'end' if content[name] else 'begin'}")
    told += [word for name, word in _MARKS.items() if name in content]
    told += [str(content[name]) for name in ("turnCompleteReason", "interactionStatus") if name in content]
    return told or ["beat"]


_MARKS = {"interrupted": "interrupted", "generationComplete": "generated", "turnComplete": "over"}
_MEMBERS: dict[str, Callable[[Any], list[str]]] = {
    "setupComplete": lambda _: ["ready"],
    "serverContent": _content,
    "usageMetadata": lambda _: ["usage"],
    "toolCall": lambda told: [f"{len(told['functionCalls'])} calls"],
    "toolCallCancellation": lambda told: [f"{len(told['ids'])} cancelled"],
    "sessionResumptionUpdate": lambda told: ["handle" if told else "no handle"],
    "goAway": lambda _: ["away"],
    "voiceActivity": lambda told: [told["type"].removeprefix("ACTIVITY_").lower()],
}
