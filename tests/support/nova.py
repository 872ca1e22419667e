"""The client wire of Nova Sonic, driven with events as the service would write them."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from pybase64 import b64decode, b64encode_as_string

from s2s.capabilities import Capabilities
from s2s.commands import AddItem, AppendAudio, Command, CreateResponse, InterruptMode
from s2s.config import Config
from s2s.errors import S2SError
from s2s.events import Event, Reconnecting, SessionEnded
from s2s.items import JSON, Message
from s2s.state.dialogue import Dialogue, Outcome
from s2s.testing.contract import Contract
from s2s.wire import Reopen, Send
from s2s.wire.nova.client import NovaClient, Opening, Wishes
from s2s.wire.nova.contents import Contents
from s2s.wire.nova.judging import Refused

Heard = list[JSON]
"""Events of the protocol as dicts, and our own."""
Events: TypeAlias = list[JSON]
"""What the service says, as dicts."""
CAN = Capabilities(
    input_rates=(16_000,), truncate=True, interrupt="local_only", resets=True, resumption="replay"
)
HELLO = (AddItem(Message("user", "Hello.")), CreateResponse())
LOUD, SILENT = b"\xff\x1f" * 1600, bytes(3200)
"""A tenth of a second each."""
_names = itertools.count(1)


def opening(wishes: Wishes | None = None, *, generation: int = 2, **config: JSON) -> Opening:
    """Return what a conversation begins with."""
    return Opening(
        config=Config(**config), capabilities=CAN, wishes=wishes or Wishes(), generation=generation
    )


# What the service says: each of these is a whole block, unless it says otherwise.


def user(text: str) -> Events:
    """Tell what the user said."""
    return text_block("USER", "FINAL", text)


def plans(text: str) -> Events:
    """Tell what is going to be said."""
    return text_block("ASSISTANT", "SPECULATIVE", text)


def said(text: str, stop: str = "PARTIAL_TURN") -> Events:
    """Tell what was said."""
    return text_block("ASSISTANT", "FINAL", text, stop)


def interrupted() -> Events:
    """Tell that the user has cut the answer off."""
    return said('{ "interrupted" : true }', "INTERRUPTED")


def text_block(role: str, stage: str, text: str, stop: str = "PARTIAL_TURN") -> Events:
    """Tell any text."""
    fields = json.dumps({"generationStage": stage})
    return block(
        "TEXT", role, ("textOutput", {"content": text, "role": role}), stop, additionalModelFields=fields
    )


def speaks(ms: int = 20, stop: str = "PARTIAL_TURN", rate: int = 24_000) -> Events:
    """Speak for so long."""
    sound = ("audioOutput", {"content": b64encode_as_string(b"\1\0" * (ms * rate // 1000))})
    return block("AUDIO", "ASSISTANT", sound, stop, audioOutputConfiguration={"sampleRateHertz": rate})


def calls(name: str = "weather", call_id: str = "t1", **arguments: JSON) -> Events:
    """Call a tool."""
    used = {"toolName": name, "toolUseId": call_id, "content": json.dumps(arguments)}
    return block("TOOL", "TOOL", ("toolUse", used), "TOOL_USE")


def answer(text: str = "Hi.", ms: int = 20) -> Events:
    """Answer in one sentence."""
    return [*plans(text), *speaks(ms, "END_TURN"), *said(text)]


def block(kind: str, role: str, filled: tuple[str, JSON], stop: str, **start: JSON) -> Events:
    """Tell any block."""
    content_id = f"content-{next(_names)}"
    name, body = filled
    return [
        {"contentStart": {"contentId": content_id, "type": kind, "role": role, **start}},
        {name: {"contentId": content_id, **body}},
        {"contentEnd": {"contentId": content_id, "type": kind, "stopReason": stop}},
    ]


def spends(read: int = 10, spoke: int = 4) -> Events:
    """Tell what something cost: text that was read, and speech."""
    delta = {"input": {"textTokens": read}, "output": {"speechTokens": spoke}}
    return [{"usageEvent": {"details": {"delta": delta}}}]


class Client:
    """A client, and what it said and heard as plain data."""

    def __init__(self, wishes: Wishes | None = None, *, generation: int = 2, **config: JSON) -> None:
        self.wire = NovaClient(opening(wishes, generation=generation, **config))
        self._generation = generation
        self.rules = Rules(generation)
        self.began = self.opens()

    def opens(self) -> Heard:
        """Return what a stream begins with."""
        return self._followed(self.wire.open())

    def ready(self, request_id: str = "r1") -> Client:
        """Have the service accept the stream."""
        self.accepts(request_id)
        return self

    def accepts(self, request_id: str = "r1") -> Heard:
        """Have the service accept the stream, and return what that causes."""
        return self.reads(msgspec.json.encode({"response": {"requestId": request_id}}))

    def says(self, *commands: Command) -> Heard:
        """Return what these commands cause."""
        return self._followed(each for command in commands for each in self.wire.send(command))

    def hears(self, *events: Events) -> Heard:
        """Return what these events cause."""
        return [made for each in events for event in each for made in self.reads(message(event))]

    def reads(self, raw: bytes) -> Heard:
        """Return what these bytes cause."""
        return self._followed(self.wire.receive(raw))

    def settles(self) -> Heard:
        """Hear nothing for as long as the wire is patient, and return what that causes."""
        return self._followed(self.wire.settle())

    def leaves(self) -> Heard:
        """End the stream in order."""
        return self._followed(self.wire.leave())

    def moves(self) -> Heard:
        """Lose the stream, and return what another one brings."""
        parted = self._followed(self.wire.parted())
        self.rules = Rules(self._generation)
        self.began = self.opens()
        return [*parted, *self.accepts("r2")]

    def _followed(self, made: Iterable[Send | Event | Reopen]) -> Heard:
        told = [*made]
        for each in told:
            if isinstance(each, Send):
                self.rules.hear(each.data)
        return [plain(each) for each in told]


class Talk:
    """A client within the state of a session; commands are written when the test says so.

    What a wire says when it hears something is written before the commands that wait.
    """

    def __init__(self, *, generation: int = 2, **config: JSON) -> None:
        begun = opening(generation=generation, **config)
        self.wire = NovaClient(begun)
        self.dialogue = Dialogue(begun.config, begun.capabilities)
        self.contract = Contract()
        self.rules = Rules(generation)
        self.events: list[Event] = []
        self.sent: Events = []
        self.outbox: deque[Command] = deque()
        self.reopens: list[str] = []
        self.now = 0.0
        self._generation = generation
        self._told(self.wire.open())
        self.accept()

    def accept(self) -> None:
        """Have the service accept the stream."""
        self._told(self.wire.receive(b'{"response":{"requestId":"r"}}'))

    def receive(self, *events: Events) -> None:
        """Have the service say this."""
        for each in events:
            for event in each:
                self._told(self.wire.receive(message(event)))

    def tell(self, *commands: Command) -> None:
        """Have the application ask for this."""
        for each in commands:
            self._follow(self.dialogue.tell(each, self.now))

    def append(self, audio: bytes) -> None:
        """Have the user speak."""
        made = None if self.outbox else self.wire.append(audio)
        if made is None:
            self.outbox.append(AppendAudio(audio))
        else:
            self._told([Send(made)])

    def interrupt(self, mode: InterruptMode = "cancel") -> None:
        """Have the application interrupt."""
        self._follow(self.dialogue.interrupt("application", self.now, mode=mode))

    def write(self) -> None:
        """Do the work of the writer, until nothing is left to write."""
        while self.outbox:
            self._told(self.wire.send(self.outbox.popleft()))
            if self.reopens:
                self.moves()

    def waits(self) -> None:
        """Hear nothing for as long as the wire is patient."""
        if (patience_s := self.wire.patience_s) is not None:
            self.now += patience_s
            self._told(self.wire.settle())

    def moves(self) -> None:
        """Lose the stream, and go on over another one."""
        self.reopens.clear()
        self._told(self.wire.parted())
        self._deliver([Reconnecting("the cable", 1)])
        self.rules = Rules(self._generation)
        self._told(self.wire.open())
        self.accept()

    def leaves(self) -> None:
        """Leave the stream in order for another one, which was opened before."""
        self._told(self.wire.leave())
        self.rules.require(self.rules.stage == "over", "the stream was not ended")
        self.moves()

    def ends(self) -> list[str]:
        """Lose the stream for good, and return what was wrong with the events, and with what was said."""
        self._told(self.wire.lost())
        self._deliver(self.dialogue.lost(self.now))
        self._deliver([SessionEnded("ended_by_engine")])
        return [*self.contract.broken, *self.rules.broken]

    def _told(self, told: Iterable[Send | Event | Reopen]) -> None:
        self.now += 0.01
        for each in told:
            match each:
                case Send(data=raw):
                    self.rules.hear(raw)
                    self.sent.append(msgspec.json.decode(raw)["event"])
                case Reopen(cause=cause):
                    self.reopens.append(cause)
                case _:
                    self._follow(self.dialogue.hear(each, self.now))

    def _follow(self, outcome: Outcome) -> None:
        self._deliver(outcome.events)
        self.outbox.extend(outcome.commands)

    def _deliver(self, events: Iterable[Event]) -> None:
        for each in events:
            self.events.append(each)
            self.contract.hear(each)


class Rules:
    """What the service requires of one stream; `broken` says what was not kept."""

    def __init__(self, generation: int = 2) -> None:
        self.broken: list[str] = []
        self.stage = "new"
        self._generation = generation
        self._witness = Contents(generation)
        """What the other end makes of it."""
        self._open: dict[str, JSON] = {}
        self._used: set[str] = set()
        self._prompt = ""
        self._history: list[str] = []
        self._answered: set[str] = set()

    def hear(self, raw: bytes) -> None:
        """Take the next message."""
        ((name, body),) = json.loads(raw)["event"].items()
        try:
            self._witness.take(raw)
        except Refused as refused:
            self.broken.append(str(refused))
        text = self._open_of("TEXT") or self._open_of("TOOL")
        whole = not text or body.get("contentName") == text
        self.require(whole, f"{name} within the block {text}")
        self.require(self.stage != "over", f"{name} after the end")
        match name:
            case "sessionStart":
                self._advance("new", "begun")
            case "promptStart":
                self._advance("begun", "prompted")
                self._prompt = body["promptName"]
            case "contentStart":
                self._start(body)
            case "textInput" | "audioInput" | "toolResult":
                self._fill(name, body)
            case "contentEnd":
                self.require(self._open.pop(body["contentName"], None) is not None, "an end of no block")
            case "promptEnd":
                self.require(not self._open, f"the prompt ends before {[*self._open]}")
                self._advance(("prompted", "instructed", "talking"), "prompt over")
            case "sessionEnd":
                self._advance("prompt over", "over")
            case _:
                self.require(False, f"{name} is no event")
        if name not in ("sessionStart", "sessionEnd"):
            self.require(body["promptName"] == self._prompt, f"{name} of another prompt")

    def require(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong unless this holds."""
        if not holds:
            self.broken.append(otherwise)

    def _advance(self, before: str | tuple[str, ...], after: str) -> None:
        self.require(self.stage in before, f"{after} came while {self.stage}")
        self.stage = after

    def _open_of(self, kind: str) -> str:
        return next((name for name, each in self._open.items() if each["type"] == kind), "")

    def _start(self, body: JSON) -> None:
        name, kind, role = body["contentName"], body["type"], body["role"]
        self.require(name not in self._used, f"the name {name} is used twice")
        self._used.add(name)
        self._open[name] = body
        match kind, role, body["interactive"]:
            case "TEXT", "SYSTEM", False:
                self._advance("prompted", "instructed")
            case "TEXT", "USER" | "ASSISTANT", False:
                self.require(self.stage == "instructed", "history that comes too late")
                due = "USER" if not self._history or self._history[-1] == "ASSISTANT" else "ASSISTANT"
                self.require(role == due, f"history of {role} in place of {due}")
                self._history.append(role)
            case "AUDIO", "USER", True:
                self._advance("instructed", "talking")
            case "TEXT", "USER", True:
                self.require(self.stage == "talking", "a question before the audio")
                self.require(self._generation > 1, "a question in writing")
            case "TOOL", "TOOL", False:
                self.require(self.stage == "talking", "a result before the audio")
                tool_use_id = body["toolResultInputConfiguration"]["toolUseId"]
                self.require(bool(tool_use_id), "a result of nothing")
                self.require(tool_use_id not in self._answered, f"{tool_use_id} was answered twice")
                self._answered.add(tool_use_id)
            case _:
                self.require(False, f"there is no such block: {body}")

    def _fill(self, name: str, body: JSON) -> None:
        kind = {"textInput": "TEXT", "audioInput": "AUDIO", "toolResult": "TOOL"}[name]
        start = self._open.get(body["contentName"], {"type": "none"})
        self.require(start["type"] == kind, f"{name} in a block that is {start['type']}")
        content = body["content"]
        match name:
            case "audioInput":
                self.require(0 < len(b64decode(content)) <= 16_000, "audio in a piece that is too long")
            case "toolResult":
                self.require(isinstance(json.loads(content), dict | list), "a result that is no document")
            case _:
                self.require(bool(content), "text without a word")


