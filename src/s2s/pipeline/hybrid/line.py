"""One link to one side, from its opening to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from math import inf
from typing import Final, Protocol

from s2s.commands import Command
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectionLostError, S2SError
from s2s.events import Error, Event, SessionEnded, SessionStarted, TurnEnd
from s2s.foreign import Late, contained
from s2s.lasting.alarm import Alarm
from s2s.links import Link, Told
from s2s.pipeline.hybrid.naming import Naming
from s2s.pipeline.hybrid.owed import Asked
from s2s.pipeline.hybrid.policy import Side
from s2s.pipeline.hybrid.translating import Translating
from s2s.wire import Send

_FAIR: Final = 64
"""Events after which a link that never pauses lets others run."""


class Stand(Enum):
    """What a link is to the session."""

    OPENING = "it is not ready"
    WAITING = "it is ready, and what it tells waits"
    SERVING = "what it tells is told"
    LEFT = "nobody hears it any more"


class Listener(Protocol):
    """Whoever wants to know of a link."""

    def hear(self, line: Line, told: Told, /) -> None:
        """Take what a link tells that serves."""
        ...

    def over(self, line: Line, failure: S2SError | None, /) -> None:
        """Know how a link has ended that was not left."""
        ...


class Line:
    """Tells a listener what a link tells, and how it ended.

    What the link owes its peer is handed to the session's writer while it serves, and else written here.
    """

    started: SessionStarted
    """Who is there; once it is ready."""
    words: Translating
    """Once it is open."""

    def __init__(self, side: Side, number: int, listener: Listener) -> None:
        self.side = side
        self.number = number
        self.naming = Naming("" if number == 1 else f"{side}{number}_")
        self.notes: Sequence[str] = ()
        """What the side does not have of what was asked for."""
        self.rate = 0
        """The sample rate of the audio that it hears."""
        self.ended: S2SError | None = None
        """How the link ended, if it has by itself."""
        self.stand = Stand.OPENING
        self._listener = listener
        self._early: list[Told] = []
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing = asyncio.Lock()
        self._alarm = Alarm()
        self._link: Link | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, engine: Engine, config: Config, rate: int) -> None:
        """Open the link and return once it is ready; `rate` is that of the session, 0 for that of the link.

        Raises S2SError, and whatever else an engine raises; to be closed then too.
        """
        self._link = link = await engine.open(config)
        self.rate = link.input_rate
        can = engine.capabilities_with(config)
        self.words = Translating(self.naming, can, rate or link.input_rate, link.input_rate)
        self._reading = asyncio.create_task(self._read(link), name=f"s2s-hybrid-{self.side}")
        await self._ready

    async def send(self, command: Command | Asked | Send) -> Sequence[Event]:
        """Ask the link and return what that caused; nothing where it is left meanwhile.

        Raises what the link raises.
        """
        caused = list[Event]()
        async with self._writing:
            if self.stand is not Stand.LEFT:
                await self._alarm.until(inf, self._ask(command, caused))
        return caused

    def serve(self) -> None:
        """Tell what waited, and all that comes."""
        self.stand = Stand.SERVING
        early, self._early = self._early, []
        for told in early:
            self._listener.hear(self, told)

    def leave(self) -> None:
        """Tell nothing any more, and let go of whoever sends."""
        self.stand = Stand.LEFT
        self._alarm.ring()

    async def close(self, within_s: float) -> None:
        """Let go of the link. Raises S2SError where it cannot be closed, or not in time."""
        self.leave()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        link, self._link = self._link, None
        if link is None:
            return
        try:
            await contained(link.close(), within_s)
        except Late:
            raise S2SError(f"{self.side} was not closed within {within_s:g} s, and was left behind") from None
        except Exception as failed:
            raise S2SError(f"{self.side} could not be closed: {type(failed).__name__}: {failed}") from failed

    async def _ask(self, command: Command | Asked | Send, caused: list[Event]) -> None:
        asked = command if isinstance(command, Send) else self.words.asked(command)
        if asked is not None and self._link is not None:
            caused += await self._link.send(asked)

    async def _read(self, link: Link) -> None:
        failure: S2SError | None = None
        heard = 0
        try:
            async for told in link:
                await self._take(told)
                heard += 1
                if heard % _FAIR == 0:
                    await asyncio.sleep(0)
        except S2SError as failed:
            failure = failed
        except Exception as failed:  # noqa: BLE001  an engine may be foreign code
            failure = broken(self.side, failed)
        self.ended = failure or ConnectionLostError(f"{self.side} ended the conversation")
        if not self._ready.done():
            self._ready.set_exception(self.ended)
            self._ready.exception()  # whoever waited may have given up
        elif self.stand is not Stand.LEFT:
            self._listener.over(self, failure)

    async def _take(self, told: Told) -> None:
        match told:
            case SessionStarted() if not self._ready.done():
                self.started, self.stand = told, Stand.WAITING
                self._ready.set_result(None)
            case SessionStarted() | SessionEnded() | TurnEnd():
                pass
            case Error(error=error, fatal=True):
                raise error
            case Send() if self.stand is not Stand.SERVING:
                for each in await self.send(told):
                    self.tell(each)
            case _:
                self.tell(told)

    def tell(self, told: Told) -> None:
        """Have it heard, or kept until the link serves."""
        match self.stand:
            case Stand.SERVING:
                self._listener.hear(self, told)
            case Stand.OPENING | Stand.WAITING:
                self._early.append(told)
            case Stand.LEFT:
                pass


def broken(side: Side, failed: Exception) -> S2SError:
    """Return what it means that an engine raised something of its own."""
    error = S2SError(f"{side} broke: {type(failed).__name__}: {failed}; please report this")
    error.__cause__ = failed
    return error
