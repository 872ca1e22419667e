"""One session, over one side after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final

from s2s.commands import Command
from s2s.events import Event
from s2s.links import Told
from s2s.pipeline.hybrid.exchange import Exchange
from s2s.pipeline.hybrid.junction import Junction
from s2s.pipeline.hybrid.moving import Moment, Phase
from s2s.pipeline.hybrid.opening import Opening
from s2s.pipeline.hybrid.policy import Side
from s2s.pipeline.hybrid.writing import Writer
from s2s.wire import Send

_LOOK_S: Final = 1.0
"""How often the policy is asked while nothing happens."""


class HybridLink:
    """Two sides, and a link to one of them at a time. `closed` is called at the end."""

    def __init__(
        self,
        session_id: str,
        exchange: Exchange,
        opening: Opening,
        junction: Junction,
        closed: Callable[[HybridLink], None],
    ) -> None:
        self.id = session_id
        """What the session is called."""
        self.input_rate = opening.rate
        self._at = exchange
        self._opening = opening
        self._junction = junction
        self._writer = Writer(exchange, junction)
        self._closed = closed

    @property
    def side(self) -> Side:
        """The side that has the conversation."""
        return self._at.line.side

    def switch(self, side: Side, moment: Moment) -> bool:
        """Have a side take over; return whether it will."""
        return self._junction.request(side, moment)

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Ask the side that has the conversation; where it changes, wait for the one that gets it.

        Whatever is caused comes as events.
        """
        await self._writer.send(command)
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
                self._junction.tick()
                continue
            at.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(look_at):
                    await at.news.wait()
        if at.failure is not None:
            raise at.failure

    async def close(self) -> None:
        """Let go of both sides. Raises S2SError where one cannot be closed."""
        self._closed(self)
        self._junction.end()
        failed = await self._opening.farewell(self._at.line)
        await self._opening.aside.end()
        if failed is not None:
            raise failed
