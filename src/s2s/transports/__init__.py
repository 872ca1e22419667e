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
    """One that also works without a task of the reader's and the writer's: their wake-ups cost more than the rest."""

    @property
    def writable(self) -> bool:
        """Whether the connection is open and takes a message without waiting."""
        ...

    def write(self, message: bytes) -> None:
        """Hand a message over where it is `writable`."""
        ...

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, and end as iterating would, or with what it raised."""
        ...
