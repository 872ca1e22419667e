"""Awaits the application's own code, its hooks and tools, so that its trouble stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Late(Exception):
    """It took longer than it may."""


async def contained(work: Awaitable[T], longest_s: float) -> T:
    """Return what it returns. Raises Late when its time is up, and else an Exception of its own.

    A CancelledError that nobody asked for, such as of a task that it awaited, is a RuntimeError: it must
    not end the task that calls.
    """
    try:
        async with asyncio.timeout(longest_s) as limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise Late from None
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("something that it waited for was cancelled") from None
