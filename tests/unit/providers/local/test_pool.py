import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import pytest

from s2s.errors import BacklogError
from s2s.providers.local.pool import Pool, Priority, shared_pool

T = TypeVar("T")
BOUND_S = 10


def run(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(BOUND_S):
            return await work

    return asyncio.run(bounded())


async def started(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, BOUND_S)


def note(done: list[str], what: str, _: threading.Event) -> None:
    done.append(what)


class Plug:
    """Work that holds a thread until it is pulled."""

    def __init__(self) -> None:
        self.in_place = threading.Event()
        self.pulled = threading.Event()

    def __call__(self, _: threading.Event) -> int:
        self.in_place.set()
        assert self.pulled.wait(BOUND_S)
        return threading.get_ident()


def test_work_is_done_off_the_loop_and_answered_on_it() -> None:
    assert run(Pool().run(Priority.GUESS, lambda _: threading.get_ident())) != threading.get_ident()


def test_the_urgent_go_first_and_equals_in_order() -> None:
    async def order() -> list[str]:
        pool, plug, done = Pool(1), Plug(), list[str]()
        held = asyncio.create_task(pool.run(Priority.TRANSCRIPT, plug))
        await started(plug.in_place)
        work = [
            (Priority.LOADING, "model"),
            (Priority.GUESS, "guess"),
            (Priority.FIRST_CLAUSE, "clause"),
            (Priority.TRANSCRIPT, "words"),
            (Priority.FIRST_CLAUSE, "another clause"),
            (Priority.NEXT_CLAUSE, "next"),
        ]
        tasks = [asyncio.create_task(pool.run(who, partial(note, done, what))) for who, what in work]
        await asyncio.sleep(0)
        plug.pulled.set()
        await asyncio.gather(held, *tasks)
        return done

    assert run(order()) == ["words", "clause", "another clause", "next", "guess", "model"]


def test_more_than_may_wait_is_refused() -> None:
    async def overfill() -> None:
        pool, plug = Pool(1, waiting=2), Plug()
        tasks = [asyncio.create_task(pool.run(Priority.GUESS, plug))]
        await started(plug.in_place)
        tasks += [asyncio.create_task(pool.run(Priority.GUESS, lambda _: 0)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BacklogError, match="fewer sessions"):
            await pool.run(Priority.TRANSCRIPT, lambda _: None)
        plug.pulled.set()
        await asyncio.gather(*tasks)

    run(overfill())


def test_cancelled_work_that_waits_never_starts_and_gives_back_its_place() -> None:
    async def cancel() -> list[str]:
        pool, plug, done = Pool(1, waiting=1), Plug(), list[str]()
        held = asyncio.create_task(pool.run(Priority.GUESS, plug))
        await started(plug.in_place)
        dropped = asyncio.create_task(pool.run(Priority.GUESS, partial(note, done, "dropped")))
        await asyncio.sleep(0)
        dropped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dropped
        kept = asyncio.create_task(pool.run(Priority.GUESS, partial(note, done, "kept")))
        await asyncio.sleep(0)
        plug.pulled.set()
        await asyncio.gather(held, kept)
        return done

    assert run(cancel()) == ["kept"]


def test_cancelling_work_that_runs_tells_it_to_stop() -> None:
    running, stopped = threading.Event(), threading.Event()

    def work(stop: threading.Event) -> None:
        running.set()
        if stop.wait(BOUND_S):
            stopped.set()

    async def cancel() -> None:
        task = asyncio.create_task(Pool().run(Priority.GUESS, work))
        await started(running)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await started(stopped)

    run(cancel())


class Unusual(BaseException):
    pass


@pytest.mark.parametrize(
    ("raised", "heard"),
    [(ValueError("no"), ValueError), (Unusual("no"), Unusual), (StopIteration("no"), RuntimeError)],
)
def test_what_work_raises_reaches_the_caller(raised: BaseException, heard: type[BaseException]) -> None:
    def fail(_: threading.Event) -> None:
        raise raised

    with pytest.raises(heard, match="no"):
        run(Pool().run(Priority.GUESS, fail))


def test_two_pieces_run_at_once_even_when_only_one_thread_rests() -> None:
    async def meet() -> None:
        pool, both = Pool(2), threading.Barrier(2, timeout=BOUND_S)
        await pool.run(Priority.GUESS, lambda _: None)
        await asyncio.gather(*(pool.run(Priority.GUESS, lambda _: both.wait()) for _ in range(2)))

    run(meet())


def test_no_more_threads_than_allowed() -> None:
    async def idents() -> set[int]:
        pool = Pool(3)
        return set(
            await asyncio.gather(
                *(pool.run(Priority.GUESS, lambda _: threading.get_ident()) for _ in range(60))
            )
        )

    assert 1 <= len(run(idents())) <= 3


def test_busy_is_when_new_work_would_wait() -> None:
    async def look() -> list[bool]:
        pool, plugs = Pool(2), [Plug(), Plug()]
        seen, tasks = [pool.busy], []
        for plug in plugs:
            tasks.append(asyncio.create_task(pool.run(Priority.GUESS, plug)))
            await started(plug.in_place)
            seen.append(pool.busy)
        for plug in plugs:
            plug.pulled.set()
        await asyncio.gather(*tasks)
        return seen

    assert run(look()) == [False, False, True]


def test_threads_end_when_there_is_nothing_to_do_and_start_again() -> None:
    pool = Pool(1, idle_s=0.01)
    for _ in range(2):
        worker = run(pool.run(Priority.GUESS, lambda _: threading.current_thread()))
        worker.join(BOUND_S)
        assert not worker.is_alive()


def test_a_loop_that_closed_meanwhile_harms_no_thread() -> None:
    pool, plug = Pool(1), Plug()

    async def leave() -> None:
        leaving = asyncio.create_task(pool.run(Priority.GUESS, plug))
        await started(plug.in_place)
        leaving.cancel()

    run(leave())
    plug.pulled.set()
    assert run(pool.run(Priority.GUESS, lambda _: "still here")) == "still here"


def test_nothing_of_a_thousand_jobs_stays() -> None:
    class Payload:
        def __call__(self, _: threading.Event) -> int:
            return id(self)

    alive: weakref.WeakSet[Payload] = weakref.WeakSet()

    async def work() -> None:
        pool, both = Pool(2, waiting=1000), threading.Barrier(2, timeout=BOUND_S)
        tasks = []
        for number in range(1000):
            alive.add(payload := Payload())
            tasks.append(asyncio.create_task(pool.run(Priority.GUESS, payload)))
            if number % 7 == 0:
                await asyncio.sleep(0)
                tasks.pop().cancel()
        await asyncio.gather(*tasks)
        # A thread forgets its last job when it takes the next.
        await asyncio.gather(*(pool.run(Priority.GUESS, lambda _: both.wait()) for _ in range(2)))

    run(work())
    gc.collect()
    assert not alive


def test_a_process_has_one_pool_of_each_size() -> None:
    assert shared_pool(3) is shared_pool(3)
    assert shared_pool(3) is not shared_pool(2)
    assert shared_pool() is shared_pool(min(4, os.cpu_count() or 1))


def test_what_runs_when_the_process_ends_is_waited_for() -> None:
    code = (
        "import asyncio, time\n"
        "from s2s.providers.local.pool import Pool, Priority\n"
        "def work(stop):\n"
        "    stop.wait(20)\n"
        "    time.sleep(0.1)\n"
        "    print('ended', stop.is_set(), flush=True)\n"
        "async def main():\n"
        "    pool = Pool(1)\n"
        "    asyncio.ensure_future(pool.run(Priority.GUESS, work))\n"
        "    asyncio.ensure_future(pool.run(Priority.GUESS, lambda stop: print('begun')))\n"
        "    await asyncio.sleep(0.05)\n"
        "    globals()['kept'] = pool\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "ended True\n"
