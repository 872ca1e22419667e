from s2s.commands import Command, CommitAudio
from s2s.errors import S2SError
from s2s.events import Error, Event, GoingAway
from s2s.testing.pairlaw import Pair, alike
from s2s.wire import Send


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


def test_errors_are_alike_by_what_they_say() -> None:
    assert alike(Error(S2SError("no"))) == alike(Error(S2SError("no")))
    assert alike(Error(S2SError("no"))) != alike(Error(S2SError("no"), fatal=True))
    assert alike(GoingAway(1.0)) == GoingAway(1.0)
