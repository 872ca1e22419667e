"""Whole messages over the world."""

from __future__ import annotations

from collections.abc import AsyncIterator
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
