"""A client of Gemini Live, the gateway, our engine of Nova Sonic, and Nova Sonic: told at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from s2s.commands import AddItem, CreateResponse, SendToolResult
from s2s.config import Config
from s2s.errors import ProviderError
from s2s.events import (
    AudioOutput,
    Interrupted,
    Reconnected,
    ResponseGenerated,
    ResponseStarted,
    SpeechStarted,
    ToolCall,
    TurnEnd,
)
from s2s.gateway import Lifetime
from s2s.items import JSON, Message, ToolResult
from s2s.providers.script import WORD_MS, Reply
from s2s.simulators.temper import NovaTemper
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.chain.said import BONN, GOOD_DAY, LOOK_UP, ROME, ends, speak
from tests.support.chain import Chain, NearGemini, far_nova

EACH = pytest.mark.parametrize("profile", ["dev-2.5-native", "dev-3.8"])
TALE = Reply(says="Word one. Word two. " * 15)
"""Twelve seconds, in sentences."""


@asynccontextmanager
async def talking(
    profile: str,
    *replies: Reply,
    temper: NovaTemper | None = None,
    lifetime: Lifetime | None = None,
    **near: JSON,
) -> AsyncIterator[tuple[Talk, Chain]]:
    """Talk to a script with our own engine."""
    far = partial(far_nova, temper=temper)
    engine = NearGemini(profile, far, Config(extra={"script": list(replies)}, **near), lifetime)
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
            assert (turn.status, len(talk.audio)) == ("completed", 4 * WORD_MS * 48)
            assert chain.far.script.asked == [AddItem(Message("user", "Hello there.")), CreateResponse()]

    run(main())


@EACH
def test_a_spoken_turn_and_the_words_of_both_sides(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY) as (talk, _):
            await speak(talk)
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            told = [type(each) for each in talk.events]
            assert told.index(ResponseStarted) < told.index(AudioOutput) < told.index(ResponseGenerated)
            assert SpeechStarted not in told

    run(main())


@EACH
def test_who_types_while_the_microphone_is_open_is_answered_in_turn(profile: str) -> None:
    """A question in writing is three messages to Nova, and audio between them would end the stream."""

    async def main() -> None:
        async with talking(profile, GOOD_DAY, GOOD_DAY) as (talk, chain), asyncio.TaskGroup() as group:
            listening = group.create_task(silence(talk))
            await talk.session.send_text("Hello?")
            await talk.until(AudioOutput)
            await talk.session.send_text("Hello there.")
            turns = [await talk.until(TurnEnd) for _ in range(2)]
            assert (turns[1].user_text, turns[1].status) == ("Hello there.", "completed")
            assert (len(chain.far.line.connections), talk.errors) == (1, [])
            listening.cancel()

    run(main())


async def silence(talk: Talk) -> None:
    """Send silence as a microphone does, each time in pieces between which everybody else has a turn."""
    while True:
        for _ in range(20):
            await talk.session.send_audio(bytes(48))
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)


# Interruptions.


@EACH
def test_who_speaks_over_an_answer_stops_it_at_both_ends(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, TALE, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.listen(2.0)
            await speak(talk)
            assert (await talk.until(Interrupted)).cause == "user_speech"
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert ends(chain) == ["interrupted", "completed"]

    run(main())


@EACH
def test_who_speaks_over_an_answer_that_was_generated_long_ago_stops_it_too(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, TALE, GOOD_DAY, temper=NovaTemper(pace=0)) as (talk, _):
            await talk.session.send_text("Tell me a story.")
            await talk.until(ResponseGenerated)
            await talk.listen(3.0)
            await speak(talk)
            await talk.until(Interrupted)
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."

    run(main())


# Tools.


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
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.tool_calls) == ("They are cities.", (first, second))
            results = [each for each in chain.far.script.asked if isinstance(each, SendToolResult)]
            assert {each.call_id: each.output for each in results} == {
                "call-Bonn": "Many bridges.",
                "call-Rome": "Seven hills.",
            }

    run(main())


# Settings.


@EACH
def test_a_setup_is_what_the_one_stream_begins_with(profile: str) -> None:
    async def main() -> None:
        before = Message("user", "My name is Ada."), Message("assistant", "Hello, Ada.")
        near: JSON = {
            "instructions": "Be brief.",
            "voice": "Puck",
            "tools": [LOOK_UP],
            "temperature": 0.5,
            "max_output_tokens": 500,
            "history": before,
        }
        async with talking(profile, GOOD_DAY, **near) as (talk, chain):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            line = chain.far.line
            (inference,) = [each["inferenceConfiguration"] for each in line.all("sessionStart")]
            assert (inference["temperature"], inference["maxTokens"]) == (0.5, 500)
            (prompt,) = line.all("promptStart")
            assert prompt["audioOutputConfiguration"]["voiceId"] == "matthew"
            assert [each["toolSpec"]["name"] for each in prompt["toolConfiguration"]["tools"]] == ["look_up"]
            texts = [each["content"] for each in line.all("textInput")]
            assert texts[0].startswith("Be brief.")
            assert any("My name is Ada." in each for each in texts)

    run(main())


@EACH
def test_who_wants_to_find_the_turns_is_refused_and_told_why(profile: str) -> None:
    async def main() -> None:
        with pytest.raises(ProviderError, match="nova has no turn detection 'manual'"):
            async with talking(profile, turn_detection="manual"):
                pass

    run(main())


# Connections.


@EACH
def test_connections_are_replaced_at_both_ends_and_the_conversation_is_one(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, *[GOOD_DAY] * 6, lifetime=Lifetime(250.0, 10.0)) as (talk, chain):
            for _ in range(6):
                await talk.session.send_text("Hello there.")
                assert (await talk.until(TurnEnd)).status == "completed"
                await talk.listen(150.0)
            assert len(chain.connections) > 2
            assert len(chain.far.line.connections) > 2
            assert {each.restored for each in talk.all(Reconnected)} == {"full"}
            assert talk.errors == []

    run(main())


@EACH
def test_a_client_that_lost_its_connection_goes_on_with_the_same_nova(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, TALE, GOOD_DAY) as (talk, chain):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await chain.connections[-1].close(1006, "the cable")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.session.send_text("Hello there.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert (len(chain.connections), len(chain.far.line.connections)) == (2, 1)

    run(main())
