"""What a server remembers of one connection, so that what it says of it is true."""

from __future__ import annotations

import copy
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct
from pybase64 import b64encode

from s2s.audio.convert import InputConverter
from s2s.capabilities import Capabilities
from s2s.events import Usage
from s2s.items import JSON
from s2s.voice import Voice
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.entries import Entries
from s2s.wire.openai.settings import DEFAULTS, completed, merged, read_format

T = TypeVar("T")
_MOST_KNOWN = 256
Part = Literal["audio", "text"]
Reason = Literal["turn_detected", "client_cancelled"]


class Promise(Struct):
    """A response that the client asked for and the engine has not begun."""

    in_conversation: bool
    """Whether it is one of those of which there is one at a time."""
    metadata: dict[str, str]
    cancelled: bool = False


class Output(Struct):
    """A response that is being given."""

    id: str
    in_conversation: bool
    metadata: dict[str, str]
    items: list[m.WireItem] = []
    stage: Literal["generating", "generated"] = "generating"
    """Generated it is over for the client, whose engine ends it when it was played."""
    reason: Reason = "turn_detected"
    problem: m.Problem | None = None
    opened: Part | None = None
    """The part of its last item that is open."""
    item_id: str = ""
    words: str = ""
    delta: bytes = b""

    def open(self, item: m.WireItem, part: Part) -> None:
        """Begin an item."""
        self.items.append(item)
        self.opened, self.item_id, self.words = part, item.id or "", ""
        self.delta = m.encode(self.part)[1:-1]

    @property
    def part(self) -> dict[str, JSON]:
        """Where in the response the open part stands, as messages have it."""
        index = len(self.items) - 1
        return {"response_id": self.id, "item_id": self.item_id, "output_index": index, "content_index": 0}

    def audio_delta(self, event_id: str, audio: bytes) -> bytes:
        """Spell audio of the open part."""
        head = f'{{"type":"response.output_audio.delta","event_id":"{event_id}",'.encode()
        return b'%s%s,"delta":"%s"}' % (head, self.delta, b64encode(audio))


class Input(Struct):
    """The user's audio, and the speech in it."""

    waiting_ms: float = 0.0
    """What no turn has taken."""
    all_ms: float = 0.0
    cleared_ms: float = 0.0
    """Where in all of it the last clear stands."""
    speech: str = ""
    """The item that the user is speaking."""
    forgotten: dict[str, None] = {}
    """Items whose audio the client cleared."""

    def append(self, ms: float) -> None:
        """Count more."""
        self.waiting_ms += ms
        self.all_ms += ms

    def clear(self) -> None:
        """Forget what waits, and the speech that it may be part of."""
        self.waiting_ms, self.cleared_ms = 0.0, self.all_ms
        if self.speech:
            self.forget(self.speech)

    def forget(self, item_id: str) -> None:
        """Have a piece of speech become no item."""
        remember(self.forgotten, item_id, None)


