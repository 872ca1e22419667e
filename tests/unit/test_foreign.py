import asyncio
import threading

import pytest

from s2s.foreign import Late, contained, in_thread
from s2s.testing.clock import run


async def after(seconds: float, error: BaseException | None = None) -> str:
    await asyncio.sleep(seconds)
    if error is not None:
        raise error
    return "done"


def test_what_comes_in_time_is_returned() -> None:
    assert run(contained(after(4.9), 5)) == "done"


def test_what_does_not_is_late() -> None:
    with pytest.raises(Late):
        run(contained(after(5.1), 5))


@pytest.mark.parametrize("error", [ValueError("odd"), TimeoutError("the socket")])
def test_its_own_errors_are_its_own(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        run(contained(after(1, error), 5))
    assert raised.value is error


def test_a_cancellation_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="something that it waited for was cancelled"):
        run(contained(after(1, asyncio.CancelledError()), 5))


def test_a_cancellation_that_somebody_asked_for_is_one() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(contained(after(9), 99))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_what_would_block_the_loop_runs_in_a_daemon_thread_of_its_own() -> None:
    thread = run(in_thread(threading.current_thread, "s2s-mine"))
    assert (thread.name, thread.daemon) == ("s2s-mine", True)


def test_a_thread_may_go_on_when_nobody_waits_for_it_any_more() -> None:
    goes, ended = threading.Event(), threading.Event()

    def slow() -> None:
        goes.wait(10)
        ended.set()

    with pytest.raises(Late):
        asyncio.run(contained(in_thread(slow, "s2s-slow"), 0.01))
    goes.set()
    assert ended.wait(10)


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError("odd"), ValueError), (SystemExit(1), RuntimeError)], ids=repr
)
def test_what_a_thread_raises_is_raised_to_whoever_waits(error: BaseException, kind: type[Exception]) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(kind):
        run(in_thread(fails, "s2s-fails"))
