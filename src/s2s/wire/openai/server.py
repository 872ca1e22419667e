"""The service's side of the protocol, on one connection.

Source: openai-python 3.57.0 `types/realtime`; order, errors and defaults from captures of the live service
that public gateways transcribe (2026-08), and what strict clients demand: openai-agents, @openai/agents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from s2s.commands import Command
from s2s.events import Event, SessionStarted
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.openai.answering import Answering
from s2s.wire.openai.ledger import Ledger
from s2s.wire.openai.messages import Problem
from s2s.wire.openai.settings import merged
from s2s.wire.openai.telling import Telling

_MOST_EARLY, _MOST_EARLY_BYTES = 4096, 16 * 1024 * 1024


class OpenAIServer:
    """Messages become commands, events become messages; what comes before the engine has started waits."""

    def __init__(
        self,
        *,
        input_rate: int,
        settings: dict[str, JSON] | None = None,
        takes_voice: Callable[[str], bool] = lambda _: True,
        opened_at: float = 0.0,
        strict: bool = False,
    ) -> None:
        """Begin with these settings of the session; a voice that the engine does not take is left aside.

        A `strict` one refuses what the service refuses though the engine could do it.
        `opened_at` is wall clock in seconds, for the session says by it when it will end.
        """
        self._ledger = Ledger(input_rate, opened_at, takes_voice, strict=strict)
        self._ledger.session = merged(self._ledger.session, settings or {})
        self._telling = Telling(self._ledger)
        self._answering = Answering(self._ledger)
        self._early: list[bytes] = []
        self._early_bytes = 0

    def send(self, event: Event) -> Sequence[Send | Command]:
        """Spell an event."""
        made = self._telling.send(event)
        if isinstance(event, SessionStarted):
            made = [*made, *self._answered()]
        return made

    def receive(self, message: bytes) -> Sequence[Send | Command]:
        """Read one message; what is wrong with it is told to the client."""
        if self._ledger.capabilities is None:
            if len(self._early) == _MOST_EARLY or self._early_bytes >= _MOST_EARLY_BYTES:
                return [self._too_early()]
            self._early.append(message)
            self._early_bytes += len(message)
            return ()
        return self._answering.receive(message)

    def _answered(self) -> Iterator[Send | Command]:
        early, self._early, said_bytes = self._early, [], 0
        for message in early:
            if said_bytes >= _MOST_EARLY_BYTES:
                yield self._too_early()
                continue
            for each in self._answering.receive(message):
                said_bytes += len(each.data) if isinstance(each, Send) else 0
                yield each

    def _too_early(self) -> Send:
        told = "The engine has not started yet: wait for session.created."
        return self._ledger.refuse(Problem(type="server_error", code="server_error", message=told))
