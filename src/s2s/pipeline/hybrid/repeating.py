"""How another side hears of what nobody has answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from s2s.commands import AddItem, AppendAudio, CommitAudio
from s2s.items import Message
from s2s.pipeline.hybrid.owed import Again, Asked, Declared, Owed, Shown, Spoken, Typed
from s2s.pipeline.hybrid.sound import Sound

_SLICE_MS: Final = 500.0


class Repeated(Struct, frozen=True):
    """What another side is told once more, after a conversation without the items that come `apart`."""

    again: tuple[Again, ...] = ()
    apart: frozenset[str] = frozenset()
    heard_from: int = 0
    """The place of the first audio that it hears."""


class Repeating:
    """Puts what is owed in order: words that are known as words, all else as the audio from a place on."""

    def __init__(self, sound: Sound, begin: int, aloud: Iterable[str], *, answers_speech: bool) -> None:
        self._sound = sound
        self._begin = self._at = begin
        self._aloud = frozenset(aloud)
        self._answers_speech = answers_speech
        self._again: list[Again] = []
        self._apart: set[str] = set()

    def all(self, owed: Iterable[Owed]) -> Repeated:
        """Return all of it, and the audio after it."""
        for each in owed:
            self._one(each)
        self._hear(self._sound.end)
        return Repeated(tuple(self._again), self._aloud | self._apart, self._begin)

    def _one(self, owed: Owed) -> None:
        match owed:
            case Typed(item=item, at=place):
                self._hear(place)
                self._add(item)
            case Shown(command=command, at=place):
                self._hear(place)
                self._again.append(command)
            case Asked(at=place):
                self._hear(place)
                self._again.append(owed)
            case Declared(at=place):
                self._hear(place)
                self._again.append(CommitAudio())
            case Spoken(item_id=item_id, words=str(words)) if item_id not in self._aloud:
                self._add(Message("user", words, item_id))
                if self._answers_speech:
                    self._again.append(Asked("user_turn"))
            case Spoken(ended=int(place), committed=True):
                self._hear(place)
                self._again.append(CommitAudio())
            case Spoken():
                pass

    def _add(self, item: Message) -> None:
        """Have it said in its place, unless nothing comes before it: then it is part of the conversation."""
        if self._again:
            self._again.append(AddItem(item))
            self._apart.add(item.item_id)

    def _hear(self, until: int) -> None:
        self._again += self._sliced(self._at, until)
        self._at = max(self._at, until)

    def _sliced(self, begin: int, end: int) -> Iterator[AppendAudio]:
        step = self._sound.bytes_of(_SLICE_MS)
        for start in range(begin, end, step):
            yield AppendAudio(self._sound.between(start, min(end, start + step)))
