"""What an application asks of a session, and gets."""

import asyncio
import threading
from array import array
from collections.abc import Sequence

import pytest

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.errors import AudioFormatError, LocalProtocolError, ToolError, UnsupportedError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    TextOutput,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
    Usage,
)
from s2s.formats import AudioFormat
from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.providers.script import Reply, ScriptEngine
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.tools import Tool, tool
from tests.support.links import PlainEngine, PlainLink, types

EVERYTHING = Capabilities(updates=True, images=True)
CALL = Call("c", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')


def plain(can: Capabilities = EVERYTHING, **config: JSON) -> tuple[PlainEngine, PlainLink]:
    link = PlainLink(capabilities=can)
    return PlainEngine(lambda: link, can, Config(**config)), link


def script(*replies: Reply, pace: float = 0, **config: JSON) -> ScriptEngine:
    return ScriptEngine(Config(extra={"script": list(replies), "pace": pace}, **config))


async def finished(session: Session, before: Sequence[Event] = ()) -> list[Event]:
    """Close the session and return all of its events, which keep the contract."""
    await session.close()
    talk = Talk(session)
    talk.events += before
    events = await talk.rest()
    assert violations(events, session.config.spoken) == []
    return events


def loud(ms: int) -> bytes:
    return array("h", [5000] * (24 * ms)).tobytes()


# Sending


def test_what_is_sent_arrives_as_commands_in_order() -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            await session.send_audio(b"\1\2")
            await session.commit()
            await session.clear()
            await session.send_image(b"png", "image/png")
            await session.respond("Be kind.", metadata={"a": "b"})
            await session.send_text("Hi", respond=False)
            await session.send_text("Be brief.", role="system")
            await asyncio.sleep(1)
        texts = [each.item for each in link.sent if isinstance(each, AddItem)]
        assert [(each.role, each.text) for each in texts if isinstance(each, Message)] == [
            ("user", "Hi"),
            ("system", "Be brief."),
        ]
        assert [each for each in link.sent if not isinstance(each, AddItem)] == [
            AppendAudio(b"\1\2"),
            CommitAudio(),
            ClearAudio(),
            AppendImage(b"png", "image/png"),
            CreateResponse("Be kind.", {"a": "b"}),
            CreateResponse(),
        ]

    run(main())


def heard(link: PlainLink) -> bytes:
    return b"".join(each.audio for each in link.sent if isinstance(each, AppendAudio))


@pytest.mark.parametrize("sizes", [[1, 1, 1, 1], [3, 1], [1, 3], [0, 4], [4]])
def test_chunks_of_any_length_are_one_stream(sizes: list[int]) -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            at = 0
            for size in sizes:
                await session.send_audio(b"\1\2\3\4"[at : at + size])
                at += size
            await asyncio.sleep(1)
        assert heard(link) == b"\1\2\3\4"
        assert all(len(each.audio) % 2 == 0 for each in link.sent if isinstance(each, AppendAudio))

    run(main())


@pytest.mark.parametrize(
    "chunk", [bytearray(b"\1\2"), memoryview(b"\1\2"), array("h", [513]), memoryview(array("h", [513]))]
)
def test_whatever_holds_samples_can_be_sent(chunk: JSON) -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            await session.send_audio(chunk)
            await asyncio.sleep(1)
        assert heard(link) == b"\1\2"

    run(main())


def test_what_is_no_audio_is_refused_and_the_session_goes_on() -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            with pytest.raises(AudioFormatError):
                await session.send_audio(array("d", [0.5]).tolist())  # type: ignore[arg-type]
            await session.send_audio(b"\1\2")
            await asyncio.sleep(1)
        assert heard(link) == b"\1\2"

    run(main())


@pytest.mark.parametrize(
    ("config", "sent", "arrives_ms"),
    [
        ({"sample_rate": 16_000}, bytes(32 * 100), 100),
        ({"input_format": AudioFormat("g711_ulaw", 8_000)}, b"\xff" * 800, 100),
        ({"input_format": AudioFormat(sample_rate=48_000, channels=2)}, bytes(192 * 100), 100),
    ],
)
def test_audio_of_another_format_arrives_as_the_engine_hears(
    config: dict[str, JSON], sent: bytes, arrives_ms: int
) -> None:
    async def main() -> None:
        engine, link = plain(**config)
        async with engine.start() as session:
            for start in range(0, len(sent), 333):
                await session.send_audio(sent[start : start + 333])
            await asyncio.sleep(1)
        assert len(heard(link)) == pytest.approx(arrives_ms * 48, abs=3 * 48)

    run(main())


def test_a_long_chunk_is_sent_whole() -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            await session.send_audio(loud(25_000))
            await asyncio.sleep(1)
        assert heard(link) == loud(25_000)

    run(main())


# Receiving


@pytest.mark.parametrize(
    "spoken",
    [AudioFormat(sample_rate=16_000), AudioFormat("g711_ulaw", 8_000), AudioFormat("g711_alaw", 8_000)],
)
def test_audio_comes_in_the_format_that_was_asked_for(spoken: AudioFormat) -> None:
    async def main() -> None:
        async with script(Reply(says="one two three"), output_format=spoken).start() as session:
            talk = Talk(session)
            await session.send_text("Hi")
            await talk.until(TurnEnd)
            audio = [each for each in talk.events if isinstance(each, AudioOutput)]
            assert {each.sample_rate for each in audio} == {spoken.sample_rate}
            assert spoken.duration_ms(sum(len(each.audio) for each in audio)) == 600
            await asyncio.sleep(1)
            assert await session.interrupt() is None
            await finished(session, talk.events)

    run(main())


def test_a_turn_says_what_was_asked_answered_and_spent() -> None:
    async def main() -> None:
        usage = Usage(Tokens(3, text=3), Tokens(4, audio=4))
        engine = script(Reply(says="Fine, thanks.", usage=usage), Reply(says="Bye.", usage=usage), pace=1)
        async with engine.start() as session:
            talk = Talk(session)
            for text in ("How are you?", "Bye."):
                await session.send_text(text)
                turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text, turn.heard_text, turn.usage) == (
                "Bye.",
                "Bye.",
                "Bye.",
                usage,
            )
            assert (turn.timings.first_text_ms, turn.timings.first_audio_ms) == (0.0, 0.0)
            assert turn.timings.done_ms == 200.0
            assert session.usage == usage + usage
            assert (session.id, session.closed) == ("script-session", False)
            roles = [(each.role, each.text) for each in session.history if isinstance(each, Message)]
            assert roles == [
                ("user", "How are you?"),
                ("assistant", "Fine, thanks."),
                ("user", "Bye."),
                ("assistant", "Bye."),
            ]
            await finished(session, talk.events)

    run(main())


