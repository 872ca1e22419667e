"""How whoever has a transport reads from it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from s2s.transports.ws.arrivals import FAIR, Arrivals


class Reading(ABC):
    """Yields what has arrived, to one reader at a time."""

    _arrivals: Arrivals

    def __aiter__(self) -> Reading:
        """Read on; leaving a loop loses nothing."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next message; what came before the end is still read."""
        arrivals = self._arrivals
        while not arrivals.messages:
            if self._over():
                raise StopAsyncIteration
            await arrivals.change()
        return arrivals.pop()

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, and end as iterating would, or with what it raised."""
        arrivals = self._arrivals
        while arrivals.messages or not self._over():
            if not arrivals.messages:
                await arrivals.change(take)
            for _ in range(min(FAIR, len(arrivals.messages))):
                take(arrivals.pop())
            if arrivals.messages:
                await asyncio.sleep(0)

    @abstractmethod
    def _over(self) -> bool:
        """Tell whether all ended in order. Raises S2SError where it ended otherwise."""
