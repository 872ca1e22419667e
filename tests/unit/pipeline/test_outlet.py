from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing

import pytest

from s2s.errors import LocalProtocolError
from s2s.events import SessionEnded
from s2s.pipeline import AudioFrame, ControlFrame, EventFrame, Frame, Outlet, TextFrame, concurrently
from s2s.testing.clock import run
from tests.support.frames import collected, others

CUT = ControlFrame("interrupt")


def test_who_makes_frames_goes_no_faster_than_they_are_taken() -> None:
    made: list[int] = []

    async def work(outlet: Outlet) -> None:
        for n in range(10):
            await outlet.put(AudioFrame(b"", position_ms=n))
            made.append(n)

    async def main() -> None:
        async with aclosing(concurrently(work, most_frames=2)) as stream:
            await anext(stream)
            await asyncio.sleep(1)
            assert len(made) == 3
            await anext(stream)
            await asyncio.sleep(1)
            assert len(made) == 4

    run(main())


def test_an_interruption_takes_back_what_the_agent_had_to_say_and_nothing_else() -> None:
    async def main() -> None:
        outlet = Outlet(8)
        kept: list[Frame] = [
            TextFrame("of the user"),
            EventFrame(SessionEnded("closed")),
            ControlFrame("start"),
        ]
        for frame in (AudioFrame(b""), *kept, TextFrame("of the agent", "assistant"), AudioFrame(b"")):
            await outlet.put(frame)
        outlet.interrupt(CUT)
        outlet.end()
        assert await collected(outlet) == [*kept, CUT]

    run(main())


def test_an_interruption_gets_through_a_full_outlet_and_lets_go_of_who_waits() -> None:
    async def main() -> None:
        outlet = Outlet(1)
        await outlet.put(AudioFrame(b""))
        waiting = asyncio.create_task(outlet.put(TextFrame("next")))
        await asyncio.sleep(0)
        outlet.interrupt(CUT)
        assert await anext(outlet) == CUT
        assert await anext(outlet) == TextFrame("next")
        await waiting

    run(main())


def test_the_first_error_of_many_tasks_comes_out_alone() -> None:
    async def breaks() -> None:
        raise LookupError("one of them")

    async def work(outlet: Outlet) -> None:
        async with asyncio.TaskGroup() as group, asyncio.TaskGroup() as inner:
            group.create_task(asyncio.sleep(60))
            inner.create_task(breaks())

    async def main() -> None:
        with pytest.raises(LookupError, match="one of them"):
            await collected(concurrently(work))
        assert others() == set()

    run(main())


def test_what_was_made_before_an_error_comes_first() -> None:
    async def work(outlet: Outlet) -> None:
        await outlet.put(CUT)
        raise LookupError

    async def main() -> None:
        stream = concurrently(work)
        assert await anext(stream) == CUT
        with pytest.raises(LookupError):
            await anext(stream)

    run(main())


def test_closing_cancels_the_work_and_waits_for_its_end() -> None:
    ended: list[float] = []

    async def work(outlet: Outlet) -> None:
        outlet.put_now(CUT)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            ended.append(asyncio.get_running_loop().time())

    async def main() -> None:
        stream = concurrently(work)
        await anext(stream)
        await stream.aclose()
        assert ended == [1.0]
        assert others() == set()

    run(main())


def test_an_error_that_nobody_waited_for_is_not_complained_of() -> None:
    complaints: list[object] = []

    async def work(outlet: Outlet) -> None:
        outlet.put_now(TextFrame("a"))
        raise RuntimeError("too late for whoever has left")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        async with aclosing(concurrently(work)) as stream:
            await anext(stream)
        del stream
        gc.collect()

    run(main())
    assert complaints == []


def test_a_second_reader_is_refused_and_the_first_one_goes_on() -> None:
    async def main() -> None:
        outlet = Outlet(1)
        first = asyncio.create_task(anext(outlet))
        await asyncio.sleep(1)
        with pytest.raises(LocalProtocolError, match="let one of them read"):
            await anext(outlet)
        outlet.put_now(TextFrame("a"))
        assert await first == TextFrame("a")

    run(main())


def test_who_is_cancelled_again_while_closing_leaves_nothing_behind() -> None:
    ended: list[float] = []

    async def work(outlet: Outlet) -> None:
        outlet.put_now(CUT)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            ended.append(asyncio.get_running_loop().time())

    async def main() -> None:
        reading = asyncio.create_task(collected(concurrently(work)))
        for _ in range(2):
            await asyncio.sleep(0.3)
            reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert ended == [1.3]
        assert others() == set()

    run(main())
