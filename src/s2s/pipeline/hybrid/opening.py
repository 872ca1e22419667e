"""Links to both sides: opened with what they have to know, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from s2s.commands import UpdateSession
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectError, S2SError
from s2s.events import Error
from s2s.items import Item
from s2s.lasting.spare import Aside
from s2s.links import Told
from s2s.pipeline.hybrid.fitting import Fitting
from s2s.pipeline.hybrid.line import Line
from s2s.pipeline.hybrid.policy import Side

_CLOSING: Final = 0.5
"""How much of the time that a session has for its end one of its links may take."""


class Given(Struct, frozen=True):
    """What a link begins with."""

    settings: UpdateSession = UpdateSession()
    history: tuple[Item, ...] = ()
    voiced: int = 0
    """The number of the link for which the voice was chosen."""


class Opening:
    """Opens links to both sides, each with a number, and closes them."""

    def __init__(self, engines: Mapping[Side, Engine], config: Config) -> None:
        self.hear: Callable[[Line, Told], None] = _nobody
        """Is told what a link tells that serves."""
        self.over: Callable[[Line, S2SError | None], None] = _nobody
        """Is told how a link has ended that was not left."""
        self.rate = 0
        """The sample rate of the session; that of the first link."""
        self.aside = Aside()
        self._engines = engines
        self._config = config
        self._sides: list[Side] = []
        """Of the links so far."""

    async def begin(self, side: Side, given: Given, within_s: float | None = None) -> Line:
        """Return a link that is ready. Raises S2SError."""
        self._sides.append(side)
        line = Line(side, len(self._sides), self)
        within_s = within_s or self._config.limits.connect_s
        limit = asyncio.timeout(within_s)
        try:
            async with limit:
                await self._open(line, given)
            if line.ended is not None:
                raise line.ended
        except BaseException as failed:
            await asyncio.shield(self.aside.begin(self._parted(line, _nothing), "hybrid-closing"))
            if isinstance(failed, TimeoutError) and limit.expired():
                late = f"{side} was not ready within {within_s:g} s: try again, or raise limits.connect_s"
                raise ConnectError(late, retryable=True) from None
            if isinstance(failed, S2SError) or not isinstance(failed, Exception):
                raise
            told = f"{side} could not be opened: {type(failed).__name__}: {failed}"
            raise ConnectError(told) from failed
        self.rate = self.rate or line.rate
        return line

    async def farewell(self, line: Line) -> S2SError | None:
        """Close a link and return what went wrong with that."""
        try:
            await line.close(self._config.limits.close_s * _CLOSING)
        except S2SError as failed:
            return failed
        return None

    def part(self, line: Line, tell: Callable[[Error], None]) -> None:
        """Leave a link, and close it beside whatever goes on; tell what goes wrong with that."""
        line.leave()
        self.aside.begin(self._parted(line, tell), "hybrid-closing")

    async def _parted(self, line: Line, tell: Callable[[Error], None]) -> None:
        error = await self.farewell(line)
        if error is not None:
            tell(Error(error))

    async def _open(self, line: Line, given: Given) -> None:
        side, engine = line.side, self._engines[line.side]
        ours = given.voiced > 0 and self._sides[given.voiced - 1] == side
        fitting = Fitting(side, engine, self._config)
        history = tuple(map(line.naming.given, given.history))
        config = fitting.fitted(given.settings, history, voice_is_ours=ours)
        engine.check(config)
        line.notes = tuple(fitting.notes)
        await line.open(engine, config, self.rate)


def _nothing(told: Error) -> None:
    """Tell nothing: why it was not opened says more than why it could not be closed."""


def _nobody(line: Line, told: object) -> None:
    """Hear nothing, before a session has begun."""
