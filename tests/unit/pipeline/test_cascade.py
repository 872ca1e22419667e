"""The cascade as an engine, as a processor and behind a gateway, with stages that need no model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

import s2s
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConfigError, ProviderError, UnknownProviderError, UnsupportedError
from s2s.events import (
    AudioOutput,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.gateway import Gateway
from s2s.items import JSON, Message
from s2s.pipeline import (
    AudioFrame,
    BrainProcessor,
    ControlFrame,
    EventFrame,
    Frame,
    Frames,
    HybridPipeline,
    InMemory,
    Processor,
    STTProcessor,
    TextFrame,
    TTSProcessor,
    VADProcessor,
)
from s2s.pipeline.answers import Response
from s2s.pipeline.cascade import CascadePipeline
from s2s.pipeline.hooks import PipelineHooks
from s2s.providers.local.stages import Brain, Prompt
from s2s.providers.openai import OpenAIEngine
from s2s.registry import providers
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from tests.support.frames import Source, others, through
from tests.support.peers import inside
from tests.support.stages import (
    RATE,
    VOICE_RATE,
    LevelSTT,
    LoudVAD,
    Script,
    ScriptedBrain,
    ToneTTS,
    calling,
    echo,
    silence,
    speech,
)
from tests.support.streaming import sliced
from tests.support.talking import HEARD, SPOKEN, Caller

QUESTION = speech("what is up") + silence(1_000)


def seats(brain: object = None, **others: JSON) -> dict[str, JSON]:
    """Return settings that fill every seat with what needs no model."""
    fakes = {"vad": LoudVAD(), "stt": LevelSTT(), "brain": brain or ScriptedBrain(echo), "tts": ToneTTS()}
    return {**fakes, **others}


def a_cascade(brain: object = None, **extra: JSON) -> CascadePipeline:
    return CascadePipeline(Config(input_format=HEARD, output_format=SPOKEN, extra=seats(brain, **extra)))


def steps(brain: Brain | None = None, *between: Processor) -> list[Processor]:
    return [
        VADProcessor(LoudVAD()),
        STTProcessor(LevelSTT()),
        *between,
        BrainProcessor(brain or ScriptedBrain(echo)),
        TTSProcessor(ToneTTS()),
    ]


@asynccontextmanager
async def on_the_line(engine: Engine, **fields: JSON) -> AsyncIterator[Caller]:
    async with engine.start(**{"input_format": HEARD, "output_format": SPOKEN, **fields}) as session:
        caller = Caller(session)
        listening = asyncio.create_task(caller.listen())
        try:
            yield caller
        finally:
            await session.close()
            await asyncio.wait_for(listening, 5)
    assert violations(caller.events, session.config.spoken) == []
    assert others() == set()


def story(prompt: object) -> Script:
    yield " ".join(f"word{n}" for n in range(100)) + "."


# What it is made of.


def test_it_is_registered_and_says_what_it_needs() -> None:
    engine = s2s.new("cascade", extra=seats())
    assert isinstance(engine, CascadePipeline)
    assert engine.name == "cascade"
    assert providers.needs("cascade") == "local"


def test_the_stages_say_what_it_can_do() -> None:
    can = a_cascade().capabilities
    assert (can.input_rates, can.output_rates, can.languages) == ((RATE,), (VOICE_RATE,), ("en",))
    assert (can.interrupt, can.truncate, can.updates) == ("server_confirmed", True, True)
    assert a_cascade().voices == ("alto", "tenor")


def test_of_processors_of_its_own_it_knows_what_stages_are_among_them() -> None:
    async def own(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            yield frame

    plain = CascadePipeline(steps=[own])
    assert plain.steps == (own,)
    assert plain.capabilities.input_rates == (16_000,)
    assert plain.capabilities.output_rates == (24_000,)
    assert (plain.capabilities.languages, plain.voices) == ((), ())
    assert CascadePipeline(steps=[own, TTSProcessor(ToneTTS())]).voices == ("alto", "tenor")


def test_without_the_models_only_stages_of_ones_own_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2s.providers.local.seats.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[local\]'"):
        CascadePipeline()
    assert CascadePipeline(steps=steps()).steps
    assert CascadePipeline(Config(extra=seats())).steps


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"vad": "no such"}, "there is no voice activity detector named 'no such'"),
        ({"vad": "energy", "vad_options": {"colour": 1}}, "vad energy does not take these vad_options"),
        ({"stt_options": {"a": 1}}, "stt_options go with a stage named by a string"),
        ({"lead_ms": -1}, "lead_ms"),
        ({"brain_s": 0}, "brain_s"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(extra: dict[str, JSON], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        CascadePipeline(Config(extra=seats(**extra)))
    assert issubclass(UnknownProviderError, ConfigError)


def test_steps_leave_no_seat_to_fill_and_must_be_processors() -> None:
    with pytest.raises(ConfigError, match="no seat 'brain' where steps are given"):
        CascadePipeline(Config(extra={"brain": ScriptedBrain(echo)}), steps=steps())
    with pytest.raises(ConfigError, match="no seat 'tts' where steps are given"):
        CascadePipeline(steps=steps()).start(extra={"tts": ToneTTS()})
    with pytest.raises(ConfigError, match="no frame processor"):
        CascadePipeline(steps=[*steps(), ToneTTS()])  # type: ignore[list-item]


def test_a_stage_by_name_gets_its_options() -> None:
    engine = CascadePipeline(Config(extra=seats(vad="energy", vad_options={"above_db": 12})))
    vad = engine.steps[0]
    assert isinstance(vad, VADProcessor)
    assert type(vad.vad).__name__ == "EnergyVAD"


class Cold(ToneTTS):
    """Has to be warmed, or cannot be."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.problem = problem
        self.warmed = 0

    async def warm(self) -> None:
        self.warmed += 1
        if self.problem:
            raise ConfigError(self.problem)


