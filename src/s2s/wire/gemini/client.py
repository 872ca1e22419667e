"""Our side of the protocol, over as many connections as a conversation takes.

Source: google-genai 3.6.1 and @google/genai 3.3.0 for what is spelled; recordings of the live service for
order and manners (2026-08); the trackers of other clients for what goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from s2s.commands import Command
from s2s.errors import ConnectionLostError, S2SError
from s2s.events import Event
from s2s.wire import Reopen, Send
from s2s.wire.gemini.asking import Asking
from s2s.wire.gemini.connection import Connection, Phase
from s2s.wire.gemini.failures import INVALID, POLICY, explained, survivable
from s2s.wire.gemini.hearing import Hearing
from s2s.wire.gemini.lull import LULL_S
from s2s.wire.gemini.opening import Opening, Wishes
from s2s.wire.gemini.replies import Stage


class GeminiClient:
    """Commands become messages, messages become events; SessionStarted comes when our setup is taken."""

    def __init__(self, opening: Opening) -> None:
        self.input_rate = opening.input_rate
        """Sample rate of the PCM16 mono in AppendAudio."""
        self._on = Connection(opening)
        self._asking, self._hearing = Asking(self._on), Hearing(self._on)
        self.append: Callable[[bytes], bytes | None] = self._asking.append
        self.send: Callable[[Command], Sequence[Send | Event | Reopen]] = self._asking.send
        self.receive: Callable[[bytes], Sequence[Send | Event]] = self._hearing.receive

    @property
    def patience_s(self) -> float | None:
        """How long the service may now say nothing."""
        if self._on.phase is not Phase.READY:
            return None
        asked, answers = self._asking.patience_s, self._on.replies.patience_s
        if asked is None and answers is None:
            return None if self._on.uplink.manual or self._on.uplink.quiet else LULL_S
        return min(asked or inf, answers or inf)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and the service has kept all of it."""
        on = self._on
        if on.replies.reply is not None or on.replies.stage is Stage.MUTED or on.replies.calls:
            return False
        if on.asks.expected or on.speech.speaking or not on.uplink.quiet:
            return False
        return self._asking.idle and (on.memory.handle is None or not on.memory.unkept)

    def open(self) -> Sequence[Send]:
        """Spell what the next connection begins with."""
        return (self._on.open(),)

    def leave(self) -> Sequence[Send]:
        """Say nothing: a connection is just closed."""
        return ()

    def settle(self) -> Sequence[Send | Event]:
        """Go on without what the service owes."""
        if self._asking.patience_s is not None:
            return self._asking.settle()
        if self._on.replies.patience_s is None:
            self._on.uplink.lull.look()
            return ()
        return [*self._on.speech.over(), *self._on.replies.settle()]

    def parted(self) -> Sequence[Event]:
        """End the response and the calls: no generation goes on after its connection."""
        on = self._on
        told = [*self._hearing.parted(), *on.replies.end("interrupted")]
        words = on.memory.question
        on.uplink.parted(understood=words is not None)
        if not on.asks.spoken(words) and not on.uplink.keeps():
            on.asks.unheard()
            told.append(on.replies.failed("has lost what the user said"))
        on.lost_calls = tuple(on.replies.calls.values())
        return [*told, *on.replies.cancelled([*on.replies.calls])]

    def survives(self, failure: S2SError | None) -> bool:
        """Tell whether the conversation can go on: a handle that is refused is tried no more."""
        on = self._on
        refused = isinstance(failure, ConnectionLostError) and failure.code in (INVALID, POLICY)
        if refused and on.phase is Phase.RESUMING:
            on.memory.forgets()
            return True
        return survivable(failure)

    def explained(self, failure: S2SError) -> S2SError:
        """Return what the end of a connection means to whoever has to mend it."""
        return explained(failure, self._on.opening.provider)

    def lost(self) -> Sequence[Event]:
        """Close whatever was open."""
        return [*self._on.speech.flush(), *self._on.replies.end("failed")]


__all__ = ["GeminiClient", "Opening", "Wishes"]
