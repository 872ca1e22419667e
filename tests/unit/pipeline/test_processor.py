from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import ConfigError
from s2s.pipeline import (
    ControlFrame,
    Frame,
    Frames,
    Outlet,
    Processor,
    TextFrame,
    chain,
    concurrently,
    frame_loop,
)
from s2s.testing.clock import run
from tests.support.frames import Source, collected, others, texts, through


async def doubled(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        yield frame
        yield frame


async def shouted(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        yield TextFrame(frame.text + "!") if isinstance(frame, TextFrame) else frame


class Prefixed:
    """Counts within one stream."""

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        n = 0
        async for frame in frames:
            n += 1
            yield TextFrame(f"{n}{frame.text}") if isinstance(frame, TextFrame) else frame


def aside(frames: Frames) -> Frames:
    async def work(outlet: Outlet) -> None:
        async for frame in frames:
            await outlet.put(frame)

    return concurrently(work, most_frames=2)


STEPS: dict[str, Processor] = {
    "doubled": doubled,
    "shouted": shouted,
    "prefixed": Prefixed(),
    "aside": aside,
    "nothing": chain(),
    "several": frame_loop(lambda frame: [frame, ControlFrame("start")]),
}
steps = st.lists(st.sampled_from(sorted(STEPS)).map(STEPS.__getitem__), max_size=4)
words = st.lists(st.text("abc", max_size=2), max_size=5)


def said(frames: Iterable[Frame]) -> list[str]:
    return [frame.text for frame in frames if isinstance(frame, TextFrame)]


def test_frames_go_through_every_processor_in_order() -> None:
    assert said(run(through(chain(doubled, shouted, Prefixed()), texts("a", "b")))) == [
        "1a!",
        "2a!",
        "3b!",
        "4b!",
    ]


@given(steps, steps, steps, words)
def test_a_chain_is_associative(
    a: list[Processor], b: list[Processor], c: list[Processor], w: list[str]
) -> None:
    flat = run(through(chain(*a, *b, *c), texts(*w)))
    left = run(through(chain(chain(chain(*a), chain(*b)), chain(*c)), texts(*w)))
    right = run(through(chain(chain(*a), chain(chain(*b), chain(*c))), texts(*w)))
    assert flat == left == right


@given(st.lists(st.sampled_from(["aside", "nothing"]).map(STEPS.__getitem__), max_size=5), words)
def test_what_changes_nothing_keeps_order_and_loses_and_doubles_nothing(
    through_: list[Processor], w: list[str]
) -> None:
    assert said(run(through(chain(*through_), texts(*w)))) == w


def test_a_chain_asks_for_no_more_than_it_is_asked_for() -> None:
    async def main() -> None:
        source = Source(texts("a", "b", "c"))
        stream = chain(shouted, Prefixed()).process(source.frames())
        assert source.asked == 0
        await anext(stream)
        assert source.asked == 1
        await stream.aclose()
        assert source.closed

    run(main())


@given(steps, words, st.integers(1, 8))
def test_closing_at_any_point_closes_the_source_and_leaves_no_task(
    parts: list[Processor], w: list[str], most: int
) -> None:
    async def main() -> None:
        source = Source(texts(*w))
        frames = source.frames()
        async with aclosing(chain(*parts).process(frames)) as stream:
            async for _ in stream:
                most_left.append(0)
                if len(most_left) >= most:
                    break
        assert not source.asked or source.closed
        assert others() == set()

    most_left: list[int] = []
    run(main())


def test_processors_are_closed_last_first_and_the_source_in_the_end() -> None:
    closed: list[str] = []

    def noting(name: str) -> Processor:
        async def note(frames: Frames) -> AsyncGenerator[Frame, None]:
            try:
                async for frame in frames:
                    yield frame
            finally:
                closed.append(name)

        return note

    async def main() -> None:
        stream = chain(noting("first"), noting("second")).process(noting_source())
        await anext(stream)
        await stream.aclose()

    async def noting_source() -> AsyncGenerator[Frame, None]:
        try:
            yield TextFrame("a")
        finally:
            closed.append("source")

    run(main())
    assert closed == ["second", "first", "source"]


@pytest.mark.parametrize("broken", range(3))
def test_an_error_of_any_processor_comes_out_as_it_is_and_closes_the_rest(broken: int) -> None:
    async def fails(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            yield frame
            raise ValueError("mine")

    async def main() -> None:
        source = Source(texts("a", "b"))
        parts: list[Processor] = [aside, aside]
        stream = chain(*parts[:broken], fails, *parts[broken:]).process(source.frames())
        with pytest.raises(ValueError, match="mine"):
            await collected(stream)
        assert source.closed
        assert others() == set()

    run(main())


def test_an_error_of_the_source_comes_through() -> None:
    with pytest.raises(LookupError, match="gone"):
        run(collected(chain(aside, shouted).process(Source(texts("a"), then=LookupError("gone")).frames())))


def test_a_cancelled_reader_leaves_nothing_behind() -> None:
    async def main() -> None:
        source = Source([])

        async def silent() -> AsyncGenerator[Frame, None]:
            try:
                await asyncio.Event().wait()
                yield TextFrame("never")
            finally:
                source.closed = True

        reading = asyncio.create_task(collected(chain(shouted, aside, shouted).process(silent())))
        await asyncio.sleep(1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert source.closed
        assert others() == set()

    run(main())


def test_a_processor_serves_many_streams() -> None:
    both = chain(Prefixed())

    async def main() -> list[list[Frame]]:
        return [await through(both, texts("a", "b")), await through(both, texts("c"))]

    assert [said(each) for each in run(main())] == [["1a", "2b"], ["1c"]]


@pytest.mark.parametrize("wrong", [None, 5, "shout", Prefixed, [shouted]])
def test_what_is_no_processor_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="is no frame processor: give an object with"):
        chain(wrong)  # type: ignore[arg-type]


async def forgotten(frames: Frames) -> None:
    async for _ in frames:
        pass


def listed(frames: Frames) -> list[Frame]:
    return [TextFrame("a")]


def plain(frames: Frames) -> Iterable[Frame]:
    yield TextFrame("a")


@pytest.mark.parametrize("wrong", [forgotten, listed, plain, lambda frames: None])
def test_a_function_that_makes_no_stream_is_named(wrong: Processor) -> None:
    with pytest.raises(ConfigError, match=r"<function .*> made a \w+, no stream: let it `yield`"):
        run(through(chain(shouted, wrong), texts("a")))


@pytest.mark.parametrize("made", [None, "a", b"a"])
def test_what_comes_out_and_is_no_frame_is_refused(made: object) -> None:
    async def careless(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for _ in frames:
            yield made  # type: ignore[misc]

    with pytest.raises(ConfigError, match=f"{made!r} came out of a processor"):
        run(through(chain(shouted, careless), texts("a")))


def test_a_loop_takes_all_that_a_handler_may_give() -> None:
    async def later(frame: Frame) -> Frame:
        return frame

    async def one_by_one(frame: Frame) -> AsyncGenerator[Frame, None]:
        yield frame
        yield frame

    async def nothing(_: Frame) -> None:
        return None

    def of(frame: Frame) -> object:
        assert isinstance(frame, TextFrame)
        match frame.text:
            case "one":
                return frame
            case "several":
                return (frame, frame)
            case "later":
                return later(frame)
            case "one by one":
                return one_by_one(frame)
            case "nothing later":
                return nothing(frame)
            case _:
                return None

    given = texts("one", "several", "later", "one by one", "nothing later", "nothing")
    made = said(run(through(frame_loop(of), given)))  # type: ignore[arg-type]
    assert made == ["one", "several", "several", "later", "one by one", "one by one"]


def test_closing_a_loop_closes_the_generator_of_its_handler() -> None:
    closed: list[str] = []

    async def endless(frame: Frame) -> AsyncGenerator[Frame, None]:
        try:
            while True:
                yield frame
        finally:
            closed.append("yes")

    assert len(run(through(frame_loop(endless), texts("a"), most=3))) == 3
    assert closed == ["yes"]
