"""A bounded pool of threads for work that would hold up the event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import heapq
import itertools
import os
import threading
import time
import weakref
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from typing import Final, TypeVar

import msgspec

from s2s.errors import BacklogError

T = TypeVar("T")
_LEAVING_S: Final = 5.0
_LOOK_S: Final = 0.005


class Priority(IntEnum):
    """Who goes first when all threads are busy."""

    TRANSCRIPT = 0
    FIRST_CLAUSE = 1
    NEXT_CLAUSE = 2
    GUESS = 3
    LOADING = 4


class _Job(msgspec.Struct, frozen=True, eq=False):
    run: Callable[[], None]
    stop: threading.Event


class _Failure(msgspec.Struct, frozen=True, eq=False):
    error: BaseException


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool:
    """At most `threads` pieces of work at once, the more urgent ones first, equals in order of arrival.

    Threads start when there is work, are daemons, and end after `idle_s` without any, so an unused pool
    costs nothing and nothing needs to be closed. At most `waiting` pieces wait; one more raises BacklogError.
    Work that runs is never put aside for more urgent work: keep pieces short, or let them look at `stop`.
    """

    def __init__(self, threads: int = 2, *, waiting: int = 256, idle_s: float = 10.0) -> None:
        self._most = threads
        self._room = waiting
        self._idle_s = idle_s
        self._jobs: list[tuple[int, int, _Job]] = []
        self._order = itertools.count()
        self._change = threading.Condition()
        self._threads: set[threading.Thread] = set()
        self._running: set[_Job] = set()
        _pools.add(self)

    async def run(self, priority: Priority, work: Callable[[threading.Event], T]) -> T:
        """Return `work(stop)`; when the caller is cancelled, `stop` is set and waiting work never starts."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        stop = threading.Event()

        def serve() -> None:
            outcome = _outcome(work, stop)
            with contextlib.suppress(RuntimeError):  # the loop closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(_settle, answer, outcome)

        job = _Job(serve, stop)
        self._enqueue(priority, job)
        try:
            return await answer
        except asyncio.CancelledError:
            self._withdraw(job)
            raise

    @property
    def busy(self) -> bool:
        """Whether new work would have to wait."""
        with self._change:
            return len(self._running) + len(self._jobs) >= self._most

    def _enqueue(self, priority: Priority, job: _Job) -> None:
        with self._change:
            if len(self._jobs) >= self._room:
                raise BacklogError(
                    "the local engine has more work than this machine can do: run fewer sessions"
                )
            heapq.heappush(self._jobs, (priority, next(self._order), job))
            # A thread that was notified but has not woken yet still counts as free, so compare with all jobs.
            threads = len(self._threads)
            if len(self._jobs) > threads - len(self._running) and threads < self._most:
                thread = threading.Thread(target=self._serve, name="s2s-pool", daemon=True)
                self._threads.add(thread)
                thread.start()
            self._change.notify()

    def _withdraw(self, job: _Job) -> None:
        job.stop.set()
        with self._change:
            self._jobs = [entry for entry in self._jobs if entry[2] is not job]
            heapq.heapify(self._jobs)

    def _serve(self) -> None:
        while job := self._next():
            if not job.stop.is_set():
                job.run()
            with self._change:
                self._running.discard(job)
            del job

    def _next(self) -> _Job | None:
        with self._change:
            if not self._change.wait_for(lambda: self._jobs, timeout=self._idle_s):
                self._threads.discard(threading.current_thread())
                return None
            job = heapq.heappop(self._jobs)[2]
            self._running.add(job)
            return job

    def stop(self) -> bool:
        """Begin nothing more of what waits, have what runs stop, and return whether something still does."""
        with self._change:
            self._jobs.clear()
            for job in self._running:
                job.stop.set()
            return bool(self._running)


@atexit.register
def _leave() -> None:
    # A thread that is inside a model when the interpreter ends takes the process down with it.
    by = time.monotonic() + _LEAVING_S
    while any([pool.stop() for pool in list(_pools)]) and time.monotonic() < by:
        time.sleep(_LOOK_S)


def shared_pool(threads: int | None = None) -> Pool:
    """Return the pool of this process with so many threads; usually one for each core, up to four."""
    return _pool(threads or min(4, os.cpu_count() or 1))


@cache
def _pool(threads: int) -> Pool:
    return Pool(threads)


def _outcome(work: Callable[[threading.Event], T], stop: threading.Event) -> T | _Failure:
    """Do the work and return what it returns or raises."""
    try:
        return work(stop)
    except StopIteration as end:  # a future refuses it, and its coroutine would wait for ever
        return _Failure(RuntimeError(f"work raised {end!r}"))
    except BaseException as wrong:  # noqa: BLE001  the waiting coroutine must hear of everything
        return _Failure(wrong)


def _settle(answer: asyncio.Future[T], outcome: T | _Failure) -> None:
    match outcome:
        case _ if answer.done():
            return
        case _Failure(error=error):
            answer.set_exception(error)
        case value:
            answer.set_result(value)
