"""The link to an engine whose conversation outlives its connections: one after the other."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from math import inf

from s2s.commands import AppendAudio, Command
from s2s.config import Reconnect
from s2s.errors import ConnectionLostError, S2SError
from s2s.events import Event
from s2s.lasting.attempts import Attempts, Dial
from s2s.lasting.connection import Connection, Lifetime, Lives
from s2s.lasting.line import Line, Phase
from s2s.lasting.reader import Reader
from s2s.lasting.spare import Spare
from s2s.links import Told
from s2s.wire import LastingWire, Reopen, Send

__all__ = ["Dial", "LastingLink", "Lifetime"]


class _Audio(Send, frozen=True, gc=False):
    """Audio that could not be written at once."""

    connection: Connection
    """For which it is spelled."""


class LastingLink:
    """A wire, and one transport after the other, each dialled once the one before it is closed.

    With `ahead` the next one is dialled beforehand where it is known that it will be needed, and the one
    before it is closed while the conversation goes on. `lives` says how long a connection may serve, where
    the service does not say so itself.

    Whoever listens replaces them, and commands wait meanwhile. What could not be written any more is not
    written over the next one, for the wire remembers it. What the wire owes its peer goes before all that it
    is asked after that, and over a later connection that is not ready it is written at once and not told.
    The peer's silence counts from its last message, or from the last command that is no audio. Without
    attempts a connection is replaced only for a command that asks for it, and once. A transport that is not
    direct may be iterated anew at any time.
    """

    def __init__(
        self,
        wire: LastingWire,
        dial: Dial,
        input_rate: int,
        *,
        reconnect: Reconnect,
        ready_s: float,
        lives: Lives | None = None,
        ahead: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.input_rate = input_rate
        self._line = line = Line(wire, lives)
        self._attempts = Attempts(dial, reconnect, ready_s, jitter)
        if ahead:
            line.spare = Spare(self._beforehand, line.look, line.aside)
        self._told: deque[Told] = deque()

    async def open(self) -> None:
        """Open the first connection. Raises S2SError as the wire explains it."""
        opened, failure = False, None
        line = self._line
        try:
            opened = await line.alarm.until(inf, self._begin())
        except S2SError as failed:
            failure = line.wire.explained(failed)
        finally:
            if not opened:
                line.enter(Phase.ENDED)
                await line.close()
        if not opened:
            raise failure or ConnectionLostError("the link was closed while it opened: open another one")

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Write what the wire makes of the command, over as many connections as it takes."""
        match command:
            case _Audio(data=message, connection=connection):
                await self._line.write(message, connection)
            case Send():
                await self._line.reply()
            case _:
                return self._in_order(await self._ask(command))
        return ()

    def append(self, audio: bytes) -> Command | Send | None:
        """Write audio at once; return what is left for the writer where that would have to wait."""
        line = self._line
        if line.phase is not Phase.OPEN or line.connection.replies:
            return AppendAudio(audio)
        connection, message = line.connection, line.wire.append(audio)
        if message is None:
            return AppendAudio(audio)
        if not connection.transport.write(message):
            return _Audio(message, connection)
        if connection.cause:
            line.look()
        return None

    async def listen(self, hear: Callable[[Told], None]) -> None:
        """Call `hear` with what iterating would yield, as it arrives; ends with what it raises."""
        reader = Reader(self._line, self._attempts, hear)
        while await reader.step():
            pass

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the wire tells, of all connections; leaving a loop loses nothing."""
        told = self._told

        def hear(each: Told) -> None:
            told.append(each)
            self._line.alarm.ring()

        reader = Reader(self._line, self._attempts, hear)
        goes_on, failure = True, None
        while goes_on:
            try:
                goes_on = await reader.step()
            except S2SError as failed:
                goes_on, failure = False, failed
            while told:
                yield told.popleft()
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Close the connection, and stop waiting for another one."""
        self._line.part()
        self._line.enter(Phase.CLOSED)
        self._line.alarm.ring()
        await self._line.close()

    async def _begin(self) -> None:
        self._line.adopt(await self._line.begin(self._attempts.dial), Phase.OPEN)

    async def _beforehand(self) -> Connection:
        async with asyncio.timeout(self._attempts.ready_s):
            return await self._line.begin(self._attempts.dial)

    def _in_order(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return what a command has caused, unless something waits to be yielded that came before it."""
        if self._told:
            self._told += events
            return ()
        return events

    async def _ask(self, command: Command) -> Sequence[Event]:
        line, written = self._line, True
        connection = await line.serving()
        while connection.replies:
            await line.reply()
            connection = await line.serving()
        events: list[Event] = []
        for each in line.wire.send(command):
            match each:
                case Send(data=message):
                    written = written and await line.write(message, connection)
                case Reopen(cause=cause):
                    await self._reopen(cause, events)
                case _:
                    events.append(each)
        if not isinstance(command, AppendAudio):
            line.active_at = line.clock()
        line.look()
        return events

    async def _reopen(self, cause: str, before: list[Event]) -> None:
        """Have the connection replaced, and wait for that where it is done now.

        What was caused before is told by whoever listens then, and not when all is done.
        """
        line, replaced = self._line, self._line.connection
        self._attempts.renew()
        if line.spare is not None:
            line.spare.drop()  # it began with what holds no more
        line.leave(cause)
        line.look()
        if line.phase is not Phase.OPEN:
            line.caused += before
            before.clear()
            await line.serving(but=replaced)
