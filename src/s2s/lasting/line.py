"""The connection of the moment, between those who write to it and the one who reads from it."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from math import inf

from s2s.errors import ConnectionLostError
from s2s.events import Event
from s2s.lasting.alarm import Alarm
from s2s.lasting.attempts import Dial
from s2s.lasting.connection import Connection, Lives, connection_over, farewell
from s2s.lasting.spare import Aside, Spare
from s2s.wire import LastingWire


class Phase(Enum):
    """Where a conversation stands."""

    OPEN = "commands pass: over the first connection from its beginning, over a later one once it is ready"
    LEAVING = "the connection is to be replaced now"
    AWAY = "there is no connection"
    OPENING = "a later connection is there and not ready"
    CLOSED = "nobody wants it any more"
    ENDED = "it cannot go on"


_OVER = (Phase.CLOSED, Phase.ENDED)


class Line:
    """What the writer and the reader of a conversation both know."""

    connection: Connection
    """The newest, from `adopt` on."""
    spare: Spare | None = None
    """Where the next one is opened beforehand."""

    def __init__(self, wire: LastingWire, lives: Lives | None = None) -> None:
        self.wire = wire
        self.clock = asyncio.get_running_loop().time
        self.phase = Phase.AWAY
        self.alarm = Alarm()
        self.active_at = 0.0
        """When the peer last said something, or was asked for something."""
        self.aside = Aside()
        self.caused: deque[Event] = deque()
        """What commands have caused, to be told before the connection is replaced."""
        self._lives = lives
        self._held: Connection | None = None
        """The one that is not closed."""
        self._changed = asyncio.Event()

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
        spare_due = inf if self.spare is None else self.spare.due
        connection = self.connection
        ends_at = min(connection.leave_by, connection.due_at) if connection.ready else inf
        return min(ends_at, spare_due, self.settles_at)

    def enter(self, phase: Phase) -> None:
        """Go on to another phase; what is over stays over."""
        if self.phase not in _OVER or phase is Phase.ENDED:
            self.phase = phase
            self._changed.set()
            self._changed = asyncio.Event()

    async def begin(self, dial: Dial) -> Connection:
        """Open a connection and say what it begins with. Raises S2SError."""
        transport = await dial()
        try:
            connection = connection_over(transport, self._lives, self.clock())
            for each in self.wire.open():
                await connection.transport.send(each.data)
        except BaseException:
            await transport.close()
            raise
        return connection

    def adopt(self, connection: Connection, phase: Phase, ready_by: float = inf) -> None:
        """Go on over this connection."""
        connection.ready_by = ready_by
        self._held = self.connection = connection
        self.active_at = self.clock()
        self.enter(phase)

    async def disconnect(self) -> None:
        """Close the connection, if there is one."""
        held, self._held = self._held, None
        if held is not None:
            await farewell(held)

    def part(self) -> None:
        """Note what a connection ends with that is given up, where it still takes it."""
        if self.phase in (Phase.OPEN, Phase.LEAVING) and self.connection.ready:
            self.connection.goodbye = self.wire.leave()

    def retire(self) -> None:
        """Close the connection, if there is one, while others go on."""
        held, self._held = self._held, None
        if held is not None:
            self.aside.begin(farewell(held), "farewell")

    async def close(self) -> None:
        """Close all connections."""
        if self.spare is not None:
            self.spare.drop()
        await self.disconnect()
        await self.aside.end()

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

    async def reply(self) -> None:
        """Write what the wire owes the peer; where its connection is gone, nobody waits for that any more."""
        self._require_more()
        connection = self.connection
        owed = connection.replies
        try:
            while owed and self.phase in (Phase.OPEN, Phase.LEAVING):
                await connection.transport.send(owed[0])
                owed.popleft()
        except ConnectionLostError:
            owed.clear()

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
        if self.clock() >= self.connection.leave_by:
            return True
        return self.wire.idle and not (self.spare is not None and self.spare.awaited)

    def _require_more(self) -> None:
        if self.phase in _OVER:
            raise ConnectionLostError("the conversation with the engine is over: start another session")