def test_it_can_be_warmed_before_the_first_session() -> None:
    tts = Cold()
    run(a_cascade(tts=tts).warm())
    assert tts.warmed == 1
    run(CascadePipeline(steps=[*steps()[:-1], TTSProcessor(tts)]).warm())
    assert tts.warmed == 2


@pytest.mark.parametrize("own", [True, False])
def test_a_stage_that_cannot_start_keeps_the_session_from_starting(own: bool) -> None:
    cold = Cold("no voice: install one")
    engine = CascadePipeline(steps=[*steps()[:-1], TTSProcessor(cold)]) if own else a_cascade(tts=cold)

    async def main() -> None:
        with pytest.raises(ConfigError, match="no voice: install one"):
            await engine.start()
        assert others() == set()

    run(main())


@pytest.mark.parametrize(
    ("field", "told"), [("voice", "no voice 'bass': use alto, tenor"), ("language", "en")]
)
def test_what_no_stage_has_keeps_the_session_from_starting(field: str, told: str) -> None:
    async def main() -> None:
        with pytest.raises(UnsupportedError, match=told):
            await a_cascade().start(**{field: "bass"})

    run(main())


# A conversation.


def test_a_spoken_question_is_understood_answered_and_spoken() -> None:
    async def main() -> None:
        async with on_the_line(a_cascade()) as caller:
            assert await caller.asks("what is up") == "You said what is up"
            assert caller.turns == ["what is up"]
            assert caller.answer_ms == 500
            assert [each.origin for each in caller.all(ResponseStarted)] == ["user_turn"]
            (started,), (stopped,) = caller.all(SpeechStarted), caller.all(SpeechStopped)
            assert {started.item_id, stopped.item_id, caller.all(Transcript)[0].item_id} == {started.item_id}
            (turn,) = caller.all(TurnEnd)
            assert set(turn.timings.stages) >= {"endpointing", "stt", "brain"}

    run(main())


def test_settings_of_the_session_reach_the_stages() -> None:
    async def main() -> None:
        tts, brain = ToneTTS(), ScriptedBrain(echo)
        engine = a_cascade(brain, tts=tts)
        before = (Message("user", "I am Ada."),)
        async with on_the_line(engine, voice="tenor", instructions="Be brief.", history=before) as caller:
            await caller.session.send_text("hello")
            await caller.told(TurnEnd)
            assert tts.spoken == [("You said hello", "tenor")]
            (prompt,) = brain.prompts
            assert (prompt.instructions, prompt.history[0]) == ("Be brief.", before[0])
            await caller.session.update(voice="alto", instructions="Be long.")
            await caller.session.send_text("hello")
            await caller.told(TurnEnd, 2)
            assert tts.spoken[-1] == ("You said hello", "alto")
            assert brain.prompts[-1].instructions == "Be long."

    run(main())


