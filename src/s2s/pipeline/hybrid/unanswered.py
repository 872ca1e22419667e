"""All that nobody has answered yet, in order, for the side that will have to."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final, Literal

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
)
from s2s.events import Origin
from s2s.items import Message
from s2s.pipeline.hybrid.owed import Asked, Declared, Owed, Shown, Spoken, Typed
from s2s.pipeline.hybrid.owing import Owing
from s2s.pipeline.hybrid.repeating import Repeated, Repeating
from s2s.pipeline.hybrid.sound import Sound

_MOST_S: Final = 30.0
_LEAD_MS: Final = 400.0
"""What is heard again from before the user was noticed to speak."""
_QUIET_MS: Final = 1000.0
"""What is heard again where nobody was noticed to speak yet."""
_PATIENCE_S: Final = 30.0
"""What is not answered by then will not be."""
_MOST_TYPED: Final = 100
_MOST_SHOWN: Final = 4


class Unanswered:
    """Notes what is said to one side and what that answers. Places are those of all audio."""

    def __init__(self, rate: int, *, answers_speech: bool = True) -> None:
        self.sound = Sound(rate, _MOST_S)
        self.owing = Owing()
        self.answers_speech = answers_speech
        """Whether what the user says is answered without being asked for."""
        self._answering: dict[str, tuple[Sequence[Owed], int | None]] = {}
        """What responses answer that have said nothing so far, and what was settled before."""
        self._open: set[str] = set()
        """Responses to the user's voice that have not ended."""
        self._settled = 0
        """Nobody has to hear again what comes before this place."""
        self._noticed: dict[str, Literal["begun", "over"]] = {}
        """Items of the user that the side has told of."""

    @property
    def tells_speech(self) -> bool:
        """Whether the side is known to notice the user."""
        return bool(self._noticed)

    def tell(self, command: Command, now: float) -> None:
        """Note what a side is asked."""
        at, owing = self.sound.end, self.owing
        match command:
            case AppendAudio(audio=audio):
                self.sound.push(audio)
            case AddItem(item=Message() as item) if item.item_id:
                owing.put(Typed(item, at), _MOST_TYPED)
            case AppendImage():
                owing.put(Shown(command, at), _MOST_SHOWN)
            case CreateResponse(out_of_band=aside):
                owing.put(Asked("out_of_band" if aside else "application", command, at, now))
            case SendToolResult(respond=True):
                owing.put(Asked("tool_result", at=at, since=now))
            case CommitAudio():
                owing.put(Declared(at, now))
            case ClearAudio():
                self._clear_audio()
            case Cancel(response_id=None):
                owing.drop(owing.all(Asked))
            case _:
                pass

    def began(self, item_id: str, place: int) -> None:
        """The user speaks."""
        spoken = self._noted(item_id, self._within(place))
        spoken.began, spoken.ended, spoken.words = self._within(place), None, None
        spoken.since = inf
        spoken.told.add("speech_started")

    def stopped(self, item_id: str, place: int, now: float) -> None:
        """The user has said all of it."""
        if item_id in self._noticed and self.owing.spoken(item_id) is None:
            return  # it is being answered, or was
        spoken, declared = self._noted(item_id, self._settled), self.owing.all(Declared)[:1]
        spoken.ended, spoken.since = max(self._within(place), spoken.began), now
        spoken.told.add("speech_stopped")
        self._noticed[item_id] = "over"
        for each in declared:
            spoken.ended, spoken.committed = max(spoken.ended, each.at), True
        self.owing.drop(declared)

    def understood(self, item_id: str, words: str, now: float) -> None:
        """The side knows what the user has said, be it late."""
        if (item_id in self._noticed or self._open) and self.owing.spoken(item_id) is None:
            return  # it is being answered, or was
        spoken = self._noted(item_id, self._settled)
        spoken.words, spoken.since = words, now
        spoken.ended = self.sound.end if spoken.ended is None else spoken.ended
        self._settle_words()

    def begun(self, response_id: str, origin: Origin) -> None:
        """A response begins, and answers the oldest of what it can be an answer to."""
        before = self._settled
        taken = self.owing.take(origin, answers_speech=self.answers_speech)
        self._settle(taken)
        if origin == "user_turn":
            self._open.add(response_id)
            if not taken and "over" not in self._noticed.values():
                taken = self.owing.all(Spoken)  # of a side that does not tell when the user has finished
                self.owing.drop(taken)
                self._settled = self.sound.end
        self._answering[response_id] = taken, before if origin == "user_turn" else None

    def said(self, response_id: str) -> None:
        """It has said something: what it answers is answered."""
        self._answering.pop(response_id, None)

    def ended(self, response_id: str) -> None:
        """It is over: what it answers is answered, if by silence."""
        self.said(response_id)
        self._open.discard(response_id)

    def expire(self, now: float) -> None:
        """Give up what nobody will answer any more."""
        gone = self.owing.late(now - _PATIENCE_S)
        self.owing.drop(gone)
        self._settle(gone)

    def refused(self) -> None:
        """The newest question was not taken."""
        self.owing.drop(self.owing.all(Asked)[-1:])

    def part(self) -> None:
        """The side is left: what is answered by responses that have said nothing is not answered."""
        for taken, settled in reversed(self._answering.values()):
            self.owing.back(taken)
            self._settled = self._settled if settled is None else settled
        self._answering.clear()
        self._open.clear()

    def clear(self) -> None:
        """Nothing is owed, but for pictures that nobody has asked about."""
        self.owing.drop([each for each in self.owing.pieces if not isinstance(each, Shown)])
        self._settled = self.sound.end

    def repeated(self, *, quiet: bool) -> Repeated:
        """Return what another side is told once more; with `quiet` also audio in which nobody was noticed."""
        aloud = self.owing.aloud
        begin, names = self._heard_from(aloud, quiet=quiet), (each.item_id for each in aloud)
        repeating = Repeating(self.sound, begin, names, answers_speech=self.answers_speech)
        return repeating.all(self.owing.pieces)

    def moved(self, heard_from: int, now: float) -> None:
        """Another side listens now, from this place on."""
        self._settled = max(self._settled, heard_from)
        self._noticed.clear()
        for each in self.owing.all(Spoken):
            each.since = now

    def _heard_from(self, aloud: Sequence[Spoken], *, quiet: bool) -> int:
        end, first = self.sound.end, self._settled
        if aloud:
            first = max(first, aloud[0].began - self.sound.bytes_of(_LEAD_MS))
        elif not self.owing.all(Declared):
            first = first if quiet else end
            if self.tells_speech:
                first = max(first, end - self.sound.bytes_of(_QUIET_MS))
        return max(first, self.sound.begin)

    def _settle_words(self) -> None:
        """Note that audio need not be heard again whose words are known; without a word it was nothing."""
        for each in self.owing.all(Spoken):
            if each.words is None or each.ended is None:
                return
            self._settle([each])
            if not each.words.strip() or not self.answers_speech:
                self.owing.drop([each])

    def _settle(self, owed: Sequence[Owed]) -> None:
        for each in owed:
            match each:
                case Spoken(ended=int(place)) | Declared(at=place):
                    self._settled = max(self._settled, place)
                case _:
                    pass

    def _clear_audio(self) -> None:
        owing = self.owing
        owing.drop([each for each in owing.all(Spoken) if not each.over])
        if not any(isinstance(each, Spoken | Declared) for each in owing.pieces):
            self._settled = self.sound.end

    def _noted(self, item_id: str, place: int) -> Spoken:
        self._noticed.setdefault(item_id, "begun")
        spoken = self.owing.spoken(item_id)
        if spoken is None:
            spoken = Spoken(item_id, place)
            self.owing.put(spoken)
        return spoken

    def _within(self, place: int) -> int:
        """Return a place that an engine tells, or where we are if that cannot be right."""
        return place if self._settled <= place <= self.sound.end else self.sound.end
