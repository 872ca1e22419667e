"""The client wire of OpenAI Realtime, driven with messages as a service would write them."""

from __future__ import annotations

from typing import Any

import msgspec

from s2s.capabilities import Capabilities
from s2s.commands import Command
from s2s.config import Config
from s2s.events import Event
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.openai.client import OpenAIClient, Opening
from s2s.wire.openai.settings import Wishes
from s2s.wire.openai.variants import OPENAI, Variant

Heard = list[JSON]
"""Messages as dicts, and events."""


class Client:
    """A client, and what it said and heard as plain data."""

    def __init__(self, variant: Variant = OPENAI, wishes: Wishes | None = None, **config: JSON) -> None:
        opening = Opening(
            config=Config(**config),
            capabilities=Capabilities(truncate=True, updates=True),
            variant=variant,
            wishes=wishes or Wishes(),
            opened_at=1000.0,
        )
        self.wire = OpenAIClient(opening)

    def says(self, *commands: Command) -> Heard:
        """Return what these commands cause: messages as dicts, and events."""
        return [plain(each) for command in commands for each in self.wire.send(command)]

    def hears(self, kind: str, **fields: JSON) -> Heard:
        """Return what a message causes."""
        return self.reads(msgspec.json.encode({"type": kind, "event_id": "event_1", **fields}))

    def reads(self, message: bytes) -> Heard:
        """Return what these bytes cause."""
        return [plain(each) for each in self.wire.receive(message)]

    def ready(self) -> Client:
        """Open the session."""
        session = {"id": "sess_1", "model": "gpt-realtime-2.1", "expires_at": 4600}
        self.hears("session.created", session=session)
        self.hears("session.updated", session=session)
        return self

    def begins(self, response_id: str = "r1", ask: str = "", **fields: JSON) -> Heard:
        """Have a response of the conversation begin, asked for under this name or by itself."""
        metadata = {"s2s_ask": ask} if ask else None
        response = {
            "id": response_id,
            "status": "in_progress",
            "conversation_id": "conv_1",
            "metadata": metadata,
        }
        return self.hears("response.created", response={**response, **fields})

    def ends(self, response_id: str = "r1", status: str = "completed", **fields: JSON) -> Heard:
        """Have a response end."""
        response = {"id": response_id, "status": status, "conversation_id": "conv_1", **fields}
        return self.hears("response.done", response=response)

    def audio(self, ms: int, response_id: str = "r1", item_id: str = "i1") -> Heard:
        """Have so much audio come."""
        delta = "AAAA" * (ms * 48 // 3)
        return self.hears(
            "response.output_audio.delta",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=0,
            delta=delta,
        )


def types(heard: Heard) -> list[str]:
    """Return the kinds of messages and events."""
    return [each["type"] if isinstance(each, dict) else each.type for each in heard]


def plain(made: Send | Event) -> JSON:
    """Return a message as a dict, and an event as it is."""
    if isinstance(made, Send):
        decoded: dict[str, Any] = msgspec.json.decode(made.data)
        return decoded
    return made