def message(event: JSON) -> bytes:
    """Return the message of an event; one that is bytes already is said as it is."""
    return event if isinstance(event, bytes) else json.dumps({"event": event}).encode()


def kinds(heard: Heard) -> list[str]:
    """Return the kinds of events, of the protocol and ours."""
    return [_kind(each) for each in heard]


def told(heard: Heard) -> Heard:
    """Return our events."""
    return [each for each in heard if not isinstance(each, dict)]


def sent(heard: Heard) -> Events:
    """Return the events of the protocol."""
    return [each for each in heard if isinstance(each, dict)]


def texts(heard: Heard) -> list[tuple[str, bool, str]]:
    """Return each block of text that was said: whose it is, whether it is to be answered, and the text."""
    found: dict[str, tuple[str, bool, str]] = {}
    for each in sent(heard):
        match each:
            case {"contentStart": {"type": "TEXT", "contentName": name, "role": role, "interactive": asks}}:
                found[name] = role, asks, ""
            case {"textInput": {"contentName": name, "content": content}}:
                role, asks, text = found[name]
                found[name] = role, asks, text + content
            case _:
                pass
    return [*found.values()]


def results(heard: Heard) -> list[tuple[str, JSON]]:
    """Return the results that were told: of which call, and what."""
    called = [
        each["contentStart"]["toolResultInputConfiguration"]["toolUseId"]
        for each in sent(heard)
        if "contentStart" in each and each["contentStart"]["type"] == "TOOL"
    ]
    documents = [json.loads(e["toolResult"]["content"]) for e in sent(heard) if "toolResult" in e]
    return [*zip(called, documents, strict=True)]


def audio_of(heard: Heard) -> bytes:
    """Return the audio that was said."""
    pieces = [each["audioInput"]["content"] for each in sent(heard) if "audioInput" in each]
    return b"".join(map(b64decode, pieces))


def only(heard: Heard, kind: type[Any]) -> list[JSON]:
    """Return the events of a kind."""
    return [each for each in heard if isinstance(each, kind)]


def plain(made: Send | Event | Reopen) -> JSON:
    """Return a message as a dict, and all else as it is."""
    return msgspec.json.decode(made.data)["event"] if isinstance(made, Send) else made


def error_of(heard: Heard) -> S2SError:
    """Return the one error that was told."""
    (error,) = [each.error for each in told(heard) if _kind(each) == "error"]
    assert isinstance(error, S2SError)
    return error


def _kind(heard: JSON) -> str:
    match heard:
        case dict():
            (kind,) = heard
            return str(kind)
        case Reopen():
            return "reopen"
        case _:
            return str(heard.type)
