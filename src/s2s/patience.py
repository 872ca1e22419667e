"""Reads an iterator that one does not want to wait for too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Patience(Generic[T]):
    """Gives up waiting without losing what comes then; to be closed by whoever made it."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self._source = source
        self._coming: asyncio.Future[T] | None = None

    async def next(self, within_s: float | None) -> T | None:
        """Return the next one; None where it does not come in time. Raises StopAsyncIteration at the end."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._next())
            self._coming.add_done_callback(_seen)
        await asyncio.wait([self._coming], timeout=within_s)
        if not self._coming.done():
            return None
        coming, self._coming = self._coming, None
        return coming.result()

    async def close(self) -> None:
        """Stop waiting."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait([self._coming])

    async def _next(self) -> T:
        return await anext(self._source)


def _seen(coming: asyncio.Future[T]) -> None:
    """Note how it ended, which is nobody's concern where nobody asks for it any more."""
    if not coming.cancelled():
        coming.exception()
