"""The four stages in a row: somebody asks, hears an answer and interrupts it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import wave
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from s2s.cli.demo.robot import move
from s2s.events import ResponseDone
from s2s.items import Message
from s2s.pipeline import (
    AudioFrame,
    ControlFrame,
    EventFrame,
    Frame,
    Processor,
    TextFrame,
    ToolCallFrame,
    chain,
)
from s2s.pipeline.stages import BrainProcessor, STTProcessor, TTSProcessor, VADProcessor
from s2s.providers.local.stages import Prompt
from s2s.testing.clock import run
from tests.support.frames import through
from tests.support.stages import LevelSTT, LoudVAD, Script, ScriptedBrain, ToneTTS, echo, silence
from tests.support.streaming import STOP, Line, running, sliced

RECORDING = Path(__file__).parents[3] / "fixtures" / "speech" / "go_forward_ten_meters.wav"


def question() -> bytes:
    with wave.open(str(RECORDING)) as file:
        return silence(500) + bytes(file.readframes(file.getnframes())) + silence(1000)


def words(frames: list[Frame], role: str) -> str:
    return "".join(each.text for each in frames if isinstance(each, TextFrame) and each.role == role)


def test_importing_the_stages_loads_no_numpy_and_no_model() -> None:
    code = "import sys, s2s.pipeline.stages as s; s.VADProcessor('energy'); s.BrainProcessor('rules')"
    check = f"{code}; print([m for m in ('numpy', 'onnxruntime', 'hibari', 'httpx') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def story(prompt: Prompt) -> Script:
    return [f"Sentence number {n} of a story. " for n in range(20)]


def an_agent(brain: ScriptedBrain) -> Processor:
    ears = (VADProcessor(LoudVAD()), STTProcessor(LevelSTT()))
    return chain(*ears, BrainProcessor(brain), TTSProcessor(ToneTTS()))


def test_who_speaks_over_the_agent_hears_no_more_of_it_and_is_answered() -> None:
    brain = ScriptedBrain(story)

    async def main() -> Line:
        async with running(an_agent(brain), plays=True) as line:
            await line.says("tell me a story")
            await line.waits(3000)
            assert len(line.all(AudioFrame)) > 15
            await line.says("another one please")
            await line.waits(1000)
        return line

    line = run(main())
    assert line.heard == ["tell me a story", "another one please"]
    first, second = line.events(ResponseDone)
    assert (first.status, second.status) == ("interrupted", "completed")
    cut = [n for n, each in enumerate(line.out) if each == ControlFrame("interrupt")][1]
    spoke = next(each for each in line.all(ControlFrame) if each.position_ms > 3000)
    assert spoke.signal == "start_of_utterance"
    after = [each for each in line.out[cut:] if isinstance(each, AudioFrame)]
    assert {each.response_id for each in after} == {second.response_id}
    between = line.out[line.out.index(spoke) : cut]
    assert not any(isinstance(each, AudioFrame) for each in between)
    noticed_s, told_s = (800 + 3000 + 2 * 32) / 1000, line.at(line.out[cut])
    assert told_s - noticed_s < 0.15
    assert [each.text for each in brain.prompts[1].history if isinstance(each, Message)][::2] == line.heard


def test_answers_of_many_streams_do_not_mix() -> None:
    brain = ScriptedBrain(echo)
    agent = an_agent(brain)

    async def call(name: str) -> Line:
        async with running(agent, plays=True) as line:
            await line.says(f"my name is {name}")
            await line.waits(4000)
            await line.says(f"and again {name}")
        return line

    async def main() -> list[Line]:
        return await asyncio.gather(*(call(name) for name in ("Ann", "Ben", "Cid")))

    for line, name in zip(run(main()), ("Ann", "Ben", "Cid"), strict=True):
        assert line.said == f"You said my name is {name}You said and again {name}"
    assert all(len({*(each.split()[-1] for each in texts(p))}) == 1 for p in brain.prompts)


def texts(prompt: Prompt) -> list[str]:
    return [each.text for each in prompt.history if isinstance(each, Message)]


@pytest.mark.local
@pytest.mark.parametrize("vad", ["silero", "energy"])
def test_a_recorded_command_is_heard_and_answered_aloud(vad: str) -> None:
    pytest.importorskip("onnxruntime")

    async def main() -> tuple[list[Frame], list[Frame]]:
        agent = chain(VADProcessor(vad), STTProcessor(), BrainProcessor(), TTSProcessor())
        answer = await through(agent, [*sliced(question()), STOP])
        audio = b"".join(each.audio for each in answer if isinstance(each, AudioFrame))
        hearer = chain(VADProcessor(vad), STTProcessor())
        heard = await through(hearer, [*sliced(audio, rate=24_000), *sliced(silence(1000)), STOP])
        return answer, heard

    answer, heard = asyncio.run(main())
    assert "go forward ten meters" in words(answer, "user").lower()
    said = {*re.findall(r"[a-z]+", words(answer, "assistant").lower())}
    told = {*re.findall(r"[a-z]+", words(heard, "user").lower())}
    assert len(said & told) > 0.7 * len(said)
    assert {"you", "said", "meters", "brain"} <= told
    (done,) = (e.event for e in answer if isinstance(e, EventFrame) and isinstance(e.event, ResponseDone))
    assert done.status == "completed"
    assert set(done.stages) == {"endpointing", "stt", "brain"}
    assert answer[-1] == STOP
    assert not any(isinstance(each, AudioFrame) for each in heard)


@pytest.mark.local
def test_a_recorded_command_runs_a_tool() -> None:
    pytest.importorskip("onnxruntime")
    agent = chain(VADProcessor("energy"), STTProcessor(), BrainProcessor(tools=[move]))
    out = asyncio.run(through(agent, [*sliced(question()), STOP]))
    (call,) = (each for each in out if isinstance(each, ToolCallFrame))
    assert call.runs_here
    assert words(out, "assistant") == "Moving forward 10 meters."


@pytest.mark.local
def test_the_user_can_interrupt_a_real_voice() -> None:
    pytest.importorskip("onnxruntime")

    async def main() -> list[Frame]:
        told = asyncio.Event()

        async def source() -> AsyncGenerator[Frame, None]:
            text = "This is the first sentence of a very long story. " * 20
            yield TextFrame(text, "assistant", item_id="i", response_id="r")
            await told.wait()
            yield ControlFrame("interrupt")
            yield TextFrame("Yes?", "assistant", item_id="j", response_id="s")

        out: list[Frame] = []
        async for frame in chain(TTSProcessor()).process(source()):
            out.append(frame)
            if len(out) == 5:
                told.set()
            await asyncio.sleep(0.02)
        return out

    out = asyncio.run(main())
    cut = out.index(ControlFrame("interrupt"))
    after = [each for each in out[cut:] if isinstance(each, AudioFrame)]
    assert {each.response_id for each in after} == {"s"}
    assert len([each for each in out[:cut] if isinstance(each, AudioFrame)]) < 20
