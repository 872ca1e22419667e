"""Hearing one connection after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from s2s.errors import ConnectError, S2SError
from s2s.events import GoingAway, Reconnected, Reconnecting, SessionStarted
from s2s.lasting.attempts import Attempts
from s2s.lasting.line import Line, Phase
from s2s.links import Told
from s2s.wire import Send

_MARGIN_S = 5.0
"""How long before it goes away a connection is left at the latest."""
_OF_CONNECTIONS = (SessionStarted, Reconnected, GoingAway)
_ENDED = "the engine ended the connection"
_GOES_AWAY = "the engine will end the connection soon"


class Reader:
    """Reads from a line and tells `hear`, one step after the other, each of which may be cancelled."""

    def __init__(self, line: Line, attempts: Attempts, hear: Callable[[Told], None]) -> None:
        self._line = line
        self._attempts = attempts
        self._hear = hear
        self._broken: Exception | None = None

    async def step(self) -> bool:
        """Do what comes next and return whether something comes after it.

        Raises S2SError where the conversation breaks, and what `hear` raises.
        """
        line = self._line
        try:
            match line.phase:
                case Phase.OPEN | Phase.OPENING:
                    await self._attend()
                case Phase.LEAVING:
                    self._attempts.renew(line.clock() - line.connection.ready_at)
                    line.part()
                    self._part(line.connection.cause)
                case Phase.AWAY:
                    await self._redial()
                case Phase.CLOSED:
                    await line.disconnect()
                    self._end(None)
                case Phase.ENDED:
                    pass
        except Exception:
            line.enter(Phase.ENDED)
            raise
        return line.phase is not Phase.ENDED

    async def _attend(self) -> None:
        """Listen until the connection ends or something else is to be done."""
        ended, failure = True, None
        try:
            ended = await self._line.alarm.until(self._line.due, self._converse())
            if self._broken is not None:
                raise self._broken
        except S2SError as failed:
            if self._line.phase is Phase.ENDED:
                raise
            ended, failure = True, failed
        self._broken = None
        if ended:
            self._over(failure)
        else:
            self._roused()

    async def _converse(self) -> None:
        line, connection = self._line, self._line.connection
        while connection.replies and line.phase is Phase.OPENING:
            await connection.transport.send(connection.replies.popleft())
        if connection.ready and line.phase is Phase.OPENING:
            line.enter(Phase.OPEN)
            line.look()
        await connection.transport.listen(self._take)

    def _take(self, message: bytes) -> None:
        line = self._line
        try:
            for each in line.wire.receive(message):
                self._tell(each)
        except Exception as broken:
            # An alarm that goes off in this moment would take its place.
            self._broken = broken
            raise
        line.active_at = line.clock()
        line.look()

    def _tell(self, told: Told) -> None:
        """Have it heard, but for answers to a peer that is not ready: whoever writes stands until it is."""
        line = self._line
        if isinstance(told, Send):
            line.connection.replies.append(told.data)
            if line.phase is Phase.OPENING:
                line.alarm.ring()
                return
        if isinstance(told, _OF_CONNECTIONS):
            self._note(told)
        try:
            self._hear(told)
        except Exception:
            line.enter(Phase.ENDED)
            raise

    def _note(self, told: SessionStarted | Reconnected | GoingAway) -> None:
        line, now = self._line, self._line.clock()
        if not isinstance(told, GoingAway):
            line.connection.ready_at = now
            if line.phase is Phase.OPENING:
                line.alarm.ring()
            return
        self._attempts.renew(now - line.connection.ready_at)
        if self._attempts.left:
            left_s = told.time_left_s
            line.leave(_GOES_AWAY, now + left_s - min(_MARGIN_S, left_s / 2))
            if line.spare is not None:
                line.spare.prepare()

    def _expire(self) -> None:
        """Say in place of the service that it will end a connection which has served for long."""
        connection = self._line.connection
        connection.due_at = inf
        self._attempts.renew()  # it has held for as long as it should
        self._tell(GoingAway(max(0.0, connection.ends_at - self._line.clock())))

    def _roused(self) -> None:
        """Do what is due."""
        line = self._line
        if line.phase is Phase.OPENING and line.clock() >= line.connection.ready_by:
            self._over(self._attempts.late())
        elif line.phase is Phase.OPEN:
            if line.clock() >= line.settles_at:
                for each in line.wire.settle():
                    self._tell(each)
                line.active_at = line.clock()
            if line.clock() >= line.connection.due_at:
                self._expire()
            if line.spare is not None and line.clock() >= line.spare.due:
                line.spare.renew()
            line.look()

    def _over(self, failure: S2SError | None) -> None:
        """Go on after the end of a connection, or after an attempt at one that failed, if that can be."""
        line, attempts = self._line, self._attempts
        if line.phase in (Phase.LEAVING, Phase.CLOSED):
            return
        if line.phase is not Phase.AWAY:
            attempts.renew(line.clock() - line.connection.ready_at)
        survives = self._survives(failure)
        if survives and attempts.left:
            self._part(str(failure or _ENDED))
        else:
            self._end(attempts.exhausted() if survives and failure is None and attempts.made else failure)

    def _survives(self, failure: S2SError | None) -> bool:
        if self._line.phase is Phase.OPEN and not self._line.connection.ready:
            return False
        return failure.retryable if isinstance(failure, ConnectError) else self._line.wire.survives(failure)

    def _part(self, cause: str) -> None:
        """End what cannot go on, where something could begin, and count an attempt."""
        line = self._line
        talked = line.phase is not Phase.AWAY and line.connection.ready
        line.enter(Phase.AWAY)
        while line.caused:
            self._tell(line.caused.popleft())
        for event in line.wire.parted() if talked else ():
            self._tell(event)
        self._tell(Reconnecting(cause, self._attempts.count()))

    async def _redial(self) -> None:
        try:
            await self._line.alarm.until(inf, self._connect())
        except S2SError as failed:
            failure = failed
        else:
            return
        self._over(failure)

    async def _connect(self) -> None:
        line, ready_s = self._line, self._attempts.ready_s
        if line.spare is None:
            await line.disconnect()
        else:
            line.retire()
        await self._attempts.pause()
        connection = None if line.spare is None else line.spare.take()
        try:
            async with asyncio.timeout(ready_s):
                connection = connection or await line.begin(self._attempts.dial)
        except TimeoutError:
            raise self._attempts.late() from None
        line.adopt(connection, Phase.OPENING, line.clock() + ready_s)

    def _end(self, failure: S2SError | None) -> None:
        line = self._line
        line.enter(Phase.ENDED)
        for event in (*line.caused, *line.wire.lost()):
            self._tell(event)
        if failure is not None:
            raise line.wire.explained(failure)
