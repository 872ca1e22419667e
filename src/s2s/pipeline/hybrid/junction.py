"""Where two sides meet: which of them has the conversation, and how the other one gets it."""

from __future__ import annotations

from math import inf

from s2s.config import Config
from s2s.errors import ConnectError, ConnectionLostError, S2SError, UnsupportedError
from s2s.events import (
    Error,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.links import Told
from s2s.pipeline.hybrid.exchange import Exchange
from s2s.pipeline.hybrid.line import Line, Stand
from s2s.pipeline.hybrid.memory import Memory
from s2s.pipeline.hybrid.moving import Moment, Move, OwedReply, Phase, Turnout
from s2s.pipeline.hybrid.opening import Opening
from s2s.pipeline.hybrid.policy import Decision, Side, other
from s2s.pipeline.hybrid.record import Record
from s2s.pipeline.hybrid.standby import Standby
from s2s.wire import Send

_MATTERS = (ResponseDone, ToolCall, ToolCallCancelled, Transcript, Error)
"""Events after which the policy is asked."""
_APPLICATION = "application"


class Junction:
    """Hears what happens, and leaves what follows for the reader and the writer in the exchange.

    The other link is opened while this one serves, and takes over at the moment that the move asks for, but
    never amid a command. What a link does that was left is not heard.
    """

    def __init__(
        self, exchange: Exchange, config: Config, opening: Opening, record: Record, memory: Memory
    ) -> None:
        self.memory = memory
        self.turnout: Turnout | None = None
        """Where the answer is cut off, among the commands."""
        self._at = exchange
        self._config = config
        self._opening = opening
        self._record = record
        self._standby = Standby(opening, memory, self.look, exchange.tell)
        self._move: Move | None = None

    def hear(self, line: Line, told: Told) -> None:
        """A link tells something."""
        if line is not self._at.line:
            return
        if isinstance(told, Send):
            self._at.tell(OwedReply(told.data, told, line))
            return
        event = line.words.told(told)
        self.memory.hear(event, line.number, self._at.now)
        if not line.words.doubles(event) or self.memory.course.answers:
            self._at.tell(event)  # who speaks over an answer is told of, though not for the first time
        if isinstance(event, _MATTERS):
            self.judge()
        self.look()

    def over(self, line: Line, failure: S2SError | None) -> None:
        """A link has ended, or broke."""
        if line.stand is Stand.LEFT:
            return
        if line is self._standby.line:
            self._standby.lost(failure or _ended(line))
        elif line is self._at.line and self._at.phase is not Phase.ENDED:
            self._broke(line, failure)

    def request(self, side: Side, moment: Moment) -> bool:
        """Switch because the application wants it; return whether the session will."""
        match self._at.phase:
            case Phase.ENDED:
                return False
            case Phase.AWAY | Phase.CUTTING:
                return self._move is not None and self._move.side == side
            case Phase.MOVING:
                return self._at.line.side == side
            case Phase.SERVING | Phase.HOLDING:
                pass
        before = self._at.line.side
        if side == before:
            self._move = None
        else:
            moment = moment if self._move is None else max(self._move.moment, moment)
            self._move = Move(side, "the application asked for it", _APPLICATION, moment)
        self.look()
        return self._move is not None or self._at.line.side == side != before

    def judge(self) -> None:
        """Ask the policy."""
        self.memory.look()
        if self._at.phase not in (Phase.SERVING, Phase.HOLDING):
            return
        move = self._move
        match self._record.decide(self._record.state(self.memory.course, self._at.now)):
            case Error() as wrong:
                self._at.tell(wrong)
            case Decision(side=side, because=because) if side != self._at.line.side:
                if move is None:
                    self._move = Move(side, because, because, Moment.CALLS)
                else:
                    move.moment = max(move.moment, Moment.CALLS)
            case _:
                if move is not None and move.because != _APPLICATION:
                    self._move = None

    def tick(self) -> None:
        """Time has passed."""
        self.memory.unanswered.expire(self._at.now)
        self.judge()
        self.look()

    def look(self) -> None:
        """Do what can be done by now."""
        match self._at.phase:
            case Phase.SERVING | Phase.HOLDING if self._move is not None:
                self._head_for(self._move)
            case Phase.SERVING | Phase.HOLDING if self._standby.side is not None:
                self._standby.drop()
                self._at.enter(Phase.SERVING)
            case Phase.CUTTING if self._move is not None:
                self._blocked(self._move)
            case Phase.AWAY if self._standby.failure is not None:
                self.end(ConnectionLostError(self._record.both(self._standby.failure)))
            case Phase.AWAY if self._standby.line is not None and self._move is not None:
                self._hand_over(self._move)
            case _:
                pass

    def cut(self) -> None:
        """What ends the answer under way has passed."""
        self.turnout = None
        if self._at.phase is not Phase.CUTTING:
            return
        self._at.phase = Phase.SERVING
        if self._move is not None and self._standby.line is not None:
            self._hand_over(self._move)
        self.look()

    def arrived(self, *, refused: bool) -> None:
        """The link that has taken over knows what passed, as far as it did not refuse to."""
        line = self._at.line
        self._at.waiting = ()
        self._at.tell(Reconnected("lost" if refused else "replayed"))
        self._at.tell(*(Error(UnsupportedError(each, provider=line.side)) for each in line.notes))
        self._at.enter(Phase.SERVING)
        line.serve()
        self.judge()
        self.look()

    def end(self, failure: S2SError | None = None) -> None:
        """Go on no more."""
        self._standby.drop()
        self._at.end(failure)

    def _broke(self, line: Line, failure: S2SError | None) -> None:
        error = failure or _ended(line)
        self._opening.part(line, self._at.tell)
        self._record.failed(line.side, error, self._at.now)
        self._at.tell(*self.memory.part("failed"))
        move, across = self._away(), other(line.side)
        if move is None:
            self.end(failure)
            return
        if not self._record.fell(self.memory.course.turns, self._at.now):
            often = ConnectionLostError(f"the sides broke one after the other, {line.side} last: {error}")
            self.end(failure if self._record.falls == 1 else often)
            return
        self._move = Move(across, str(error), move.because, Moment.NOW)
        self._at.enter(Phase.AWAY)
        self._at.tell(Reconnecting(f"switching to {across}: {error}", self._record.falls))
        if self._standby.side != across or self._standby.failure is not None:
            self._standby.prepare(across, quiet=True)
        self.look()

    def _away(self) -> Move | None:
        """Return where to go from a side that broke: where it was about to go, or as the policy says."""
        if self._move is not None:
            return self._move
        match self._record.decide(self._record.state(self.memory.course, self._at.now, broken=True)):
            case Error() as wrong:
                self._at.tell(wrong)
            case Decision(side=side, because=because):
                return Move(side, "", because, Moment.NOW)
            case _:
                pass
        return None

    def _head_for(self, move: Move) -> None:
        standby, course = self._standby, self.memory.course
        if standby.failure is not None:
            self._stay(move.side, standby.failure)
        elif standby.side is None:
            self._standby.prepare(move.side, quiet=self._quiet)
        elif not move.due(self.memory, self._at.now):
            self._at.enter(Phase.SERVING)
        elif standby.line is None:
            self._at.enter(Phase.HOLDING if move.holds(self.memory) else Phase.SERVING)
        elif self._blocked(move):
            pass
        elif move.moment is Moment.NOW and course.answers:
            self._cut_off(course.answers[-1])
        else:
            self._hand_over(move)

    def _blocked(self, move: Move) -> bool:
        """Tell whether a command is on its way; a side that takes none for too long is broken."""
        if not self._at.sending:
            move.blocked_until = inf
            return False
        longest_s = self._config.limits.send_s
        move.blocked_until = min(move.blocked_until, self._at.now + longest_s)
        if self._at.now >= move.blocked_until:
            self._broke(
                self._at.line, ConnectionLostError(f"{self._at.line.side} took nothing for {longest_s:g} s")
            )
        return True

    def _stay(self, side: Side, failure: S2SError) -> None:
        self._record.failed(side, failure, self._at.now)
        self._move = None
        self._standby.drop()
        self._at.enter(Phase.SERVING)
        told = ConnectError(
            f"{side} cannot take over, {self._at.line.side} goes on: {failure}", provider=side
        )
        told.__cause__ = failure
        self._at.tell(Error(told))

    @property
    def _quiet(self) -> bool:
        """Whether audio is repeated in which nobody was noticed to speak."""
        if self._at.phase is Phase.AWAY:
            return True
        now = self._move is not None and self._move.moment is Moment.NOW
        return now and not self.memory.unanswered.tells_speech

    def _cut_off(self, response_id: str) -> None:
        """Have the session silence the answer, and come by once it has told the side so."""
        items = self.memory.course.open[response_id].items
        self._at.phase, self.turnout = Phase.CUTTING, Turnout(b"")
        item_id = items[-1] if items else ""
        self._at.tell(Interrupted(response_id, item_id, 0.0, "application", "server_confirmed"), self.turnout)

    def _hand_over(self, move: Move) -> None:
        """Have the other link take over, unless it has to be told another history first."""
        quiet, standby = self._quiet, self._standby
        if not standby.fresh(quiet=quiet):
            standby.prepare(move.side, quiet=quiet)
            return
        if self._at.phase is not Phase.AWAY:
            self._at.tell(*self.memory.part("interrupted"))
            self._at.tell(Reconnecting(f"switching to {move.side}: {move.why}", 1))
            self._opening.part(self._at.line, self._at.tell)
        if move.moment is Moment.TURN:
            self.memory.unanswered.clear()
        self._at.line, self._at.waiting = standby.take(self._at.now, quiet=quiet)
        self._record.arrived(move.side, move.because, self._at.now)
        self._move = None
        self._at.enter(Phase.MOVING)
        self._at.tell(Turnout(b""))


def _ended(line: Line) -> ConnectionLostError:
    return ConnectionLostError(f"{line.side} ended the conversation")
