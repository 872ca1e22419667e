"""Engines of all kinds as S2S, with the cascade beside them."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from s2s.config import Config, Limits
from s2s.engine import Engine
from s2s.events import (
    AudioOutput,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.formats import AudioFormat
from s2s.gateway import Gateway
from s2s.items import Call, Item, Message, ToolResult
from s2s.pipeline import CascadePipeline
from s2s.pipeline.hybrid import HybridPipeline, OnToolOverload, Stay
from s2s.providers.local.stages import Prompt
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import Reply
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.tools import Tool
from tests.conformance.subjects import Simulated, SimulatedGemini, SimulatedNova, lose_provider
from tests.support.hybrid import CABLE, SideEngine
from tests.support.links import KeptScript
from tests.support.stages import RATE, LevelSTT, LoudVAD, ScriptedBrain, ToneTTS, silence, speech

HEARD = AudioFormat(sample_rate=RATE)
MakesS2S = Callable[[Sequence[Reply]], Engine]


def scripted(kind: Callable[[Config], Engine], replies: Sequence[Reply]) -> Engine:
    return kind(Config(extra={"script": list(replies), "pace": 1}))


S2S: dict[str, MakesS2S] = {
    "script": partial(scripted, KeptScript),
    "openai": partial(scripted, Simulated),
    "gemini": partial(scripted, partial(SimulatedGemini, "dev-3.8")),
    "nova": partial(scripted, partial(SimulatedNova, "amazon.nova-2-5-sonic")),
}


class Cascade:
    """The cascade with stages that need no model, and what its brain was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[Item, ...]] = []
        stages = {"vad": LoudVAD(), "stt": LevelSTT(), "brain": ScriptedBrain(self.think), "tts": ToneTTS()}
        self.engine = CascadePipeline(Config(extra={**stages, "lead_ms": None}))

    def think(self, prompt: Prompt) -> list[str]:
        self.shown.append(tuple(prompt.history))
        match prompt.history[-1]:
            case ToolResult():
                results = [each.output for each in prompt.history if isinstance(each, ToolResult)]
                return [f"I know of {' and '.join(results)}."]
            case Message(text=text):
                return [f"You said {text}"]
            case Call():
                return ["What?"]

    @property
    def words(self) -> list[tuple[str, str]]:
        """What the brain was shown last, without calls and results."""
        return [(each.role, each.text.strip()) for each in self.shown[-1] if isinstance(each, Message)]


async def say(talk: Talk, pcm: bytes) -> None:
    """Speak in real time."""
    for start in range(0, len(pcm), 640):
        await talk.session.send_audio(pcm[start : start + 640])
        await talk.listen(0.02)


@pytest.mark.parametrize("name", S2S)
def test_a_conversation_goes_to_the_cascade_and_back(name: str) -> None:
    async def main() -> None:
        cascade, s2s = Cascade(), S2S[name]([Reply(says="Good day")])
        pipeline = HybridPipeline(s2s=s2s, cascade=cascade.engine, policy=Stay())
        async with pipeline.start(input_format=HEARD, limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            await session.send_text("Hello")
            assert (await talk.until(TurnEnd)).agent_text == "Good day"
            await talk.listen(3)
            assert pipeline.switch("cascade") == 1
            assert (await talk.until(Reconnected)).restored == "replayed"
            await session.send_text("And now?")
            assert (await talk.until(TurnEnd)).agent_text == "You said And now?"
            assert cascade.words == [("user", "Hello"), ("assistant", "Good day"), ("user", "And now?")]
            await say(talk, speech("what is up") + silence(3000))
            turn = talk.all(TurnEnd)[-1]
            assert (turn.user_text, turn.agent_text) == ("what is up", "You said what is up")
            assert pipeline.switch("s2s") == 1
            await talk.until(Reconnected)
            await session.send_text("Still there?")
            assert (await talk.until(TurnEnd)).agent_text == "Good day"
            said = [each.text.strip() for each in session.history if isinstance(each, Message)]
            assert said == [
                *("Hello", "Good day", "And now?", "You said And now?", "what is up"),
                *("You said what is up", "Still there?", "Good day"),
            ]
            assert talk.errors == []
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())


def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city} is far"


@pytest.mark.parametrize("name", S2S)
def test_the_cascade_speaks_of_calls_that_are_too_many_for_s2s(name: str) -> None:
    async def main() -> None:
        cities = ("Bonn", "Rome")
        calls = tuple(Call(f"call-{n}", "look_up", {"city": n}, f'{{"city":"{n}"}}') for n in cities)
        cascade = Cascade()
        pipeline = HybridPipeline(
            s2s=S2S[name]([Reply(calls=calls)]), cascade=cascade.engine, policy=OnToolOverload(1)
        )
        async with pipeline.start(tools=[look_up], limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            await session.send_text("Bonn or Rome?")
            turn = await talk.until(TurnEnd)
            assert turn.agent_text == "I know of Bonn is far and Rome is far."
            assert turn.user_text == "Bonn or Rome?"
            assert [each.arguments["city"] for each in turn.tool_calls] == ["Bonn", "Rome"]
            assert len(cascade.shown) == 1
            assert [type(each) for each in cascade.shown[0]] == [Message, Call, ToolResult, Call, ToolResult]
            assert len(talk.all(ToolCall)) == 2
            assert [each.origin for each in talk.all(ResponseStarted)][1:] == ["tool_result"]
            await talk.listen(1)
            assert pipeline.side_of(session.id) == "s2s"
            assert talk.errors == []
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())


