"""Thousands of conversations with the simulator, other faults in each, and none that breaks a promise.

A conversation is made of its seed alone: `storm(seed)` plays it again.
"""

from __future__ import annotations

import random

import pytest
from tests.support.storm import TOOLS, broken_by, converse, replies

import s2s
from s2s.errors import S2SError
from s2s.items import JSON
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Fault, Temper
from s2s.testing.contract import violations

FEW, MANY = 150, 4000
SAID = [
    *("", "session.updated", "response.created", "response.output_audio.delta", "response.done", "error"),
    *("response.output_audio_transcript.delta", "response.output_item.done"),
    *("input_audio_buffer.speech_started", "input_audio_buffer.committed"),
    *("conversation.item.input_audio_transcription.completed", "conversation.item.truncated"),
]
ASKED = [
    *("session.update", "response.create", "response.cancel", "conversation.item.create"),
    *("conversation.item.truncate", "input_audio_buffer.append", "input_audio_buffer.commit"),
]
DEEDS = ["close", "abort", "stall", "deaf", "garble", "cut", "corrupt", "twice", "skip", "delay", "refuse"]
CODES = ["conversation_already_has_active_response", "server_error", "invalid_value", "rate_limit_exceeded"]


def fault(chance: random.Random) -> Fault:
    does: JSON = chance.choice(DEEDS)
    nth = chance.choice([1, 1, 2, 3, 5, 9])
    if does == "refuse":
        return Fault(does=does, asked=chance.choice(ASKED), code=chance.choice(CODES), nth=min(nth, 3))
    code = chance.choice([1000, 1001, 1011, 3000, 4000])
    if chance.random() < 0.3:
        return Fault(does=does, asked=chance.choice(ASKED), nth=nth, code=code)
    return Fault(does=does, said=chance.choice(SAID), nth=nth, code=code, seconds=chance.choice([0.05, 3]))


def temper(chance: random.Random) -> Temper:
    return Temper(
        pace=chance.choice([0, 1, 4, 20]),
        first_delta_ms=chance.choice([1, 20, 100]),
        delta_ms=chance.choice([3, 50, 200, 1000]),
        transcript_lag_s=chance.choice([0, 0.3, 3]),
        done_lag_s=chance.choice([0, 0.3, 2]),
        counts=chance.random() < 0.7,
        session_s=chance.choice([3600, 3600, 20]),
        faults=tuple(fault(chance) for _ in range(chance.choice([0, 0, 1, 1, 2, 4]))),
    )


async def storm(seed: int) -> list[str]:
    """Hold the conversation of this seed and return which promises it broke."""
    chance = random.Random(seed)
    simulator = OpenAISimulator([*replies(chance)], temper=temper(chance))
    engine = s2s.new("openai_realtime", tools=TOOLS, extra={"connect": simulator.connect})
    turns: JSON = chance.choice(["server", "server", "manual", "semantic"])
    rate = chance.choice([24_000, 24_000, 16_000])
    limits = s2s.Limits(connect_s=5, close_s=2, send_s=2)
    try:
        session = await engine.start(turn_detection=turns, sample_rate=rate, limits=limits)
        events = await converse(session, chance)
    except S2SError:
        return []
    finally:
        await simulator.hang_up()
    return violations(events, session.config.spoken)


def test_no_fault_breaks_a_promise_or_leaves_a_task() -> None:
    assert broken_by(storm, range(FEW)) == {}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_no_fault_breaks_a_promise_or_leaves_a_task_for_long() -> None:
    assert broken_by(storm, range(FEW, MANY)) == {}
