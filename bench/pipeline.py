"""What a frame costs on its way through five processors that only hand it on: ours beside Pipecat's."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from importlib.metadata import version

import s2s
from s2s.pipeline import AudioFrame, Frame, Frames, Processor, chain, frame_loop

RATE = 24_000
CHUNK = bytes(RATE // 50 * 2)
STEPS = 5
FRAMES = 5_000
ROUNDS = 7
PACED_ROUNDS = 3
PIPELINES = 20
PACED_FRAMES = 150
FRAME_S = 0.02

Round = Callable[[], Awaitable[float]]
"""One round; it returns the CPU microseconds of a frame."""


async def pipeline() -> None:
    """Print CPU per 20 ms frame through five pass-through processors, ours and Pipecat's in turns."""
    from bench import pipecat_side as pipecat

    ours: dict[str, Sequence[Processor]] = {
        "no processor, only who makes frames": (),
        "ours: async-generator functions": [_function] * STEPS,
        "ours: FrameProcessor objects": [_Object() for _ in range(STEPS)],
        "ours: frame_loop handlers": [frame_loop(_handed)] * STEPS,
    }
    theirs = {f"Pipecat: {kind}": kind for kind in pipecat.HANDS_ON}
    print(f"{STEPS} processors that hand on, 20 ms of audio a frame, Pipecat {version('pipecat-ai')}")
    print(f"CPU us per frame, best and median of {ROUNDS} rounds in turns, paced of {PACED_ROUNDS}")
    print(f"ratio: how many times as much {next(iter(theirs))} takes")
    for title, rounds_each, our_round, their_round in (
        (f"as fast as it goes, {FRAMES} frames", ROUNDS, _burst, pipecat.burst),
        (f"one frame at a time, {FRAMES} frames", ROUNDS, _one_at_a_time, pipecat.one_at_a_time),
        (f"50 frames a second, {PIPELINES} pipelines at once", PACED_ROUNDS, _paced, pipecat.paced),
    ):
        rounds: dict[str, Round] = {what: partial(our_round, steps) for what, steps in ours.items()}
        rounds |= {what: partial(their_round, kind) for what, kind in theirs.items()}
        await _table(title, rounds, rounds_each, next(iter(theirs)))
    echo = s2s.as_frame_processor("script", extra={"echo": True})
    answers: dict[str, Round] = {"ours: as_frame_processor of an engine": partial(_one_at_a_time, [echo])}
    answers |= {f"Pipecat: {kind}": partial(pipecat.one_at_a_time, kind) for kind in pipecat.ANSWERS}
    await _table("each frame answered with one, one at a time", answers, ROUNDS, list(answers)[1])


async def _table(title: str, rounds: dict[str, Round], count: int, reference: str) -> None:
    measured: dict[str, list[float]] = {what: [] for what in rounds}
    for _ in range(count):
        for what, go in rounds.items():
            measured[what].append(await go())
    print(f"\n  {title:46}{'best':>8}{'median':>8}{'ratio':>8}")
    for what, each in measured.items():
        ratio = min(measured[reference]) / min(each)
        print(f"  {what:46}{min(each):8.2f}{statistics.median(each):8.2f}{ratio:8.1f}")


async def _burst(steps: Sequence[Processor]) -> float:
    before = time.process_time()
    async with aclosing(chain(*steps).process(_source(FRAMES))) as frames:
        async for _ in frames:
            pass
    return (time.process_time() - before) / FRAMES * 1e6


async def _one_at_a_time(steps: Sequence[Processor]) -> float:
    waiting: asyncio.Queue[Frame] = asyncio.Queue()
    came = asyncio.Event()

    async def source() -> AsyncIterator[Frame]:
        while True:
            yield await waiting.get()

    async def listen() -> None:
        async with aclosing(chain(*steps).process(source())) as frames:
            async for frame in frames:
                if isinstance(frame, AudioFrame):
                    came.set()

    listening = asyncio.create_task(listen())
    before = time.process_time()
    for _ in range(FRAMES):
        came.clear()
        await waiting.put(AudioFrame(CHUNK, RATE))
        await came.wait()
    used = time.process_time() - before
    listening.cancel()
    await asyncio.wait([listening])
    return used / FRAMES * 1e6


async def _paced(steps: Sequence[Processor]) -> float:
    async def run() -> None:
        async with aclosing(chain(*steps).process(_source(PACED_FRAMES, FRAME_S))) as frames:
            async for _ in frames:
                pass

    before = time.process_time()
    await asyncio.gather(*(run() for _ in range(PIPELINES)))
    return (time.process_time() - before) / PACED_FRAMES / PIPELINES * 1e6


async def _source(count: int, every_s: float = 0.0) -> AsyncIterator[Frame]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(count):
        if every_s:
            await asyncio.sleep(began + number * every_s - loop.time())
        yield AudioFrame(CHUNK, RATE)


async def _function(frames: Frames) -> AsyncIterator[Frame]:
    async for frame in frames:
        yield frame


class _Object:
    async def process(self, frames: Frames, /) -> AsyncIterator[Frame]:
        async for frame in frames:
            yield frame


def _handed(frame: Frame) -> Frame:
    return frame
