"""All that one conversation remembers, and what follows from what is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    Cancel,
    Command,
    CreateResponse,
    InterruptMode,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.errors import LocalProtocolError
from s2s.events import (
    AudioOutput,
    Cause,
    Confirmation,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
    Usage,
    UsageUpdate,
)
from s2s.items import Call, Message, ToolResult
from s2s.state.calls import Calls
from s2s.state.conversation import Conversation
from s2s.state.playhead import Heard, Playhead
from s2s.state.turns import Turns
from s2s.tools import Tool

_LOCKED = "the voice cannot change once it was heard: start another session with it"
_SAME_TURN = ("tool_result", "continuation")
_INTERRUPTED = "The user interrupted before this tool had finished."


class Outcome(Struct, frozen=True, gc=False):
    """What follows: events for the application and commands for the engine, each in order."""

    events: Sequence[Event] = ()
    commands: Sequence[Command] = ()


_NOTHING = Outcome()


class Dialogue:
    """The state of a session, pure: the session passes in what happens and does what comes back.

    `now` is one monotonic clock in seconds.
    """

    def __init__(self, config: Config, capabilities: Capabilities) -> None:
        self.conversation = Conversation(config.history)
        self.playhead = Playhead()
        self.calls = Calls()
        self.turns = Turns()
        self.usage = Usage()
        self.tools: dict[str, Tool] = {each.name: each for each in config.toolset}
        self._barge_in = config.turns.interrupt_response
        self._can = capabilities
        self._silenced: set[str] = set()
        self._aside: set[str] = set()
        self._aside_calls: set[str] = set()
        self._held: dict[str, SendToolResult] = {}

    def tell(self, command: Command, now: float) -> Outcome:
        """Note what the application asks and return what follows: what the engine shall be told now too.

        The last answer to the calls of a response waits until that response is done: only then is it sure to
        be the last, and the model can speak.

        Raises LocalProtocolError for an answer to a call that is not open, and for another voice too late.
        """
        match command:
            case AddItem(item=item):
                self.conversation.add(item)
                if isinstance(item, Message) and item.role == "user":
                    self.turns.user_spoke(item.item_id)
            case CreateResponse(out_of_band=False):
                self.turns.asked(now)
            case RemoveItem(item_id=item_id):
                self.conversation.drop(item_id)
            case SendToolResult():
                return self._settle(command, now)
            case UpdateSession(turn_detection=turns, voice=voice):
                if voice is not UNSET and self._can.voice_locks and self.turns.spoken:
                    raise LocalProtocolError(_LOCKED)
                if isinstance(turns, TurnDetection):
                    self._barge_in = turns.interrupt_response
            case _:
                pass
        return Outcome(commands=(command,))

    def hear(self, event: Event, now: float) -> Outcome:
        """Note what the engine tells and return what follows: the event itself too, if it still counts."""
        match event:
            case AudioOutput():
                return Outcome((event,)) if self.spoke(event, now) else _NOTHING
            case TextOutput():
                return self._text(event, now)
            case SpeechStarted():
                return self._user_began(event, now)
            case SpeechStopped(item_id=item_id):
                self.conversation.heard_user(item_id, self.conversation.text_of(item_id))
                self.turns.user_spoke(item_id)
                self.turns.asked(now)
            case Transcript(item_id=item_id, text=text):
                if item_id not in self.conversation:
                    self.turns.user_spoke(item_id)
                self.conversation.heard_user(item_id, text)
            case ResponseStarted(response_id=response_id, origin="out_of_band"):
                self._aside.add(response_id)
            case ResponseStarted(response_id=response_id, origin=origin):
                waited = self._close_waiting(now) if origin not in _SAME_TURN else ()
                self.turns.started(response_id, answers=origin != "continuation")
                return Outcome((*waited, event))
            case ToolCall():
                return self._called(event)
            case ToolCallCancelled(call_ids=call_ids):
                return self._cancelled(call_ids, now)
            case ResponseDone():
                released = self._released(event)
                return Outcome(self._done(event, now), released)
            case Interrupted(cause=cause, confirmation=confirmation):
                return self.interrupt(cause, now, confirmation)
            case UsageUpdate(usage=usage):
                self.usage += usage
            case _:
                pass
        return Outcome((event,))

    def spoke(self, event: AudioOutput, now: float) -> bool:
        """Note audio, and return whether it still counts: `hear` for what comes most often."""
        if event.response_id in self._silenced:
            return False
        self.playhead.received(event.item_id, event.response_id, len(event.audio) * 500 / event.sample_rate)
        if event.response_id not in self._aside:
            self.turns.audio(event.item_id, now)
        return True

    def interrupt(
        self,
        cause: Cause,
        now: float,
        confirmation: Confirmation | None = None,
        mode: InterruptMode = "cancel",
    ) -> Outcome:
        """Cut the answer off: the Interrupted event comes first, commands say what the engine must know.

        No event follows when no response is open, nothing is left to be heard, and no blocking tool runs.
        To be reset, an engine is told what was heard first.
        """
        cut = self.playhead.flush(now)
        aloud = self._aside & {each.response_id for each in cut}
        active = [each for each in (*self.turns.open, *aloud) if each not in self._silenced]
        calls = [each for each in self.calls.waiting if not self._outlives(each)]
        if not (active or cut or calls):
            # An answer may have been asked for that has not begun.
            asks = cause == "application" and confirmation is None
            return Outcome(commands=(Cancel(),)) if asks else _NOTHING
        self._silenced.update(active)
        for each in cut:
            self.conversation.heard_until(each.item_id, each.heard_ms, each.received_ms)
        waiting = active or [self.calls.response_of(each.id) for each in calls]
        first = cut[0] if cut else Heard("", waiting[0], 0.0, 0.0)
        follows = confirmation or ("requested" if mode == "reset" else self._follows(cause, active))
        dropped = self._drop(calls)
        ended = self._close_waiting(now, "interrupted")
        asked = active if cause == "application" or not self._can.barge_in else []
        return Outcome(
            (
                Interrupted(first.response_id, first.item_id, first.heard_ms, cause, follows),
                *dropped.events,
                *ended,
            ),
            (*dropped.commands, *_stops(asked, cut, mode, self._can)),
        )

    @property
    def spared(self) -> frozenset[str]:
        """The open responses beside the conversation that no interruption has cut off."""
        return frozenset(self._aside - self._silenced)

    def lost(self, now: float) -> Sequence[Event]:
        """The engine is gone: end what is open, as failed."""
        left = [*self._aside, *self.turns.open]
        events = [e for each in left for e in self._done(ResponseDone(each, "failed"), now)]
        dropped = self.calls.drop(self.calls.open)
        return (*events, *((ToolCallCancelled(dropped),) if dropped else ()), *self._close_waiting(now))

    def _text(self, event: TextOutput, now: float) -> Outcome:
        if event.response_id in self._silenced:
            return _NOTHING
        if event.text and event.response_id not in self._aside:
            at_ms = self.playhead.received_ms(event.item_id)
            self.conversation.said(event.item_id, event.text, at_ms)
            self.turns.text(event.item_id, now)
        return Outcome((event,))

    def _user_began(self, event: SpeechStarted, now: float) -> Outcome:
        self.conversation.heard_user(event.item_id, self.conversation.text_of(event.item_id))
        cut = self.interrupt("user_speech", now) if self._barge_in else _NOTHING
        self.turns.user_spoke(event.item_id)
        return Outcome((event, *cut.events), cut.commands)

    def _called(self, event: ToolCall) -> Outcome:
        if event.response_id in self._silenced:
            late = SendToolResult(event.call.id, _INTERRUPTED, is_error=True, respond=False)
            return Outcome(commands=(late,))
        self.calls.opened(event.call, event.response_id)
        if event.response_id in self._aside:
            self._aside_calls.add(event.call.id)
        else:
            self.conversation.add(event.call)
            self.turns.turn.calls.append(event.call)
        tool = self.tools.get(event.call.name)
        return Outcome((replace(event, runs_here=tool is not None and tool.function is not None),))

    def _settle(self, command: SendToolResult, now: float) -> Outcome:
        response_id = self.calls.response_of(command.call_id)
        respond = self.calls.settle(command.call_id, command.respond)
        if command.call_id in self._aside_calls:
            self._aside_calls.discard(command.call_id)
            return _NOTHING  # the conversation knows of no such call
        self._note_result(command)
        command = replace(command, respond=respond)
        if response_id not in self.turns.open:
            self.turns.owed = self.turns.owed or command.respond
            ended = () if self._goes_on() else self._close_waiting(now, self.turns.turn.status)
            return Outcome(ended, (command,))
        earlier = self._held.get(response_id)
        if earlier is None:
            self._held[response_id] = command
            return _NOTHING
        self._held[response_id] = replace(command, respond=command.respond or earlier.respond)
        return Outcome(commands=(replace(earlier, respond=False),))

    def _released(self, event: ResponseDone) -> Sequence[Command]:
        held = self._held.pop(event.response_id, None)
        if held is None:
            return ()
        goes_on = event.status == "completed" and event.response_id not in self._silenced
        respond = goes_on and held.respond and not self.calls.postpone(event.response_id)
        self.turns.owed = self.turns.owed or respond
        return (replace(held, respond=respond),)

    def _done(self, event: ResponseDone, now: float) -> Sequence[Event]:
        if event.response_id in self._silenced:
            self._silenced.discard(event.response_id)
            event = replace(event, status="interrupted")
        self.playhead.forget_heard(now)
        if event.usage is not None:
            self.usage += event.usage
        if event.response_id in self._aside:
            self._aside.discard(event.response_id)
            return (event,)
        self.turns.done(event)
        waits = event.status == "completed" and self._goes_on()
        return (event,) if waits or self.turns.open else (event, self._turn_end(now))

    def _close_waiting(self, now: float, status: ResponseStatus = "incomplete") -> Sequence[Event]:
        if self.turns.open or self.turns.turn.responses == 0:
            return ()
        self.turns.turn.status = status
        return (self._turn_end(now),)

    def _turn_end(self, now: float) -> TurnEnd:
        turn = self.turns.close()
        said = [each for each in self.conversation.items if isinstance(each, Message)]
        agent = [each for each in said if each.item_id in turn.agent_items]
        return TurnEnd(
            user_text=_joined(each.text for each in said if each.item_id in turn.user_items),
            agent_text=_joined(each.text for each in agent),
            heard_text=_joined(e.text if e.heard_text is None else e.heard_text for e in agent),
            status=turn.status,
            usage=turn.usage,
            tool_calls=tuple(turn.calls),
            timings=turn.timings(now),
        )

    def _cancelled(self, call_ids: tuple[str, ...], now: float) -> Outcome:
        dropped = self.calls.drop(call_ids)
        ended = () if self._goes_on() or not dropped else self._close_waiting(now)
        return Outcome((ToolCallCancelled(dropped), *ended)) if dropped else _NOTHING

    def _goes_on(self) -> bool:
        return self.turns.owed or any(each.id in self.calls.open for each in self.turns.turn.calls)

    def _drop(self, calls: Sequence[Call]) -> Outcome:
        dropped = self.calls.drop(tuple(each.id for each in calls))
        answers = [SendToolResult(e, _INTERRUPTED, is_error=True, respond=False) for e in dropped]
        for each in answers:
            self._note_result(each)
        return Outcome((ToolCallCancelled(dropped),), answers) if dropped else _NOTHING

    def _note_result(self, command: SendToolResult) -> None:
        result = ToolResult(command.call_id, command.output, command.is_error, command.respond)
        self.conversation.add(result)

    def _outlives(self, call: Call) -> bool:
        aside = call.id in self._aside_calls
        return aside or (call.name in self.tools and self.tools[call.name].policy == "background")

    def _follows(self, cause: Cause, active: list[str]) -> Confirmation:
        if not active:
            return "requested" if self._can.truncate else "local_only"
        return "server_confirmed" if cause == "user_speech" and self._can.barge_in else self._can.interrupt


def _stops(
    active: Sequence[str], cut: Sequence[Heard], mode: InterruptMode, can: Capabilities
) -> list[Command]:
    """Return what stops an engine and tells it what was heard: before that where it is replaced."""
    truncates = [Truncate(each.item_id, each.heard_ms) for each in cut]
    if mode == "reset":
        return [*truncates, Cancel(active[0] if active else None, mode)]
    return [*map(Cancel, active), *(truncates if can.truncate else ())]


def _joined(texts: Iterable[str]) -> str:
    return " ".join(stripped for each in texts if (stripped := each.strip()))
