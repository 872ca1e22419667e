"""How soon the engine falls silent, and how long it keeps the event loop waiting."""

from __future__ import annotations

import asyncio

import s2s
from bench.speech import RATE, room, spoken
from bench.talking import percentile, talk
from s2s.providers.local import LocalEngine

TRIALS = 10


async def interrupt_to_silence() -> None:
    """Print the time from the interruption to the last audio delivered, by call and by voice."""
    engine = LocalEngine()
    by_call, by_voice = [], []
    (stop,) = await spoken(("Stop, please stop talking right now.",))
    async with engine.start(sample_rate=RATE) as session:
        for _ in range(TRIALS):
            by_call.append(await _interrupted(session, None))
            by_voice.append(await _interrupted(session, stop.tobytes()))
    print(
        f"interrupt() -> last audio delivered: p50 {percentile(by_call, 0.5):.1f} ms, max {max(by_call):.1f} ms"
    )
    print(
        f"SpeechStarted of a barge-in -> last audio: p50 {percentile(by_voice, 0.5):.1f} ms, max {max(by_voice):.1f} ms"
    )


async def longest_block() -> None:
    """Print the longest time that the event loop stood still during ten questions."""
    engine = LocalEngine()
    await engine.warm()
    clips = (await spoken())[:10]
    late: list[float] = []
    watch = asyncio.create_task(_watch(late))
    await talk(engine, clips)
    watch.cancel()
    print(
        f"event loop late by: p50 {percentile(late, 0.5):.2f} ms, p99 {percentile(late, 0.99):.2f}, max {max(late):.2f}"
    )


async def _watch(late: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + 0.001
        await asyncio.sleep(0.001)
        late.append((loop.time() - due) * 1000)


async def _interrupted(session: s2s.Session, speech: bytes | None) -> float:
    loop = asyncio.get_running_loop()
    await session.send_text("Tell me a story.")
    stopped_at, last_at = None, loop.time()
    pause = asyncio.create_task(asyncio.sleep(0.5))
    pause.add_done_callback(lambda _: None)
    async with asyncio.timeout(10):
        async for event in session:
            if isinstance(event, s2s.AudioOutput):
                last_at = loop.time()
                if stopped_at is None and pause.done():
                    if speech is None:
                        stopped_at = loop.time()
                        await session.interrupt()
                    else:
                        await session.send_audio(speech + room(200).tobytes())
                        pause = asyncio.create_task(asyncio.sleep(60))
            elif isinstance(event, s2s.SpeechStarted):
                stopped_at = loop.time()
            elif isinstance(event, s2s.TurnEnd):
                pause.cancel()
                return max(0.0, (last_at - (stopped_at or last_at)) * 1000)
    raise RuntimeError("the session ended")
