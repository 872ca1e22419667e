"""Our side of the protocol, over as many streams as a conversation takes.

Source: AWS documentation of the bidirectional API of Nova 2 Sonic (2026-11) for the events and their order;
aws-sdk-bedrock-runtime 0.12.0 for what carries them; the trackers of other clients for what goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from s2s.commands import Command
from s2s.errors import S2SError
from s2s.events import Event
from s2s.wire import Reopen, Send
from s2s.wire.nova.asking import Asking
from s2s.wire.nova.failures import explained, survivable
from s2s.wire.nova.hearing import Hearing
from s2s.wire.nova.opening import Opening, Wishes, begin
from s2s.wire.nova.replies import Stage
from s2s.wire.nova.reply import End
from s2s.wire.nova.results import QUIET_S, Results
from s2s.wire.nova.stream import Phase, Stream


class NovaClient:
    """Commands become messages, messages become events; SessionStarted comes when a stream is accepted."""

    def __init__(self, opening: Opening) -> None:
        self.input_rate = opening.input_rate
        """Sample rate of the PCM16 mono in AppendAudio."""
        self._on = Stream(opening)
        self._results = Results(self._on)
        self._asking, self._hearing = Asking(self._on, self._results), Hearing(self._on)
        self.append: Callable[[bytes], bytes | None] = self._asking.append
        self.send: Callable[[Command], Sequence[Send | Event | Reopen]] = self._asking.send
        self.receive: Callable[[bytes], Sequence[Send | Event]] = self._hearing.receive

    @property
    def patience_s(self) -> float | None:
        """How long the service may now say nothing."""
        if self._on.phase is not Phase.READY:
            return None
        answers = self._on.replies.patience_s
        return min(QUIET_S, answers or inf) if self._results.waiting else answers

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, or all of it was given up."""
        on = self._on
        if on.phase is Phase.GIVEN_UP:
            return True
        if on.replies.stage is not Stage.QUIET or len(on.calls) or self._results.waiting:
            return False
        return on.asks.none and not on.speech.words and on.uplink.quiet

    def open(self) -> Sequence[Send]:
        """Spell what the next stream begins with; it counts for nothing here before it is accepted."""
        return begin(self._on.opening, self._on.settings)

    def settle(self) -> Sequence[Send | Event]:
        """Go on without what the service owes."""
        on = self._on
        if self._results.waiting and self.patience_s == QUIET_S:
            return self._results.release()
        return [*on.replies.settle(), *on.due()]

    def leave(self) -> Sequence[Send]:
        """Spell how a stream is ended in order; nothing is said to it any more."""
        return self._on.leave()

    def parted(self) -> Sequence[Event]:
        """End the response: no generation goes on after its stream. Calls stay open."""
        self._results.parted()
        return self._on.parted()

    def survives(self, failure: S2SError | None) -> bool:
        """Tell whether the conversation can go on."""
        return survivable(failure)

    def explained(self, failure: S2SError) -> S2SError:
        """Return what the end of a stream means to whoever has to mend it."""
        return explained(failure, self._on.opening.provider)

    def lost(self) -> Sequence[Event]:
        """Close whatever was open."""
        return [*self._on.speech.over(), *self._on.replies.part(End.FAILED)]


__all__ = ["NovaClient", "Opening", "Wishes"]
