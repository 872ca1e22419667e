"""Work that is cancelled at whichever of its waits a test likes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from itertools import count
from typing import Any


async def cancelled_at(nth: int, work: Coroutine[Any, Any, object]) -> bool:
    """Cancel the work as it waits for the n-th time, and return whether it came so far."""
    task = asyncio.ensure_future(_counted(nth, work))
    await asyncio.wait([task])
    if task.cancelled():
        return True
    task.result()
    return False


async def cancelled_everywhere(work: Callable[[], Coroutine[Any, Any, object]], most: int = 200) -> int:
    """Begin the work again and again, cancelled at its first wait, its second and so on; count them."""
    for nth in range(1, most):
        if not await cancelled_at(nth, work()):
            return nth - 1
    raise AssertionError(f"it waits {most} times and more")


async def _counted(nth: int, work: Coroutine[Any, Any, object]) -> None:
    await _Counted(nth, work)


class _Counted(Awaitable[None]):
    def __init__(self, nth: int, work: Coroutine[Any, Any, object]) -> None:
        self._nth = nth
        self._work = work

    def __await__(self) -> Generator[Any, None, None]:
        steps = self._work.__await__()
        go_on: Callable[[], Any] = partial(next, steps)
        for number in count(1):
            try:
                waits_for = go_on()
            except StopIteration:
                return
            if number == self._nth and (task := asyncio.current_task()) is not None:
                task.cancel()
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - it is for the work
                go_on = partial(steps.throw, thrown)
            else:
                go_on = partial(next, steps)