class Ledger:
    """The session, the items in order, the responses, and the audio that waits."""

    def __init__(
        self,
        input_rate: int,
        opened_at: float,
        takes_voice: Callable[[str], bool] = lambda _: True,
        *,
        strict: bool = False,
    ) -> None:
        self.capabilities: Capabilities | None = None
        """None until the engine has started."""
        self.input_rate = input_rate
        self.opened_at = opened_at
        self.takes_voice = takes_voice
        self.strict = strict
        self.asked: dict[str, JSON] = {}
        """What the client has set."""
        self.session: dict[str, JSON] = copy.deepcopy(DEFAULTS)
        self.entries = Entries()
        self.outputs: dict[str, Output] = {}
        self.promised: deque[Promise] = deque()
        self.input = Input()
        self.spoken_ms = 0.0
        self.owed: Usage | None = None
        """What was spent beside responses, told with the next of them."""
        self._ids = itertools.count(1)
        self.formats_changed()

    def formats_changed(self) -> None:
        """Begin to convert anew, for the formats of the session are others."""
        hears, speaks = self.session["audio"]["input"], self.session["audio"]["output"]
        self.ear = InputConverter(read_format(hears["format"]), self.input_rate)
        self.voice = Voice(read_format(speaks["format"]))

    def locks(self, voice: JSON) -> bool:
        """Tell whether it is too late for this voice; the service then refuses the one that it has, too."""
        can = self.capabilities
        other = voice != self.session["audio"]["output"]["voice"]
        return self.spoken_ms > 0 and (self.strict or (other and can is not None and can.voice_locks))

    def set(self, update: dict[str, JSON]) -> None:
        """Take an update of the session."""
        before = copy.deepcopy(self.session["audio"])
        self.asked = merged(self.asked, update)
        self.session = completed(merged(self.session, update))
        for side in ("input", "output"):
            if self.session["audio"][side]["format"] != before[side]["format"]:
                self.formats_changed()

    @property
    def detects(self) -> bool:
        """Whether turns are found in the audio, and not by the client."""
        return self.session["audio"]["input"]["turn_detection"] is not None

    @property
    def active(self) -> Output | None:
        """The response of the conversation that is being given."""
        return next((each for each in self.outputs.values() if each.in_conversation), None)

    @property
    def busy(self) -> bool:
        """Whether the conversation has a response that is being generated, or waits for one."""
        active = self.active
        return self.promise is not None or (active is not None and active.stage == "generating")

    @property
    def promise(self) -> Promise | None:
        """The response that the conversation waits for."""
        return next((each for each in self.promised if each.in_conversation), None)

    def kept(self, in_conversation: bool) -> Promise | None:
        """Return what was promised, if anything was, for a response that begins."""
        kind = [each for each in self.promised if each.in_conversation is in_conversation]
        if kind:
            self.promised.remove(kind[0])
        return kind[0] if kind else None

    def broken(self) -> None:
        """Promise the conversation nothing any more: what the engine drops it does not tell of."""
        self.promised = deque(each for each in self.promised if not each.in_conversation)

    def spent(self, usage: Usage | None) -> Usage | None:
        """Return what is told as the cost of a response, now that it is told."""
        owed, self.owed = self.owed, None
        return usage if owed is None else owed if usage is None else owed + usage

    def new_id(self, kind: str) -> str:
        """Return an id that nothing else here has."""
        return f"{kind}_{next(self._ids):06d}"

    def say(self, message: m.ServerMessage) -> Send:
        """Spell a message."""
        message.event_id = self.new_id("event")
        return Send(m.encode(message))

    def refuse(self, problem: m.Problem, event_id: str | None = None) -> Send:
        """Spell an error, with the event id of the message that caused it."""
        problem.event_id = event_id
        return self.say(m.Failed(error=problem))

    def announce(self, item: m.WireItem, previous: str | None) -> list[Send]:
        """Spell that an item is there, as it is now and whole; audio is only told to who retrieves it."""
        bare = msgspec.structs.replace(item, content=_without_audio(item.content))
        return [
            self.say(m.ItemAdded(item=bare, previous_item_id=previous)),
            self.say(m.ItemDone(item=bare, previous_item_id=previous)),
        ]


def message(item_id: str, role: str, status: str, content: list[m.Content]) -> m.WireItem:
    """Return an item that is a message."""
    return m.WireItem(id=item_id, object="realtime.item", status=status, role=role, content=content)


def remember(known: dict[str, T], name: str, what: T) -> None:
    """Note something, and let go of the oldest of too many."""
    known[name] = what
    if len(known) > _MOST_KNOWN:
        del known[next(iter(known))]


def _without_audio(content: list[m.Content] | None) -> list[m.Content] | None:
    return content and [msgspec.structs.replace(each, audio=None) for each in content]


def kept(items: Iterable[m.WireItem]) -> list[m.WireItem]:
    """Return items as they are now, for later changes must not show in what was said."""
    return [msgspec.structs.replace(each, content=copy.copy(each.content)) for each in items]
