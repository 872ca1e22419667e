"""An alarm for one task: it rouses it from whatever it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from math import inf


class Alarm:
    """Goes off at a time that may come nearer; to ask for a later one costs nothing."""

    def __init__(self) -> None:
        self._at = -inf
        self._limit: asyncio.Timeout | None = None

    async def until(self, at: float, work: Awaitable[None]) -> bool:
        """Wait for the work and return True; False where the alarm goes off before, which cancels it."""
        limit = asyncio.timeout_at(None if at == inf else at)
        try:
            async with limit as self._limit:
                self._at = at
                await work
        except TimeoutError:
            if not limit.expired():
                raise
            return False
        finally:
            self._at, self._limit = -inf, None
        return True

    def ring(self, at: float = -inf) -> None:
        """Go off at that time at the latest, or now; nothing where nobody waits."""
        if at < self._at:
            self._at = at
            if self._limit is not None and not self._limit.expired():
                self._limit.reschedule(at)
