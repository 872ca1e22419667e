"""Cascade, S2S and hybrid for real: spoken questions in, and what was answered is read off its audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TypeAlias

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")
pytest.importorskip("h2", reason="streams of HTTP/2 need the nova extra")

from tests.support.frames import others
from tests.support.models import RATE, plain, recording, room, run, spoken, transcribed

import s2s
from s2s.items import JSON
from s2s.pipeline import (
    AudioFrame,
    CascadePipeline,
    ControlFrame,
    EventFrame,
    Frame,
    FrameProcessor,
    HybridPipeline,
    TextFrame,
    chain,
)
from s2s.providers.local import LocalEngine
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.openai import OpenAISimulator

pytestmark = pytest.mark.local

_STEP = RATE // 50 * 2
_FASTER = 4
SOON: dict[str, JSON] = {"lead_ms": 500}
Switch: TypeAlias = Callable[[], object]
Mode: TypeAlias = tuple[FrameProcessor, Switch]
LONG = "Repeat after me: one two three four five six seven eight nine ten eleven twelve thirteen fourteen."


def move(direction: str, distance_m: float) -> str:
    """Move the robot in a direction by a distance in meters."""
    return f"The robot went {direction} by {distance_m:g} meters."


def nothing() -> None:
    """Switch nowhere: there is one way to answer."""


@asynccontextmanager
async def cascade() -> AsyncIterator[Mode]:
    yield CascadePipeline(s2s.Config(tools=[move], extra=SOON)), nothing


@asynccontextmanager
async def openai() -> AsyncIterator[Mode]:
    async with OpenAISimulator(engine=LocalEngine()) as service:
        engine = s2s.new("openai_realtime", extra={"base_url": service.base_url})
        yield s2s.as_frame_processor(engine, tools=[move]), nothing


@asynccontextmanager
async def gemini() -> AsyncIterator[Mode]:
    async with GeminiSimulator(engine=LocalEngine()) as service:
        engine = s2s.new("gemini_live", extra={"base_url": service.base_url, "api_key": "any"})
        yield s2s.as_frame_processor(engine, tools=[move]), nothing


@asynccontextmanager
async def nova() -> AsyncIterator[Mode]:
    async with NovaSimulator(engine=LocalEngine()) as service:
        yield (
            s2s.as_frame_processor(s2s.new("nova", extra={"base_url": service.base_url}), tools=[move]),
            nothing,
        )


@asynccontextmanager
async def hybrid() -> AsyncIterator[Mode]:
    async with OpenAISimulator(engine=LocalEngine()) as service:
        engine = s2s.new("openai_realtime", extra={"base_url": service.base_url})
        cascading = CascadePipeline(s2s.Config(extra=SOON))
        pipeline = HybridPipeline(s2s.Config(tools=[move]), s2s=engine, cascade=cascading)
        yield pipeline, lambda: pipeline.switch("cascade")


MODES: dict[str, Callable[[], AbstractAsyncContextManager[Mode]]] = {
    each.__name__: each for each in (cascade, openai, gemini, nova, hybrid)
}


class Caller:
    """Asks a question aloud, waits for the answer in a quiet room, and asks the next one."""

    def __init__(self, questions: list[bytes], between: Switch) -> None:
        self.answers: list[list[Frame]] = []
        self._questions = questions
        self._between = between
        self._answered = asyncio.Event()

    async def source(self) -> AsyncGenerator[Frame, None]:
        for n, question in enumerate(self._questions):
            if n:
                self._between()
            self.answers.append([])
            self._answered.clear()
            for frame in _pieces(question):
                yield frame
                await asyncio.sleep(0.02 / _FASTER)
            for frame in _pieces(room(20_000)):
                if self._answered.is_set():
                    break
                yield frame
                await asyncio.sleep(0.02 / _FASTER)
        yield ControlFrame("stop")

    def hear(self, frame: Frame) -> None:
        """Note what comes of the present question."""
        if self.answers:
            self.answers[-1].append(frame)
        match frame:
            case EventFrame(event=s2s.TurnEnd(tool_calls=())):
                self._answered.set()
            case EventFrame(event=s2s.TurnEnd(agent_text=text)) if text:
                self._answered.set()
            case _:
                pass


def _pieces(pcm: bytes) -> list[AudioFrame]:
    return [AudioFrame(pcm[at : at + _STEP], RATE) for at in range(0, len(pcm), _STEP)]


def heard_in(answer: list[Frame]) -> str:
    """Return the words of the agent's audio."""
    sound = [each for each in answer if isinstance(each, AudioFrame)]
    (rate,) = {each.sample_rate for each in sound}
    return plain(transcribed(b"".join(each.audio for each in sound), rate))


@pytest.mark.parametrize("mode", MODES)
def test_the_same_spoken_questions_are_answered(mode: str) -> None:
    questions = [recording("go_forward_ten_meters.wav"), spoken("What is twelve times seven?")]

    async def main() -> Caller:
        async with MODES[mode]() as (processor, switch):
            caller = Caller(questions, switch)
            async with aclosing(chain(processor).process(caller.source())) as frames:
                async for frame in frames:
                    caller.hear(frame)
        assert others() == set()
        return caller

    caller = run(main(), within_s=60.0)
    moved, product = caller.answers
    assert "10 meters" in heard_in(moved)
    assert "84" in heard_in(product)
    asked = [
        plain(e.text)
        for each in caller.answers
        for e in each
        if isinstance(e, TextFrame) and e.role == "user" and e.final
    ]
    assert "go forward 10 meters" in asked[0]
    assert "12 times 7" in asked[-1]
    changes = [e.event for e in product if isinstance(e, EventFrame) and isinstance(e.event, s2s.Reconnected)]
    assert len(changes) == (mode == "hybrid")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [2])
def test_an_interruption_stops_the_answer_within_one_frame(mode: str, after: int) -> None:
    heard: list[Frame] = []
    cut_at: list[int] = []
    enough = asyncio.Event()

    async def source() -> AsyncGenerator[Frame, None]:
        yield TextFrame(LONG)
        await enough.wait()
        cut_at.append(len(heard))
        yield ControlFrame("interrupt")
        await asyncio.sleep(0.5)

    async def main() -> None:
        async with MODES[mode]() as (processor, _), aclosing(chain(processor).process(source())) as frames:
            async for frame in frames:
                heard.append(frame)
                if isinstance(frame, AudioFrame) and sum(isinstance(e, AudioFrame) for e in heard) == after:
                    enough.set()
                await asyncio.sleep(0.02)

    run(main(), within_s=30.0)
    late = heard[cut_at[0] :]
    assert sum(isinstance(each, AudioFrame) for each in late) <= 1
    assert sum(isinstance(each, ControlFrame) and each.signal == "interrupt" for each in late) == 1
    ends = [e.event.status for e in heard if isinstance(e, EventFrame) and isinstance(e.event, s2s.TurnEnd)]
    assert ends == ["interrupted"]
