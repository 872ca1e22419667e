"""The service's answers, which it gives without names, as responses with a beginning and an end.

Source: Google's reference of the Live API (2026-11): `generationComplete` ends what is said, `turnComplete`
ends the turn, and `interrupted` comes in place of the first. Recordings show words and audio in one message,
calls whose turn ends before they are answered, and turns without a word.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from enum import Enum

from s2s.errors import ProviderError
from s2s.events import (
    Cause,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    ResponseStatus,
    ToolCall,
    ToolCallCancelled,
    Usage,
    UsageUpdate,
)
from s2s.items import Call, Message
from s2s.wire.gemini.asks import Asks
from s2s.wire.gemini.memory import Memory
from s2s.wire.gemini.reply import Form, Reply


class Stage(Enum):
    """Where the service is in an answer."""

    QUIET = "nothing is under way"
    CLOSING = "nothing is under way, but an end of a turn is still to come that belongs to nothing here"
    SPEAKING = "it answers"
    GENERATED = "it has answered, and waits until that was played"
    HELD = "it pauses, and will go on with its answer"
    CUT = "it was interrupted, and its turn is still to end"
    MUTED = "it goes on with what nobody wants to hear"
    SPENT = "it has said what nobody wanted to hear, and its turn is still to end"


_PATIENCE_S = {
    Stage.SPEAKING: 20.0,
    Stage.GENERATED: 5.0,
    Stage.HELD: 30.0,
    Stage.CUT: 5.0,
    Stage.MUTED: 20.0,
}
_ANSWER_S = 30.0
_MOST_WITHDRAWN, _MOST_CUT = 64, 16


class Replies:
    """The one response that may be open; every call returns what it causes, in order."""

    def __init__(self, asks: Asks, memory: Memory, provider: str) -> None:
        self.stage = Stage.QUIET
        self.reply: Reply | None = None
        self.silent = False
        """Words stand for the audio, which nobody wants."""
        self.calls: dict[str, Call] = {}
        """Those without an answer."""
        self.withdrawn: dict[str, Call] = {}
        """Those that need none any more, the newest of them."""
        self.cut: deque[str] = deque(maxlen=_MOST_CUT)
        """Items that were cut off, which the service knows of."""
        self._asks = asks
        self._memory = memory
        self._provider = provider
        self._responses = itertools.count(1)
        self._items = itertools.count(1)
        self._last_id = ""

    def speak(self, pcm: bytes, rate: int) -> list[Event]:
        """The service speaks."""
        if not pcm or self.stage in (Stage.CUT, Stage.MUTED):
            return []
        began = self._begun()
        return [*began, *(self.reply.audio(pcm, rate) if self.reply is not None else ())]

    def say(self, text: str, form: Form) -> list[Event]:
        """The service says words, spoken or written."""
        if not text or self.stage in (Stage.CUT, Stage.MUTED):
            return []
        began = self._begun()
        return [*began, *(self.reply.say(text, form) if self.reply is not None else ())]

    def begins(self) -> list[Event]:
        """What comes next belongs to a response, which begins unless it has."""
        told = self._cut_off() if self.stage is Stage.CUT else []
        return [*told, *self._begun()]

    def call(self, calls: Sequence[Call], *, ends: bool) -> list[Event]:
        """The service makes calls, and its response is over; `ends` where the end of a turn may follow."""
        if self.reply is None:
            return []
        told: list[Event] = []
        for each in calls:
            self.calls[each.id] = each
            told.append(ToolCall(each, self.reply.response_id))
        told += self._closed("completed")
        for each in calls:
            self._memory.add(each)
        self.stage = Stage.CLOSING if ends else Stage.QUIET
        return told

    def generated(self) -> list[Event]:
        """Nothing more is said in this turn."""
        match self.stage:
            case Stage.SPEAKING | Stage.HELD if self.reply is not None:
                self.stage = Stage.GENERATED
                return [ResponseGenerated(self.reply.response_id)]
            case Stage.MUTED:
                self.stage = Stage.SPENT
            case _:
                pass
        return []

    def interrupted(self, cause: Cause) -> list[Event]:
        """The service has stopped; where nothing was under way, it was the user who had it stop playing."""
        match self.stage:
            case Stage.SPEAKING | Stage.GENERATED | Stage.HELD:
                item_id = "" if self.reply is None else self.reply.item_id
                self.stage = Stage.CUT
            case Stage.QUIET | Stage.CLOSING | Stage.SPENT:
                self._asks.passed()
                item_id, cause = "", "user_speech"
                self.stage = Stage.CLOSING
            case Stage.CUT | Stage.MUTED:
                self.stage = Stage.CUT
                return []
        last_id = self._last_id
        return [Interrupted(last_id, item_id, 0.0, cause, "server_confirmed")] if last_id else []

    def cancelled(self, call_ids: Sequence[str]) -> list[Event]:
        """The service waits for these calls no more."""
        known = tuple(each for each in dict.fromkeys(call_ids) if each in self.calls)
        withdrawn = {**self.withdrawn, **{each: self.calls.pop(each) for each in known}}
        self.withdrawn = dict([*withdrawn.items()][-_MOST_WITHDRAWN:])
        return [ToolCallCancelled(known)] if known else []

    def complete(
        self,
        usage: Usage | None,
        status: ResponseStatus = "completed",
        error: ProviderError | None = None,
        *,
        more: bool = False,
    ) -> list[Event]:
        """The turn is over; with `more` of it to come it only pauses."""
        told: list[Event] = [] if error is None else [Error(error)]
        if self.stage is Stage.QUIET and self._asks and not self.calls:
            told = [*self._begun(), *told]
        if self.reply is None:
            if self.stage is Stage.QUIET:
                self._asks.answered()
            unheard = self.stage in (Stage.MUTED, Stage.SPENT)
            self.stage = Stage.MUTED if more and unheard else Stage.QUIET
            return [*told, *self.spent(usage)]
        self.spent(usage)
        if more and self.stage is not Stage.CUT:
            self.stage = Stage.HELD
            return [*told, *self.reply.close_item()]
        return [*told, *(self._cut_off() if self.stage is Stage.CUT else self._closed(status))]

    def spent(self, usage: Usage | None) -> list[Event]:
        """Count what something cost: as part of the open response, if there is one."""
        if usage is None:
            return []
        if self.reply is None:
            return [UsageUpdate(usage)]
        self.reply.usage = usage if self.reply.usage is None else self.reply.usage + usage
        return []

    def noticed(self) -> list[Event]:
        """The user is heard to speak: an answer that was cut off is over."""
        self._asks.noticed()
        return self._left_behind()

    def turned(self) -> list[Event]:
        """The user has spoken."""
        self._asks.turned()
        return self._left_behind()

    def mute(self) -> list[Event]:
        """End the response here, though the service goes on with it."""
        after = Stage.SPENT if self.stage is Stage.GENERATED else Stage.MUTED
        told = self._closed("interrupted")
        self.stage = after
        return told

    def end(self, status: ResponseStatus) -> list[Event]:
        """End whatever is open: the connection is over."""
        told = self._closed(status)
        self.stage = Stage.QUIET
        return told

    @property
    def patience_s(self) -> float | None:
        """How long the service may be silent now."""
        waits_s = _PATIENCE_S.get(self.stage)
        if waits_s is None:
            return _ANSWER_S if self._asks and not self.calls else None
        played_s = self.reply.spoken_ms / 1000 if self.reply is not None else 0.0
        return waits_s + played_s if self.stage is Stage.GENERATED else waits_s

    def settle(self) -> list[Event]:
        """Go on without what the service owes."""
        match self.stage:
            case Stage.CUT:
                told = self._left_behind()
            case Stage.GENERATED | Stage.HELD:
                told = self._closed("completed")
                self.stage = Stage.CLOSING
            case Stage.SPEAKING:
                told = [self.failed("fell silent amid an answer"), *self._closed("failed")]
                self.stage = Stage.CLOSING
            case Stage.MUTED:
                told = []
                self.stage = Stage.CLOSING
            case Stage.QUIET | Stage.CLOSING | Stage.SPENT:
                told = [self.failed("has not answered")] if self._asks.missed else []
                self._asks.drop()
        return told

    def _begun(self) -> list[Event]:
        if self.reply is not None:
            self.stage = Stage.SPEAKING if self.stage is Stage.HELD else self.stage
            return []
        ask = self._asks.take(goes_on=bool(self.calls))
        if ask.wanted == "hidden":
            self.stage = Stage.MUTED
            return []
        self._last_id = f"resp_{next(self._responses)}"
        self.reply = Reply(self._last_id, lambda: f"item_{next(self._items)}", self.silent)
        self.stage = Stage.SPEAKING
        told: list[Event] = [ResponseStarted(self._last_id, ask.origin, ask.metadata)]
        return [*told, *self.mute()] if ask.wanted == "ended" else told

    def _left_behind(self) -> list[Event]:
        """An answer that was cut off is over, whatever is still said of it."""
        if self.stage is not Stage.CUT:
            return []
        told = self._cut_off()
        self.stage = Stage.CLOSING
        return told

    def _cut_off(self) -> list[Event]:
        return self._closed("interrupted")

    def _closed(self, status: ResponseStatus) -> list[Event]:
        reply, self.reply, self.stage = self.reply, None, Stage.QUIET
        if reply is None:
            return []
        self._memory.add(Message("assistant", reply.text))
        if status == "interrupted":
            self.cut.append(reply.item_id)
        return [*reply.close_item(), ResponseDone(reply.response_id, status, reply.usage)]

    def failed(self, what: str) -> Error:
        """Tell what the service did in place of an answer."""
        told = f"the service {what} and the session goes on: ask again"
        return Error(ProviderError(told, code="no_answer", retryable=True, provider=self._provider))
