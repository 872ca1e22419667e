"""Whole messages over the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol


class Transport(Protocol):
    """Whole messages over one connection."""

    async def send(self, message: bytes) -> None:
        """Hand a message over, waiting while the peer is slow. Raises ConnectionLostError."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield messages until the peer closes in order. Raises ConnectionLostError otherwise."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; safe to call twice."""
        ...


class DirectTransport(Transport, Protocol):
    """One that can do without tasks that read and write: to wake them costs more than all the rest."""

    def write(self, message: bytes) -> bool:
        """Hand a message over where that needs no waiting; else do nothing and return False."""
        ...

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, and end as iterating would, or with what it raised."""
        ...
