from __future__ import annotations

import asyncio

import pytest

from s2s.pipeline import ControlFrame, TextFrame
from s2s.pipeline.feed import Feed
from s2s.testing.clock import run

START = ControlFrame("start")


def nothing() -> None: ...


def test_frames_come_in_order_and_the_first_one_is_there_from_the_beginning() -> None:
    async def main() -> None:
        feed = Feed(START, nothing)
        await feed.put(TextFrame("one"))
        feed.put_now(TextFrame("two"), TextFrame("three"))
        assert [await anext(feed) for _ in range(4)] == [START, *map(TextFrame, ("one", "two", "three"))]

    run(main())


def test_a_reader_waits_for_what_comes() -> None:
    async def main() -> None:
        feed = Feed(START, nothing)
        await anext(feed)
        idle = [feed.idle]
        coming = asyncio.create_task(anext(feed))
        await asyncio.sleep(0)
        idle.append(feed.idle)
        await feed.put(TextFrame("one"))
        idle.append(feed.idle)
        assert await coming == TextFrame("one")
        assert idle == [False, True, False]

    run(main())


def test_a_reader_that_gave_up_waiting_loses_nothing() -> None:
    async def main() -> None:
        feed = Feed(START, nothing)
        await anext(feed)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(feed)
        await feed.put(TextFrame("one"))
        assert await anext(feed) == TextFrame("one")

    run(main())


def test_it_is_ready_when_more_than_the_first_frame_is_asked_for() -> None:
    async def main() -> None:
        asked: list[str] = []
        feed = Feed(START, lambda: asked.append("ready"))
        await anext(feed)
        assert asked == []
        feed.put_now(TextFrame("one"), TextFrame("two"))
        await anext(feed)
        await anext(feed)
        assert asked == ["ready"]

    run(main())


def test_who_feeds_it_goes_no_faster_than_it_is_read() -> None:
    async def main() -> None:
        feed = Feed(START, nothing, most_waiting=3)
        fed: list[int] = []

        async def pour() -> None:
            for n in range(6):
                await feed.put(TextFrame(str(n)))
                fed.append(n)

        pouring = asyncio.create_task(pour())
        await asyncio.sleep(1)
        assert fed == [0, 1]
        await anext(feed)
        await asyncio.sleep(1)
        assert fed == [0, 1, 2]
        for _ in range(6):
            await anext(feed)
        await pouring

    run(main())


def test_who_waits_for_room_is_let_go_when_nobody_reads_any_more() -> None:
    async def main() -> None:
        feed = Feed(START, nothing, most_waiting=1)
        waiting = asyncio.create_task(feed.put(TextFrame("one")))
        await asyncio.sleep(0)
        assert not waiting.done()
        await feed.aclose()
        await waiting
        await feed.put(TextFrame("two"))
        assert await anext(feed) == START
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(feed)

    run(main())
