"""The client wire of Gemini Live, driven with messages as the service would write them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec
from pybase64 import b64encode_as_string

from s2s.capabilities import Capabilities
from s2s.commands import Command
from s2s.config import Config
from s2s.errors import S2SError
from s2s.events import Event, Reconnecting, SessionEnded
from s2s.items import JSON
from s2s.state.dialogue import Dialogue, Outcome
from s2s.testing.contract import Contract
from s2s.wire import Reopen, Send
from s2s.wire.gemini.client import GeminiClient, Opening, Wishes
from s2s.wire.gemini.profiles import LIVE_38, Profile

Heard = list[JSON]
"""Messages as dicts, and events."""
HANDLE = {"newHandle": "H1", "resumable": True}
DONE = {"turnComplete": True}
WEATHER = {"id": "fc_1", "name": "weather", "args": {"city": "Bonn"}}


def opening(profile: Profile = LIVE_38, wishes: Wishes | None = None, **config: JSON) -> Opening:
    """Return what a conversation with such a model begins with."""
    return Opening(
        config=Config(**config),
        capabilities=Capabilities(updates=True, resumption="native"),
        profile=profile,
        wishes=wishes or Wishes(),
        model=f"models/{profile.name}",
    )


class Client:
    """A client, and what it said and heard as plain data."""

    def __init__(self, profile: Profile = LIVE_38, wishes: Wishes | None = None, **config: JSON) -> None:
        self.wire = GeminiClient(opening(profile, wishes, **config))
        self.setup = self.opens()

    def opens(self) -> JSON:
        """Begin a connection, and return the setup."""
        (message,) = self.wire.open()
        return plain(message)["setup"]

    def ready(self) -> Client:
        """Have the service take the setup."""
        self.hears(setupComplete={})
        return self

    def says(self, *commands: Command) -> Heard:
        """Return what these commands cause."""
        return [plain(each) for command in commands for each in self.wire.send(command)]

    def hears(self, **message: JSON) -> Heard:
        """Return what a message causes."""
        return self.reads(msgspec.json.encode(message))

    def content(self, **members: JSON) -> Heard:
        """Return what a message with this content causes."""
        return self.hears(serverContent=members)

    def reads(self, message: bytes) -> Heard:
        """Return what these bytes cause."""
        return [plain(each) for each in self.wire.receive(message)]

    def speaks(self, ms: int = 20, words: str = "") -> Heard:
        """Have the service speak, and say what."""
        return self.content(**spoken(ms, words))

    def user_says(self, words: str, **more: JSON) -> Heard:
        """Have the service tell what it has understood."""
        return self.content(inputTranscription={"text": words, **more})

    def calls(self, *calls: JSON) -> Heard:
        """Have the service call tools."""
        return self.hears(toolCall={"functionCalls": list(calls) or [WEATHER]})

    def settles(self) -> Heard:
        """Hear nothing for as long as the wire is patient, and return what that causes."""
        return [plain(each) for each in self.wire.settle()]

    def moves(self) -> Heard:
        """Lose the connection, and return what another one brings until it is ready."""
        parted = [plain(each) for each in self.wire.parted()]
        self.setup = self.opens()
        return [*parted, *self.hears(setupComplete={})]


class Talk:
    """A client within the state of a session; commands are written when the test says so."""

    def __init__(self, profile: Profile = LIVE_38, **config: JSON) -> None:
        begun = opening(profile, **config)
        self.wire = GeminiClient(begun)
        self.dialogue = Dialogue(begun.config, begun.capabilities)
        self.contract = Contract()
        self.events: list[Event] = []
        self.sent: list[JSON] = []
        self.outbox: deque[Command | Send] = deque()
        self.now = 0.0
        self._told(self.wire.open())
        self.receive({"setupComplete": {}})

    def receive(self, *messages: JSON) -> None:
        """Have the service say this."""
        for each in messages:
            self._told(self.wire.receive(msgspec.json.encode(each)))

    def tell(self, *commands: Command) -> None:
        """Have the application ask for this."""
        for each in commands:
            self._follow(self.dialogue.tell(each, self.now))

    def interrupt(self) -> None:
        """Have the application interrupt."""
        self._follow(self.dialogue.interrupt("application", self.now))

    def write(self) -> None:
        """Do the work of the writer, until nothing is left to write."""
        while self.outbox:
            command = self.outbox.popleft()
            self._told([command] if isinstance(command, Send) else self.wire.send(command), writes=True)

    def waits(self) -> None:
        """Hear nothing for as long as the wire is patient."""
        if (patience_s := self.wire.patience_s) is not None:
            self.now += patience_s
            self._told(self.wire.settle())

    def moves(self) -> None:
        """Lose the connection, and go on over another one."""
        self._told(self.wire.parted())
        self._deliver([Reconnecting("the cable", 1)])
        self._told(self.wire.open())
        self.receive({"setupComplete": {}})

    def ends(self) -> list[str]:
        """Lose the connection for good, and return what was wrong with the events."""
        self._told(self.wire.lost())
        self._deliver(self.dialogue.lost(self.now))
        self._deliver([SessionEnded("ended_by_engine")])
        return self.contract.broken

    def _told(self, told: Iterable[Send | Event | Reopen], *, writes: bool = False) -> None:
        self.now += 0.01
        for each in told:
            match each:
                case Send(data=message) if writes:
                    self.sent.append(msgspec.json.decode(message))
                case Send():
                    self.outbox.append(each)
                case Reopen():
                    pass
                case _:
                    self._follow(self.dialogue.hear(each, self.now))

    def _follow(self, outcome: Outcome) -> None:
        self._deliver(outcome.events)
        self.outbox.extend(outcome.commands)

    def _deliver(self, events: Iterable[Event]) -> None:
        for each in events:
            self.events.append(each)
            self.contract.hear(each)


def spoken(ms: int = 20, words: str = "", *, rate: int = 24_000) -> JSON:
    """Return content of the service: so much audio, and its words."""
    blob = {"mimeType": f"audio/pcm;rate={rate}", "data": b64encode_as_string(b"\1\0" * (ms * rate // 1000))}
    told: JSON = {"modelTurn": {"parts": [{"inlineData": blob}]}}
    return {**told, "outputTranscription": {"text": words}} if words else told


def kinds(heard: Heard) -> list[str]:
    """Return the kinds of messages and events."""
    return [_kind(each) for each in heard]


def only(heard: Heard, kind: type[Any]) -> list[JSON]:
    """Return the events of a kind."""
    return [each for each in heard if isinstance(each, kind)]


def messages(heard: Heard) -> list[JSON]:
    """Return the messages."""
    return only(heard, dict)


def plain(made: Send | Event | Reopen) -> JSON:
    """Return a message as a dict, and all else as it is."""
    return msgspec.json.decode(made.data) if isinstance(made, Send) else made


def error_of(heard: Heard) -> S2SError:
    """Return the one error that was told."""
    (error,) = [each.error for each in heard if _kind(each) == "error"]
    assert isinstance(error, S2SError)
    return error


def _kind(heard: JSON) -> str:
    match heard:
        case {"realtimeInput": inner}:
            (kind,) = inner
            return str(kind)
        case dict():
            (kind,) = heard
            return str(kind)
        case Reopen():
            return "reopen"
        case _:
            return str(heard.type)
