"""How providers spell a conversation: pure, so that a call returns what it causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from s2s.commands import Command
from s2s.errors import S2SError
from s2s.events import Event


class Send(msgspec.Struct, frozen=True, gc=False):
    """One whole message for the peer."""

    data: bytes


class Close(msgspec.Struct, frozen=True, gc=False):
    """The connection ends here; what was made before it is still sent."""

    code: int
    reason: str = ""


class Reopen(msgspec.Struct, frozen=True, gc=False):
    """What was asked holds for another connection only: this one is to be replaced."""

    cause: str


class BinaryMessage(bytes):
    """A message that came as binary, which dialects of text may refuse."""


class ClientWire(Protocol):
    """Our side of one connection; what a call returns is in the order in which it happens."""

    def send(self, command: Command) -> Sequence[Send | Event]:
        """Spell a command."""
        ...

    def receive(self, message: bytes) -> Sequence[Send | Event]:
        """Read one message. Raises RemoteProtocolError for what the dialect does not allow."""
        ...

    def lost(self) -> Sequence[Event]:
        """Close whatever was open: the connection has ended."""
        ...


class DirectWire(ClientWire, Protocol):
    """One of a dialect in which audio is a message and causes nothing."""

    def append(self, audio: bytes, /) -> bytes:
        """Spell the PCM16 of an AppendAudio."""
        ...


class LastingWire(Protocol):
    """Our side of a conversation that outlives connections, one after the other.

    Each begins with what `open` returns and is ready when `receive` has told SessionStarted, or Reconnected
    on every later one.
    """

    @property
    def patience_s(self) -> float | None:
        """How long the peer may now say nothing before `settle` is due; None for as long as it likes."""
        ...

    @property
    def idle(self) -> bool:
        """Whether the connection can be replaced now and nothing is lost."""
        ...

    def open(self) -> Sequence[Send]:
        """Spell what the next connection begins with.

        Where one is opened beforehand, this is asked for while another talks, and more than once.
        """
        ...

    def send(self, command: Command) -> Sequence[Send | Event | Reopen]:
        """Spell a command.

        What of it was not written when the connection ended is not written at all: the wire says it again
        over the next one, as far as it holds there.
        """
        ...

    def append(self, audio: bytes, /) -> bytes | None:
        """Spell the PCM16 of an AppendAudio; None where it is more than one message: `send` it then."""
        ...

    def receive(self, message: bytes) -> Sequence[Send | Event]:
        """Read one message. Raises RemoteProtocolError for what the dialect does not allow."""
        ...

    def settle(self) -> Sequence[Send | Event]:
        """Go on without what the peer owes: it has said nothing for `patience_s`."""
        ...

    def leave(self) -> Sequence[Send]:
        """Spell what a connection ends with that is ready and given up."""
        ...

    def parted(self) -> Sequence[Event]:
        """End what cannot outlive its connection, which has ended; the conversation goes on over another."""
        ...

    def survives(self, failure: S2SError | None) -> bool:
        """Tell whether the conversation can go on after this end, which is None where it came in order."""
        ...

    def explained(self, failure: S2SError) -> S2SError:
        """Return what a connection that failed means to whoever has to mend it."""
        ...

    def lost(self) -> Sequence[Event]:
        """Close whatever was open: there will be no other connection."""
        ...


class ServerWire(Protocol):
    """The provider's side of one connection; what a call returns is in the order in which it happens."""

    def send(self, event: Event) -> Sequence[Send | Command | Close]:
        """Spell an event."""
        ...

    def receive(self, message: bytes) -> Sequence[Send | Command | Close]:
        """Read one message. Raises RemoteProtocolError for what cannot be answered in the dialect."""
        ...