def test_a_session_may_have_stages_of_its_own() -> None:
    async def main() -> None:
        engine = a_cascade()
        other = ScriptedBrain(lambda prompt: ["Something else."])
        async with on_the_line(engine, extra={"brain": other}) as caller:
            await caller.session.send_text("hello")
            assert (await caller.told(TurnEnd)).agent_text == "Something else."
        async with on_the_line(engine) as caller:
            await caller.session.send_text("hello")
            assert (await caller.told(TurnEnd)).agent_text == "You said hello"

    run(main())


def test_a_step_in_between_sees_what_is_said_and_what_is_written() -> None:
    async def redact(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame) and frame.role == "user":
                frame = s2s.pipeline.TextFrame(frame.text.replace("secret", "thing"), item_id=frame.item_id)
            yield frame

    async def main() -> None:
        async with on_the_line(CascadePipeline(steps=steps(None, redact))) as caller:
            assert await caller.asks("my secret") == "You said my thing"
            assert caller.turns == ["my thing"]
            await caller.session.send_text("another secret")
            assert (await caller.told(TurnEnd, 2)).agent_text == "You said another thing"

    run(main())


def test_who_speaks_over_an_answer_hears_no_more_than_a_frame_of_it() -> None:
    async def main() -> None:
        async with on_the_line(a_cascade(ScriptedBrain(story))) as caller:
            await caller.session.send_text("tell me a story")
            await caller.told(AudioOutput, 100)
            await caller.says("stop it now please")
            (began,) = caller.all(SpeechStarted)
            (cut,) = caller.all(ResponseDone)
            assert cut.status == "interrupted"
            late = [each for each in caller.all(AudioOutput) if caller.at(each) > caller.at(began)]
            assert late == []
            speech_at = caller.sent_at - 0.78
            noticed_s, frame_s = 3 * 0.032, 0.1
            assert caller.at(began) <= speech_at + noticed_s + frame_s
            await caller.hears(ResponseDone)
            assert caller.statuses == ["interrupted", "completed"]

    run(main())


