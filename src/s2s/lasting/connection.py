"""One connection of a conversation, and until when it serves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct, field

from s2s.errors import ConnectionLostError
from s2s.transports import DirectTransport, Transport
from s2s.wire import Send

_FAIR = 64
"""Messages after which a transport that never pauses lets others run."""


@runtime_checkable
class _Direct(DirectTransport, Protocol):
    """A direct transport, known by what it has."""


class _Iterated:
    """Any other transport: whoever writes waits, and whoever reads iterates."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.send = transport.send
        self.close = transport.close

    def write(self, message: bytes) -> bool:
        """Leave it to `send`."""
        return False

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Iterate."""
        taken = 0
        async for message in self:
            take(message)
            taken += 1
            if taken % _FAIR == 0:
                await asyncio.sleep(0)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._transport)


class Lifetime(Struct, frozen=True):
    """How long the service keeps a connection up that does not say so itself, from when it was opened."""

    leave_s: float = inf
    """From then on it is told that it goes away, and left at the first moment at which that loses nothing."""
    ends_s: float = inf


Lives: TypeAlias = Callable[[Transport], Lifetime]
"""Says it of a connection that was just opened."""


class Connection(Struct, eq=False):
    """One connection and until when it serves."""

    transport: DirectTransport
    ready_by: float = inf
    ready_at: float = inf
    due_at: float = inf
    """When it is to be told that it goes away."""
    ends_at: float = inf
    leave_by: float = inf
    cause: str = ""
    """Why it is to be replaced, where it is."""
    replies: deque[bytes] = field(default_factory=deque)
    """What the wire owes the peer and nobody has written: it goes before all that is spelled after it."""
    goodbye: Sequence[Send] = ()
    """What it ends with."""

    @property
    def ready(self) -> bool:
        """Whether the engine has said so."""
        return self.ready_at < inf


def connection_over(transport: Transport, lives: Lives | None, now: float) -> Connection:
    """Return the connection that has just been opened."""
    direct = transport if isinstance(transport, _Direct) else _Iterated(transport)
    life = Lifetime() if lives is None else lives(transport)
    return Connection(direct, due_at=now + life.leave_s, ends_at=now + life.ends_s)


async def farewell(connection: Connection) -> None:
    """Say goodbye and close it."""
    try:
        with suppress(ConnectionLostError):
            for each in connection.goodbye:
                await connection.transport.send(each.data)
    finally:
        await connection.transport.close()
