"""The service's side of the protocol, on one connection.

Source: recordings of the live service that pydantic-ai publishes (2026-08) for order and manners;
google-genai 3.6.1 and @google/genai 3.3.0 for what their clients read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from s2s.commands import Command
from s2s.events import Event, SessionStarted
from s2s.wire import Close, Send
from s2s.wire.gemini.agreed import agreed
from s2s.wire.gemini.answering import Answering
from s2s.wire.gemini.failures import closing
from s2s.wire.gemini.judging import FIRST
from s2s.wire.gemini.ledger import Ledger
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import Profile
from s2s.wire.gemini.telling import Telling

_MOST_EARLY, _MOST_EARLY_BYTES = 4096, 16 * 1024 * 1024


class GeminiServer:
    """Messages become commands, events become messages; what comes before the engine has started waits."""

    def __init__(
        self,
        setup: Setup,
        profile: Profile,
        *,
        input_rate: int,
        strict: bool = False,
        pretty: bool = False,
        new_handle: Callable[[], str] | None = None,
    ) -> None:
        """Begin with a setup that `judging.opening` returned.

        A `strict` one refuses what the service refuses though the engine could do it. `new_handle` names the
        conversation, for a client that comes back to it on another connection.
        """
        self._ledger = Ledger(agreed(setup, profile, strict=strict), new_handle, pretty=pretty)
        self._telling = Telling(self._ledger)
        self._answering = Answering(self._ledger, input_rate)
        self._early: list[bytes] = []
        self._early_bytes = 0

    def send(self, event: Event) -> Sequence[Send | Command | Close]:
        """Spell an event."""
        made = self._telling.send(event)
        if isinstance(event, SessionStarted) and self._early:
            made = [*made, *self._answered()]
        return made

    def receive(self, message: bytes) -> Sequence[Send | Command | Close]:
        """Read one message; what is wrong with it ends the connection."""
        if self._ledger.capabilities is not None:
            return self._answering.receive(message)
        if len(self._early) == _MOST_EARLY or self._early_bytes >= _MOST_EARLY_BYTES:
            return [closing(FIRST)]
        self._early.append(message)
        self._early_bytes += len(message)
        return ()

    def _answered(self) -> Iterator[Send | Command | Close]:
        early, self._early = self._early, []
        for message in early:
            yield from self._answering.receive(message)