def test_the_history_begins_with_its_seed() -> None:
    async def main() -> None:
        seed: tuple[Item, ...] = (Message("user", "Hi"), CALL, ToolResult("c", "rain"))
        async with script(history=seed).start() as session:
            assert session.history == seed

    run(main())


def test_overrides_hold_for_one_session() -> None:
    async def main() -> None:
        engine = script(Reply(says="one"))
        async with engine.start(sample_rate=16_000, voice="a") as session:
            assert (session.config.voice, session.config.spoken.sample_rate) == ("a", 16_000)
        assert engine.config.voice is None

    run(main())


# What the engine cannot do


def test_what_the_engine_cannot_do_is_refused_and_says_so() -> None:
    async def main() -> None:
        nothing = Capabilities(text_input=False)
        engine, link = plain(nothing)
        async with engine.start() as session:
            for asked, name in (
                (session.send_image(b"png"), "images"),
                (session.send_text("Hi"), "text input"),
                (session.update(instructions="Be brief."), "updates during a session"),
            ):
                with pytest.raises(
                    UnsupportedError, match=f"this engine does not support {name}: see session"
                ):
                    await asked
        assert link.sent == []

    run(main())


def test_an_update_says_what_changes_and_changes_the_tools() -> None:
    async def main() -> None:
        def now() -> str:
            """Tell the time."""
            return "noon"

        engine, link = plain()
        async with engine.start() as session:
            await session.update(instructions="Be brief.", tools=[now], voice="a", turn_detection="manual")
            await session.update()
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "now"), "r"))
            assert (await talk.until(ToolCall)).runs_here is True
            link.tell(ResponseDone("r"))
            await asyncio.sleep(1)
        assert link.sent == [
            UpdateSession("Be brief.", "a", (tool(now).spec,), TurnDetection(mode="manual")),
            UpdateSession(),
            SendToolResult("c", "noon"),
        ]

    run(main())


