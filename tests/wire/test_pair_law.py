from hypothesis import given

from s2s.commands import Command
from s2s.events import Event
from s2s.testing.pairlaw import Pair, alike, commands, events
from tests.support.dialect import JSONClient, JSONServer


@given(commands())
def test_every_command_that_the_client_says_is_what_the_server_hears(command: Command) -> None:
    assert Pair(JSONClient(), JSONServer()).say(command) == [command]


@given(events())
def test_every_event_that_the_server_tells_is_what_the_client_hears(event: Event) -> None:
    assert [alike(each) for each in Pair(JSONClient(), JSONServer()).tell(event)] == [alike(event)]
