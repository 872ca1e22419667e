"""What both directions of our side know: of the conversation, and of the connection that carries it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from s2s.events import Event, Reconnected, SessionStarted
from s2s.items import Call, Item, Message, ToolResult
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.asks import Asks
from s2s.wire.gemini.callnames import CallNames
from s2s.wire.gemini.items import answer, turns
from s2s.wire.gemini.memory import Memory
from s2s.wire.gemini.opening import Opening, settings_of, setup
from s2s.wire.gemini.profiles import bare
from s2s.wire.gemini.replies import Replies
from s2s.wire.gemini.speech import Speech
from s2s.wire.gemini.uplink import Uplink

_NO_RESULT = "The call was interrupted before it had a result."


class Phase(Enum):
    """How far a connection is."""

    OPENING = "waiting for setupComplete"
    RESUMING = "waiting for setupComplete, with a handle"
    READY = "talking"


class Connection:
    """One conversation, over one connection at a time."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.phase = Phase.OPENING
        self.settings = settings_of(opening.config)
        self.memory = Memory(opening.config.history)
        if opening.wishes.handle is not None:
            self.memory.keeps(opening.wishes.handle)
        self.asks = Asks()
        self.replies = Replies(self.asks, self.memory, opening.provider)
        self.speech = Speech(self.memory)
        self.uplink = Uplink(opening.input_rate, manual=self.settings.manual)
        self.lost_calls: tuple[Call, ...] = ()
        """Those that went with the last connection, and that the service may still wait for."""
        self.names = CallNames()
        self._started: SessionStarted | None = None

    def open(self) -> Send:
        """Spell what a connection begins with; it is what the settings are now until it ends."""
        memory, profile, settings = self.memory, self.opening.profile, self.settings
        self.phase = Phase.OPENING if memory.handle is None else Phase.RESUMING
        if memory.handle is None:
            self.names.begin_anew()
        self.replies.silent = settings.written and not profile.writes
        self.uplink.reopen(manual=settings.manual)
        seeds = profile.history_config and memory.handle is None and bool(self._context())
        return Send(setup(self.opening, settings, memory.handle, seeds=seeds))

    def ready(self, session_id: str | None) -> list[Send | Event]:
        """The service has taken the setup: tell it what it does not know."""
        resumed, self.phase = self.phase is Phase.RESUMING, Phase.READY
        context, missing = self._context(), self._missing()
        told: list[Send | Event] = [*self._catch_up(context, resumed=resumed)]
        if self._started is None:
            opening = self.opening
            name = session_id or opening.session_id
            left_s = opening.capabilities.max_session_s
            self._started = SessionStarted(
                name, opening.provider, bare(opening.model), opening.capabilities, left_s
            )
            return [self._started, *told]
        return [*told, Reconnected("replayed" if context else "lost" if missing else "full")]

    def content(self, items: Sequence[Item], *, complete: bool, pictures: Sequence[m.Part] = ()) -> Send:
        """Spell entries of the conversation, and with `complete` that they are to be answered."""
        spelled = turns(items, with_calls=self.opening.profile.seeds_calls)
        if pictures:
            last = spelled.pop() if spelled and spelled[-1].role == "user" else m.Content(role="user")
            spelled.append(m.Content(role="user", parts=[*pictures, *(last.parts or ())]))
        content = m.ClientContent(turns=spelled or None, turn_complete=True if complete else None)
        return say(m.ClientMessage(client_content=content))

    def ask(self, items: Sequence[Item], pictures: Sequence[m.Part] = ()) -> Send:
        """Spell that an answer is wanted, to these entries or to what was said before."""
        nudge = self.opening.profile.nudge
        if not items and not pictures and nudge:
            return say(m.ClientMessage(realtime_input=m.RealtimeInput(text=nudge)))
        return self.content(items, complete=True, pictures=pictures)

    def answer(self, result: ToolResult, call: Call) -> m.FunctionResponse:
        """Spell the answer to a call, by the names that the service has given it."""
        response = answer(result, call.name)
        response.id = self.names.theirs(call.id)
        return response

    def refuse(self, calls: Sequence[Call]) -> Send:
        """Spell that calls have no result."""
        failed = [self.answer(ToolResult(each.id, _NO_RESULT, is_error=True), each) for each in calls]
        return say(m.ClientMessage(tool_response=m.ToolResponse(function_responses=failed)))

    def _missing(self) -> list[Item]:
        """Return what the service does not know of the conversation, but for what it is asked."""
        asked = {id(each) for each in self.asks.said}
        return [each for each in self.memory.unkept if id(each) not in asked]

    def _context(self) -> list[Item]:
        """Return what of that it has to be told."""
        told = self._started is None or self.opening.config.reconnect.replay
        return self._missing() if told else []

    def _catch_up(self, context: list[Item], *, resumed: bool) -> list[Send]:
        profile, told = self.opening.profile, []
        if resumed and profile.answers_lost_calls and self.lost_calls:
            told.append(self.refuse(self.lost_calls))
        self.lost_calls = ()
        if context:
            last = context[-1]
            if profile.seed_ends == "user" and not (isinstance(last, Message) and last.role == "user"):
                context = [*context, Message("user", ".")]
            told.append(self.content(context, complete=profile.history_config and not resumed))
        asked = self.asks.again()
        if asked is not None:
            told.append(self.ask(asked.said or ()))
        return [*told, *self.uplink.again()]


def say(message: m.ClientMessage) -> Send:
    """Spell a message."""
    return Send(m.encode(message))
