"""Attempts at the next connection: how many in a row, and how long to wait before each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeAlias

from s2s.config import Reconnect
from s2s.errors import ConnectError, ConnectionLostError
from s2s.transports import Transport

Dial: TypeAlias = Callable[[], Awaitable[Transport]]
_MOST_DOUBLINGS = 64


class Attempts:
    """`made` of them were made in a row; each may take `ready_s`, and `jitter` returns 0 to 1."""

    def __init__(self, dial: Dial, reconnect: Reconnect, ready_s: float, jitter: Callable[[], float]) -> None:
        self.dial = dial
        self.ready_s = ready_s
        self.made = 0
        self._reconnect = reconnect
        self._jitter = jitter

    @property
    def left(self) -> bool:
        """Whether another one may be made."""
        return self.made < self._reconnect.attempts

    def count(self) -> int:
        """Begin another one and return its number."""
        self.made += 1
        return self.made

    def renew(self, held_s: float = inf) -> None:
        """Begin to count anew where a connection has held for long enough."""
        if held_s >= self._reconnect.stable_s:
            self.made = 0

    async def pause(self) -> None:
        """Wait before the attempt that was counted last; the first one has no time to lose."""
        if self.made > 1:
            doubled_s = self._reconnect.first_s * 2.0 ** min(self.made - 2, _MOST_DOUBLINGS)
            await asyncio.sleep(min(doubled_s, self._reconnect.most_s) * (0.8 + 0.4 * self._jitter()))

    def late(self) -> ConnectError:
        """Return what an attempt is that took too long."""
        return ConnectError(f"the engine was not ready within {self.ready_s:g} s: try again", retryable=True)

    def exhausted(self) -> ConnectionLostError:
        """Return what it means that every connection ended, each of them in order."""
        return ConnectionLostError(
            f"the engine ended one connection after the other, {self.made} in a row: try again later"
        )
