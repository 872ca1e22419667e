"""The service's side of the protocol, on one stream, once it is known what the client wants.

Source: the bidirectional API of Amazon Nova Sonic as AWS documents it, and what pipecat, livekit-agents and
strands-agents have found it to do (2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from s2s.commands import Command
from s2s.events import Event
from s2s.wire import Close, Send
from s2s.wire.nova.answering import Answering
from s2s.wire.nova.judging import Refused
from s2s.wire.nova.ledger import Ledger
from s2s.wire.nova.setups import Setup
from s2s.wire.nova.telling import Telling


class NovaServer:
    """Messages become commands, events become messages.

    Whoever serves the stream tells its acceptance, knows its limits, for these need a clock, and says
    sessionEnd for a client that ends its side without a word.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        session_id: str,
        input_rate: int,
        new_id: Callable[[], str],
        cut: Literal["INTERRUPTED", "END_TURN"] = "INTERRUPTED",
        most_ms: float = 20_000.0,
    ) -> None:
        """Go on where a `Setting` is complete. `cut` is how the audio of an interrupted answer ends.

        The words of a sentence are told before its audio. An engine may tell them as it speaks: then so much
        audio waits for them at most.
        """
        self._request_id = setup.request_id
        ledger = Ledger(setup, session_id, new_id, most_ms)
        self._telling = Telling(ledger, setup.request_id, cut)
        self._answering = Answering(ledger, input_rate)
        self._closed: Close | None = None

    def send(self, event: Event) -> Sequence[Send | Command | Close]:
        """Spell an event."""
        return self._until_closed(self._telling.send(event) if self._closed is None else ())

    def receive(self, message: bytes) -> Sequence[Send | Command | Close]:
        """Read one message; what is wrong with it ends the stream."""
        try:
            return self._until_closed(self._answering.receive(message) if self._closed is None else ())
        except Refused as refused:
            return self._until_closed([refused.reason.closing(self._request_id)])

    def _until_closed(self, made: Sequence[Send | Command | Close]) -> Sequence[Send | Command | Close]:
        """Note the end of the stream: nothing is said or heard after it."""
        self._closed = next((each for each in made if isinstance(each, Close)), None) or self._closed
        return made
