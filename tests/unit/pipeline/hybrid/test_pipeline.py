"""The hybrid by name, by hand, as an engine and as a processor."""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
from msgspec.structs import replace

import s2s
from s2s.commands import Cancel, Truncate
from s2s.config import Config, TurnDetection
from s2s.errors import ConfigError, MissingKeyError, UnknownProviderError, UnsupportedError
from s2s.events import Reconnected, Reconnecting, ResponseDone, SpeechStarted, TurnEnd
from s2s.items import Call, Message
from s2s.pipeline import (
    AudioFrame,
    CascadePipeline,
    ControlFrame,
    EventFrame,
    Frame,
    Frames,
    InMemory,
    TextFrame,
)
from s2s.pipeline.hooks import PipelineHooks
from s2s.pipeline.hybrid import HybridPipeline, OnFailure, Stay
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.support.hybrid import CABLE, CAN, SideEngine, hybrid
from tests.support.links import KeptScript, said
from tests.support.stages import LevelSTT, LoudVAD, ScriptedBrain, ToneTTS, echo

SCRIPTS = {
    "s2s": "script",
    "s2s_options": {"extra": {"script": [Reply(says="Good day")]}},
    "cascade": "script",
    "cascade_options": {"extra": {"script": [Reply(says="Good night")]}, "voice": "alto"},
}


def test_it_is_there_by_name() -> None:
    async def main() -> None:
        assert "hybrid" in s2s.list_providers()
        engine = s2s.new("hybrid", extra=SCRIPTS)
        assert isinstance(engine, HybridPipeline)
        assert [each.config.voice for each in engine.sides.values()] == [None, "alto"]
        async with engine.start() as session:
            talk = Talk(session)
            for text in ("Good day", "Good night"):
                await session.send_text("Hello")
                assert (await talk.until(TurnEnd)).agent_text == text
                engine.switch("cascade")
                await talk.listen(0.1)

    run(main())


