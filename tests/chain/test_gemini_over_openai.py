"""A client of Gemini Live, the gateway, our engine of OpenAI Realtime, and its service: told at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from s2s.commands import AddItem, CommitAudio, CreateResponse, SendToolResult
from s2s.config import Config, TurnDetection
from s2s.errors import ConnectionLostError
from s2s.events import (
    AudioOutput,
    Interrupted,
    Reconnected,
    ResponseGenerated,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
    Usage,
)
from s2s.gateway import Lifetime
from s2s.gateway.keeping import UnknownHandle
from s2s.items import JSON, Message, ToolResult
from s2s.providers.script import WORD_MS, Reply
from s2s.simulators.temper import Fault, Temper
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.chain.said import BONN, GOOD_DAY, LOOK_UP, ROME, STORY, ends, speak
from tests.chain.subjects import ANY, SILENT
from tests.support.chain import Chain, NearGemini, far_openai

EACH = pytest.mark.parametrize("profile", ANY)
TELLING = pytest.mark.parametrize("profile", [each for each in ANY if each not in SILENT])


@asynccontextmanager
async def talking(
    profile: str,
    *replies: Reply,
    temper: Temper | None = None,
    lifetime: Lifetime | None = None,
    **near: JSON,
) -> AsyncIterator[tuple[Talk, Chain]]:
    """Talk to a script with our own engine."""
    engine = NearGemini(
        profile, partial(far_openai, temper=temper), Config(extra={"script": list(replies)}, **near), lifetime
    )
    async with engine.start() as session:
        yield Talk(session, within_s=20.0), engine.chain


# Turns.


@EACH
def test_a_typed_turn(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Hello there.")
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            assert (turn.status, turn.usage) == ("completed", Usage(Tokens(3), Tokens(4)))
            assert len(talk.audio) == 4 * WORD_MS * 48
            question, asks = chain.far.script.asked
            assert isinstance(question, AddItem)
            assert isinstance(question.item, Message)
            assert (question.item.role, question.item.text) == ("user", "Hello there.")
            assert isinstance(asks, CreateResponse)

    run(main())


@EACH
def test_a_spoken_turn_and_the_words_of_both_sides(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY) as (talk, chain):
            await speak(talk)
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            assert len(chain.far.line.all("response.create")) == 0
            told = [type(each) for each in talk.events]
            assert told.index(ResponseStarted) < told.index(AudioOutput) < told.index(ResponseGenerated)
            if profile not in SILENT:
                assert told.index(SpeechStarted) < told.index(SpeechStopped) < told.index(Transcript)

    run(main())


@EACH
def test_an_answer_ends_when_it_was_played_though_openai_ends_it_when_it_was_generated(profile: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with talking(profile, GOOD_DAY, temper=Temper(pace=0)) as (talk, _):
            await talk.session.send_text("Hello there.")
            await talk.until(ResponseGenerated)
            generated = loop.time()
            await talk.until(TurnEnd)
            assert loop.time() - generated == pytest.approx(4 * WORD_MS / 1000, abs=0.05)

    run(main())


# Interruptions.


@EACH
def test_who_speaks_over_an_answer_stops_it_and_openai_is_told_what_was_heard(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY, temper=Temper(pace=4)) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.listen(2.0)
            await speak(talk)
            cut = await talk.until(Interrupted)
            assert cut.cause == "user_speech"
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            (truncated,) = chain.far.line.all("conversation.item.truncate")
            assert truncated["audio_end_ms"] == pytest.approx(2000, abs=50)
            assert ends(chain) == ["interrupted", "completed"]
            assert chain.far.line.all("response.cancel") == []

    run(main())


@EACH
def test_who_speaks_over_an_answer_that_was_generated_long_ago_stops_it_too(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY, temper=Temper(pace=0)) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(ResponseGenerated)
            await talk.listen(3.0)
            assert ends(chain) == ["completed"]
            await speak(talk)
            await talk.until(Interrupted)
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            (truncated,) = chain.far.line.all("conversation.item.truncate")
            assert truncated["audio_end_ms"] == pytest.approx(3000, abs=50)

    run(main())


@EACH
def test_who_says_when_the_user_speaks_has_openai_cancel(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY, turn_detection="manual") as (talk, chain):
            await speak(talk)
            await talk.session.commit()
            await talk.until(AudioOutput)
            await talk.listen(1.0)
            await talk.session.interrupt()
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.listen(0.2)
            assert ends(chain) == ["interrupted"]
            assert len(chain.far.line.all("response.cancel")) == 1
            (truncated,) = chain.far.line.all("conversation.item.truncate")
            assert truncated["audio_end_ms"] == pytest.approx(1000, abs=50)
            await speak(talk)
            await talk.session.commit()
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert [e for e in chain.far.script.asked if isinstance(e, CommitAudio)] == [CommitAudio()] * 2

    run(main())


@EACH
def test_a_client_that_leaves_the_turns_to_the_service_cannot_stop_it(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY, temper=Temper(pace=4)) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            cut = await talk.session.interrupt()
            assert cut is not None
            assert cut.confirmation == "local_only"
            await talk.until(TurnEnd)
            heard = len(talk.audio)
            await talk.listen(15.0)
            assert (len(talk.audio), ends(chain)) == (heard, ["completed"])

    run(main())


@EACH
def test_a_turn_too_short_for_openai_ends_without_an_answer(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY, turn_detection="manual") as (talk, _):
            await talk.session.send_audio(bytes(48 * 50))
            await talk.session.commit()
            assert (await talk.until(TurnEnd)).status == "failed"
            await speak(talk)
            await talk.session.commit()
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."

    run(main())


# Tools.


@EACH
def test_a_call_and_its_result_are_one_answer_each(profile: str) -> None:
    async def main() -> None:
        asked = Reply(calls=(BONN,), usage=Usage(Tokens(5), Tokens(2)))
        told = Reply(says="It is a city.", usage=Usage(Tokens(9), Tokens(4)))
        async with talking(profile, asked, told, tools=[LOOK_UP]) as (talk, chain):
            await talk.session.send_text("Look up Bonn.")
            call = (await talk.until(ToolCall)).call
            assert (call.id, call.name, call.arguments) == ("call-Bonn", "look_up", {"city": "Bonn"})
            await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.tool_calls) == ("It is a city.", (call,))
            assert talk.session.usage == Usage(Tokens(14), Tokens(6))
            assert [type(each) for each in chain.far.script.asked[2:]] == [SendToolResult, CreateResponse]
            await talk.session.send_text("And Rome?")
            assert (await talk.until(TurnEnd)).agent_text == "You said: And Rome?"

    run(main())


@EACH
def test_results_may_come_in_any_order_and_the_last_one_is_answered(profile: str) -> None:
    async def main() -> None:
        replies = Reply(calls=(BONN, ROME)), Reply(says="They are cities.")
        async with talking(profile, *replies, tools=[LOOK_UP]) as (talk, chain):
            await talk.session.send_text("Look up Bonn and Rome.")
            first, second = [(await talk.until(ToolCall)).call for _ in range(2)]
            await talk.session.send_tool_result(ToolResult(second.id, "Seven hills."))
            await talk.listen(0.5)
            await talk.session.send_tool_result(ToolResult(first.id, "Many bridges."))
            assert (await talk.until(TurnEnd)).agent_text == "They are cities."
            results = [each for each in chain.far.script.asked if isinstance(each, SendToolResult)]
            assert {each.call_id: each.output for each in results} == {
                "call-Rome": "Seven hills.",
                "call-Bonn": "Many bridges.",
            }
            assert len(chain.far.line.all("response.create")) == 2

    run(main())


@TELLING
def test_who_speaks_over_a_call_takes_it_back_at_both_ends(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, Reply(calls=(BONN,)), GOOD_DAY, tools=[LOOK_UP]) as (talk, chain):
            await talk.session.send_text("Look up Bonn.")
            await talk.until(ToolCall)
            await speak(talk)
            assert (await talk.until(ToolCallCancelled)).call_ids == ("call-Bonn",)
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            (settled,) = [each for each in chain.far.script.asked if isinstance(each, SendToolResult)]
            assert (settled.call_id, "interrupted" in settled.output) == ("call-Bonn", True)

    run(main())


# Settings.


@EACH
def test_a_setup_reaches_openai_before_a_word_is_said(profile: str) -> None:
    async def main() -> None:
        near: JSON = {
            "instructions": "Be brief.",
            "voice": "Puck",
            "tools": [LOOK_UP],
            "turn_detection": TurnDetection(silence_ms=400, prefix_ms=50),
            "temperature": 0.5,
            "max_output_tokens": 500,
        }
        async with talking(profile, GOOD_DAY, **near) as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            (update,) = chain.far.line.all("session.update")
            session = update["session"]
            assert (session["instructions"], session["max_output_tokens"]) == ("Be brief.", 500)
            assert [each["name"] for each in session["tools"]] == ["look_up"]
            detection = session["audio"]["input"]["turn_detection"]
            assert (detection["silence_duration_ms"], detection["prefix_padding_ms"]) == (400, 50)
            assert session["audio"]["input"]["transcription"]
            assert "voice" not in session["audio"]["output"]
            assert "temperature" not in session

    run(main())


@EACH
def test_settings_that_change_come_over_another_connection_and_openai_keeps_its_own(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            await talk.session.update(instructions="Be brief.", tools=[LOOK_UP], turn_detection="manual")
            await talk.session.send_text("Once more.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert [each.restored for each in talk.all(Reconnected)] == ["full"]
            (connection,) = chain.far.line.connections
            _, update = [each for each in connection.said if each["type"] == "session.update"]
            assert update["session"]["instructions"] == "Be brief."
            assert [each["name"] for each in update["session"]["tools"]] == ["look_up"]
            assert update["session"]["audio"]["input"]["turn_detection"] is None
            assert len(chain.far.script.links) == 1
            assert talk.errors == []

    run(main())


# Connections.


@EACH
def test_a_client_that_lost_its_connection_goes_on_with_the_same_openai(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await chain.connections[-1].close(1006, "the cable")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.session.send_text("Hello there.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert (len(chain.connections), len(chain.far.line.connections)) == (2, 1)
            assert len(chain.far.line.all("response.cancel")) == 1
            assert ends(chain) == ["interrupted", "completed"]

    run(main())


@EACH
def test_the_gateway_goes_away_again_and_again_and_nothing_is_lost(profile: str) -> None:
    async def main() -> None:
        replies = [GOOD_DAY] * 6
        async with talking(profile, *replies, lifetime=Lifetime(60.0, 10.0)) as (talk, chain):
            for _ in replies:
                await talk.session.send_text("Hello there.")
                assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
                await talk.listen(30.0)
            assert {each.restored for each in talk.all(Reconnected)} == {"full"}
            assert (len(chain.connections) > 3, len(chain.far.line.connections)) == (True, 1)

    run(main())


@EACH
def test_who_loses_openai_is_told_and_tells_another_one_what_was_said(profile: str) -> None:
    async def main() -> None:
        lost = Temper(pace=1, faults=(Fault(does="abort", asked="response.create", nth=2),))
        async with talking(profile, GOOD_DAY, temper=lost) as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            await talk.session.send_text("Once more.")
            await talk.until(Reconnected)
            assert (await talk.until(TurnEnd)).status == "completed"
            assert len(chain.far.line.connections) == 2
            told = [each["item"]["content"][0]["text"] for each in chain.far.line.connections[1].said[1:-1]]
            assert told[:2] == ["Hello there.", "Good day to you."]
            kinds = {type(each) for each in chain.gateway.failures}
            assert kinds == {ConnectionLostError, UnknownHandle}

    run(main())
