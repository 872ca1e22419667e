"""Thousands of conversations with the simulator of Gemini Live, other faults in each, over many connections.

A conversation is made of its seed alone: `storm(seed)` plays it again.
"""

from __future__ import annotations

import random

import pytest
from tests.support.storm import TOOLS, broken_by, converse, replies

import s2s
from s2s.errors import S2SError
from s2s.items import JSON
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.temper import Fault, GeminiTemper
from s2s.testing.contract import violations

FEW, MANY = 80, 4000
PROFILES = ["dev-2.5-native", "dev-3.1", "dev-3.8", "dev-3.8-thinking", "vertex-half-cascade"]
SAID = [
    *("", "setupComplete", "serverContent", "modelTurn", "outputTranscription", "inputTranscription"),
    *("generationComplete", "turnComplete", "interrupted", "toolCall", "toolCallCancellation"),
    *("sessionResumptionUpdate", "voiceActivity", "goAway"),
]
ASKED = ["setup", "clientContent", "realtimeInput", "audio", "activityStart", "activityEnd", "toolResponse"]
DEEDS = [
    *("close", "close", "abort", "stall", "deaf", "garble", "cut", "corrupt", "twice", "skip", "late"),
    *("delay", "say", "refuse"),
]
WORDS = [
    '{"serverContent":{"interrupted":true}}',
    '{"serverContent":{"turnComplete":true}}',
    '{"serverContent":{"outputTranscription":{"text":" late words"}}}',
    '{"serverContent":{"turnComplete":true,"interactionStatus":"IN_PROGRESS"}}',
    '{"goAway":{"timeLeft":"3s"}}',
    '{"toolCallCancellation":{"ids":["call_1","nobody"]}}',
    '{"sessionResumptionUpdate":{"resumable":false}}',
    '{"sessionResumptionUpdate":{"newHandle":"forged","resumable":true}}',
    '{"serverContent":{}}',
    '{"something":{"new":1}}',
]
CODES = [1000, 1001, 1006, 1007, 1008, 1011, 1011, 1013]
REASONS = [
    "",
    "",
    "Internal error encountered.",
    "Requested entity was not found.",
    "You exceeded your quota",
]


def fault(chance: random.Random) -> Fault:
    does: JSON = chance.choice(DEEDS)
    nth = chance.choice([1, 1, 2, 3, 5, 9])
    code, reason = chance.choice(CODES), chance.choice(REASONS)
    if does == "refuse" or chance.random() < 0.3:
        return Fault(does=does, asked=chance.choice(ASKED), nth=nth, code=code, reason=reason)
    text, seconds = chance.choice(WORDS), chance.choice([0.05, 3, 40])
    said = chance.choice(SAID)
    return Fault(does=does, said=said, nth=nth, code=code, reason=reason, text=text, seconds=seconds)


def temper(chance: random.Random) -> GeminiTemper:
    return GeminiTemper(
        profile=chance.choice(PROFILES),
        plays=chance.random() < 0.8,
        pace=chance.choice([0, 1, 4, 20]),
        first_delta_ms=chance.choice([1, 20, 100]),
        delta_ms=chance.choice([3, 50, 200, 1000]),
        transcript_lag_s=chance.choice([0, 0.3, 3]),
        session_s=chance.choice([600, 600, 8, 30]),
        notice_s=chance.choice([60, 5, 0]),
        handles_s=chance.choice([7200, 7200, 5, 0]),
        faults=tuple(fault(chance) for _ in range(chance.choice([0, 0, 1, 1, 2, 4]))),
    )


async def storm(seed: int) -> list[str]:
    """Hold the conversation of this seed and return which promises it broke."""
    chance = random.Random(seed)
    simulator = GeminiSimulator([*replies(chance)], temper=(made := temper(chance)))
    surface = "vertex" if str(made.profile).startswith("vertex") else "developer"
    extra = {"connect": simulator.connect, "profile": made.profile, "surface": surface}
    engine = s2s.new("gemini_live", tools=TOOLS, extra=extra)
    turns: JSON = chance.choice(["server", "server", "manual"])
    rate = chance.choice([24_000, 24_000, 16_000])
    limits = s2s.Limits(connect_s=5, close_s=2, send_s=2)
    reconnect = s2s.Reconnect(attempts=chance.choice([5, 5, 1, 0]), replay=chance.random() < 0.8)
    try:
        session = await engine.start(
            turn_detection=turns, sample_rate=rate, limits=limits, reconnect=reconnect
        )
        events = await converse(session, chance)
    except S2SError:
        return []
    finally:
        await simulator.hang_up()
    return violations(events, session.config.spoken)


def test_no_fault_breaks_a_promise_or_leaves_a_task() -> None:
    assert broken_by(storm, range(FEW)) == {}


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_no_fault_breaks_a_promise_or_leaves_a_task_for_long() -> None:
    assert broken_by(storm, range(FEW, MANY)) == {}
