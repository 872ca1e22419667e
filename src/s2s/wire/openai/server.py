"""The service's side of the protocol, on one connection.

Source: openai-python 3.57.0 `types/realtime`; order, errors and defaults from captures of the live service
that public gateways transcribe (2026-08), and what strict clients demand: openai-agents, @openai/agents.
"""

from __future__ import annotations

from collections.abc import Sequence

from s2s.commands import Command
from s2s.events import Event, SessionStarted
from s2s.wire import Send
from s2s.wire.openai.answering import Answering
from s2s.wire.openai.ledger import Ledger
from s2s.wire.openai.telling import Telling


class OpenAIServer:
    """Messages become commands, events become messages; what comes before the engine has started waits."""

    def __init__(self, *, input_rate: int, model: str = "", opened_at: float = 0.0) -> None:
        self._ledger = Ledger(input_rate, opened_at)
        if model:
            self._ledger.session["model"] = model
        self._telling = Telling(self._ledger)
        self._answering = Answering(self._ledger)
        self._early: list[bytes] = []

    def send(self, event: Event) -> Sequence[Send | Command]:
        """Spell an event."""
        made = self._telling.send(event)
        if isinstance(event, SessionStarted):
            early, self._early = self._early, []
            made = [*made, *(each for message in early for each in self._answering.receive(message))]
        return made

    def receive(self, message: bytes) -> Sequence[Send | Command]:
        """Read one message; what is wrong with it is told to the client."""
        if self._ledger.capabilities is None:
            self._early.append(message)
            return ()
        return self._answering.receive(message)
