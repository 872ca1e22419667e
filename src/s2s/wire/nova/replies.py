"""The service's answers, which it gives in blocks and without names, as responses.

Source: AWS documentation, "Handling output events" of Nova 2 Sonic (2026-11): SPECULATIVE text is what will
be said, FINAL text what was, and the end of the audio says END_TURN. Users report that FINAL text may come
after that, and that an interruption is told in more than one way.
"""

from __future__ import annotations

import itertools
from collections import deque
from enum import Enum

from msgspec import Struct

from s2s.errors import ProviderError
from s2s.events import (
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    ToolCall,
    Usage,
    UsageUpdate,
)
from s2s.wire.nova.asks import Asks
from s2s.wire.nova.calls import Calls, OpenCall
from s2s.wire.nova.memory import Memory
from s2s.wire.nova.reply import STATUSES, End, Reply
from s2s.wire.nova.speech import Speech


class Kind(Enum):
    """What a block of the service is."""

    HEARD = "what the user said"
    PLANNED = "what is going to be said"
    SPOKEN = "audio"
    SAID = "what was said"
    CALLED = "a call of a tool"
    OTHER = "something newer"


class Block(Struct, eq=False):
    """A block of the service, and the response that it is part of."""

    kind: Kind
    rate: int = 24_000
    """Of its audio."""
    reply: Reply | None = None
    texts: int = 0
    """How many have come of it."""


class Stage(Enum):
    """Where the service is in an answer."""

    QUIET = "nothing is under way"
    SPEAKING = "it answers"
    GENERATED = "it has answered, and has not said yet that all of it was said"
    CALLED = "it has called tools, and may call more"
    CUT = "it was interrupted, and that is still being told"
    MUTED = "it goes on with what nobody wants to hear"


_PATIENCE_S = {Stage.SPEAKING: 20.0, Stage.CALLED: 0.1, Stage.CUT: 2.0, Stage.MUTED: 20.0}
_SAID_S, _WORDLESS_S, _ANSWER_S = 2.0, 5.0, 30.0
_HELD_S = 5.0
"""How long a question in writing waits for the answer to a spoken one."""
_ASSISTANT = (Kind.PLANNED, Kind.SPOKEN, Kind.CALLED)


