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
from s2s.wire.openai.answers import Answers
from s2s.wire.openai.gate import Gate
from s2s.wire.openai.items import spelled
from s2s.wire.openai.outputs import Outputs
from s2s.wire.openai.settings import Wishes, format_of, merged, opening
from s2s.wire.openai.uplink import Uplink
from s2s.wire.openai.variants import OPENAI, Variant


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
        self.session: dict[str, JSON] = {}
        """The session as the service has it, and as we have asked since."""
        self.uplink = Uplink(format_of(config.heard))
        self.gate = Gate(tags=variant.echoes_metadata)
        self.outputs = Outputs(speaks.sample_rate, DECODERS.get(speaks.encoding))
        self.answers = Answers()
        self._sent = 0
        self.keep_recent()

    def say(self, message: m.ClientMessage, kind: str = "") -> Send:
        """Spell a message; its kind comes back in an error that it causes."""
        if kind:
            self._sent += 1
            message.event_id = f"{kind}_{self._sent}"
        return Send(m.encode(message))

    def put(self, item: Item) -> Send:
        """Spell an entry of the conversation."""
        return self.say(m.ItemCreate(item=spelled(item)), "item")

    def say_gated(self, made: list[m.ResponseCreate] | list[m.ResponseCancel]) -> list[Send]:
        """Spell what the gate lets through."""
        return [
            self.say(each, "cancel") if isinstance(each, m.ResponseCancel) else Send(m.encode(each))
            for each in made
        ]

    def configure(self) -> list[Send]:
        """Spell the settings and the entries that the session begins with."""
        config, variant = self.opening.config, self.opening.variant
        session = opening(config, variant.transcribes_with, self.opening.wishes)
        self.session = merged(self.session, session)
        update = self.say(m.SessionUpdate(session=variant.shaped(_copy(session))), "open")
        return [update, *(self.put(each) for each in config.history)]

    def keep_recent(self) -> None:
        """Keep the audio at hand that a turn without detection may begin with."""
        manual = self.turns.mode == "manual"
        self.uplink.keep((self.turns.prefix_ms or 0) if manual else 0)


def _copy(session: dict[str, JSON]) -> dict[str, JSON]:
    copied: dict[str, JSON] = msgspec.json.decode(msgspec.json.encode(session))
    return copied
