"""Voice to voice, alone and in company, and what endpointing costs and saves."""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from collections.abc import Sequence

import s2s
from bench.speech import Samples, spoken, with_pause
from bench.talking import Heard, percentile, talk
from s2s.providers.local import LocalEngine

COMPANY = 16


async def voice_to_voice() -> None:
    """Print the latency of 20 questions, one session, warm."""
    engine = await _warm()
    clips = await spoken()
    await talk(engine, clips[:2])
    cpu, began = _cpu(), time.monotonic()
    heard = await talk(engine, clips)
    share = (_cpu() - cpu) / (time.monotonic() - began)
    print("voice to voice: last voiced sample of the user -> first audible sample of the answer")
    print(f"  {_row(heard)}; CPU {share * 100:.1f} % of one core")
    for each in heard:
        if (each.voice_to_voice_ms or 0) > 1.2 * percentile(_times(heard), 0.5):
            print(f"  slow: {each.voice_to_voice_ms:.0f} ms {each.text!r} {each.stages}")
    stages = {name: sorted(e.stages[name] for e in heard if name in e.stages) for name in heard[0].stages}
    print("  stages, median ms: " + ", ".join(f"{k} {v[len(v) // 2]:.0f}" for k, v in stages.items() if v))


async def concurrent() -> None:
    """Print the same for 16 sessions that talk at once."""
    engine = await _warm()
    clips = await spoken()
    await talk(engine, clips[:1])
    cpu, began = _cpu(), time.monotonic()
    turned = [clips[k:] + clips[:k] for k in range(COMPANY)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_late(k * 0.27, engine, turned[k][:8])) for k in range(COMPANY)]
    share = (_cpu() - cpu) / (time.monotonic() - began)
    heard = list(itertools.chain.from_iterable(task.result() for task in tasks))
    print(f"{COMPANY} sessions talking at once: {_row(heard)}")
    print(f"  CPU {share * 100 / COMPANY:.1f} % of one core each")


async def endpointing() -> None:
    """Print silence against split turns, with and without pauses of 300 ms inside the questions."""
    engine = await _warm()
    whole = await spoken()
    paused = [with_pause(clip, 300) for clip in whole]
    print("endpointing (20 questions; 'paused' has 300 ms of silence put into the middle of each)")
    print("  'taken back': an answer had begun to sound, for at most so long, when the user went on")
    print(f"  {'policy':20} v2v p50   p90 | as spoken | paused")
    policies = {
        "fixed 160 ms": s2s.TurnDetection(silence_ms=160),
        "fixed 300 ms": s2s.TurnDetection(silence_ms=300),
        "fixed 500 ms": s2s.TurnDetection(silence_ms=500),
        "adaptive, reopening": s2s.TurnDetection(),
    }
    for name, turns in policies.items():
        plain = await _crowd(engine, whole, turns)
        broken = await _crowd(engine, paused, turns)
        times = _times(plain)
        print(
            f"  {name:20} {percentile(times, 0.5):7.0f} {percentile(times, 0.9):5.0f} |"
            f" {_splits(plain)} | {_splits(broken)}"
        )


async def _crowd(engine: s2s.Engine, clips: Sequence[Samples], turns: s2s.TurnDetection) -> list[Heard]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(talk(engine, clips[k::4], turn_detection=turns)) for k in range(4)]
    return list(itertools.chain.from_iterable(task.result() for task in tasks))


async def _late(delay_s: float, engine: s2s.Engine, clips: Sequence[Samples]) -> list[Heard]:
    await asyncio.sleep(delay_s)
    return await talk(engine, clips)


async def _warm() -> LocalEngine:
    engine = LocalEngine()
    await engine.warm()
    return engine


def _row(heard: Sequence[Heard]) -> str:
    times = _times(heard)
    unanswered = len(heard) - len(times)
    return (
        f"p50 {percentile(times, 0.5):.0f} ms, p90 {percentile(times, 0.9):.0f} ms, max {max(times):.0f} ms,"
        f" n {len(heard)}, unanswered {unanswered}, split turns {sum(e.split for e in heard)}"
    )


def _times(heard: Sequence[Heard]) -> list[float]:
    return [each.voice_to_voice_ms for each in heard if each.voice_to_voice_ms is not None]


def _splits(heard: Sequence[Heard]) -> str:
    overlaps = [each.overlap_ms for each in heard if each.overlap_ms]
    longest = f", at most {max(overlaps):.0f} ms" if overlaps else ""
    return f"{sum(each.split for each in heard)} split, {len(overlaps)} taken back{longest}"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
