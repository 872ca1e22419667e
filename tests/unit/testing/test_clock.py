import asyncio
import threading
import time

import pytest

from s2s.testing.clock import JumpingLoop, run


async def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_takes_no_time() -> None:
    async def main() -> float:
        for _ in range(3600):
            await asyncio.sleep(1)
        return await now()

    began = time.monotonic()
    assert run(main(), at_most_s=4000) == pytest.approx(3600)
    assert time.monotonic() - began < 2


def test_it_begins_at_zero_and_moves_only_while_everybody_waits() -> None:
    async def main() -> list[float]:
        seen = [await now()]
        for _ in range(1000):
            await asyncio.sleep(0)
        seen.append(await now())
        await asyncio.sleep(0.25)
        return [*seen, await now()]

    assert run(main()) == [0.0, 0.0, 0.25]


def test_timers_go_off_in_order_each_at_its_time() -> None:
    async def main() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def ring(name: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            seen.append((name, await now()))

        await asyncio.gather(ring("b", 20), ring("a", 10), ring("c", 20.5))
        return seen

    assert run(main()) == [("a", 10.0), ("b", 20.0), ("c", 20.5)]


def test_timeouts_time_out() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 900)
        return await now()

    assert run(main()) == 900


def test_while_a_thread_owes_an_answer_nothing_times_out_that_would_not_in_life() -> None:
    async def main() -> str:
        go = threading.Event()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def work() -> None:
            go.wait(5)
            loop.call_soon_threadsafe(answer.set_result, "done")

        threading.Thread(target=work).start()
        loop.call_soon(go.set)
        async with asyncio.timeout(5):
            return await answer

    assert run(main()) == "done"


def test_an_executor_answers() -> None:
    async def main() -> int:
        async with asyncio.timeout(5):
            return await asyncio.to_thread(sum, [1, 2, 3])

    assert run(main()) == 6


def test_waiting_for_what_never_comes_ends_at_once() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run(main())
    assert time.monotonic() - began < 2


def test_a_loop_that_nothing_can_wake_says_so() -> None:
    with JumpingLoopRunner() as runner, pytest.raises(RuntimeError, match="every task waits for ever"):
        runner.run(asyncio.Event().wait())


def JumpingLoopRunner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=JumpingLoop)


def test_a_task_that_is_left_running_is_reported() -> None:
    kept: list[asyncio.Task[None]] = []

    async def main() -> None:
        kept.append(asyncio.create_task(asyncio.sleep(9), name="forgotten"))

    with pytest.raises(AssertionError, match="still running: forgotten"):
        run(main())


def test_an_exception_that_nobody_has_seen_is_reported() -> None:
    async def broken() -> None:
        raise ZeroDivisionError("oops")

    async def main() -> None:
        task = asyncio.create_task(broken())
        await asyncio.wait([task])

    with pytest.raises(AssertionError, match=r"Task exception was never retrieved .*oops"):
        run(main())


def test_what_the_coroutine_raises_is_raised() -> None:
    async def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main())
