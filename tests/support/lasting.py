"""A conversation that outlives its connections: a wire, an engine that is dialled, and who listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import msgspec

from s2s.capabilities import Capabilities
from s2s.commands import AppendAudio, Cancel, Command, CreateResponse, UpdateSession
from s2s.config import Config, Reconnect
from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.events import Event, Reconnected, ResponseDone, SessionStarted
from s2s.lasting import LastingLink, Lifetime
from s2s.links import Link, Told
from s2s.transports import Transport
from s2s.transports.memory import MemoryTransport, pair
from s2s.wire import Reopen, Send
from tests.support.dialect import JSONClient, JSONServer

STARTED = SessionStarted("s", "toy", "toy", Capabilities())
BACK = Reconnected("full")
CABLE = "the connection closed with code 1006 (the cable): open another one"
FOR_EVER = Lifetime()
ASK = CreateResponse()
"""Two messages."""
CHANGE = UpdateSession("Be brief.")
"""One message for this connection, then another connection."""
RESET = Cancel(mode="reset")
"""No message, and another connection."""


class ToyWire:
    """Messages are events in JSON, but for what is to be answered; a test sets the rest."""

    def __init__(self) -> None:
        self.patience_s: float | None = None
        self.idle = True
        self.polite = False
        self.most_bytes = 50_000
        self.survivable: Callable[[S2SError | None], bool] = lambda failure: True
        self.asked: list[S2SError | None] = []
        self.parted_from = 0
        self.opened = 0
        self._json = JSONClient()

    def open(self) -> list[Send]:
        self.opened += 1
        return [Send(b"hello %d" % self.opened)]

    def send(self, command: Command) -> list[Send | Event | Reopen]:
        match command:
            case AppendAudio(audio=audio):
                size = self.most_bytes
                return [Send(b"audio " + audio[at : at + size]) for at in range(0, len(audio), size)]
            case CreateResponse():
                return [Send(b"ask 1"), ResponseDone("asked"), Send(b"ask 2")]
            case UpdateSession():
                return [Send(b"change"), Reopen("changed"), ResponseDone("changed")]
            case Cancel(mode="reset"):
                return [ResponseDone("cut"), Reopen("reset")]
            case _:
                return [*self._json.send(command)]

    def append(self, audio: bytes) -> bytes | None:
        return b"audio " + audio if len(audio) <= self.most_bytes else None

    def receive(self, message: bytes) -> list[Send | Event]:
        if not message.startswith((b"answer ", b"catch-up ")):
            return self._json.receive(message)
        kind, *replies = message.split(b" ")
        return [*map(Send, replies), *([BACK] if kind == b"catch-up" else [])]

    def leave(self) -> list[Send]:
        return [Send(b"bye")] if self.polite else []

    def settle(self) -> list[Send | Event]:
        return [Send(b"settled"), ResponseDone("settled")]

    def parted(self) -> list[Event]:
        self.parted_from += 1
        return [ResponseDone(f"parted from {self.parted_from}")]

    def survives(self, failure: S2SError | None) -> bool:
        self.asked.append(failure)
        return self.survivable(failure)

    def explained(self, failure: S2SError) -> S2SError:
        return S2SError(f"explained: {failure}")

    def lost(self) -> list[Event]:
        return [ResponseDone("lost")]


SOON = "the engine will end the connection soon"
PARTED, LOST = ResponseDone("parted from 1"), ResponseDone("lost")


class ToyEngine:
    """Is dialled, and keeps its end of every `connection`; `refusals` are raised first."""

    def __init__(
        self, connection: Callable[[], tuple[MemoryTransport, MemoryTransport]] = pair, dial_s: float = 0
    ) -> None:
        self.ends: list[MemoryTransport] = []
        self.dialled_at: list[float] = []
        self.refusals: deque[S2SError] = deque()
        self.dial_s = dial_s
        self.gate = asyncio.Event()
        self.gate.set()
        self.connection = connection
        self.beforehand = False

    async def dial(self) -> Transport:
        beforehand = self.beforehand or all(end._closed is not None for end in self.ends)
        assert beforehand, "dialled before the old one was closed"
        self.dialled_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.dial_s)
        await self.gate.wait()
        if self.refusals:
            raise self.refusals.popleft()
        near, far = self.connection()
        self.ends.append(far)
        return near

    @property
    def end(self) -> MemoryTransport:
        """The newest."""
        return self.ends[-1]

    async def say(self, *events: Event | bytes) -> None:
        """Say this over the newest connection, and let it be heard."""
        for event in events:
            if isinstance(event, bytes):
                await self.end.send(event)
            else:
                for made in JSONServer().send(event):
                    assert isinstance(made, Send)
                    await self.end.send(made.data)
        await rest()

    async def cut(self, code: int = 1006, reason: str = "the cable") -> None:
        """End the newest connection, and let it be noticed."""
        await self.end.close(code, reason)
        await rest()

    def heard(self, index: int = -1) -> list[bytes]:
        """Return what came over a connection since the last time."""
        end = self.ends[index]
        messages = [*end._messages]
        end._messages.clear()
        end._change.set()
        return messages


async def rest(seconds: float = 0.001) -> None:
    """Let everything happen that can happen now."""
    await asyncio.sleep(seconds)


class Listening:
    """Hears a link in a task of its own; `told` is all of it, with the time in `told_at`."""

    def __init__(self, link: LastingLink) -> None:
        self.link = link
        self.told: list[Told] = []
        self.told_at: list[float] = []
        self.task = asyncio.ensure_future(link.listen(self.hear))

    def hear(self, told: Told) -> None:
        self.told.append(told)
        self.told_at.append(asyncio.get_running_loop().time())

    def at(self, told: Told) -> float:
        """When this was first told, to the millisecond."""
        return round(self.told_at[self.told.index(told)], 3)


def lasting(
    wire: ToyWire,
    engine: ToyEngine,
    ready_s: float = 10,
    *,
    life: Lifetime = FOR_EVER,
    **reconnect: float,
) -> LastingLink:
    """Return a link whose waits are exact; it dials beforehand where the engine allows that."""
    return LastingLink(
        wire,
        engine.dial,
        24_000,
        reconnect=msgspec.convert(reconnect, Reconnect),
        ready_s=ready_s,
        lives=lambda _: life,
        ahead=engine.beforehand,
        jitter=lambda: 0.5,
    )


@asynccontextmanager
async def listening(
    wire: ToyWire,
    engine: ToyEngine,
    ready_s: float = 10,
    *,
    life: Lifetime = FOR_EVER,
    **reconnect: float,
) -> AsyncIterator[tuple[LastingLink, Listening]]:
    """Open a link whose engine is ready at once, and forget what was said so far.

    What hearing it raises is for the test to see.
    """
    link = lasting(wire, engine, ready_s, life=life, **reconnect)
    await link.open()
    ear = Listening(link)
    await engine.say(STARTED)
    engine.heard()
    ear.told.clear()
    ear.told_at.clear()
    try:
        yield link, ear
    finally:
        await link.close()
        await asyncio.wait([ear.task])


class LastingEngine(Engine):
    """Opens such links for sessions."""

    name: ClassVar[str] = "toy"

    def __init__(self, engine: ToyEngine, config: Config | None = None) -> None:
        super().__init__(config)
        self._engine = engine

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def open(self, config: Config) -> Link:
        link = lasting(ToyWire(), self._engine)
        await link.open()
        return link


def spelled(*commands: Command) -> Sequence[bytes]:
    """Return what these commands are on the wire of the toy."""
    return [msgspec.json.encode(each) for each in commands]
