from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from s2s.errors import ConfigError, SessionClosedError
from s2s.pipeline import AudioFrame, ControlFrame, Frame, Frames, TextFrame
from s2s.pipeline.running import STOP, run
from s2s.pipeline.transports import InMemory
from s2s.testing import clock
from tests.support.frames import collected, others, texts

CUT = ControlFrame("interrupt")


async def broken(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        yield frame
        raise LookupError("mine")


def test_what_is_put_comes_out_as_the_pipeline_makes_it() -> None:
    async def main() -> None:
        transport = InMemory()
        async with asyncio.TaskGroup() as group:
            group.create_task(run(transport))
            for frame in texts("a", "b"):
                await transport.put(frame)
            transport.end()
            assert await collected(aiter(transport)) == [*texts("a", "b"), STOP]

    clock.run(main())


def test_a_stop_that_is_put_ends_it_as_it_is() -> None:
    async def main() -> None:
        transport = InMemory()
        mine = ControlFrame("stop", metadata={"why": "enough"})
        await transport.put(mine)
        transport.end()
        with pytest.raises(SessionClosedError):
            await transport.put(TextFrame("more"))
        await run(transport)
        assert await collected(aiter(transport)) == [mine]

    clock.run(main())


def test_who_puts_and_who_makes_wait_for_room() -> None:
    async def main() -> None:
        transport = InMemory(most_frames=2)
        running = asyncio.create_task(run(transport))
        done: list[str] = []

        async def put() -> None:
            for each in "abcdefgh":
                await transport.put(TextFrame(each))
                done.append(each)

        putting = asyncio.create_task(put())
        await asyncio.sleep(1)
        assert len(done) == 5  # two made, one on its way, two given
        out = aiter(transport)
        assert [await anext(out) for _ in range(3)] == texts("a", "b", "c")
        await asyncio.sleep(1)
        assert len(done) == 8
        running.cancel()
        await asyncio.wait([running, putting])

    clock.run(main())


def test_an_interrupt_takes_back_what_nobody_has_taken_of_the_agent() -> None:
    async def main() -> None:
        transport = InMemory()
        user, agent = TextFrame("of the user"), TextFrame("of the agent", "assistant")
        for frame in (AudioFrame(bytes(960)), user, agent, CUT):
            await transport.send(frame)
        await transport.close()
        assert await collected(aiter(transport)) == [user, CUT]

    clock.run(main())


@pytest.mark.parametrize("cancelled", [False, True])
def test_whoever_waits_is_let_go_of_when_the_pipeline_ends(cancelled: bool) -> None:
    async def main() -> None:
        transport = InMemory(most_frames=1)
        running = asyncio.create_task(run(transport, broken))
        await asyncio.sleep(0.1)
        if cancelled:
            running.cancel()
        reading = asyncio.create_task(collected(aiter(transport)))
        for frame in texts("a", "b", "c"):
            try:
                await transport.put(frame)
            except SessionClosedError:
                break
        else:
            raise AssertionError("nobody said that it was over")
        with pytest.raises(asyncio.CancelledError if cancelled else LookupError):
            await running
        assert await reading == ([] if cancelled else texts("a"))
        assert others() == set()

    clock.run(main())


def test_where_nothing_may_wait_nothing_would_go_through() -> None:
    with pytest.raises(ConfigError, match="give 1 or more"):
        InMemory(0)