# Interrupting


def test_an_interruption_says_by_the_clock_what_was_heard() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three four five"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.listen(0.5)
            cut = await session.interrupt()
            assert cut == Interrupted("response-1", "item-2", 500.0, "application", "server_confirmed")
            after = await talk.listen(5)
            assert after == [
                cut,
                ResponseDone("response-1", "interrupted"),
                TurnEnd("Count.", "one two three", "one two", "interrupted", timings=turn_of(after).timings),
            ]
            assert session.history[-1] == Message("assistant", "one two three", "item-2", "one two")
            await finished(session, talk.events)

    run(main())


def turn_of(events: Sequence[Event]) -> TurnEnd:
    return next(each for each in events if isinstance(each, TurnEnd))


def test_an_interruption_says_by_the_sink_what_was_heard() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three four five"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.listen(0.5)
            session.playhead.played(210)
            cut = await session.interrupt()
            assert cut is not None
            assert cut.heard_ms == 210.0
            assert turn_of(await talk.listen(5)).heard_text == "one"

    run(main())


def test_no_audio_of_the_response_is_delivered_after_an_interruption() -> None:
    async def main() -> None:
        engine, link = plain(Capabilities(interrupt="local_only"))
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), AudioOutput(loud(100), 24_000, "r", "i"))
            await talk.until(AudioOutput)
            link.tell(AudioOutput(loud(100), 24_000, "r", "i", 100), AudioOutput(loud(9), 24_000, "r", "j"))
            await asyncio.sleep(0.05)
            assert await session.interrupt() == Interrupted("r", "i", 50.0, "application", "local_only")
            link.tell(AudioOutput(loud(100), 24_000, "r", "i", 200), TextOutput("late", "r", "i"))
            link.tell(ResponseDone("r"), ResponseStarted("s"), AudioOutput(loud(1), 24_000, "s", "k"))
            after = await talk.listen(1)
            assert types(after) == [
                "interrupted",
                "response_done",
                "turn_end",
                "response_started",
                "audio_output",
            ]
            await finished(session, talk.events)

    run(main())


def test_converted_audio_that_waits_in_a_filter_is_not_delivered_after_an_interruption() -> None:
    async def main() -> None:
        engine, link = plain(sample_rate=16_000)
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), AudioOutput(loud(100), 24_000, "r", "i"))
            await talk.until(AudioOutput)
            await session.interrupt()
            link.tell(ResponseDone("r"))
            assert types(await talk.listen(1)) == ["interrupted", "response_done", "turn_end"]

    run(main())


def test_what_was_said_and_not_heard_can_still_be_cut_off() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three")).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.until(TurnEnd)
            await asyncio.sleep(0.3)
            cut = await session.interrupt()
            assert cut == Interrupted("response-1", "item-2", 300.0, "application", "requested")
            assert session.history[-1] == Message("assistant", "one two three", "item-2", "one")
            assert await session.interrupt() is None
            assert await talk.listen(1) == [cut]

    run(main())


@pytest.mark.parametrize("later_s", [0.61, 60])
def test_where_all_was_heard_there_is_nothing_to_interrupt(later_s: float) -> None:
    async def main() -> None:
        async with script(Reply(says="one two three")).start() as session:
            talk = Talk(session)
            assert await session.interrupt() is None
            await session.send_text("Count.")
            await talk.until(TurnEnd)
            await asyncio.sleep(later_s)
            assert await session.interrupt() is None
            assert await talk.listen(1) == []

    run(main())


