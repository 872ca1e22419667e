"""How soon the engine falls silent, and how long it keeps the event loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import s2s
from bench.speech import RATE, Samples, first_audible_ms, room, spoken
from bench.talking import CHUNK_MS, percentile, talk
from s2s.providers.local import LocalEngine

TRIALS = 10


class Storyteller:
    """A brain that never stops by itself and knows when it was stopped."""

    speculative = False

    def __init__(self) -> None:
        self.stopped_at = 0.0

    async def warm(self) -> None:
        """Nothing to load."""

    async def respond(self, prompt: object) -> AsyncIterator[str]:
        """Tell a story without an end."""
        try:
            while True:
                yield "And then the traveller went over another hill and saw another valley. "
                await asyncio.sleep(0.02)
        finally:
            self.stopped_at = asyncio.get_running_loop().time()


async def interrupt_to_silence() -> None:
    """Print the time from the interruption to the last audio delivered and to the end of generation."""
    brain = Storyteller()
    (stop,) = await spoken(("Stop, please stop talking right now.",))
    async with LocalEngine(s2s.Config(extra={"brain": brain})).start(sample_rate=RATE) as session:
        by_call = [await _trial(session, brain, None) for _ in range(TRIALS)]
        by_voice = [await _trial(session, brain, stop) for _ in range(TRIALS)]
    _print("interrupt() called", by_call)
    _print("first voiced sample of a barge-in", by_voice)


async def longest_block() -> None:
    """Print how late the event loop was during ten questions, beside an idle loop."""
    engine = LocalEngine()
    await engine.warm()
    clips = (await spoken())[:10]
    idle: list[float] = []
    watch = asyncio.create_task(_watch(idle))
    await asyncio.sleep(10)
    watch.cancel()
    late: list[float] = []
    watch = asyncio.create_task(_watch(late))
    await talk(engine, clips)
    watch.cancel()
    for name, values in (("idle", idle), ("talking", late)):
        print(
            f"event loop late by, {name}: p50 {percentile(values, 0.5):.2f} ms, "
            f"p99.9 {percentile(values, 0.999):.2f} ms, max {max(values):.2f} ms"
        )


async def _watch(late: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + 0.001
        await asyncio.sleep(0.001)
        late.append((loop.time() - due) * 1000)


async def _trial(session: s2s.Session, brain: Storyteller, speech: Samples | None) -> tuple[float, float]:
    """Return the ms from the cause to the last audio, and to the end of generation."""
    loop = asyncio.get_running_loop()
    await session.send_text("Tell me a story.")
    cut = asyncio.create_task(_cut(session, speech))
    last_at = 0.0
    async with asyncio.timeout(15):
        async for event in session:
            match event:
                case s2s.AudioOutput():
                    last_at = loop.time()
                case s2s.TurnEnd(status="interrupted"):
                    break
                case _:
                    pass
        caused_at = await cut
    if speech is not None:
        await session.clear()
    return max(0.0, (last_at - caused_at) * 1000), (brain.stopped_at - caused_at) * 1000


async def _cut(session: s2s.Session, speech: Samples | None) -> float:
    """Interrupt after a while, by call or by voice, and return when that began."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.7)
    began = loop.time()
    if speech is None:
        await session.interrupt()
        return began
    audio = memoryview(room(100).tobytes() + speech.tobytes())[: RATE * 2 * 6 // 10]
    step = RATE * CHUNK_MS // 1000 * 2
    for index, start in enumerate(range(0, len(audio), step)):
        await asyncio.sleep(began + (index + 1) * CHUNK_MS / 1000 - loop.time())
        await session.send_audio(audio[start : start + step])
    return began + 0.1 + (first_audible_ms(speech.tobytes(), RATE) or 0.0) / 1000


def _print(cause: str, trials: Sequence[tuple[float, float]]) -> None:
    for what, values in zip(
        ("the last audio delivered", "the end of generation"), zip(*trials, strict=True), strict=True
    ):
        print(f"{cause} -> {what}: p50 {percentile(values, 0.5):.0f} ms, max {max(values):.0f} ms")
