from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from s2s.errors import BacklogError, ConfigError
from s2s.pipeline import AudioFrame, ControlFrame, Outlet, TextFrame
from s2s.pipeline.stages.working import Bench, filled, hand_on, stages_of
from s2s.testing.clock import run
from tests.support.stages import LoudVAD


def working(test: Callable[[Bench[str], list[str]], Awaitable[None]]) -> list[str]:
    """Run this with a bench where each piece takes a second, and return what was done in all."""
    done: list[str] = []

    async def work(piece: str) -> None:
        await asyncio.sleep(1)
        if piece == "wrong":
            raise LookupError
        done.append(piece)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            await test(Bench(group, work), done)

    run(main())
    return done


def test_pieces_are_done_one_after_the_other() -> None:
    async def test(bench: Bench[str], done: list[str]) -> None:
        for piece in "abc":
            bench.add(piece)
        await asyncio.sleep(1.5)
        assert (done, list(bench.waiting)) == (["a"], ["b", "c"])
        await asyncio.sleep(5)
        bench.add("d")

    assert working(test) == ["a", "b", "c", "d"]


def test_a_piece_that_was_stopped_is_still_the_first() -> None:
    async def test(bench: Bench[str], done: list[str]) -> None:
        bench.add("a")
        bench.add("b")
        await asyncio.sleep(0.5)
        bench.stop()
        await asyncio.sleep(5)
        assert (done, list(bench.waiting)) == ([], ["a", "b"])
        bench.waiting.popleft()
        bench.go_on()

    assert working(test) == ["b"]


def test_stopping_what_does_not_work_does_nothing() -> None:
    async def test(bench: Bench[str], done: list[str]) -> None:
        bench.stop()
        bench.go_on()
        bench.add("a")
        bench.stop()
        bench.go_on()

    assert working(test) == ["a"]


def test_work_that_takes_no_notice_of_its_end_does_not_take_the_next_piece() -> None:
    async def main() -> list[str]:
        done: list[str] = []

        async def work(piece: str) -> None:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                await asyncio.sleep(1.2)
            done.append(f"{piece} {bench.goes_on}")

        async with asyncio.TaskGroup() as group:
            bench = Bench(group, work)
            for piece in "abc":
                bench.add(piece)
            await asyncio.sleep(0.5)
            bench.stop()
            bench.waiting.popleft()
            bench.go_on()
        return done

    assert run(main()) == ["b True", "a False", "c True"]


def test_an_error_ends_the_group() -> None:
    async def test(bench: Bench[str], done: list[str]) -> None:
        bench.add("wrong")
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup):
        working(test)


def test_room_is_waited_for_where_too_much_waits() -> None:
    async def test(bench: Bench[str], done: list[str]) -> None:
        for piece in "abc":
            await bench.room(2)
            bench.add(piece)
        assert done == ["a", "b"]

    working(test)


def test_there_is_an_end_to_what_can_wait() -> None:
    async def test(bench: Bench[str], done: list[str]) -> None:
        for _ in range(10_000):
            bench.add("a")
        with pytest.raises(BacklogError, match="10000 frames wait and more come"):
            bench.add("a")
        bench.stop()
        bench.waiting.clear()

    working(test)


def test_audio_is_handed_on_when_there_is_room_and_all_else_at_once() -> None:
    async def main() -> None:
        outlet = Outlet(1)
        for _ in range(3):
            await hand_on(outlet, ControlFrame("start"))
        assert len(outlet) == 3
        handing = asyncio.create_task(hand_on(outlet, AudioFrame(b"")))
        for _ in range(3):
            await asyncio.sleep(1)
            assert not handing.done()
            await anext(outlet)
        await handing
        for _ in range(9_999):
            await hand_on(outlet, ControlFrame("start"))
        with pytest.raises(BacklogError, match="10000 frames wait"):
            await hand_on(outlet, ControlFrame("start"))

    run(main())


def test_only_what_tells_milliseconds_is_taken_for_it() -> None:
    assert stages_of(TextFrame("", metadata={"stages": {"stt": 1.5}})) == {"stt": 1.5}
    assert stages_of(TextFrame("")) == stages_of(TextFrame("", metadata={"stages": 3})) == {}


def test_a_seat_is_filled_by_name_or_by_an_object() -> None:
    mine = LoudVAD()
    assert filled("vad", mine, None) is mine
    assert filled("vad", "energy", {"above_db": 9}) is filled("vad", "energy", {"above_db": 9})
    with pytest.raises(ConfigError, match="does not take these vad_options"):
        filled("vad", "energy", {"loud": True})
