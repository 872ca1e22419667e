"""Processors as an engine, and what a session makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.capabilities import Capabilities
from s2s.config import Config, Limits
from s2s.engine import S2S
from s2s.errors import ConfigError, ConnectError, UnsupportedError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
)
from s2s.formats import AudioFormat
from s2s.items import Call, Message, ToolResult
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    Frames,
    Processor,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
    as_engine,
    as_frame_processor,
)
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from tests.support.frames import Source

SAID_ALL = ControlFrame("end_of_utterance", "assistant")
SECOND = bytes(48_000)


async def parrot(frames: Frames) -> AsyncGenerator[Frame, None]:
    """Says twice what the user writes, for a second each."""
    async for frame in frames:
        yield frame
        if isinstance(frame, TextFrame) and frame.role == "user":
            for _ in range(2):
                yield TextFrame(frame.text, "assistant", form="spoken")
                yield AudioFrame(SECOND)
            yield SAID_ALL


async def calls(frames: Frames) -> AsyncGenerator[Frame, None]:
    """Has a tool called, and says what it returned."""
    async for frame in frames:
        yield frame
        match frame:
            case TextFrame(role="user"):
                yield ToolCallFrame(Call("call", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'))
                yield SAID_ALL
            case ToolResultFrame(result=ToolResult(output=output)):
                yield EventFrame(ResponseStarted("second", "tool_result"))
                yield TextFrame(output, "assistant", response_id="second")
                yield EventFrame(ResponseDone("second"))
            case _:
                pass


def look_up(city: str) -> str:
    """Look up a city."""
    return f"{city} has many bridges."


# What it is.


def test_it_is_an_engine_like_any_other() -> None:
    engine = as_engine(parrot)
    assert isinstance(engine, S2S)
    assert engine.name == "pipeline"
    assert engine.capabilities.interrupt == "server_confirmed"
    assert engine.capabilities.input_rates == (16_000,)


def test_it_has_the_name_the_config_and_the_capabilities_that_it_is_given() -> None:
    can = Capabilities(input_rates=(48_000,), turn_detection=("manual",))
    named = as_engine(parrot, name="parrot", config=Config(voice="green"), capabilities=can)
    assert (named.name, named.config.voice, named.capabilities) == ("parrot", "green", can)
    assert as_engine(parrot).name == "pipeline"
    with pytest.raises(UnsupportedError, match="parrot has no turn detection 'server': use manual"):
        named.start()


@pytest.mark.parametrize("wrong", [object(), "parrot", Source])
def test_what_is_no_processor_is_refused_at_once(wrong: Processor) -> None:
    with pytest.raises(ConfigError, match="is no frame processor"):
        as_engine(parrot, wrong)


def test_a_lead_that_is_no_number_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="lead_ms"):
        as_engine(parrot, config=Config(extra={"lead_ms": "long"}))


# What a session makes of it.


def test_a_question_is_answered_in_words_and_sound_and_the_turn_ends() -> None:
    async def main() -> None:
        async with as_engine(parrot).start() as session:
            talk = Talk(session)
            await session.send_text("Why?")
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text, turn.status) == ("Why?", "Why? Why?", "completed")
            assert len(talk.audio) == 2 * len(SECOND)
            assert talk.all(Transcript) == []
            assert [getattr(each, "text", "") for each in session.history] == ["Why?", "Why?", "Why?"]
        events = await talk.rest()
        assert violations(events) == []

    run(main())


def test_what_goes_in_and_comes_out_is_converted() -> None:
    heard: list[AudioFrame] = []

    async def ear(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, AudioFrame):
                heard.append(frame)
            else:
                yield frame

    async def main() -> None:
        line = AudioFormat("g711_ulaw", 8_000)
        async with as_engine(ear, parrot).start(input_format=line, output_format=line) as session:
            talk = Talk(session)
            await session.send_audio(b"\xff" * 160)
            await session.send_text("Why?")
            await talk.until(TurnEnd)
            assert {each.sample_rate for each in heard} == {16_000}
            assert {each.sample_rate for each in talk.all(AudioOutput)} == {8_000}
            assert len(talk.audio) == pytest.approx(16_000, abs=2)

    run(main())


def test_an_interruption_silences_and_the_history_knows_what_was_heard() -> None:
    items: list[Frame] = []

    async def memory(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, CommandFrame):
                items.append(frame)
            yield frame

    async def main() -> None:
        async with as_engine(memory, parrot).start() as session:
            talk = Talk(session)
            await session.send_text("One two three four.")
            await talk.until(AudioOutput, lambda each: each.position_ms >= 700)
            session.playhead.played(500)
            cut = await session.interrupt()
            assert cut is not None
            assert (cut.heard_ms, cut.confirmation) == (500, "server_confirmed")
            turn = await talk.until(TurnEnd)
            assert turn.status == "interrupted"
            assert "One two three four.".startswith(turn.heard_text)
            assert len(talk.all(Interrupted)) == 1
            await session.send_text("Go on.")
            assert (await talk.until(TurnEnd)).status == "completed"
            heard = session.history[1]
            assert isinstance(heard, Message)
            told = items[-1]
            assert isinstance(told, CommandFrame)
            assert getattr(told.command, "item", None) == heard
        assert violations(await talk.rest()) == []

    run(main())


def test_a_tool_is_run_by_the_session_and_the_answer_to_it_is_the_same_turn() -> None:
    async def main() -> None:
        async with as_engine(calls).start(tools=[look_up]) as session:
            talk = Talk(session)
            await session.send_text("Bonn?")
            turn = await talk.until(TurnEnd)
            assert turn.agent_text == "Bonn has many bridges."
            assert [each.name for each in turn.tool_calls] == ["look_up"]
            assert talk.all(ToolCallCancelled) == []
        assert violations(await talk.rest()) == []

    run(main())


def test_sessions_of_one_engine_are_apart() -> None:
    async def main() -> None:
        engine = as_engine(parrot)
        async with engine.start() as one, engine.start(instructions="Be brief.") as two:
            await one.send_text("One.")
            await two.send_text("Two.")
            assert (await Talk(one).until(TurnEnd)).agent_text == "One. One."
            assert (await Talk(two).until(TurnEnd)).agent_text == "Two. Two."
            assert one.id != two.id

    run(main())


def test_a_processor_of_an_engine_of_a_processor_is_one_again() -> None:
    async def main() -> None:
        processor = as_frame_processor(as_engine(parrot, config=Config(extra={"lead_ms": None})))
        async with aclosing(processor.process(Source([TextFrame("Why?")]).frames())) as stream:
            frames = [frame async for frame in stream]
        assert [each.text for each in frames if isinstance(each, TextFrame) and each.text] == ["Why?", "Why?"]
        audio = b"".join(each.audio for each in frames if isinstance(each, AudioFrame))
        assert audio == 2 * SECOND

    run(main())


# How it fails.


def test_a_processor_that_is_not_ready_in_time_is_an_engine_that_cannot_be_reached() -> None:
    async def never(frames: Frames) -> AsyncGenerator[Frame, None]:
        await asyncio.Event().wait()
        yield SAID_ALL

    async def main() -> None:
        with pytest.raises(ConnectError, match="not ready within 3 s"):
            await as_engine(never).start(limits=Limits(connect_s=3))

    run(main())


def test_a_session_hears_of_a_processor_that_breaks() -> None:
    async def breaks(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                yield TextFrame("Well", "assistant", final=False)
                raise ValueError("no idea")

    async def main() -> list[Event]:
        async with as_engine(breaks, name="shaky").start() as session:
            await session.send_text("Why?")
            events = await Talk(session).rest()
        assert violations(events) == []
        return events

    *_, done, turn, error, ended = run(main())
    assert isinstance(done, ResponseDone)
    assert isinstance(turn, TurnEnd)
    assert isinstance(error, Error)
    assert (done.status, turn.status, ended) == ("failed", "failed", SessionEnded("failed"))
    assert str(error.error) == "a processor of shaky failed: ValueError: no idea"


def test_a_session_ends_with_the_chain() -> None:
    async def goodbye(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                yield TextFrame("Bye.", "assistant")
                return

    async def main() -> list[Event]:
        async with as_engine(goodbye).start() as session:
            await session.send_text("Bye.")
            return await Talk(session).rest()

    *_, done, turn, ended = run(main())
    assert isinstance(turn, TurnEnd)
    assert (done, turn.agent_text) == (ResponseDone(getattr(done, "response_id", "")), "Bye.")
    assert ended == SessionEnded("ended_by_engine")


# Whatever comes out.


def sound(ms: int, rate: int, item_id: str, response_id: str) -> AudioFrame:
    return AudioFrame(bytes(2 * rate * ms // 1000), rate, 1, 99.0, item_id, response_id)


IDS = st.sampled_from(["", "a", "b", "c"])
ROLES = st.sampled_from(["user", "assistant"])
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        lambda ms, rate, i, r: sound(ms, 16_000 if i else rate, i, r),
        st.sampled_from([0, 20, 50]),
        st.sampled_from([16_000, 24_000]),
        IDS,
        IDS,
    ),
    st.builds(TextFrame, st.sampled_from(["", "word "]), ROLES, st.booleans(), IDS, IDS),
    st.builds(
        ControlFrame,
        st.sampled_from(["start_of_utterance", "end_of_utterance", "interrupt", "stop", "played"]),
        ROLES,
        IDS,
        IDS,
    ),
    st.builds(lambda r: EventFrame(ResponseStarted(r)), st.sampled_from("abc")),
    st.builds(lambda r: EventFrame(ResponseDone(r)), st.sampled_from("abc")),
)


@given(st.lists(FRAMES, max_size=30), st.sampled_from([None, 0, 1000]))
def test_whatever_comes_out_a_session_keeps_its_promises(frames: list[Frame], lead_ms: int | None) -> None:
    async def anything(source: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in source:
            if isinstance(frame, TextFrame):
                for each in frames:
                    yield each
                return

    async def main() -> list[Event]:
        async with as_engine(anything).start(extra={"lead_ms": lead_ms}) as session:
            await session.send_text("Why?")
            return await Talk(session).rest()

    events = run(main())
    assert violations(events) == []
    assert events[-1] == SessionEnded("ended_by_engine")


def test_a_session_begins_with_the_name_of_the_engine() -> None:
    async def main() -> None:
        async with as_engine(parrot, name="parrot").start() as session:
            started = await Talk(session).until(SessionStarted)
            assert (started.provider, started.model) == ("parrot", "parrot")

    run(main())
