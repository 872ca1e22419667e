"""One session, over one side after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.commands import Command, CreateResponse
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectError, ConnectionLostError, LocalProtocolError, S2SError
from s2s.events import Error, Event, SessionStarted
from s2s.links import Told
from s2s.pipeline.hybrid.course import Course
from s2s.pipeline.hybrid.junction import Junction
from s2s.pipeline.hybrid.line import Line, broken
from s2s.pipeline.hybrid.memory import Memory
from s2s.pipeline.hybrid.moving import Moment, OwedReply, Phase, Turnout
from s2s.pipeline.hybrid.opening import Given, Opening
from s2s.pipeline.hybrid.owed import Asked
from s2s.pipeline.hybrid.policy import Decision, Side, SwitchPolicy, other
from s2s.pipeline.hybrid.record import Record
from s2s.wire import Send

_LOOK_S: Final = 1.0
"""How often the policy is asked while nothing happens."""
_PATIENCE: Final = 0.5
"""How much of the time to connect the first side may take, so that there is some for the other one."""


class Plan(Struct, frozen=True):
    """What a session is made of."""

    engines: Mapping[Side, Engine]
    policy: SwitchPolicy
    config: Config
    capabilities: Capabilities
    name: str


class HybridLink:
    """Two sides, and one link to one of them at a time. `closed` is called at the end."""

    input_rate: int

    def __init__(self, plan: Plan, closed: Callable[[HybridLink], None]) -> None:
        self.id = ""
        """What the session is called."""
        self._plan = plan
        self._closed = closed
        self._opening = Opening(plan.engines, plan.config, self._hear, self._over)
        self._junction: Junction | None = None

    @property
    def side(self) -> Side:
        """The side that has the conversation."""
        return self._at.line.side

    async def open(self) -> None:
        """Open the first link: to S2S, or where that cannot be had and the policy says so, to the cascade.

        Raises S2SError.
        """
        config, now = self._plan.config, asyncio.get_running_loop().time()
        record = Record(self._plan.policy, config.reconnect, "s2s", now)
        fell_back: S2SError | None = None
        try:
            line = await self._opening.begin("s2s", self._given, config.limits.connect_s * _PATIENCE)
        except S2SError as failed:
            fell_back = failed
            line = await self._across(record, failed)
        memory = Memory(config, line.rate)
        self.input_rate = line.rate
        self._junction = junction = Junction(config, self._opening, record, memory, line)
        self._begin(junction, line, fell_back)

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Ask the side that has the conversation; where it changes, wait for the one that gets it."""
        at = self._at
        line = await self._way(at)
        at.sending = True
        try:
            match command:
                case Turnout():
                    pass
                case OwedReply(reply=reply, line=owed_by):
                    if owed_by is line:
                        await self._ask(line, reply)
                case Send():
                    pass
                case _:
                    for each in at.memory.tell(command, line.number, at.now):
                        if at.line is line:
                            await self._ask(line, each)
        finally:
            at.sending = False
        if command is at.turnout:
            at.cut()
        at.judge()
        at.look()
        return ()

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what both sides tell, one after the other. Raises S2SError where neither goes on."""
        at, look_at = self._at, 0.0
        while True:
            while at.told:
                yield at.told.popleft()
            if at.phase is Phase.ENDED:
                break
            if at.now >= look_at:
                look_at = at.now + _LOOK_S
                at.tick()
                continue
            at.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(look_at):
                    await at.news.wait()
        if at.failure is not None:
            raise at.failure

    def switch(self, side: Side, moment: Moment) -> bool:
        """Have a side take over; return whether it will."""
        return self._junction is not None and self._junction.request(side, moment)

    async def close(self) -> None:
        """Let go of both sides. Raises S2SError where one cannot be closed."""
        self._closed(self)
        failed = None
        if self._junction is not None:
            self._junction.end()
            failed = await self._opening.farewell(self._junction.line)
        await self._opening.aside.end()
        if failed is not None:
            raise failed

    @property
    def _at(self) -> Junction:
        if self._junction is None:
            raise ConnectionLostError("this link is not open")
        return self._junction

    @property
    def _given(self) -> Given:
        return Given(history=self._plan.config.history)

    async def _across(self, record: Record, failed: S2SError) -> Line:
        """Open a link to the side across, if the policy wants that."""
        now = asyncio.get_running_loop().time()
        record.failed(record.side, failed, now)
        wanted = record.decide(record.state(Course(), now, broken=True))
        if not isinstance(wanted, Decision):
            raise failed
        across = other(record.side)
        try:
            line = await self._opening.begin(across, self._given)
        except S2SError as failed_too:
            raise ConnectError(record.both(failed_too), retryable=True) from failed_too
        record.arrived(across, wanted.because, asyncio.get_running_loop().time())
        return line

    def _begin(self, junction: Junction, line: Line, fell_back: S2SError | None) -> None:
        started = line.started
        self.id = started.session_id
        plan = self._plan
        model = f"{line.side}: {started.provider} {started.model}"
        junction.tell(SessionStarted(self.id, plan.name, model, plan.capabilities))
        if fell_back is not None:
            told = ConnectError(f"{other(line.side)} could not be opened, {line.side} begins: {fell_back}")
            told.__cause__ = fell_back
            junction.tell(Error(told))
        line.serve()

    async def _way(self, at: Junction) -> Line:
        """Return the link that takes commands; one that has just taken over is told what passed before."""
        while True:
            match at.phase:
                case Phase.SERVING | Phase.CUTTING:
                    return at.line
                case Phase.HOLDING | Phase.AWAY:
                    at.changed.clear()
                    await at.changed.wait()
                case Phase.MOVING:
                    await self._catch_up(at, at.line)
                case Phase.ENDED:
                    raise at.failure or ConnectionLostError("the conversation is over: start another session")

    async def _catch_up(self, at: Junction, line: Line) -> None:
        refused = False
        for each in at.waiting:
            refused = await self._ask(line, each) or refused
            if at.line is not line or at.phase is not Phase.MOVING:
                return
        at.arrived(refused=refused)

    async def _ask(self, line: Line, command: Command | Asked | Send) -> bool:
        """Ask a link, tell what that caused, and return whether it was refused."""
        caused: Sequence[Event] = ()
        try:
            caused = await line.send(command)
        except LocalProtocolError as wrong:
            caused = (Error(wrong),)
        except S2SError as failed:
            self._over(line, failed)
        except Exception as failed:  # noqa: BLE001  an engine may be foreign code
            self._over(line, broken(line.side, failed))
        refused = any(isinstance(each, Error) for each in caused)
        if refused and isinstance(command, CreateResponse | Asked):
            self._at.memory.unanswered.refused()
        for each in caused:
            line.tell(each)
        return refused

    def _hear(self, line: Line, told: Told) -> None:
        if self._junction is not None:
            self._junction.hear(line, told)

    def _over(self, line: Line, failure: S2SError | None) -> None:
        if self._junction is not None:
            self._junction.over(line, failure)