def test_who_speaks_while_s2s_breaks_is_heard_to_the_end_by_the_cascade() -> None:
    async def main() -> None:
        cascade, s2s = Cascade(), S2S["openai"]([])
        pipeline = HybridPipeline(s2s=s2s, cascade=cascade.engine)
        async with pipeline.start(input_format=HEARD, limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            await say(talk, silence(300) + speech("what is"))
            assert len(talk.all(SpeechStarted)) == 1
            await lose_provider(s2s)
            await say(talk, speech("up there") + silence(3000))
            turn = talk.all(TurnEnd)[-1]
            assert (turn.user_text, turn.agent_text) == ("what is up there", "You said what is up there")
            assert len(talk.all(SpeechStarted)) == len(talk.all(SpeechStopped)) == 1
            assert {each.item_id for each in talk.all(Transcript)} == {talk.all(SpeechStarted)[0].item_id}
            assert cascade.words == [("user", "what is up there")]
            (left,) = talk.all(Reconnecting)
            assert "the cable" in left.cause
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())


def test_an_answer_that_is_cut_off_now_is_known_as_far_as_it_was_heard() -> None:
    async def main() -> None:
        cascade, s2s = Cascade(), S2S["openai"]([Reply(says="one two three four five six seven eight")])
        pipeline = HybridPipeline(s2s=s2s, cascade=cascade.engine)
        async with pipeline.start(limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            await session.send_text("Count.")
            await talk.until(AudioOutput)
            await talk.listen(0.55)
            pipeline.switch("cascade", when="now")
            await talk.until(Reconnected)
            count = len(talk.all(AudioOutput))
            await session.send_text("Go on.")
            turn = await talk.until(TurnEnd)
            assert turn.agent_text == "You said Go on."
            assert [each.status for each in talk.all(ResponseDone)] == ["interrupted", "completed"]
            spoken = cascade.shown[-1][1]
            assert isinstance(spoken, Message)
            assert spoken.text.startswith("one two")
            assert (spoken.heard_text or "").startswith("one")
            assert 0 < len(spoken.heard_text or "") < 20
            assert len(talk.all(AudioOutput)) > count
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())


def test_a_gateway_serves_it_and_its_client_notices_no_switch() -> None:
    async def main() -> None:
        cascade = Cascade()
        pipeline = HybridPipeline(s2s=S2S["gemini"]([Reply(says="Good day")]), cascade=cascade.engine)
        gateway = Gateway(pipeline)
        near = OpenAIEngine(Config(extra={"connect": gateway.connect}))
        async with near.start(limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            await session.send_text("Hello")
            assert (await talk.until(TurnEnd)).agent_text == "Good day"
            await talk.listen(5)
            assert pipeline.switch("cascade") == 1
            await talk.listen(1)
            await session.send_text("And now?")
            assert (await talk.until(TurnEnd)).agent_text == "You said And now?"
            assert cascade.words == [("user", "Hello"), ("assistant", "Good day"), ("user", "And now?")]
            assert talk.errors == []
        await gateway.hang_up()
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())


@pytest.mark.parametrize("name", S2S)
def test_s2s_answers_what_a_cascade_that_broke_was_asked(name: str) -> None:
    async def main() -> None:
        cascade = SideEngine()
        pipeline = HybridPipeline(s2s=S2S[name]([Reply(says="Good day")]), cascade=cascade)
        async with pipeline.start(tools=[look_up], limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            pipeline.switch("cascade")
            await talk.until(Reconnected)
            await session.send_text("Hello")
            await talk.listen(0.1)
            cascade.link.end(CABLE)
            assert (await talk.until(TurnEnd)).agent_text == "Good day"
            assert [each.origin for each in talk.all(ResponseStarted)] == ["application"]
            assert talk.errors == []
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())


@pytest.mark.parametrize("name", S2S)
def test_s2s_speaks_of_the_calls_of_a_cascade_that_broke(name: str) -> None:
    async def main() -> None:
        cascade = SideEngine()
        pipeline = HybridPipeline(s2s=S2S[name]([Reply(says="It is far")]), cascade=cascade)
        async with pipeline.start(tools=[Tool(name="look_up")], limits=Limits(close_s=10)) as session:
            talk = Talk(session, within_s=30)
            pipeline.switch("cascade")
            await talk.until(Reconnected)
            await session.send_text("Bonn?")
            await talk.listen(0.1)
            cascade.link.tell(
                ResponseStarted("r1"), ToolCall(Call("c1", "look_up"), "r1"), ResponseDone("r1")
            )
            call = (await talk.until(ToolCall)).call
            await talk.listen(0.1)
            cascade.link.end(CABLE)
            await talk.until(Reconnected)
            await session.send_tool_result(ToolResult(call.id, "far"))
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.user_text) == ("It is far", "Bonn?")
            assert [each.origin for each in talk.all(ResponseStarted)] == ["user_turn", "tool_result"]
            assert talk.errors == []
        assert violations(await talk.rest(), session.config.spoken) == []

    run(main())
