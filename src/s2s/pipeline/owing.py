"""What an engine still owes the user, as far as frames and events tell."""

from __future__ import annotations

from collections import deque
from enum import Enum

from s2s.config import TurnDetection
from s2s.errors import LocalProtocolError, ProviderError
from s2s.events import (
    AudioOutput,
    Cause,
    Error,
    Event,
    Interrupted,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
)

_REMEMBERED = 64


class Expected(Enum):
    """What may still come, though the user says nothing more."""

    NOTHING = "all was answered"
    PERHAPS = "something was said that the engine may not have noticed yet"
    ANSWER = "an answer is being given, or is sure to be"


class Owed:
    """Hears what a session is sent and what it tells.

    What was asked is sure to be answered as long as no response has begun since. An engine may answer
    several asks at once, so of those before a response the others are answered perhaps.
    """

    def __init__(self, turns: TurnDetection) -> None:
        self.turns = turns
        """How the user's turns are found; it may change during a session."""
        self.spoken_s = 0.0
        """How long the answer sounds that is being given: some engines end it when it was played."""
        self._audio_s = 0.0
        self._speaking: set[str] = set()
        self._known: deque[str] = deque(maxlen=_REMEMBERED)
        self._asked = 0
        self._sure = 0
        self._open: set[str] = set()
        self._calls: dict[str, ToolCall] = {}
        self._in_turn = False
        self._to_be_told = 0
        """Interruptions that the engine has still to tell of, though what they silenced is known."""

    @property
    def expected(self) -> Expected:
        """What may still come, if no more is sent.

        An open call that the application was to answer is answered by nobody then, and nothing follows.
        """
        works = self._in_turn and all(each.runs_here for each in self._calls.values())
        if self._open or self._speaking or self._sure or works:
            return Expected.ANSWER
        return Expected.PERHAPS if self._asked or self._audio_s else Expected.NOTHING

    @property
    def hears(self) -> bool:
        """Whether there was audio since the last turn ended, or speech is open."""
        return bool(self._audio_s or self._speaking)

    def heard(self, seconds: float) -> None:
        """The engine was sent audio."""
        self._audio_s += seconds

    def cleared(self) -> None:
        """The engine was told to forget what it has heard."""
        self._audio_s = 0.0
        self._speaking.clear()

    def asked(self) -> None:
        """The engine was asked to answer."""
        self._asked += 1
        self._sure += 1

    def answered(self, call_id: str) -> None:
        """The engine was told what a tool returned."""
        self._calls.pop(call_id, None)

    def silenced(self, *, to_be_told: bool = False) -> None:
        """What was asked for is not wanted any more; more may be asked before the engine tells so."""
        self._asked = self._sure = 0
        self._to_be_told += to_be_told

    def told(self, event: Event) -> None:
        """The engine told this."""
        match event:
            case AudioOutput(audio=audio, sample_rate=sample_rate):
                self.spoken_s += len(audio) / 2 / sample_rate
            case SpeechStarted(item_id=item_id):
                self._known.append(item_id)
                self._speaking.add(item_id)
            case SpeechStopped(item_id=item_id):
                self._speaking.discard(item_id)
                self._taken(item_id)
            case Transcript(item_id=item_id, text=text) if text and item_id not in self._known:
                self._taken(item_id)
            case Transcript(text="", final=True) if not self._speaking:
                self.silenced()  # nothing was understood
            case ResponseStarted():
                self._begun(event)
            case ResponseDone(response_id=response_id):
                self._open.discard(response_id)
            case ToolCall(call=call):
                self._calls[call.id] = event
            case ToolCallCancelled(call_ids=call_ids):
                for call_id in call_ids:
                    self.answered(call_id)
            case TurnEnd():
                self._in_turn, self._audio_s = False, 0.0
                self._calls.clear()
            case Interrupted(cause=cause):
                self._interrupted(cause)
            case Reconnected(restored="lost"):
                self.silenced()
                self.cleared()
            case Error(error=LocalProtocolError() | ProviderError()):
                self._sure = 0  # it may be the ask that was refused
            case _:
                pass

    def _interrupted(self, cause: Cause) -> None:
        if cause == "application" and self._to_be_told:
            self._to_be_told -= 1
        else:
            self.silenced()

    def _taken(self, item_id: str) -> None:
        """The engine has taken a turn of the user.

        It is answered together with what was asked beside it, such as by a commit. In the middle of a
        turn of the agent it may be what that one answers.
        """
        self._known.append(item_id)
        if self.turns.create_response and not self._sure:
            self._asked += 1
            self._sure = 0 if self._in_turn else 1

    def _begun(self, event: ResponseStarted) -> None:
        self.spoken_s = 0.0
        self._open.add(event.response_id)
        if event.origin != "continuation":
            self._asked, self._sure = max(0, self._asked - 1), 0
        if event.origin != "out_of_band":
            self._in_turn = True


class Utterance(Enum):
    """How far the user's audio has got that somebody upstream is to commit."""

    UNHEARD = "no audio has come"
    HEARD = "audio has come"
    BEGUN = "somebody upstream said that the user speaks"
    DONE = "all was committed, and more audio is the next one"
    OVER = "all was committed, and somebody upstream will say when the next one begins"

    @property
    def uncommitted(self) -> bool:
        """Whether the user has spoken, as far as is known, and nobody has said that this is all."""
        return self in (Utterance.HEARD, Utterance.BEGUN)

    def heard(self) -> Utterance:
        """Return what it is after audio."""
        return Utterance.HEARD if self in (Utterance.UNHEARD, Utterance.DONE) else self

    def ended(self) -> Utterance:
        """Return what it is after it was committed, or was to be forgotten."""
        match self:
            case Utterance.HEARD:
                return Utterance.DONE
            case Utterance.BEGUN:
                return Utterance.OVER
            case _:
                return self