def test_tools_of_the_brain_itself_are_run_there_within_one_turn() -> None:
    def look_up(city: str) -> str:
        """Look up a city."""
        return f"{city} is far"

    async def main() -> None:
        brain = ScriptedBrain(calling(s2s.Call("call", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')))
        own = [*steps()[:2], BrainProcessor(brain, tools=[look_up]), TTSProcessor(ToneTTS())]
        async with on_the_line(CascadePipeline(steps=own)) as caller:
            await caller.session.send_text("where is Bonn")
            turn = await caller.told(TurnEnd)
            assert turn.agent_text == "The tool says Bonn is far."
            await asyncio.sleep(5)
            assert len(caller.all(TurnEnd)) == 1
            assert len(caller.all(ResponseDone)) == 2
            assert caller.all(ToolCall) == []

    run(main())


def test_tools_of_the_session_are_run_by_it() -> None:
    def look_up(city: str) -> str:
        """Look up a city."""
        return f"{city} is far"

    async def main() -> None:
        brain = ScriptedBrain(calling(s2s.Call("call", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')))
        async with on_the_line(a_cascade(brain), tools=[look_up]) as caller:
            await caller.session.send_text("where is Bonn")
            turn = await caller.told(TurnEnd)
            assert turn.agent_text == "The tool says Bonn is far."
            assert [each.name for each in turn.tool_calls] == ["look_up"]

    run(main())


def test_a_brain_that_fails_is_an_error_and_the_conversation_goes_on() -> None:
    answers: Iterator[Script] = iter([[ProviderError("no idea")], ["Well."]])

    async def main() -> None:
        async with on_the_line(a_cascade(ScriptedBrain(lambda prompt: next(answers)))) as caller:
            await caller.session.send_text("why")
            await caller.told(TurnEnd)
            assert [str(each) for each in caller.errors] == ["no idea"]
            await caller.session.send_text("why")
            assert (await caller.told(TurnEnd, 2)).agent_text == "Well."
            assert caller.statuses == ["failed", "completed"]

    run(main())


# As a processor.


def heard(frames: Sequence[Frame]) -> tuple[str, str, float]:
    """Return what the user said, what the agent said, and for how many ms."""
    texts = [each for each in frames if isinstance(each, TextFrame)]
    user = " ".join(each.text for each in texts if each.role == "user")
    agent = "".join(each.text for each in texts if each.role == "assistant")
    return user, agent, sum(each.duration_ms for each in frames if isinstance(each, AudioFrame))


def test_a_question_that_a_cascade_had_begun_to_think_about_is_answered_by_the_other_side() -> None:
    async def slow(prompt: Prompt) -> AsyncIterator[str]:
        await asyncio.sleep(2)
        yield "Too late."

    async def breaks(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            yield frame
            if isinstance(frame, EventFrame) and isinstance(frame.event, ResponseStarted):
                raise ProviderError("no more")

    async def main() -> None:
        broken = CascadePipeline(steps=[*steps(BrainProcessor(slow).brain), breaks])
        async with on_the_line(HybridPipeline(s2s=broken, cascade=a_cascade())) as caller:
            await caller.session.send_text("why?")
            await caller.hears(ResponseDone, lambda done: done.status == "completed")
            assert caller.statuses == ["failed", "completed"]
            assert caller.answer == "You said why?"

    run(main())


def test_it_is_a_processor_too() -> None:
    async def main() -> None:
        source = Source([*sliced(QUESTION), ControlFrame("stop")])
        async with aclosing(a_cascade(lead_ms=None).process(source.frames())) as stream:
            frames = [frame async for frame in stream]
        assert heard(frames) == ("what is up", "You said what is up", 500)
        assert frames[-1] == ControlFrame("stop")
        assert ControlFrame("end_of_utterance", "assistant") in frames
        assert others() == set()

    run(main())


def test_it_talks_to_whoever_is_behind_a_transport_and_has_its_hooks_called() -> None:
    told: list[object] = []
    hooks = PipelineHooks(
        on_speech_start=lambda frame: told.append("speech"),
        on_transcript=lambda frame: told.append(frame.text),
        on_response=lambda response: told.append(response),
        on_error=lambda error: error,
    )

    async def main() -> None:
        engine = CascadePipeline(Config(extra=seats(lead_ms=None)), hooks=hooks)
        room = InMemory(most_frames=10_000)
        for frame in sliced(QUESTION):
            await room.put(frame)
        room.end()
        await engine.run(room)
        frames = [frame async for frame in room]
        assert heard(frames)[1] == "You said what is up"
        assert told[:2] == ["speech", "what is up"]
        assert isinstance(told[2], Response)
        assert told[2].text == "You said what is up"
        assert others() == set()

    run(main())


def test_a_failure_ends_the_stream_with_its_error() -> None:
    async def breaks(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                raise ProviderError("broken")
            yield frame

    async def main() -> None:
        engine = CascadePipeline(steps=steps(None, breaks))
        with pytest.raises(ProviderError, match="broken"):
            await through(engine, sliced(QUESTION))
        assert others() == set()

    run(main())


# Behind a gateway.


def test_a_gateway_serves_it_to_a_client_of_openai() -> None:
    async def main() -> None:
        gateway = Gateway(a_cascade())
        client = OpenAIEngine(Config(input_format=HEARD, extra={"connect": gateway.connect}))
        async with client.start() as session:
            talk = Talk(session)
            await session.send_audio(QUESTION)
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("what is up", "You said what is up")
            assert any(talk.audio)
            await session.send_text("hello there")
            assert (await talk.until(TurnEnd)).agent_text == "You said hello there"
        assert violations(await talk.rest()) == []
        await gateway.hang_up()
        assert gateway.failures == []
        assert others() == set()

    run(main())


def test_a_client_that_asks_in_writing_is_promised_one_response() -> None:
    async def main() -> None:
        gateway = Gateway(a_cascade())
        peer = inside(await gateway.connect("/v1/realtime"))
        for _ in range(2):
            await peer.ask("hello there", aloud=True)
            done = (await peer.until("response.done"))["response"]
            assert done["status"] == "completed"
            said = done["output"][0]["content"][0]["transcript"]
            assert said == "You said hello there"
        assert peer.kinds.count("response.created") == 2
        assert "input_audio_buffer.committed" not in peer.kinds
        await gateway.hang_up()

    run(main())
