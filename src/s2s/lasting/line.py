"""The connection of the moment, between those who write to it and the one who reads from it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from enum import Enum
from math import inf
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from s2s.errors import ConnectionLostError
from s2s.lasting.alarm import Alarm
from s2s.lasting.attempts import Dial
from s2s.transports import DirectTransport, Transport
from s2s.wire import LastingWire

_FAIR = 64
"""Messages after which a transport that never pauses lets others run."""


class Phase(Enum):
    """Where a conversation stands."""

    OPEN = "commands pass: over the first connection from its beginning, over a later one once it is ready"
    LEAVING = "the connection is to be replaced now"
    AWAY = "there is no connection"
    OPENING = "a later connection is there and not ready"
    CLOSED = "nobody wants it any more"
    ENDED = "it cannot go on"


_OVER = (Phase.CLOSED, Phase.ENDED)


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


class Connection(Struct, eq=False):
    """One connection and until when it serves."""

    transport: DirectTransport
    ready_by: float = inf
    ready_at: float = inf
    leave_by: float = inf
    cause: str = ""
    """Why it is to be replaced, where it is."""
    replies: deque[bytes] = field(default_factory=deque)
    """What the wire owes the peer before the connection is ready."""

    @property
    def ready(self) -> bool:
        """Whether the engine has said so."""
        return self.ready_at < inf


class Line:
    """What the writer and the reader of a conversation both know."""

    connection: Connection
    """The newest, from `connect` on."""

    def __init__(self, wire: LastingWire) -> None:
        self.wire = wire
        self.clock = asyncio.get_running_loop().time
        self.phase = Phase.AWAY
        self.alarm = Alarm()
        self.active_at = 0.0
        """When the peer last said something, or was asked for something."""
        self._changed = asyncio.Event()
        self._open = AsyncExitStack()

    @property
    def settles_at(self) -> float:
        """When the patience of the wire ends, if the peer says nothing until then."""
        patience_s = self.wire.patience_s
        return inf if patience_s is None else self.active_at + patience_s

    @property
    def due(self) -> float:
        """When the reader has to do something, if nothing happens until then."""
        if self.phase is Phase.OPENING:
            return self.connection.ready_by
        return min(self.connection.leave_by if self.connection.ready else inf, self.settles_at)

    def enter(self, phase: Phase) -> None:
        """Go on to another phase; what is over stays over."""
        if self.phase not in _OVER or phase is Phase.ENDED:
            self.phase = phase
            self._changed.set()
            self._changed = asyncio.Event()

    async def connect(self, dial: Dial, phase: Phase, ready_by: float = inf) -> None:
        """Open a connection and say what it begins with. Raises S2SError."""
        transport = await dial()
        self._open.push_async_callback(transport.close)
        direct = transport if isinstance(transport, _Direct) else _Iterated(transport)
        self.connection = Connection(direct, ready_by)
        self.active_at = self.clock()
        self.enter(phase)
        for each in self.wire.open():
            await direct.send(each.data)

    async def disconnect(self) -> None:
        """Close the connection, if there is one."""
        await self._open.aclose()

    async def serving(self, but: Connection | None = None) -> Connection:
        """Return the connection that takes commands, once there is one other than `but`.

        Raises ConnectionLostError where there will be none.
        """
        while self.phase not in _OVER and (self.phase is not Phase.OPEN or self.connection is but):
            await self._changed.wait()
        self._require_more()
        return self.connection

    async def write(self, message: bytes, connection: Connection) -> bool:
        """Write over this connection and no other; return False where it is gone."""
        try:
            await connection.transport.send(message)
        except ConnectionLostError:
            return False
        return True

    async def reply(self, message: bytes) -> None:
        """Write an answer to the peer; where its connection is gone, nobody waits for it any more."""
        self._require_more()
        if self.phase in (Phase.OPEN, Phase.LEAVING):
            with suppress(ConnectionLostError):
                await self.connection.transport.send(message)

    def leave(self, cause: str, by: float = inf) -> None:
        """Have the connection replaced as soon as that loses nothing, and by that time all the same."""
        connection = self.connection
        connection.cause = connection.cause or cause
        connection.leave_by = min(connection.leave_by, by)

    def look(self) -> None:
        """See to it, after something has happened, that the reader does in time what follows."""
        if self.connection.cause and self._may_leave():
            self.enter(Phase.LEAVING)
            self.alarm.ring()
        else:
            self.alarm.ring(self.due)

    def _may_leave(self) -> bool:
        if self.phase is not Phase.OPEN or not self.connection.ready:
            return False
        return self.wire.idle or self.clock() >= self.connection.leave_by

    def _require_more(self) -> None:
        if self.phase in _OVER:
            raise ConnectionLostError("the conversation with the engine is over: start another session")
