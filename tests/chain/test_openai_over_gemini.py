"""A client of OpenAI Realtime, the gateway, our engine of Gemini Live, and Gemini Live: told at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest
from pybase64 import b64encode_as_string

from s2s.commands import AddItem, CommitAudio, CreateResponse, SendToolResult, Truncate
from s2s.config import Config, TurnDetection
from s2s.errors import S2SError
from s2s.events import (
    AudioOutput,
    Interrupted,
    ResponseDone,
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
from s2s.items import JSON, Message, ToolResult
from s2s.providers.script import WORD_MS, Reply
from s2s.simulators.temper import Fault, GeminiTemper
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.chain.said import BONN, GOOD_DAY, HELLO, LOOK_UP, ROME, STORY, ends, speak
from tests.chain.subjects import ANY, SILENT
from tests.support.chain import Chain, NearOpenAI, far_gemini
from tests.support.peers import Peer, inside

EACH = pytest.mark.parametrize("profile", ANY)


@asynccontextmanager
async def talking(
    profile: str,
    *replies: Reply,
    temper: GeminiTemper | None = None,
    far: Mapping[str, JSON] = {},
    **near: JSON,
) -> AsyncIterator[tuple[Talk, NearOpenAI]]:
    """Talk to a script with our own engine."""
    distant = partial(far_gemini, profile, temper=temper, **far)
    engine = NearOpenAI(distant, Config(extra={"script": list(replies)}, **near))
    async with engine.start() as session:
        yield Talk(session, within_s=20.0), engine
    assert engine.chain.gateway.failures == []


@asynccontextmanager
async def peering(profile: str, *replies: Reply, **far: JSON) -> AsyncIterator[tuple[Peer, Chain]]:
    """Talk to a script in the words of the protocol."""
    chain = Chain(far_gemini(profile, replies, **far))
    yield inside(await chain.connect("ws://gateway/v1/realtime", {})), chain
    await chain.end()


def said_ms(audio: bytes) -> float:
    return len(audio) / 48


# Turns.


@EACH
def test_a_typed_turn(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY) as (talk, near):
            await talk.session.send_text("Hello there.")
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text, turn.status) == (
                "Hello there.",
                "Good day to you.",
                "completed",
            )
            assert turn.usage == Usage(Tokens(3), Tokens(4))
            assert said_ms(talk.audio) == 4 * WORD_MS
            assert near.chain.far.script.asked == [AddItem(Message("user", "Hello there.")), CreateResponse()]

    run(main())


@EACH
def test_a_spoken_turn_and_the_words_of_both_sides(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY) as (talk, near):
            await speak(talk)
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            (whole,) = [each for each in talk.all(Transcript) if each.final]
            assert talk.session.history[0] == Message("user", "Hello there.", whole.item_id)
            link = near.chain.far.script.links[-1]
            assert sum(len(each.audio) for each in link.audio) == len(HELLO) + 48_000
            told = [type(each) for each in talk.events]
            assert told.index(ResponseStarted) < told.index(AudioOutput) < told.index(ResponseDone)
            if profile not in SILENT:
                assert told.index(SpeechStarted) < told.index(SpeechStopped) < told.index(Transcript)

    run(main())


@pytest.mark.parametrize("profile", [each for each in ANY if each != "dev-2.5-native"])
def test_a_question_need_not_wait_until_an_answer_was_played(profile: str) -> None:
    async def main() -> None:
        temper = GeminiTemper(pace=0)
        async with peering(profile, STORY, GOOD_DAY, temper=temper) as (peer, chain):
            await peer.ask("Tell me a story.")
            await peer.until("response.output_item.done")
            await asyncio.sleep(1.0)
            assert (peer.kinds.count("response.done"), ends(chain)) == (0, ["completed"])
            await peer.ask("Hello there.")
            statuses = [(await peer.until("response.done"))["response"]["status"] for _ in range(2)]
            assert (statuses, "error" in peer.kinds) == (["completed"] * 2, False)
            assert asyncio.get_running_loop().time() < 5.0

    run(main())


# Interruptions.


@EACH
def test_who_speaks_over_an_answer_stops_it_at_both_ends(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY) as (talk, near):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await asyncio.sleep(2.0)
            await speak(talk)
            cut = await talk.until(Interrupted)
            assert cut.cause == "user_speech"
            heard = len(talk.audio)
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert len(talk.audio) == heard
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert ends(near.chain) == ["interrupted", "completed"]
            assert near.chain.far.script.asked == [
                AddItem(Message("user", "Tell me a story.")),
                CreateResponse(),
                Truncate("item-2", 2000.0),
            ]

    run(main())


@EACH
def test_an_answer_that_is_cancelled_while_gemini_finds_the_turns_goes_on_unheard(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY) as (talk, near):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput, lambda each: each.position_ms >= 400)
            talk.session.playhead.played(100)
            cut = await talk.session.interrupt()
            assert cut is not None
            assert (cut.heard_ms, cut.confirmation) == (100.0, "requested")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            heard = len(talk.audio)
            await talk.listen(20.0)
            assert (len(talk.audio), ends(near.chain)) == (heard, ["completed"])
            await talk.session.send_text("Good day.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert talk.errors == []

    run(main())


@EACH
def test_the_next_question_stops_what_goes_on_unheard_where_gemini_lets_it(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY) as (talk, near):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await talk.session.interrupt()
            await talk.until(TurnEnd)
            await talk.session.send_text("Good day.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            first = "completed" if profile == "dev-2.5-native" else "interrupted"
            assert ends(near.chain) == [first, "completed"]
            assert talk.errors == []

    run(main())


@EACH
def test_without_detection_a_cancelled_answer_goes_on_unheard_too(profile: str) -> None:
    """Audio that comes meanwhile must not stop an answer, so Gemini is told that it shall not be stopped."""

    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY, turn_detection="manual") as (talk, near):
            await speak(talk)
            await talk.session.commit()
            await talk.until(AudioOutput)
            await talk.session.interrupt()
            assert (await talk.until(TurnEnd)).status == "interrupted"
            heard = len(talk.audio)
            await speak(talk)
            await talk.listen(20.0)
            assert (len(talk.audio), ends(near.chain)) == (heard, ["completed"])
            await talk.session.commit()
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert near.chain.far.script.asked == [CommitAudio(), CommitAudio()]

    run(main())


@EACH
def test_what_was_heard_is_known_here_and_cannot_be_told_to_gemini(profile: str) -> None:
    async def main() -> None:
        async with peering(profile, STORY) as (peer, chain):
            await peer.ask("Tell me a story.")
            delta = await peer.until("response.output_audio.delta")
            said = len(chain.far.line.said)
            await peer.say(
                "conversation.item.truncate", item_id=delta["item_id"], content_index=0, audio_end_ms=50
            )
            assert (await peer.until("conversation.item.truncated"))["audio_end_ms"] == 50
            await asyncio.sleep(1.0)
            assert len(chain.far.line.said) == said

    run(main())


# Tools.


@EACH
def test_a_call_and_its_result_are_one_answer_each(profile: str) -> None:
    async def main() -> None:
        asked = Reply(calls=(BONN,), usage=Usage(Tokens(5), Tokens(2)))
        told = Reply(says="It is a city.", usage=Usage(Tokens(9), Tokens(4)))
        async with talking(profile, asked, told, tools=[LOOK_UP]) as (talk, near):
            await talk.session.send_text("Look up Bonn.")
            call = (await talk.until(ToolCall)).call
            assert (call.name, call.arguments) == ("look_up", {"city": "Bonn"})
            await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.tool_calls) == ("It is a city.", (call,))
            assert turn.usage == Usage(Tokens(14), Tokens(6))
            assert near.chain.far.script.asked == [
                AddItem(Message("user", "Look up Bonn.")),
                CreateResponse(),
                SendToolResult("call-Bonn", "It has many bridges."),
            ]
            await talk.session.send_text("And Rome?")
            assert (await talk.until(TurnEnd)).agent_text == "You said: And Rome?"

    run(main())


@EACH
def test_results_may_come_in_any_order_and_the_last_one_is_answered(profile: str) -> None:
    async def main() -> None:
        replies = Reply(calls=(BONN, ROME)), Reply(says="They are cities.")
        async with talking(profile, *replies, tools=[LOOK_UP]) as (talk, near):
            await talk.session.send_text("Look up Bonn and Rome.")
            first, second = [(await talk.until(ToolCall)).call for _ in range(2)]
            await talk.session.send_tool_result(ToolResult(second.id, "Seven hills."))
            await talk.listen(0.5)
            await talk.session.send_tool_result(ToolResult(first.id, "Many bridges."))
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, len(talk.all(ResponseDone))) == ("They are cities.", 2)
            assert near.chain.far.script.asked[2:] == [
                SendToolResult("call-Bonn", "Many bridges.", respond=False),
                SendToolResult("call-Rome", "Seven hills."),
            ]

    run(main())


async def utter(peer: Peer) -> None:
    spoken = HELLO + bytes(48_000)
    for start in range(0, len(spoken), 960):
        audio = b64encode_as_string(spoken[start : start + 960])
        await peer.say("input_audio_buffer.append", audio=audio)


async def result(peer: Peer, call_id: str, output: str) -> None:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    await peer.say("conversation.item.create", item=item)
    await peer.until("conversation.item.done")
    await peer.say("response.create")


FUNCTION: JSON = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("profile", ["dev-3.1", "dev-3.8"])
def test_a_result_that_is_too_late_for_gemini_is_told_in_words(profile: str) -> None:
    """OpenAI has no word for a call that is taken back."""

    async def main() -> None:
        replies = Reply(calls=(BONN,)), GOOD_DAY, Reply(says="It has many bridges.")
        async with peering(profile, *replies) as (peer, chain):
            await peer.say("session.update", session={"type": "realtime", "tools": [FUNCTION]})
            await peer.ask("Look up Bonn.")
            await peer.until("response.done")
            await utter(peer)
            assert (await peer.until("response.done"))["response"]["status"] == "completed"
            await result(peer, "call-Bonn", "Many bridges.")
            done = (await peer.until("response.done"))["response"]
            assert done["output"][0]["content"][0]["transcript"] == "It has many bridges."
            script = chain.far.script
            late = AddItem(Message("user", "[look_up returned: Many bridges.]"))
            assert script.asked[-2:] == [late, CreateResponse()]
            refused = [each for each in script.asked if isinstance(each, SendToolResult)]
            assert [(each.call_id, each.is_error, each.respond) for each in refused] == [
                ("call-Bonn", True, False)
            ]

    run(main())


@EACH
def test_an_interruption_settles_the_calls_at_both_ends(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, Reply(calls=(BONN,)), GOOD_DAY, tools=[LOOK_UP]) as (talk, near):
            await talk.session.send_text("Look up Bonn.")
            await talk.until(ToolCall)
            await talk.until(ResponseDone)
            await talk.session.interrupt()
            assert (await talk.until(ToolCallCancelled)).call_ids == ("call-Bonn",)
            await talk.listen(3.0)
            (settled,) = [e for e in near.chain.far.script.asked if isinstance(e, SendToolResult)]
            assert (settled.call_id, "interrupted" in settled.output) == ("call-Bonn", True)
            assert len(talk.all(ResponseStarted)) == 1

    run(main())


# Settings.


def setups(chain: Chain) -> list[JSON]:
    """Return how each connection to Gemini began."""
    return chain.far.line.all("setup")


@EACH
def test_settings_of_the_beginning_reach_gemini_before_a_word_is_said(profile: str) -> None:
    async def main() -> None:
        near: JSON = {
            "instructions": "Be brief.",
            "voice": "Kore",
            "tools": [LOOK_UP],
            "turn_detection": TurnDetection(silence_ms=400, prefix_ms=50),
        }
        async with talking(profile, GOOD_DAY, **near) as (talk, near_):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            first, second = setups(near_.chain)
            assert "systemInstruction" not in first
            assert second["systemInstruction"]["parts"] == [{"text": "Be brief."}]
            voice = second["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]
            assert voice == {"voiceName": "Kore"}
            assert second["tools"][0]["functionDeclarations"][0]["name"] == "look_up"
            detection = second["realtimeInputConfig"]["automaticActivityDetection"]
            assert detection == {"prefixPaddingMs": 50, "silenceDurationMs": 400}
            assert second["inputAudioTranscription"] == {}
            assert second["sessionResumption"]["handle"]

    run(main())


@EACH
def test_settings_that_change_amid_a_conversation_hold_from_the_next_answer(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY, GOOD_DAY) as (talk, near):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            before = len(setups(near.chain))
            await talk.session.update(instructions="Be brief.", tools=[LOOK_UP], turn_detection="manual")
            await talk.session.send_text("Once more.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert len(setups(near.chain)) == before + 1
            last = setups(near.chain)[-1]
            assert last["systemInstruction"]["parts"] == [{"text": "Be brief."}]
            assert last["realtimeInputConfig"]["automaticActivityDetection"] == {"disabled": True}
            assert last["sessionResumption"]["handle"]
            changed = near.chain.far.script.updates[-1]
            assert changed.instructions == "Be brief."
            assert len(near.chain.far.script.links) == 1
            assert talk.errors == []

    run(main())


@EACH
def test_a_voice_of_openai_does_not_reach_gemini(profile: str) -> None:
    async def main() -> None:
        async with talking(profile, GOOD_DAY, voice="marin", far={"voice": "Kore"}) as (talk, near):
            await talk.session.send_text("Hello there.")
            await talk.until(TurnEnd)
            speech = [each["generationConfig"].get("speechConfig") for each in setups(near.chain)]
            assert speech == [{"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}] * 2

    run(main())


# Connections.


@EACH
def test_gemini_goes_away_again_and_again_and_the_client_notices_nothing(profile: str) -> None:
    async def main() -> None:
        temper = GeminiTemper(pace=1, session_s=60.0, notice_s=10.0)
        replies = [GOOD_DAY] * 6
        async with talking(profile, *replies, temper=temper) as (talk, near):
            for _ in replies:
                await talk.session.send_text("Hello there.")
                assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
                await talk.listen(30.0)
            assert len(setups(near.chain)) > 3
            assert len(near.chain.far.script.links) == 1
            assert {each.type for each in talk.events} <= {
                *("session_started", "response_started", "text_output", "audio_output", "response_done"),
                *("turn_end", "rate_limits"),
            }

    run(main())


@EACH
def test_a_connection_to_gemini_that_drops_amid_an_answer_cuts_it_off_and_the_conversation_goes_on(
    profile: str,
) -> None:
    async def main() -> None:
        async with talking(profile, STORY, GOOD_DAY) as (talk, near):
            await talk.session.send_text("Tell me a story.")
            await talk.until(AudioOutput)
            await near.chain.far.line.connections[-1].close(1006, "the cable")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.session.send_text("Hello there.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert len(near.chain.far.script.links) == 1
            assert talk.errors == []

    run(main())


def test_who_loses_gemini_for_good_is_told_in_the_protocol_and_by_the_close_code() -> None:
    async def main() -> None:
        refused = Fault(
            does="refuse", asked="clientContent", nth=2, code=1007, reason="Precondition check failed."
        )
        temper = GeminiTemper(pace=1, faults=(refused,))
        async with peering("dev-3.8", GOOD_DAY, temper=temper) as (peer, chain):
            await peer.ask("Hello there.")
            await peer.until("response.done")
            await peer.ask("Once more.")
            told = (await peer.until("error"))["error"]
            assert "Precondition check failed" in told["message"]
            assert (await peer.rest())[0] == 1011
            (broken,) = chain.gateway.failures
            assert isinstance(broken, S2SError)

    run(main())