class Replies:
    """The one response that may be open; every call returns what it causes, in order."""

    def __init__(self, asks: Asks, calls: Calls, speech: Speech, memory: Memory, provider: str) -> None:
        self.stage = Stage.QUIET
        self.reply: Reply | None = None
        self.written = False
        """Words stand for the audio, which nobody wants."""
        self._asks = asks
        self._calls = calls
        self._speech = speech
        self._memory = memory
        self._provider = provider
        self._numbers = itertools.count(1)
        self._newest: deque[Reply] = deque(maxlen=2)
        """Those of this stream of which something may still be told, unheard ones too."""

    def begin(self, block: Block) -> list[Event]:
        """A block begins: whatever can have no such part is over."""
        kind, told = block.kind, list[Event]()
        match self.stage:
            case Stage.CUT:
                told = self.close(End.CUT)
            case Stage.GENERATED if kind is not Kind.SAID:
                told = self.close(End.COMPLETED)
            case Stage.CALLED if kind is not Kind.CALLED:
                told = self.close(End.COMPLETED)
            case Stage.MUTED if kind is Kind.HEARD:
                self.stage = Stage.QUIET
            case _:
                pass
        if kind in _ASSISTANT:
            told += self._begun()
            block.reply = self._newest[-1]
        return told

    def speak(self, block: Block, pcm: bytes) -> list[Event]:
        """The service speaks."""
        told, reply = self._resumed(block), block.reply
        if reply is None or not self._is_open(reply):
            return told
        spoken = reply.audio(pcm, block.rate)
        return [*told, *spoken] if told else spoken

    def plan(self, block: Block, text: str) -> list[Event]:
        """The service says what it is going to say."""
        told, reply = self._resumed(block), block.reply
        if reply is None:
            return told
        text = reply.plan(text, goes_on=block.texts > 0)
        block.texts += 1
        return [*told, *reply.say(text)] if self._is_open(reply) else told

    def said(self, block: Block, text: str) -> list[Event]:
        """The service tells what was said; that is new only where it has not said so before."""
        told, reply = list[Event](), block.reply or self._teller(text)
        if reply is None:
            told = self._begun()
            reply = self._newest[-1]
        block.reply = reply
        reply.said.append(text)
        if reply.sentences or not self._is_open(reply):
            return told
        return [*told, *reply.say(reply.apart(text))]

    def call(self, made: OpenCall) -> list[Event]:
        """The service calls a tool."""
        if self.reply is None:
            return []
        if self.stage is not Stage.CUT:
            self.stage = Stage.CALLED
        self._memory.add(made.note)
        return [ToolCall(made.call, self.reply.response_id)]

    def end(self, block: Block, reason: str) -> list[Event]:
        """A block ends, for this reason."""
        reply = block.reply
        match block.kind, reason:
            case ((Kind.HEARD | Kind.OTHER), _):
                return []
            case _, "INTERRUPTED" if reply is None or reply in [*self._newest][-1:]:
                told = self.interrupt()
                return [*told, *self.close(End.CUT)] if self.stage is Stage.CUT else told
            case Kind.SPOKEN, "END_TURN" if self.stage is Stage.MUTED:
                self.stage = Stage.QUIET
            case Kind.SPOKEN, "END_TURN" if self._is_open(reply) and reply is not None:
                self.stage = Stage.GENERATED
                return [ResponseGenerated(reply.response_id), *self._completed()]
            case Kind.SAID, _ if reply is not None:
                reply.finals += 1
                return self._completed()
            case _:
                pass
        return []

    def interrupt(self) -> list[Event]:
        """The user has cut off what is heard, which may have been told to its end already."""
        match self.stage:
            case Stage.SPEAKING | Stage.GENERATED | Stage.CALLED:
                self.stage = Stage.CUT
            case Stage.QUIET if self._newest and self._newest[-1].end is End.COMPLETED:
                self._newest[-1].end = End.CUT
            case Stage.MUTED:
                self.stage = Stage.QUIET
                return []
            case _:
                return []
        cut = self._newest[-1]
        item_id = cut.item_id if cut.began else ""
        return [Interrupted(cut.response_id, item_id, 0.0, "user_speech", "server_confirmed")]

    def finish(self) -> list[Event]:
        """The service has nothing more to call."""
        return self.close(End.COMPLETED) if self.stage is Stage.CALLED else []

    def mute(self) -> list[Event]:
        """End the response here, though the service may go on with it."""
        after = Stage.MUTED if self.stage in (Stage.SPEAKING, Stage.MUTED) else Stage.QUIET
        told = self.close(End.CUT)
        self.stage = after
        return told

    def part(self, end: End) -> list[Event]:
        """The stream is over: end whatever is open, in this way unless it was over but for some words."""
        match self.stage:
            case Stage.GENERATED | Stage.CALLED if end is End.LOST:
                end = End.COMPLETED
            case Stage.CUT:
                end = End.CUT
            case _:
                pass
        told = self.close(end)
        self._newest.clear()
        return told

    def spent(self, usage: Usage | None) -> list[Event]:
        """Count what something cost: as part of the open response, if there is one."""
        if usage is None:
            return []
        if self.reply is None:
            return [UsageUpdate(usage)]
        self.reply.usage = usage if self.reply.usage is None else self.reply.usage + usage
        return []

    @property
    def patience_s(self) -> float | None:
        """How long the service may be silent now."""
        match self.stage, self.reply:
            case Stage.QUIET, _:
                if self._speech.words and self._asks.due:
                    return _HELD_S
                return _ANSWER_S if self._asks.expected or self._speech.words else None
            case Stage.GENERATED, Reply(sentences=sentences, spoken_ms=spoken_ms):
                waits_s = spoken_ms / 1000 + _SAID_S
                return waits_s if sentences else min(waits_s, _WORDLESS_S)
            case stage, _:
                return _PATIENCE_S[stage]

    def settle(self) -> list[Event]:
        """Go on without what the service owes."""
        match self.stage:
            case Stage.CUT:
                return self.close(End.CUT)
            case Stage.GENERATED | Stage.CALLED:
                return self.close(End.COMPLETED)
            case Stage.SPEAKING if self.reply is not None and self.reply.complete:
                return self.close(End.COMPLETED)
            case Stage.SPEAKING:
                return [no_answer("fell silent amid an answer", self._provider), *self.close(End.FAILED)]
            case Stage.MUTED:
                self.stage = Stage.QUIET
                return []
            case Stage.QUIET:
                missed = [no_answer("has not answered", self._provider)] if self._asks.drop() else []
                return [*self._speech.over(), *missed]

    def close(self, end: End) -> list[Event]:
        """End the response, if one is open."""
        reply, self.reply, self.stage = self.reply, None, Stage.QUIET
        if reply is None:
            return []
        reply.end = end
        return [*reply.close_item(), ResponseDone(reply.response_id, STATUSES[end], reply.usage)]

    def _begun(self) -> list[Event]:
        """Have a response open, or an answer muted that nobody wants to hear."""
        goes_on = len(self._calls) and not self._speech.words
        told = self._speech.over()
        if self.stage is not Stage.QUIET:
            return told
        ask = self._asks.take("continuation" if goes_on else "user_turn")
        if ask.wanted == "hidden":
            self._newest.append(Reply(0, end=End.CUT))
            self.stage = Stage.MUTED
            return told
        reply = Reply(next(self._numbers), self.written)
        self._newest.append(reply)
        self._memory.add(reply)
        self.reply, self.stage = reply, Stage.SPEAKING
        told.append(ResponseStarted(reply.response_id, ask.origin, ask.metadata))
        return [*told, *self.mute()] if ask.wanted == "ended" else told

    def _resumed(self, block: Block) -> list[Event]:
        """Return what begins where a block goes on after its response was taken for complete."""
        goes_on = block.reply is not None and block.reply.end is End.COMPLETED
        return self.begin(block) if goes_on else []

    def _is_open(self, reply: Reply | None) -> bool:
        return reply is self.reply is not None and self.stage is not Stage.CUT

    def _teller(self, text: str) -> Reply | None:
        """Return the response of which it is told that this was said; None where another one begins."""
        for reply in reversed(self._newest):
            if any(each.text == text for each in reply.sentences):
                return reply
        newest = self._newest[-1] if self._newest else None
        due = self.stage is Stage.QUIET and (self._asks.expected or bool(self._speech.words))
        return None if newest is None or (due and not newest.misses) else newest

    def _completed(self) -> list[Event]:
        whole = self.stage is Stage.GENERATED and self.reply is not None and self.reply.complete
        return self.close(End.COMPLETED) if whole else []


def no_answer(what: str, provider: str) -> Error:
    """Tell what the service did in place of an answer."""
    told = f"the service {what} and the session goes on: ask again"
    return Error(ProviderError(told, code="no_answer", retryable=True, provider=provider))
