from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

import pytest

from s2s.errors import ConfigError
from s2s.pipeline import AudioFrame, ControlFrame, Frame, Frames, Outlet, Processor, TextFrame, concurrently
from s2s.pipeline.running import STOP, run
from s2s.testing import clock
from tests.support.frames import Source, others, texts

BLOCK = AudioFrame(bytes(960))


class Ends:
    """A source and a sink that keep what was said to them, in order."""

    def __init__(self, frames: Iterable[Frame], *, fails: object = None) -> None:
        self.source = Source(frames)
        self.sent: list[Frame] = []
        self.closed: list[str] = []
        self.fails = fails

    async def frames(self) -> AsyncGenerator[Frame, None]:
        try:
            async for frame in self.source.frames():
                yield frame
            yield STOP
        finally:
            self.closed.append("source")

    async def send(self, frame: Frame, /) -> None:
        await asyncio.sleep(0)
        if self.fails == frame:
            raise OSError("the sink is full")
        self.sent.append(frame)

    async def close(self) -> None:
        self.closed.append("transport")
        if self.fails == "close":
            raise OSError("it does not close")


async def shouted(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        yield TextFrame(frame.text + "!") if isinstance(frame, TextFrame) else frame


async def broken(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        yield frame
        raise LookupError("mine")


async def mute(frames: Frames) -> AsyncGenerator[Frame, None]:
    async for _ in frames:
        pass
    for frame in texts():
        yield frame


def test_frames_go_from_the_source_through_the_processors_into_the_sink() -> None:
    ends = Ends(texts("a", "b"))
    clock.run(run(ends, shouted, shouted))
    assert ends.sent == [*texts("a!!", "b!!"), STOP]
    assert ends.closed == ["source", "transport"]


def test_the_sink_is_stopped_once_even_where_no_processor_says_so() -> None:
    ends = Ends(texts("a"))
    clock.run(run(ends, mute))
    assert ends.sent == [STOP]


@pytest.mark.parametrize(
    ("parts", "fails", "raises"),
    [
        ((broken,), None, LookupError),
        ((broken, shouted), "close", LookupError),
        ((shouted,), TextFrame("b!"), OSError),
        ((), "close", OSError),
    ],
)
def test_what_breaks_a_pipeline_comes_out_as_it_is_and_everything_is_closed(
    parts: tuple[Processor, ...], fails: object, raises: type[Exception]
) -> None:
    async def main() -> None:
        ends = Ends(texts("a", "b"), fails=fails)
        with pytest.raises(raises):
            await run(ends, *parts)
        assert ends.closed == ["source", "transport"]
        assert others() == set()

    clock.run(main())


def test_what_is_no_processor_is_refused_and_the_transport_closed() -> None:
    ends = Ends([])
    with pytest.raises(ConfigError):
        clock.run(run(ends, "shout"))  # type: ignore[arg-type]
    assert ends.closed == ["transport"]


@pytest.mark.parametrize("wrong", ["question.wav", None, Ends])
def test_what_is_no_transport_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"is no transport: give an object with frames\(\)"):
        clock.run(run(wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.11])
def test_a_run_that_is_cancelled_leaves_nothing(after_s: float) -> None:
    class Slow(Ends):
        async def send(self, frame: Frame, /) -> None:
            await asyncio.sleep(0.1)

    async def main() -> None:
        ends = Slow(texts("a", "b", "c"))
        running = asyncio.create_task(run(ends, shouted, aside))
        await asyncio.sleep(after_s)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert others() == set()
        assert after_s == 0 or ends.closed == ["source", "transport"]

    def aside(frames: Frames) -> Frames:
        async def work(outlet: Outlet) -> None:
            async for frame in frames:
                await outlet.put(frame)

        return concurrently(work)

    clock.run(main())


def test_an_interrupt_comes_through_within_one_frame_of_a_full_sink() -> None:
    """The sink takes 20 ms for each frame, as one does that is full; the agent is far ahead of it."""
    heard: list[tuple[float, Frame]] = []

    class Full(Ends):
        async def send(self, frame: Frame, /) -> None:
            heard.append((asyncio.get_running_loop().time(), frame))
            await asyncio.sleep(0.02 if isinstance(frame, AudioFrame) else 0)

    def agent(frames: Frames) -> Frames:
        async def work(outlet: Outlet) -> None:
            async with asyncio.TaskGroup() as group:
                talking = group.create_task(talk(outlet))
                async for frame in frames:
                    if frame == ControlFrame("interrupt"):
                        talking.cancel()
                        outlet.interrupt(frame)

        async def talk(outlet: Outlet) -> None:
            while True:
                await outlet.put(BLOCK)

        return concurrently(work)

    class Later(Full):
        async def frames(self) -> AsyncGenerator[Frame, None]:
            await asyncio.sleep(1.005)
            yield ControlFrame("interrupt")
            await asyncio.sleep(1)
            yield STOP

    clock.run(run(Later([]), agent))
    cut_at = next(at for at, frame in heard if frame == ControlFrame("interrupt"))
    assert 1.005 < cut_at <= 1.025
    assert not any(isinstance(frame, AudioFrame) for at, frame in heard if at > cut_at)
    assert len(heard) > 40
