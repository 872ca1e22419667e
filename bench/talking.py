"""Talks to an engine in real time and measures what a listener would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import s2s
from bench.speech import RATE, Samples, first_audible_ms, last_voiced_ms, room

CHUNK_MS = 20
PATIENCE_MS = 8000
PAUSE_S = 0.3
"""Silence between the end of an answer, as played, and the next question."""


@dataclass
class Heard:
    """What came of one question."""

    voice_to_voice_ms: float | None = None
    items: set[str] = field(default_factory=set)
    overlap_ms: float = 0.0
    """How long an answer sounded before the user went on and it was taken back."""
    text: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    plays_until: float = 0.0

    @property
    def split(self) -> bool:
        """Whether the engine took one question for several turns."""
        return len(self.items) > 1


async def talk(engine: s2s.Engine, clips: Sequence[Samples], **overrides: object) -> list[Heard]:
    """Ask one question after the other over one session, each after the answer to the one before."""
    results = []
    async with engine.start(sample_rate=RATE, **overrides) as session:
        for clip in clips:
            results.append(await _ask(session, clip))
    return results


async def _ask(session: s2s.Session, clip: Samples) -> Heard:
    loop = asyncio.get_running_loop()
    heard = Heard()
    began = loop.time()
    voiced_until = began + last_voiced_ms(clip) / 1000
    done = asyncio.Event()
    listener = asyncio.create_task(_listen(session, heard, voiced_until, done))
    await _play(session, clip, began, heard, done)
    listener.cancel()
    await asyncio.wait([listener])
    await session.interrupt()
    return heard


async def _play(session: s2s.Session, clip: Samples, began: float, heard: Heard, done: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    audio = memoryview(clip.tobytes() + room(PATIENCE_MS).tobytes())
    step = RATE * CHUNK_MS // 1000 * 2
    for index, start in enumerate(range(0, len(audio), step)):
        await asyncio.sleep(began + (index + 1) * CHUNK_MS / 1000 - loop.time())
        await session.send_audio(audio[start : start + step])
        if done.is_set() and loop.time() > heard.plays_until + PAUSE_S:
            return


async def _listen(session: s2s.Session, heard: Heard, voiced_until: float, done: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    early = 0.0
    async for event in session:
        now = loop.time()
        match event:
            case s2s.SpeechStarted(item_id=item_id):
                heard.items.add(item_id)
            case s2s.Transcript(text=text, final=True):
                heard.text = text
            case s2s.AudioOutput(audio=audio, sample_rate=rate):
                heard.plays_until = max(heard.plays_until, now) + len(audio) / 2 / rate
                if heard.voice_to_voice_ms is not None:
                    continue
                if now < voiced_until:
                    early = early or now
                elif (audible_ms := first_audible_ms(audio, rate)) is not None:
                    heard.voice_to_voice_ms = (now - voiced_until) * 1000 + audible_ms
            case s2s.Interrupted() if early:
                heard.overlap_ms, early = heard.overlap_ms + (now - early) * 1000, 0.0
            case s2s.ResponseDone(stages=stages):
                heard.stages = stages
            case s2s.TurnEnd(status="completed") if now > voiced_until:
                done.set()
            case _:
                pass


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
