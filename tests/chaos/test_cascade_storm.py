"""Conversations with the cascade, with stages that take any time or fail, and none that breaks a promise.

A conversation is made of its seed alone: `storm(seed)` plays it again.
"""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.support.stages import LevelSTT, LoudVAD, Script, ScriptedBrain, ToneTTS
from tests.support.storm import NAMES, TOOLS, broken_by, converse

import s2s
from s2s.config import Limits
from s2s.events import Error
from s2s.items import Call, ToolResult
from s2s.pipeline import BrainProcessor, CascadePipeline, STTProcessor, TTSProcessor, VADProcessor
from s2s.providers.local.stages import Prompt
from s2s.testing.contract import violations

FEW, MANY = 60, 3000


class Guessing(LevelSTT):
    """Understands something, or nothing."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance.choice([0.0, 0.03, 0.3]))
        self._chance = chance

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        await super().transcribe(pcm, urgent=urgent)
        return self._chance.choice(["hello", "what is it?", ""])


def a_brain(chance: random.Random) -> BrainProcessor:
    async def own() -> str:
        await asyncio.sleep(chance.choice([0, 1]))
        return "done"

    def reply(prompt: Prompt) -> Script:
        if any(isinstance(each, ToolResult) for each in prompt.history[-1:]):
            yield "It is done."
            return
        for _ in range(chance.choice([0, 1, 1, 2, 3])):
            call = Call(f"call_{chance.random()}", chance.choice([*NAMES, "own"]))
            yield chance.choice(["Hello. ", "word " * 20, "One. Two. ", "x", 0.5, call, call])
        if chance.random() < 0.1:
            yield OSError("down")

    return BrainProcessor(ScriptedBrain(reply), tools=[own] if chance.random() < 0.5 else ())


async def storm(seed: int) -> list[str]:
    """Hold the conversation of this seed and return which promises it broke."""
    chance = random.Random(seed)
    voice = ToneTTS(delay_s=chance.choice([0.0, 0.02, 0.4]))
    steps = VADProcessor(LoudVAD()), STTProcessor(Guessing(chance)), a_brain(chance), TTSProcessor(voice)
    engine = CascadePipeline(s2s.Config(tools=TOOLS, limits=Limits(close_s=2, send_s=2)), steps=steps)
    session = await engine.start(
        turn_detection=chance.choice(["server", "server", "manual", "semantic"]),
        sample_rate=chance.choice([24_000, 16_000]),
        extra={"lead_ms": chance.choice([None, 0, 1000])},
    )
    events = await converse(session, chance)
    fatal = [str(each.error) for each in events if isinstance(each, Error) and each.fatal]
    return [*violations(events, session.config.spoken), *fatal]


def test_no_conversation_breaks_a_promise() -> None:
    assert broken_by(storm, range(FEW)) == {}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_no_conversation_of_thousands_breaks_a_promise() -> None:
    assert broken_by(storm, range(FEW, MANY)) == {}
