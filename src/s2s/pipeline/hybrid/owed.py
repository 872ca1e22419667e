"""What the user, or the application, has said and nobody has answered, piece by piece."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from msgspec import Struct

from s2s.commands import AddItem, AppendAudio, AppendImage, Command, CommitAudio, CreateResponse
from s2s.events import Origin
from s2s.items import Message


class Asked(Struct, frozen=True):
    """An answer is wanted, and where it begins it is one to this."""

    origin: Origin
    command: CreateResponse = CreateResponse()
    at: int = 0
    since: float = 0.0


class Typed(Struct, frozen=True):
    """A message that was put into the conversation; its question may follow."""

    item: Message
    at: int = 0


class Shown(Struct, frozen=True):
    """A picture."""

    command: AppendImage
    at: int = 0


class Declared(Struct, frozen=True):
    """The application has declared the user's turn over, and no speech was told of that ended with it."""

    at: int = 0
    since: float = 0.0


class Spoken(Struct):
    """What the user says in one item; places are those of the audio."""

    item_id: str
    began: int
    since: float = inf
    """Since when an answer is to come, or the side to notice it that has taken over."""
    ended: int | None = None
    """None while the user speaks."""
    committed: bool = False
    words: str | None = None
    """All of it, once it was understood."""
    told: set[str] = set()
    """The types of the events that have told of it."""

    @property
    def over(self) -> bool:
        """Whether the user has said all of it."""
        return self.ended is not None or self.words is not None


Owed: TypeAlias = Asked | Typed | Shown | Declared | Spoken
Again: TypeAlias = AppendAudio | AppendImage | CommitAudio | AddItem | Asked
"""What another side is told once more: a command, or that an answer is wanted."""


def command_of(again: Again) -> Command:
    """Return what a side is asked."""
    return again.command if isinstance(again, Asked) else again
