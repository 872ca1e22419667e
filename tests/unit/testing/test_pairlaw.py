from typing import get_args

from hypothesis import find

from s2s.commands import AppendAudio, Command, CommitAudio
from s2s.events import Event, GoingAway, Transcript
from s2s.links import Send
from s2s.testing.pairlaw import Pair, alike, commands, events


class Polite:
    """A wire that says thank you for every message, in its own way on either side."""

    def send(self, said: object) -> list[Send | Event]:
        return [Send(b"said")]

    def receive(self, message: bytes) -> list[Send | Event]:
        return [GoingAway(1.0), *([Send(b"thanks")] if message == b"said" else [])]

    def lost(self) -> list[Event]:
        return []


class Listening:
    """The other side of it."""

    def send(self, event: Event) -> list[Send | Command]:
        return [Send(b"said")]

    def receive(self, message: bytes) -> list[Send | Command]:
        return [CommitAudio(), *([Send(b"thanks")] if message == b"said" else [])]


def test_replies_travel_until_both_ends_are_quiet() -> None:
    assert Pair(Polite(), Listening()).say(CommitAudio()) == [CommitAudio()]
    assert Pair(Polite(), Listening()).tell(GoingAway(2.0)) == [GoingAway(1.0)]


def test_every_kind_of_command_and_event_is_made() -> None:
    for kind in get_args(Command):
        assert isinstance(find(commands(), lambda each, kind=kind: isinstance(each, kind)), kind)
    for kind in get_args(Event):
        assert isinstance(find(events(), lambda each, kind=kind: isinstance(each, kind)), kind)


def test_the_simplest_of_each_is_simple() -> None:
    assert find(commands(), lambda each: isinstance(each, AppendAudio)) == AppendAudio(b"")
    assert alike(find(events(), lambda each: isinstance(each, Transcript))) == Transcript("", "")
