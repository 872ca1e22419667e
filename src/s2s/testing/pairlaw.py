"""The law of every dialect: whatever one end says, the other end hears. Needs hypothesis.

@given(command=commands())
def test_every_command_arrives(command):
    assert Pair(MyClient(), MyServer()).say(command) == [command]
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import reject
from hypothesis import strategies as st

from s2s.commands import Command
from s2s.errors import S2SError
from s2s.events import Error, Event
from s2s.items import JSON
from s2s.wire import ClientWire, Close, LastingWire, Reopen, Send, ServerWire


class Pair:
    """Both wires of one dialect with nothing in between; replies travel until both ends are quiet."""

    def __init__(self, client: ClientWire | LastingWire, server: ServerWire) -> None:
        self.closed: Close | None = None
        """How the server ended the connection, if it did."""
        self.reopens: Reopen | None = None
        """Why the client wants another connection, if it does."""
        self._client = client
        self._server = server

    def say(self, command: Command) -> list[Command]:
        """Have the client send this and return what the server heard."""
        return self._carry(self._client.send(command), [])[0]

    def tell(self, event: Event) -> list[Event]:
        """Have the server send this and return what the client heard."""
        return self._carry([], self._server.send(event))[1]

    def _carry(
        self, ours: Sequence[Send | Event | Reopen], theirs: Sequence[Send | Command | Close]
    ) -> tuple[list[Command], list[Event]]:
        commands: list[Command] = []
        events: list[Event] = []
        while ours or theirs:
            self.closed = next((each for each in theirs if isinstance(each, Close)), self.closed)
            self.reopens = next((each for each in ours if isinstance(each, Reopen)), self.reopens)
            commands += [each for each in theirs if not isinstance(each, Send | Close)]
            events += [each for each in ours if not isinstance(each, Send | Reopen)]
            up = [each.data for each in ours if isinstance(each, Send)]
            down = [each.data for each in theirs if isinstance(each, Send)]
            theirs = [made for each in up for made in self._server.receive(each)]
            ours = [made for each in down for made in self._client.receive(each)]
        return commands, events


def alike(event: Event) -> object:
    """Return an event in a form that compares by value; errors compare by identity."""
    return (type(event.error), str(event.error), event.fatal) if isinstance(event, Error) else event


def commands() -> st.SearchStrategy[Command]:
    """Make any command there is."""
    return st.one_of([_any(each) for each in get_args(Command)])


def events() -> st.SearchStrategy[Event]:
    """Make any event there is."""
    return st.one_of([_any(each) for each in get_args(Event)])


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NUMBERS = st.integers(0, 2**53) | st.floats(0, 1e9)
_SCALARS: st.SearchStrategy[JSON] = st.none() | st.booleans() | _NUMBERS | _TEXT
_JSON = st.recursive(
    _SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(_TEXT, each, max_size=3), max_leaves=5
)
_PLAIN: dict[object, st.SearchStrategy[Any]] = {
    Any: _JSON,
    str: _TEXT,
    bytes: st.binary(max_size=20),
    bool: st.booleans(),
    int: st.integers(0, 2**53),
    float: st.floats(0, 1e9),
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
    S2SError: st.builds(S2SError, _TEXT),
}


def _any(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  a type, of any form
    arguments = get_args(hint)
    match get_origin(hint):
        case typing.Literal:
            return st.sampled_from(arguments)
        case typing.Union | types.UnionType:
            return st.one_of([_any(each) for each in arguments])
        case origin if origin is tuple:
            return st.lists(_any(arguments[0]), max_size=3).map(tuple)
        case origin if origin is dict:
            return st.dictionaries(_any(arguments[0]), _any(arguments[1]), max_size=3)
        case _:
            return _PLAIN[hint] if hint in _PLAIN else _struct(hint)


def _struct(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    hints = get_type_hints(kind)
    fields = {name: _any(hints[name]) for name in kind.__struct_fields__}

    @st.composite
    def made(draw: st.DrawFn) -> msgspec.Struct:
        try:
            return kind(**draw(st.fixed_dictionaries(fields)))
        except ValueError:  # not every combination of fields is valid
            return reject()

    return made()
