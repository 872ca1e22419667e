"""What both directions of our side know: of the conversation, and of the stream that carries it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import Enum

from s2s.events import Event, Reconnected, SessionStarted
from s2s.items import Message, ToolResult
from s2s.wire import Send
from s2s.wire.nova import blocks
from s2s.wire.nova.asks import Ask, Asks
from s2s.wire.nova.calls import Calls, OpenCall
from s2s.wire.nova.memory import Memory
from s2s.wire.nova.opening import Opening, settings_of
from s2s.wire.nova.replies import Replies, no_answer
from s2s.wire.nova.reply import End
from s2s.wire.nova.speech import Speech
from s2s.wire.nova.uplink import Uplink
from s2s.wire.nova.wording import document, history

_NO_RESULT = "The call was interrupted before it had a result."


class Phase(Enum):
    """How far a stream is."""

    WAITING = "it is not accepted"
    READY = "it talks"
    GIVEN_UP = "nothing is said to it any more, and what it says does not count"


class Stream:
    """One conversation, over one stream at a time."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.settings = settings_of(opening.config)
        self.phase = Phase.WAITING
        self.memory = Memory(opening.config.history)
        self.asks = Asks()
        self.calls = Calls()
        self.speech = Speech(self.memory, told=self.settings.transcription)
        self.replies = Replies(self.asks, self.calls, self.speech, self.memory, opening.provider)
        self.uplink = Uplink(opening.input_rate)
        self.held: list[Message] = []
        """What goes out with what is asked next."""
        self._ending: Sequence[Send] = ()
        self._numbers = itertools.count(1)
        self._started: SessionStarted | None = None

    def accepted(self, request_id: str) -> list[Send | Event]:
        """A stream begins that knows what `open` has told: tell it the rest."""
        opening, first = self.opening, self._started is None
        self.phase = Phase.READY
        self._ending = blocks.ending(blocks.AUDIO)
        self.replies.written = self.settings.written
        said = self.memory.messages
        context = said if first or opening.config.reconnect.replay else []
        turns = history(context, opening.generation)
        told: list[Send | Event] = [
            *(send for role, text in turns for send in self._block(role, text)),
            blocks.audio(opening.input_rate),
            *self.uplink.again(),
            *self.due(),
        ]
        if self.uplink.cut_short():
            told.append(no_answer("may not have heard the beginning of what was said", opening.provider))
        if self._started is not None:
            return [Reconnected("replayed" if context else "lost" if said else "full"), *told]
        self._started = SessionStarted(
            request_id or opening.session_id,
            opening.provider,
            opening.model,
            opening.capabilities,
            opening.capabilities.max_session_s,
        )
        return [self._started, *told]

    def due(self) -> list[Send]:
        """Ask what waits to be asked, once nothing is under way, nor what the user spoke to be answered."""
        answers = self.replies.reply is not None or self.speech.words
        if self.phase is not Phase.READY or answers or not self.asks.due:
            return []
        ask = self.asks.next()
        for each in ask.said:
            self.memory.add(each)
        return blocks.text(self.new_name(), "USER", ask.words, interactive=True)

    def taken(self) -> list[Message]:
        """Return what was held back, now that it is going to be said."""
        held, self.held = self.held, []
        return held

    def hears(self, made: OpenCall) -> bool:
        """Tell whether the stream of the moment waits for the result of a call."""
        return self.phase is Phase.READY and bool(made.tool_use_id)

    def refuse(self, made: OpenCall) -> list[Send]:
        """Answer a call that nobody wants."""
        self.calls.take(made.call.id)
        if not self.hears(made):
            return []
        refused = ToolResult(made.call.id, _NO_RESULT, is_error=True)
        return blocks.result(self.new_name(), made.tool_use_id, document(refused))

    def leave(self) -> Sequence[Send]:
        """Give the stream up, and return how it is ended in order."""
        ending, self._ending = self._ending, ()
        self.give_up()
        return ending

    def give_up(self) -> None:
        """Say nothing more to a stream that is going to be replaced."""
        self.phase = Phase.GIVEN_UP if self.phase is Phase.READY else self.phase

    def ask(self, ask: Ask) -> None:
        """Have something asked in writing, where that can be done; else it is only remembered."""
        if self.opening.generation > 1:
            self.asks.write(ask)
            return
        for each in ask.said:
            self.memory.add(each)

    def parted(self) -> list[Event]:
        """The stream is over: whatever was asked of it is asked of another one."""
        told, words = self.speech.take()
        told += self.replies.part(End.LOST)
        if self.opening.generation > 1:
            self.memory.forget(self.asks.again(words))
        elif self.asks.drop() or words is not None:
            told.append(no_answer("has lost what the user said", self.opening.provider))
        self.calls.parted()
        self.phase, self._ending = Phase.WAITING, ()
        return told

    def new_name(self) -> str:
        """Return a name that no block has had, of any stream."""
        return f"block_{next(self._numbers)}"

    def _block(self, role: str, text: str) -> list[Send]:
        return blocks.text(self.new_name(), role, text, interactive=False)
