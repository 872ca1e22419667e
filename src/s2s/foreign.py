"""Runs the application's own code, its hooks and tools, so that its trouble stays its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

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


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Run it in a thread of its own and return what it returns; one that is cancelled goes on unheard.

    A thread that never ends keeps neither the loop nor the process: those of the loop's executor would.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if not answer.done():
            answer.set_result((value, error))

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except BaseException as failed:  # noqa: BLE001  the waiting coroutine must hear of everything
            error = failed
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    value, error = await answer
    if error is None:
        return cast(T, value)
    raise error if isinstance(error, Exception) else RuntimeError(f"it raised {error!r}")