def test_a_session_may_have_other_sides_than_its_engine() -> None:
    async def main() -> None:
        engine = s2s.new("hybrid", extra=SCRIPTS)
        other = {"extra": {"script": [Reply(says="Good evening")]}}
        async with engine.start(extra={"s2s_options": other, "policy": Stay()}) as session:
            await session.send_text("Hello")
            assert (await Talk(session).until(TurnEnd)).agent_text == "Good evening"

    run(main())


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"s2s": "nobody"}, "no engine named 'nobody'"),
        ({"s2s": "script", "cascade": "nobody"}, "no engine named 'nobody'"),
        ({}, "give extra={'s2s': 'openai_realtime'}, or s2s="),
        ({"s2s": "script", "cascade": 7}, "cascade must be the name of an engine, or an engine, not 7"),
        ({**SCRIPTS, "brain": "rules"}, "unknown field `brain`; use s2s, s2s_options, cascade"),
        ({**SCRIPTS, "s2s_options": {"colour": "red"}}, "Config has no field colour"),
        ({**SCRIPTS, "s2s_options": {"name": "red"}}, "Config has no field name"),
        ({**SCRIPTS, "s2s_options": 7}, "Expected `object`"),
        ({**SCRIPTS, "policy": 7}, "7 is no policy: give an object with `decide"),
        ({**SCRIPTS, "policy": Stay}, "is no policy"),
        ({**SCRIPTS, "s2s": ScriptEngine()}, "leave s2s_options out"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(extra: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        s2s.new("hybrid", extra=extra)


def test_names_that_do_not_exist_are_known_as_such() -> None:
    with pytest.raises(UnknownProviderError):
        HybridPipeline(s2s="nobody", cascade=ScriptEngine())


def test_a_key_that_is_missing_is_missed_at_once_and_that_of_the_cascade_when_it_is_needed() -> None:
    async def main() -> None:
        openai = {"base_url": "https://api.openai.com/v1"}
        with pytest.raises(MissingKeyError):
            HybridPipeline(
                Config(extra={"s2s_options": {"extra": openai}}), s2s="openai_realtime", cascade="script"
            )
        cascade = Config(extra={"cascade_options": {"extra": openai}})
        pipeline = HybridPipeline(cascade, s2s="script", cascade="openai_realtime")
        async with pipeline.start() as session:
            talk = Talk(session)
            pipeline.switch("cascade")
            await talk.listen(0.1)
            assert "cascade cannot take over, s2s goes on" in str(talk.errors[0])

    run(main())


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_each_side_is_asked_whether_it_can_be_started() -> None:
    can = replace(CAN, turn_detection=("server",))
    engine = HybridPipeline(s2s=SideEngine(), cascade=SideEngine(can=can))
    assert engine.capabilities.turn_detection == ("server",)
    with pytest.raises(UnsupportedError, match="hybrid has no turn detection 'manual': use server"):
        engine.start(turn_detection="manual")

    class Choosy(SideEngine):
        def check(self, config: Config) -> None:
            if config.temperature is not None:
                raise UnsupportedError("no temperature")

    for one, two in ((Choosy(), SideEngine()), (SideEngine(), Choosy())):
        engine = HybridPipeline(Config(temperature=1), s2s=one, cascade=two)
        with pytest.raises(UnsupportedError, match="no temperature"):
            engine.start()


def test_the_sides_say_what_they_can_do() -> None:
    cascade = SideEngine(can=replace(CAN, images=False))
    engine = HybridPipeline(s2s=SideEngine(), cascade=cascade)
    assert (engine.capabilities.images, engine.sides["s2s"].capabilities.images) == (False, True)
    assert engine.side_of("nobody") is None


def test_a_side_that_cannot_be_told_what_was_heard_is_not_told() -> None:
    async def main() -> None:
        s2s_side = SideEngine(can=replace(CAN, truncate=False))
        async with hybrid(s2s=s2s_side) as talk:
            await talk.hears(*said("r1", "Good", "day", "sir"))
            talk.session.playhead.played(100)
            await talk.session.interrupt()
            await talk.hears(ResponseDone("r1", "interrupted"))
            assert talk.s2s.commands == [Cancel("r1")]
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert talk.cascade.knows == [
                Message("assistant", "Good day sir", "hy_item-1", heard_text="Good")
            ]
            await talk.hears(*said("r1", "Good", "night", "sir"))
            talk.session.playhead.played(100)
            await talk.session.interrupt()
            await talk.rest_a_little()
            assert talk.cascade.commands == [Cancel("r1"), Truncate("item-1", 100)]

    run(main())


def test_a_reset_is_for_the_side_that_needs_it() -> None:
    async def main() -> None:
        s2s_side = SideEngine(can=replace(CAN, interrupt="local_only", resets=True))
        async with hybrid(s2s=s2s_side) as talk:
            await talk.hears(*said("r1", "Good"))
            await talk.session.interrupt(mode="reset")
            await talk.hears(ResponseDone("r1", "interrupted"))
            assert talk.s2s.commands[-1] == Cancel("r1", "reset")
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            await talk.hears(*said("r1", "Good"))
            await talk.session.interrupt(mode="reset")
            await talk.rest_a_little()
            assert talk.cascade.commands[-1] == Cancel("r1")

    run(main())


def test_a_hybrid_may_be_a_side_of_another() -> None:
    async def main() -> None:
        inner = HybridPipeline(s2s=SideEngine(), cascade=SideEngine(), policy=OnFailure())
        last = KeptScript(Config(extra={"script": [Reply(says="Good night")]}))
        outer = HybridPipeline(s2s=inner, cascade=last)
        async with outer.start() as session:
            talk = Talk(session)
            for side in inner.sides.values():
                assert isinstance(side, SideEngine)
                await session.send_text("Hello")
                await talk.listen(0.1)
                side.fails.append(CABLE)
                side.link.tell(*said("r1", "Good", "day"), ResponseDone("r1"))
                await talk.until(TurnEnd)
                side.link.end(CABLE)
                await talk.listen(0.1)
            assert outer.side_of(session.id) == "cascade"
            await session.send_text("And now?")
            assert (await talk.until(TurnEnd)).agent_text == "Good night"
            assert [each.agent_text for each in talk.all(TurnEnd)] == ["Good day", "Good day", "Good night"]
            assert len(talk.all(Reconnecting)) == 3
            assert len(talk.all(Reconnected)) == 2

    run(main())


async def questions(*frames: Frame) -> Frames:
    for each in frames:
        yield each


def test_it_is_a_processor_with_hooks_and_takes_a_transport() -> None:
    async def main() -> None:
        noted: list[str] = []
        hooks = PipelineHooks(on_response=lambda each: noted.append(each.text))
        pipeline = HybridPipeline(Config(extra=SCRIPTS), hooks=hooks)
        stream = pipeline.process(questions(TextFrame("Hello"), ControlFrame("stop")))
        async with aclosing(stream):
            frames = [each async for each in stream]
        spoken = "".join(e.text for e in frames if isinstance(e, TextFrame) and e.role == "assistant")
        assert (spoken, noted) == ("Good day", ["Good day"])
        assert any(isinstance(each, AudioFrame) for each in frames)
        transport = InMemory()
        await transport.put(TextFrame("Hello"))
        transport.end()
        await pipeline.run(transport)
        assert noted == ["Good day", "Good day"]

    run(main())


def test_a_switch_happens_amid_a_stream() -> None:
    async def main() -> None:
        pipeline = HybridPipeline(Config(extra=SCRIPTS))

        told: list[str] = []
        answered, switched = asyncio.Event(), asyncio.Event()

        async def source() -> Frames:
            yield TextFrame("Hello")
            await answered.wait()
            assert pipeline.switch("cascade") == 1
            await switched.wait()
            yield TextFrame("And now?")

        async with aclosing(pipeline.process(source())) as stream:
            async for frame in stream:
                match frame:
                    case TextFrame(role="assistant", text=text):
                        told.append(text)
                    case EventFrame(event=TurnEnd()):
                        answered.set()
                    case EventFrame(event=Reconnected()):
                        told.append("|")
                        switched.set()
                    case _:
                        pass
        assert "".join(told) == "Good day|Good night"

    run(main())


def test_calls_and_speech_are_known_as_they_were_after_many_switches() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for n in range(6):
                await talk.hears(SpeechStarted(f"u{n}", 0.0))
                await talk.hears(*said("r1", str(n)), ResponseDone("r1"))
                await talk.listen(1)
                talk.pipeline.switch("cascade" if n % 2 == 0 else "s2s", when="now")
                await talk.rest_a_little()
            words = [each.text for each in talk.link.knows if isinstance(each, Message)]
            assert words == [str(n) for n in range(6)]
            assert not any(isinstance(each, Call) for each in talk.link.knows)

    run(main())


def test_options_of_either_side_are_read_as_fields_of_a_config() -> None:
    options = {"turn_detection": TurnDetection(silence_ms=100), "instructions": "Be kind."}
    engine = s2s.new("hybrid", extra={**SCRIPTS, "cascade_options": options})
    assert isinstance(engine, HybridPipeline)
    assert engine.sides["cascade"].config.turns.silence_ms == 100


def test_the_usual_cascade_is_that_of_the_stages() -> None:
    seats = {"vad": LoudVAD(), "stt": LevelSTT(), "brain": ScriptedBrain(echo), "tts": ToneTTS()}
    engine = HybridPipeline(Config(extra={"cascade_options": {"extra": seats}}), s2s="script")
    assert isinstance(engine.sides["cascade"], CascadePipeline)
    assert engine.capabilities.input_rates == (24_000,)


def test_s2s_has_to_be_named() -> None:
    with pytest.raises(ConfigError, match="a hybrid needs an engine for S2S"):
        HybridPipeline(cascade=ScriptEngine())


def test_rates_that_cannot_be_converted_are_refused_before_anything_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    one, two = SideEngine(), SideEngine(can=replace(CAN, input_rates=(16_000,)))
    with pytest.raises(ConfigError, match="numpy"):
        HybridPipeline(s2s=one, cascade=two).start()
    HybridPipeline(s2s=one, cascade=SideEngine()).start()
    either = SideEngine(can=replace(CAN, input_rates=(16_000, 24_000)))
    HybridPipeline(s2s=one, cascade=either).start()


def test_a_policy_of_a_session_that_is_none_is_refused_at_once() -> None:
    engine = HybridPipeline(Config(extra=SCRIPTS))
    with pytest.raises(ConfigError, match="7 is no policy"):
        engine.start(extra={"policy": 7})


def test_a_side_that_refuses_what_holds_by_now_cannot_take_over() -> None:
    class Choosy(SideEngine):
        def check(self, config: Config) -> None:
            if config.instructions == "Be rude.":
                raise UnsupportedError("not so")

    async def main() -> None:
        async with hybrid(cascade=Choosy()) as talk:
            await talk.session.update(instructions="Be rude.")
            await talk.rest_a_little()
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert (talk.side, [str(each) for each in talk.errors]) == (
                "s2s",
                ["cascade cannot take over, s2s goes on: not so"],
            )

    run(main())
