"""What both directions of a client's connection know."""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import Struct

from s2s.audio.convert import DECODERS
from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.items import JSON, Item
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.agreed import Agreed
from s2s.wire.openai.answers import Answers
from s2s.wire.openai.gate import Gate
from s2s.wire.openai.items import spelled
from s2s.wire.openai.outputs import Outputs
from s2s.wire.openai.settings import Wishes, format_of, opening
from s2s.wire.openai.uplink import Uplink
from s2s.wire.openai.variants import OPENAI, Variant

_REMEMBERED = 16


class Phase(Enum):
    """How far the opening is."""

    CONNECTED = "waiting for session.created"
    CONFIGURED = "waiting for session.updated"
    READY = "talking"


class Opening(Struct, frozen=True, kw_only=True):
    """What a connection begins with."""

    config: Config
    capabilities: Capabilities
    variant: Variant = OPENAI
    wishes: Wishes = Wishes()
    provider: str = "openai_realtime"
    model: str = ""
    opened_at: float = 0.0
    """Wall clock in seconds, for the service says by it when it will end."""


class Connection:
    """The state of one connection, and how messages leave."""

    def __init__(self, opening_: Opening) -> None:
        config, variant = opening_.config, opening_.variant
        speaks = format_of(config.spoken)
        self.opening = opening_
        self.phase = Phase.CONNECTED
        self.turns = config.turns
        self.agreed = Agreed()
        self.uplink = Uplink(format_of(config.heard))
        self.gate = Gate(tags=variant.echoes_metadata)
        self.outputs = Outputs(speaks.sample_rate, DECODERS.get(speaks.encoding))
        self.answers = Answers()
        self._cancelled: dict[str, str] = {}
        self._sent = 0
        self.keep_recent()

    @property
    def session_id(self) -> str:
        """The name that the service gave the session."""
        return str(self.agreed.session.get("id") or "")

    def say(self, message: m.ClientMessage, kind: str = "") -> Send:
        """Spell a message; its kind comes back in an error that it causes."""
        if kind:
            self._sent += 1
            message.event_id = f"{kind}_{self._sent}"
        return Send(m.encode(message))

    def update(self, session: dict[str, JSON], kind: str) -> Send:
        """Spell a change of the settings."""
        message = m.SessionUpdate(session=self.opening.variant.shaped(_copy(session)))
        sent = self.say(message, kind)
        self.agreed.ask(message.event_id or "", session)
        if not self.opening.variant.acknowledges:
            self.agreed.taken({})
        return sent

    def cancel(self, message: m.ResponseCancel) -> Send:
        """Spell that a response shall stop."""
        sent = self.say(message, "cancel")
        self._cancelled = dict([*self._cancelled.items()][-_REMEMBERED:])
        self._cancelled[message.event_id or ""] = message.response_id or ""
        return sent

    def cancelled(self, name: str) -> str:
        """Return which response was to stop by the message of this name."""
        return self._cancelled.pop(name, "")

    def put(self, item: Item) -> Send:
        """Spell an entry of the conversation."""
        return self.say(m.ItemCreate(item=spelled(item)), "item")

    def say_gated(self, made: list[m.ResponseCreate] | list[m.ResponseCancel]) -> list[Send]:
        """Spell what the gate lets through."""
        return [
            self.cancel(each) if isinstance(each, m.ResponseCancel) else Send(m.encode(each)) for each in made
        ]

    def configure(self) -> list[Send]:
        """Spell the settings and the entries that the session begins with."""
        config, variant = self.opening.config, self.opening.variant
        session = opening(config, variant.transcribes_with, self.opening.wishes)
        return [self.update(session, "open"), *(self.put(each) for each in config.history)]

    def keep_recent(self) -> None:
        """Keep the audio at hand that a turn without detection may begin with."""
        manual = self.turns.mode == "manual"
        self.uplink.keep((self.turns.prefix_ms or 0) if manual else 0)


def _copy(session: dict[str, JSON]) -> dict[str, JSON]:
    copied: dict[str, JSON] = msgspec.json.decode(msgspec.json.encode(session))
    return copied
