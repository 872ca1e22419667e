"""An event loop whose clock jumps: an hour of waiting takes milliseconds, and nothing is skipped."""

from __future__ import annotations

import asyncio
import gc
import selectors
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_LOOK_S = 0.05


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._bystanders = frozenset(threading.enumerate())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Threads are counted before the look, so that what an ending one has left is seen.
        awaited = not self._bystanders.issuperset(threading.enumerate())
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if awaited:
            began = time.monotonic()
            ready = super().select(_LOOK_S if timeout is None else min(timeout, _LOOK_S))
            self.now += time.monotonic() - began
        elif timeout is None:
            raise RuntimeError("every task waits for ever: no timer is set and no thread is at work")
        else:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at 0 s and, when nothing is ready, jumps to its next timer.

    As long as a thread is alive that started after the loop, its clock goes like any other: the thread may
    owe an answer, by `call_soon_threadsafe`, and nothing may time out meanwhile that would not in life. Idle
    threads of an executor count too. Sockets and subprocesses are not waited for; they belong on a real loop.
    """

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._clock.now


def run(main: Coroutine[Any, Any, T], *, at_most_s: float = 3600.0) -> T:
    """Run a coroutine on a jumping clock and return what it returned; it gets `at_most_s` of that clock.

    Raises TimeoutError where it takes longer, which it does at once where it waits for what never comes,
    and AssertionError where it leaves a task running or an exception that nobody has seen.
    """
    unseen: list[str] = []
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: unseen.append(_told(context)))
        result = runner.run(_whole(main, at_most_s))
    gc.collect(1)
    if unseen:
        raise AssertionError(f"nobody saw: {'; '.join(unseen)}")
    return result


async def _whole(main: Coroutine[Any, Any, T], at_most_s: float) -> T:
    async with asyncio.timeout(at_most_s):
        result = await main
    for _ in range(10):  # abandoned async generators take a few turns of the loop to close
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        raise AssertionError(f"still running: {', '.join(sorted(each.get_name() for each in left))}")
    return result


def _told(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"{context['message']}" if error is None else f"{context['message']} ({error!r})"
