"""Thousands of conversations with the simulator of Nova Sonic, other faults in each, over many streams.

A conversation is made of its seed alone: `storm(seed)` and `gale(seed)` play it again.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

import pytest
from msgspec.structs import replace
from tests.support.nova_callers import Caller, calling, wrong
from tests.support.nova_streams import Kind, Parrot, Street
from tests.support.storm import TOOLS, broken_by, converse, replies

import s2s
from s2s.commands import InterruptMode
from s2s.errors import S2SError, SessionClosedError
from s2s.items import JSON
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.contract import violations

pytestmark = pytest.mark.filterwarnings("ignore:amazon.nova-sonic-v1")
FEW, MANY = 60, 4000
SOME, MOST = 25, 2000
SAID = [
    *("", "response", "completionStart", "contentStart", "contentStart.TEXT", "contentStart.AUDIO"),
    *("contentStart.TOOL", "textOutput", "audioOutput", "toolUse", "contentEnd", "contentEnd.TEXT"),
    *("contentEnd.AUDIO", "contentEnd.TOOL", "usageEvent", "completionEnd"),
]
ASKED = [
    *("request", "sessionStart", "promptStart", "contentStart", "contentStart.TEXT", "contentStart.AUDIO"),
    *("contentStart.TOOL", "textInput", "audioInput", "toolResult", "contentEnd", "promptEnd", "sessionEnd"),
]
DEEDS = [
    *("close", "close", "abort", "stall", "deaf", "garble", "cut", "corrupt", "twice", "skip", "late"),
    *("delay", "say", "refuse", "reset", "goaway", "fail", "error"),
]
CODES = [1000, 1001, 1006, 1011, 400, 408, 424, 429, 500, 503]
NAMES = ["validationException", "throttlingException", "modelTimeoutException", "oddException"]
REASONS = [
    *("", "", "System instability detected. Please retry your request."),
    *("Invalid input request, please fix your input and try again.", "Tool Response parsing error"),
]
ODD = {"promptName": "prompt", "sessionId": "s", "completionId": "c", "contentId": "odd"}


def event(name: str, **body: JSON) -> str:
    return json.dumps({"event": {name: {**ODD, **body}}})


SPECULATIVE = '{"generationStage":"SPECULATIVE"}'
WORDS = [
    event("textOutput", role="ASSISTANT", content='{ "interrupted" : true }'),
    event("textOutput", role="ASSISTANT", content="late words"),
    event("textOutput", role="USER", content="what?"),
    event("contentEnd", type="AUDIO", stopReason="END_TURN"),
    event("contentEnd", type="AUDIO", stopReason="INTERRUPTED"),
    event("contentEnd", type="TEXT", stopReason="INTERRUPTED"),
    event("completionEnd", stopReason="END_TURN"),
    event("toolUse", toolName="quick", toolUseId="call_1", content="{}"),
    event("toolUse", toolName="slow", toolUseId="", content='"{}"'),
    event("audioOutput", content="AAA="),
    event("contentStart", type="AUDIO", role="ASSISTANT"),
    event("contentStart", type="TEXT", role="USER"),
    event("contentStart", type="TEXT", role="ASSISTANT", additionalModelFields=SPECULATIVE),
    event("contentStart", type="TOOL", role="TOOL"),
    event("userSpeechEnd"),
    *('{"response":{"requestId":"again"}}', "{}", "[]", '""'),
]


def fault(chance: random.Random) -> Fault:
    does: JSON = chance.choice(DEEDS)
    nth = chance.choice([1, 1, 2, 3, 5, 9, 20])
    code: JSON = chance.choice([*CODES, *([] if does == "close" else NAMES)])
    if does == "reset":
        code = chance.choice(["NO_ERROR", "INTERNAL_ERROR", "CANCEL"])
    reason = chance.choice(REASONS)
    if does == "refuse" or chance.random() < 0.3:
        return Fault(does=does, asked=chance.choice(ASKED), nth=nth, code=code, reason=reason)
    text, seconds = chance.choice(WORDS), chance.choice([0.05, 3, 40])
    said = chance.choice(SAID)
    return Fault(does=does, said=said, nth=nth, code=code, reason=reason, text=text, seconds=seconds)


def temper(chance: random.Random) -> NovaTemper:
    return NovaTemper(
        generation=chance.choice([None, None, None, 1]),
        plays=chance.random() < 0.8,
        pace=chance.choice([0, 1, 4, 20]),
        first_delta_ms=chance.choice([1, 20, 80]),
        delta_ms=chance.choice([3, 50, 200, 1000]),
        odd_delta=chance.choice([0, 0, 1, 2]),
        transcript_lag_s=chance.choice([0, 0.3, 3]),
        done_lag_s=chance.choice([0, 0, 0.3, 3]),
        session_s=chance.choice([480, 480, 8, 30]),
        idle_s=chance.choice([55, 55, 5]),
        idle_ends=chance.choice(["exception", "reset"]),
        accepts=chance.choice(["at_once", "with_first_event"]),
        accept_s=chance.choice([0, 0, 0.2, 4]),
        stop_reason=chance.choice(["END_TURN", "INTERRUPTED"]),
        faults=tuple(fault(chance) for _ in range(chance.choice([0, 0, 1, 1, 2, 4]))),
    )


async def storm(seed: int) -> list[str]:
    """Hold the conversation of this seed and return which promises it broke."""
    chance = random.Random(seed)
    simulator = NovaSimulator([*replies(chance)], temper=(made := temper(chance)))
    street = Street(simulator, dial_s=chance.choice([0, 0.3, 3]))
    connect = chance.choice([street.connect, street.connect, street.connect_slowly])
    model = "amazon.nova-sonic-v1:0" if made.generation == 1 else None
    extra = {"connect": connect, "leave_after_s": chance.choice([360, 360, 5, 20])}
    rate = chance.choice([24_000, 24_000, 16_000, 8_000])
    limits = s2s.Limits(connect_s=5, close_s=2, send_s=2)
    reconnect = s2s.Reconnect(attempts=chance.choice([5, 5, 1, 0]), replay=chance.random() < 0.8)
    try:
        engine = s2s.new("nova", model=model, tools=TOOLS, extra=extra)
        session = await engine.start(sample_rate=rate, limits=limits, reconnect=reconnect)
        events = await converse(session, chance)
    except S2SError:
        return []
    finally:
        await simulator.hang_up()
    return violations(events, session.config.spoken)


BREAKS = [
    *(Fault(does="abort"), Fault(does="close", code=1000), Fault(does="goaway"), Fault(does="cut")),
    *(Fault(does="reset", code="NO_ERROR"), Fault(does="fail", code="modelTimeoutException")),
    Fault(does="error", code="Odd"),
]
KINDS: list[Kind] = ["short", "short", "long", "tool"]
ACTS = [*["speak", "write"] * 2, "mute", "write twice", "barge in", "interrupt", "interrupt", "update"]
MODES: list[InterruptMode] = ["cancel", "reset"]


def break_of(chance: random.Random) -> Fault:
    """Return an end of a stream, of the first one after it was accepted."""
    made = chance.choice(BREAKS)
    if chance.random() < 0.5:
        return replace(made, said=chance.choice(["", *SAID[3:-1]]), nth=chance.randint(2, 60))
    asked = chance.choice(["audioInput", "audioInput", "contentStart", "textInput", "contentEnd"])
    return replace(made, asked=asked, nth=chance.randint(2, 160 if asked == "audioInput" else 12))


async def gale(seed: int) -> list[str]:
    """Hold the conversation of this seed, ask one thing at a time, and return what was lost or doubled."""
    chance = random.Random(seed)
    kinds: dict[str, Kind] = {
        f"q{n}": chance.choice(["short", "short", "long", "tool"]) for n in range(1, 40)
    }
    made = NovaTemper(
        plays=chance.random() < 0.8,
        delta_ms=chance.choice([80, 400]),
        session_s=chance.choice([480, 480, 60, 35]),
        accept_s=chance.choice([0, 0, 0.3]),
        done_lag_s=chance.choice([0, 0, 0.5]),
        stop_reason=chance.choice(["END_TURN", "INTERRUPTED"]),
        faults=tuple(break_of(chance) for _ in range(chance.choice([0, 1, 1, 2, 4]))),
    )
    parrot = Parrot(pace=chance.choice([1, 4, 20]), **kinds)
    options: JSON = {"dial_s": chance.choice([0, 0.05, 0.3]), "tool_s": chance.choice([0.5, 3, 12])}
    extra = {"leave_after_s": chance.choice([360, 15, 40])}
    try:
        async with calling(parrot, made, extra=extra, **options) as caller:
            with suppress(SessionClosedError):
                await weather(caller, chance)
    except S2SError:
        return []
    return wrong(caller)


async def weather(caller: Caller, chance: random.Random) -> None:
    number = 0
    for _ in range(chance.randint(3, 8)):
        number += 1
        act = chance.choice(ACTS)
        if act == "mute":
            await caller.mute(caller.now() + chance.choice([1, 20]))
        if act == "update":
            await caller.session.update(instructions=f"Be brief {number} times.")
        await (caller.speak(number) if act in ("speak", "mute") else caller.write(number))
        if act == "write twice":
            number += 1
            await caller.write(number)
        await caller.begun(60)
        await asyncio.sleep(chance.choice([0, 0.1, 1, 3]))
        if act == "interrupt":
            await caller.session.interrupt(mode=chance.choice(MODES))
        if act == "barge in":
            number += 1
            await caller.speak(number, 400)
            await caller.begun(60)
        await asyncio.sleep(chance.choice([0, 0.1, 1, 3, 30]))


def test_no_fault_breaks_a_promise_or_leaves_a_task() -> None:
    assert broken_by(storm, range(FEW)) == {}


def test_whatever_breaks_no_word_is_lost_or_doubled() -> None:
    assert broken_by(gale, range(SOME)) == {}


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_no_fault_breaks_a_promise_or_leaves_a_task_for_long() -> None:
    assert broken_by(storm, range(FEW, MANY)) == {}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_whatever_breaks_no_word_is_lost_or_doubled_for_long() -> None:
    assert broken_by(gale, range(SOME, MOST)) == {}