@pytest.mark.parametrize("at_s", [0.0, 0.1, 0.2, 0.3999999, 0.4, 0.4000001, 0.5, 0.79, 0.8, 0.81])
@pytest.mark.parametrize("first", ["the interruption", "the engine"])
def test_an_interruption_as_a_response_ends_cuts_off_the_one_that_it_names(first: str, at_s: float) -> None:
    async def main() -> None:
        engine = script(Reply(says="one two"), Reply(says="three four"), pace=1)
        async with engine.start() as session:
            talk = Talk(session)
            if first == "the interruption":
                interrupting = asyncio.ensure_future(interrupted(session, at_s))
            await session.send_text("Count.")
            await session.send_text("Count on.")
            if first == "the engine":
                interrupting = asyncio.ensure_future(interrupted(session, at_s))
            await talk.listen(5)
            cut = await interrupting
            done = [e.response_id for e in talk.all(ResponseDone) if e.status == "interrupted"]
            assert done == ([] if cut is None else [cut.response_id])
            assert len(talk.all(TurnEnd)) == 2
            await finished(session, talk.events)

    run(main())


async def interrupted(session: Session, at_s: float) -> Interrupted | None:
    await asyncio.sleep(at_s)
    return await session.interrupt()


def test_the_user_speaks_over_the_answer() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three four"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.listen(0.3)
            await session.send_audio(loud(20))
            cut = await talk.until(Interrupted)
            assert cut == Interrupted("response-1", "item-2", 300.0, "user_speech", "server_confirmed")
            await session.send_audio(bytes(48 * 400))
            turns = [await talk.until(TurnEnd), await talk.until(TurnEnd)]
            assert [each.status for each in turns] == ["interrupted", "completed"]
            assert turns[1].user_text == "something"
            await finished(session, talk.events)

    run(main())


def test_the_user_speaks_over_what_is_left_of_an_answer() -> None:
    async def main() -> None:
        engine, link = plain(Capabilities(truncate=True))
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), AudioOutput(loud(900), 24_000, "r", "i"), ResponseDone("r"))
            await talk.until(TurnEnd)
            await asyncio.sleep(0.4)
            link.tell(SpeechStarted("u", 0))
            assert (await talk.until(Interrupted)).heard_ms == 400.0
            await asyncio.sleep(1)
        assert link.sent == [Truncate("i", 400.0)]

    run(main())


# Tools


def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city} has rain"


def test_a_function_is_called_and_the_model_goes_on() -> None:
    async def main() -> None:
        engine = script(Reply(says="Wait.", calls=(CALL,)), Reply(says="Rain."), tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.tool_calls) == ("Wait. Rain.", (CALL,))
            assert session.history[2:4] == (CALL, ToolResult("c", "Bonn has rain"))
            assert [each.origin for each in talk.events if isinstance(each, ResponseStarted)] == [
                "application",
                "tool_result",
            ]
            await finished(session, talk.events)

    run(main())


def test_the_application_answers_what_has_no_function() -> None:
    async def main() -> None:
        engine = script(Reply(calls=(CALL,)), tools=[Tool(name="look_up")])
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            called = await talk.until(ToolCall)
            assert (called.call, called.runs_here) == (CALL, False)
            await session.send_tool_result(ToolResult("c", "sun"))
            with pytest.raises(LocalProtocolError, match="already settled"):
                await session.send_tool_result(ToolResult("c", "rain"))
            with pytest.raises(LocalProtocolError, match="never made"):
                await session.send_tool_result(ToolResult("d", "rain"))
            assert (await talk.until(TurnEnd)).agent_text == "You said: sun"
            await finished(session, talk.events)

    run(main())


def test_parallel_calls_are_answered_by_one_response() -> None:
    async def main() -> None:
        async def slow(seconds: float) -> float:
            await asyncio.sleep(seconds)
            return seconds

        calls = tuple(Call(f"c{n}", "slow", {"seconds": n}) for n in (3, 1, 2))
        engine, link = plain(tools=[slow])
        async with engine.start():
            link.tell(ResponseStarted("r"), *(ToolCall(each, "r") for each in calls), ResponseDone("r"))
            await asyncio.sleep(5)
        assert link.sent == [
            SendToolResult("c1", "1.0", respond=False),
            SendToolResult("c2", "2.0", respond=False),
            SendToolResult("c3", "3.0", respond=True),
        ]

    run(main())


