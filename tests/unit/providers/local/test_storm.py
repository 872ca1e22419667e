import asyncio
import itertools
import random
from collections.abc import Iterator

import pytest
from tests.support.stages import LevelSTT, Script, ScriptedBrain, ToneTTS
from tests.support.talking import Caller, on_the_line

from s2s.config import TurnDetection
from s2s.events import ResponseStarted, SpeechStarted, SpeechStopped, ToolCall, Transcript
from s2s.items import Call, ToolResult
from s2s.providers.local.stages import Prompt
from s2s.testing import clock
from s2s.tools import Tool

LIGHT = Tool(name="light")


async def _storm(seed: int) -> None:
    """Do whatever comes to mind, at any moment, with stages that take any time; then be silent."""
    chance = random.Random(seed)
    stt = LevelSTT(chance.choice([0.0, 0.03, 0.3]))
    tts = ToneTTS(delay_s=chance.choice([0.0, 0.02, 0.4]))
    turns = TurnDetection(
        create_response=chance.random() < 0.9,
        interrupt_response=chance.random() < 0.7,
        silence_ms=chance.choice([None, None, 100, 600]),
    )

    def reply(prompt: Prompt) -> Script:
        yield from (f"Well number {n} of it. " for n in range(chance.randrange(12)))
        call = Call(f"call_{chance.random()}", "light")
        if not isinstance(prompt.history[-1], ToolResult):
            yield chance.choice([0.2, OSError("down"), call, None, "End.", "End."])

    brain = ScriptedBrain(reply, speculative=chance.random() < 0.7)
    async with on_the_line(brain, stt=stt, tts=tts, tools=[LIGHT], turn_detection=turns) as caller:
        session, words = caller.session, itertools.count()
        for _ in range(40):
            await _whim(caller, chance, turns, words)
        await session.update(turn_detection=turns)
        await caller.waits(4_000)
        assert caller.unfinished == set()
        while await session.interrupt():
            await caller.waits(1_000)
        assert (brain.running, stt.running, tts.running) == (0, 0, 0)
    texts = {each.item_id: each.text for each in caller.all(Transcript) if each.final}
    numbers = [int(word.strip("w.?,")) for text in texts.values() for word in text.split()]
    assert numbers == sorted(set(numbers))
    if turns.interrupt_response:
        assert_nobody_was_talked_over(caller)


async def _whim(caller: Caller, chance: random.Random, turns: TurnDetection, words: Iterator[int]) -> None:
    session = caller.session
    match chance.randrange(14):
        case 0 | 1 | 2:
            said = " ".join(f"w{next(words)}" for _ in range(3))
            await caller.says(said + chance.choice([".", "?", "", ","]))
        case 3 | 4 | 5 | 6:
            await caller.waits(chance.choice([40, 120, 200, 500, 1_000, 3_000]))
        case 7:
            await session.send_text("a note", respond=chance.random() < 0.5)
        case 8:
            await session.commit()
        case 9:
            await session.clear()
        case 10:
            await session.interrupt()
        case 11:
            await session.update(turn_detection=chance.choice([turns, TurnDetection("manual")]))
        case 12:
            await asyncio.sleep(chance.choice([0.1, 3.0]))
        case _:
            for call_id in _unanswered(caller):
                await session.send_tool_result(ToolResult(call_id, "done"))


def assert_nobody_was_talked_over(caller: Caller) -> None:
    """No answer to the user begins while the user speaks."""
    speaking = ""
    for event in caller.events:
        match event:
            case SpeechStarted(item_id=item_id):
                speaking = item_id
            case SpeechStopped():
                speaking = ""
            case ResponseStarted(origin="user_turn"):
                assert speaking == ""
            case _:
                pass


def _unanswered(caller: Caller) -> tuple[str, ...]:
    answered = {each.call_id for each in caller.session.history if isinstance(each, ToolResult)}
    return tuple(each.call.id for each in caller.all(ToolCall) if each.call.id not in answered)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_every_promise_is_kept(seed: int) -> None:
    clock.run(_storm(seed))
