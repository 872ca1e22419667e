"""A client of OpenAI Realtime, the gateway, our engine of Nova Sonic, and Nova Sonic: told at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from pybase64 import b64encode_as_string as encoded

from s2s.commands import AddItem, CreateResponse, SendToolResult
from s2s.config import Config, TurnDetection
from s2s.errors import S2SError
from s2s.events import (
    AudioOutput,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    Tokens,
    ToolCall,
    Transcript,
    TurnEnd,
    Usage,
)
from s2s.items import JSON, Message, ToolResult
from s2s.providers.script import WORD_MS, Reply
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.chain.said import BONN, GOOD_DAY, HELLO, LOOK_UP, ROME, ends, speak
from tests.support.chain import Chain, NearOpenAI, far_nova
from tests.support.peers import Peer, inside

TALE = Reply(says="Word one. Word two. " * 15)
"""Twelve seconds, in sentences."""


@asynccontextmanager
async def talking(
    *replies: Reply, temper: NovaTemper | None = None, **near: JSON
) -> AsyncIterator[tuple[Talk, Chain]]:
    """Talk to a script with our own engine."""
    engine = NearOpenAI(partial(far_nova, temper=temper), Config(extra={"script": list(replies)}, **near))
    async with engine.start() as session:
        yield Talk(session, within_s=20.0), engine.chain
    assert engine.chain.gateway.failures == []


@asynccontextmanager
async def peering(*replies: Reply, temper: NovaTemper | None = None) -> AsyncIterator[tuple[Peer, Chain]]:
    """Talk to a script in the words of the protocol."""
    chain = Chain(far_nova(replies, temper))
    yield inside(await chain.connect("ws://gateway/v1/realtime", {})), chain
    await chain.end()


# Turns.


def test_a_typed_turn() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Hello there.")
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            assert (turn.status, len(talk.audio)) == ("completed", 4 * WORD_MS * 48)
            assert turn.usage == Usage(Tokens(3, text=3), Tokens(4, text=4))
            assert chain.far.script.asked == [AddItem(Message("user", "Hello there.")), CreateResponse()]

    run(main())


def test_a_spoken_turn_and_the_words_of_both_sides() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY) as (talk, _):
            await speak(talk)
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            (whole,) = [each for each in talk.all(Transcript) if each.final]
            assert talk.session.history[0] == Message("user", "Hello there.", whole.item_id)
            told = [type(each) for each in talk.events]
            assert told.index(Transcript) < told.index(ResponseStarted) < told.index(AudioOutput)
            assert talk.all(SpeechStarted) == []

    run(main())


def test_who_speaks_before_nova_is_there_is_heard() -> None:
    async def main() -> None:
        async with peering(GOOD_DAY, temper=NovaTemper(accept_s=0.3)) as (peer, _):
            spoken = HELLO + bytes(48_000)
            for start in range(0, len(spoken), 96):
                await peer.say("input_audio_buffer.append", audio=encoded(spoken[start : start + 96]))
                await asyncio.sleep(0.002)
            assert (await peer.until("response.done"))["response"]["status"] == "completed"

    run(main())


# Interruptions.


def test_who_speaks_over_an_answer_stops_it_at_both_ends() -> None:
    async def main() -> None:
        async with talking(TALE, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.listen(2.0)
            await speak(talk)
            assert (await talk.until(Interrupted)).cause == "user_speech"
            heard = len(talk.audio)
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert len(talk.audio) == heard
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert ends(chain) == ["interrupted", "completed"]

    run(main())


def test_an_answer_that_is_cancelled_goes_on_unheard() -> None:
    async def main() -> None:
        async with talking(TALE, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput, lambda each: each.position_ms >= 400)
            talk.session.playhead.played(100)
            await talk.session.interrupt()
            assert (await talk.until(TurnEnd)).status == "interrupted"
            heard = len(talk.audio)
            await talk.listen(20.0)
            assert (len(talk.audio), ends(chain)) == (heard, ["completed"])
            await talk.session.send_text("Hello there.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert talk.errors == []

    run(main())


def test_the_next_question_stops_what_goes_on_unheard() -> None:
    """As nothing of the answer was heard, the client has it removed."""

    async def main() -> None:
        async with talking(TALE, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.session.interrupt()
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert ends(chain) == ["interrupted", "completed"]
            assert talk.errors == []

    run(main())


# Tools.


def test_a_call_and_its_result_are_one_answer_each() -> None:
    async def main() -> None:
        replies = Reply(calls=(BONN,)), Reply(says="It is a city.")
        async with talking(*replies, tools=[LOOK_UP]) as (talk, chain):
            await talk.session.send_text("Look up Bonn.")
            call = (await talk.until(ToolCall)).call
            assert (call.name, call.arguments) == ("look_up", {"city": "Bonn"})
            await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.tool_calls) == ("It is a city.", (call,))
            assert chain.far.script.asked == [
                AddItem(Message("user", "Look up Bonn.")),
                CreateResponse(),
                SendToolResult("call-Bonn", "It has many bridges."),
            ]
            await talk.session.send_text("And Rome?")
            assert (await talk.until(TurnEnd)).agent_text == "You said: And Rome?"

    run(main())


def test_results_may_come_in_any_order_and_the_last_one_is_answered() -> None:
    async def main() -> None:
        replies = Reply(calls=(BONN, ROME)), Reply(says="They are cities.")
        async with talking(*replies, tools=[LOOK_UP]) as (talk, chain):
            await talk.session.send_text("Look up Bonn and Rome.")
            first, second = [(await talk.until(ToolCall)).call for _ in range(2)]
            await talk.session.send_tool_result(ToolResult(second.id, "Seven hills."))
            await talk.listen(0.5)
            await talk.session.send_tool_result(ToolResult(first.id, "Many bridges."))
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, len(talk.all(ResponseDone))) == ("They are cities.", 2)
            results = [each for each in chain.far.script.asked if isinstance(each, SendToolResult)]
            assert {each.call_id: each.output for each in results} == {
                "call-Bonn": "Many bridges.",
                "call-Rome": "Seven hills.",
            }

    run(main())


# Settings.


def prompts(chain: Chain) -> list[JSON]:
    """Return how each stream to Nova began."""
    return chain.far.line.all("promptStart")


def told_first(chain: Chain) -> list[str]:
    """Return what each stream was told of its part."""
    return [each["content"] for each in chain.far.line.all("textInput") if each["contentName"] == "system"]


def test_settings_of_the_beginning_reach_nova_before_a_word_is_said() -> None:
    async def main() -> None:
        near: JSON = {
            "instructions": "Be brief.",
            "voice": "tiffany",
            "tools": [LOOK_UP],
            "turn_detection": TurnDetection(mode="semantic", eagerness="high"),
        }
        async with talking(GOOD_DAY, **near) as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            assert told_first(chain)[-1] == "Be brief."
            prompt = prompts(chain)[-1]
            assert prompt["audioOutputConfiguration"]["voiceId"] == "tiffany"
            assert [each["toolSpec"]["name"] for each in prompt["toolConfiguration"]["tools"]] == ["look_up"]
            session = chain.far.line.all("sessionStart")[-1]
            assert session["turnDetectionConfiguration"] == {"endpointingSensitivity": "HIGH"}
            assert len(prompts(chain)) == 2

    run(main())


def test_settings_that_change_amid_a_conversation_hold_over_another_stream_that_knows_what_was_said() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            await talk.session.update(instructions="Be brief.", tools=[LOOK_UP])
            await talk.session.send_text("Once more.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert told_first(chain)[-1] == "Be brief."
            config = chain.far.script.configs[-1]
            assert [(each.role, each.text) for each in config.history if isinstance(each, Message)] == [
                ("user", "Hello there."),
                ("assistant", "Good day to you."),
            ]
            assert talk.errors == []

    run(main())


def test_who_wants_to_find_the_turns_is_told_that_nova_does() -> None:
    async def main() -> None:
        async with peering(GOOD_DAY) as (peer, _):
            silent: JSON = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            await peer.say("session.update", session=silent)
            told = (await peer.until("error"))["error"]
            assert "finds the user's turns itself" in told["message"]
            await peer.ask("Hello there.")
            assert (await peer.until("response.done"))["response"]["status"] == "completed"

    run(main())


def test_a_voice_of_openai_does_not_reach_nova() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY, voice="marin") as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            voices = {each["audioOutputConfiguration"]["voiceId"] for each in prompts(chain)}
            assert voices == {"matthew"}

    run(main())


# Streams.


def test_streams_end_again_and_again_and_the_client_notices_nothing() -> None:
    async def main() -> None:
        async with talking(*[GOOD_DAY] * 9, temper=NovaTemper(pace=4)) as (talk, chain):
            for _ in range(9):
                await talk.session.send_text("Hello there.")
                assert (await talk.until(TurnEnd)).status == "completed"
                await asyncio.sleep(150.0)
            assert len(prompts(chain)) > 2
            assert talk.errors == []
            assert {each.type for each in talk.events} <= {
                *("session_started", "response_started", "text_output", "audio_output", "response_done"),
                *("turn_end", "rate_limits"),
            }

    run(main())


def test_a_stream_that_drops_amid_an_answer_cuts_it_off_and_the_conversation_goes_on() -> None:
    async def main() -> None:
        async with talking(TALE) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await chain.far.line.connections[-1].close(1006, "the cable")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.session.send_text("Hello there.")
            assert (await talk.until(TurnEnd)).status == "completed"
            assert talk.errors == []

    run(main())


def test_who_loses_nova_for_good_is_told_in_the_protocol_and_by_the_close_code() -> None:
    async def main() -> None:
        refused = Fault(does="fail", said="audioOutput", nth=2, code="validationException", reason="No.")
        async with peering(TALE, temper=NovaTemper(faults=(refused,))) as (peer, chain):
            await peer.ask("Hello there.")
            told = (await peer.until("error"))["error"]
            assert "No (400)" in told["message"]
            assert (await peer.rest())[0] == 1011
            (broken,) = chain.gateway.failures
            assert isinstance(broken, S2SError)

    run(main())
