"""How providers spell a conversation: pure, so that a call returns what it causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from s2s.commands import Command
from s2s.events import Event


class Send(msgspec.Struct, frozen=True, gc=False):
    """One whole message for the peer."""

    data: bytes


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


class ServerWire(Protocol):
    """The provider's side of one connection; what a call returns is in the order in which it happens."""

    def send(self, event: Event) -> Sequence[Send | Command]:
        """Spell an event."""
        ...

    def receive(self, message: bytes) -> Sequence[Send | Command]:
        """Read one message. Raises RemoteProtocolError for what cannot be answered in the dialect."""
        ...