def test_a_tool_that_fails_is_told_to_both_and_the_session_goes_on() -> None:
    async def main() -> None:
        def look_up(city: str) -> str:
            raise ValueError(f"no such city: {city}")

        engine = script(Reply(calls=(CALL,)), Reply(says="Sorry."), tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            error = (await talk.until(Error)).error
            assert isinstance(error, ToolError)
            assert str(error) == "look_up failed: ValueError: no such city: Bonn"
            assert (await talk.until(TurnEnd)).agent_text == "Sorry."
            assert session.history[2] == ToolResult("c", str(error), is_error=True)
            await finished(session, talk.events)

    run(main())


def test_an_interruption_cancels_a_blocking_tool_and_not_one_in_the_background() -> None:
    seen: list[str] = []

    async def block() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def order() -> str:
        await asyncio.sleep(60)
        seen.append("ordered")
        return "ordered"

    async def main() -> None:
        engine, link = plain(tools=[block, tool(order, policy="background", timeout_s=99)])
        async with engine.start() as session:
            talk = Talk(session, within_s=99)
            link.tell(
                ResponseStarted("r"), ToolCall(Call("b", "block"), "r"), ToolCall(Call("o", "order"), "r")
            )
            link.tell(ResponseDone("r"))
            await talk.listen(1)
            assert await session.interrupt() == Interrupted("r", "", 0.0, "application", "local_only")
            assert types(await talk.listen(61)) == ["interrupted", "tool_call_cancelled", "turn_end"]
            assert talk.events[-2] == ToolCallCancelled(("b",))
            await finished(session, talk.events)
        assert seen == ["cancelled", "ordered"]
        assert [each for each in link.sent if isinstance(each, SendToolResult)] == [
            SendToolResult("b", link.sent[0].output, is_error=True, respond=False),  # type: ignore[union-attr]
            SendToolResult("o", "ordered"),
        ]

    run(main())


def test_the_user_speaks_while_a_tool_is_at_work() -> None:
    async def main() -> None:
        async def look_up(city: str) -> str:
            await asyncio.sleep(60)
            return "too late"

        engine = script(
            Reply(says="Wait.", calls=(CALL,)), Reply(says="Yes?", hears="Stop!"), tools=[look_up]
        )
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            await talk.until(ResponseDone)
            await talk.listen(1)
            await session.send_audio(loud(20))
            await session.send_audio(bytes(48 * 400))
            turns = [await talk.until(TurnEnd), await talk.until(TurnEnd)]
            assert [(each.user_text, each.agent_text, each.status) for each in turns] == [
                ("Weather?", "Wait.", "interrupted"),
                ("Stop!", "Yes?", "completed"),
            ]
            await talk.listen(99)
            await finished(session, talk.events)

    run(main())


def test_calls_that_the_engine_takes_back_are_cancelled_and_not_answered() -> None:
    async def main() -> None:
        async def look_up(city: str) -> str:
            await asyncio.sleep(1)
            return "rain"

        engine, link = plain(tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(CALL, "r"), ResponseDone("r"))
            await talk.until(ResponseDone)
            link.tell(ToolCallCancelled(("c",)))
            assert types(await talk.listen(5)) == ["tool_call_cancelled", "turn_end"]
            link.tell(ToolCallCancelled(("c",)))
            assert await talk.listen(1) == []
            await finished(session, talk.events)
        assert link.sent == []

    run(main())


def test_a_tool_that_hangs_in_its_thread_holds_nothing_up() -> None:
    async def main() -> None:
        done = threading.Event()

        def hang() -> None:
            done.wait(5)

        engine, link = plain(tools=[tool(hang, timeout_s=0.05)])
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "hang"), "r"), ResponseDone("r"))
            await talk.until(Error)
            link.tell(ResponseStarted("s", "tool_result"), ResponseDone("s"))
            await talk.until(TurnEnd)
            done.set()
            await finished(session, talk.events)
        told = "hang took longer than 0.05 s and was given up"
        assert link.sent == [SendToolResult("c", told, is_error=True)]

    run(main())


def test_an_interrupted_model_that_still_calls_a_tool_is_told_at_once() -> None:
    async def main() -> None:
        engine, link = plain(tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"))
            await talk.until(ResponseStarted)
            await session.interrupt()
            link.tell(ToolCall(CALL, "r"), ResponseDone("r"))
            assert types(await talk.listen(1)) == ["interrupted", "response_done", "turn_end"]
            await finished(session, talk.events)
        assert [type(each) for each in link.sent] == [Cancel, SendToolResult]

    run(main())
