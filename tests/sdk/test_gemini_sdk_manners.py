"""What each generation of Gemini Live has besides, as the stock Python SDK takes it."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google.genai import types
from msgspec.structs import replace

from s2s.config import Config
from s2s.events import Tokens, Usage
from s2s.gateway import Doors, Gateway
from s2s.items import Call
from s2s.providers.script import Reply, ScriptEngine
from s2s.simulators.temper import GeminiTemper
from tests.support.genai import SECRET, Line, connected, speech
from tests.support.generations import GENERATIONS, Who, every, simulated, talked, with_each
from tests.support.websockets import run

NATIVE, LIVE, THINKING = (GENERATIONS[f"dev-{each}"] for each in ("2.5-native", "3.8", "3.8-thinking"))
QUESTION = "What is it?"
STORY = Reply(says="word " * 60)
TEA = Call("call-1", "order", {"what": "tea"}, '{"what":"tea"}')
SERVED = Reply(says="Tea is served.")
DONE = Reply(says="Done.")


def working_on(name: str = "order") -> types.Tool:
    """Return a function that the model does not wait for."""
    declared = types.FunctionDeclaration(name=name, behavior=types.Behavior.NON_BLOCKING)
    return types.Tool(function_declarations=[declared])


# Functions that hold nobody up.


async def order(line: Line) -> types.FunctionCall:
    """Have tea ordered: the turn is over though it has not come."""
    await line.write("Tea, please.")
    (call,) = (await line.turn()).calls
    return call


def test_a_result_that_cannot_wait_cuts_off_what_is_being_said() -> None:
    async def talk(line: Line) -> None:
        call = await order(line)
        await line.write("Tell me a story meanwhile.")
        await line.until("model_turn")
        await line.answer(call, "served", scheduling="INTERRUPT")
        story = await line.turn()
        assert "interrupted" in story.members
        assert story.usage.total_token_count
        assert (await line.turn()).words == "Tea is served."

    talked(LIVE, [Reply(calls=(TEA,)), STORY, SERVED], talk, tools=[working_on()])


def test_a_result_that_can_wait_is_told_of_afterwards() -> None:
    async def talk(line: Line) -> None:
        call = await order(line)
        await line.write("Tell me a story meanwhile.")
        await line.until("model_turn")
        await line.answer(call, "served", scheduling="WHEN_IDLE")
        story = await line.turn()
        assert story.words == "word word word"
        assert "interrupted" not in story.members
        assert (await line.turn()).words == "Tea is served."

    story = Reply(says="word word word")
    talked(LIVE, [Reply(calls=(TEA,)), story, SERVED], talk, tools=[working_on()])


def test_a_silent_result_is_known_and_not_told_of() -> None:
    async def talk(line: Line) -> None:
        call = await order(line)
        await line.answer(call, "served", scheduling="SILENT")
        await line.write("Are we done?")
        assert (await line.turn()).words == "Done."

    talked(LIVE, [Reply(calls=(TEA,)), DONE], talk, tools=[working_on()])


def test_a_result_may_come_in_parts() -> None:
    async def talk(line: Line) -> None:
        call = await order(line)
        await line.answer(call, "brewing", will_continue=True)
        await line.answer(call, "served", scheduling="INTERRUPT", will_continue=False)
        assert (await line.turn()).words == "You said: brewing served"

    talked(LIVE, [Reply(calls=(TEA,))], talk, tools=[working_on()])


def test_a_user_who_speaks_on_keeps_waiting_for_what_holds_nobody_up() -> None:
    async def talk(line: Line) -> None:
        call = await order(line)
        await line.speak(speech("Done?"))
        turn = await line.turn()
        assert (turn.words, turn.cancelled) == ("Done.", [])
        await line.answer(call, "served")
        assert (await line.turn()).words == "Tea is served."

    talked(LIVE, [Reply(calls=(TEA,)), DONE, SERVED], talk, tools=[working_on()])


# Functions that the model waits for.


@with_each("dev-2.5-native", "dev-3.1", "dev-3.8", "vertex-half-cascade", "gateway")
def test_a_call_is_taken_back_when_the_user_goes_on(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Tea, please.")
        (call,) = await line.calls()
        await line.speak(speech("No"))
        while not line.turns[-1].words:
            await line.until("output_transcription")
        answer = await line.turn()
        assert answer.words == "Done."
        assert [each for turn in line.turns for each in turn.cancelled] == ["call-1"]
        await line.answer(call, "Here it is.")  # too late, and no harm done
        await line.write("Still there?")
        assert (await line.turn()).words == "Yes."

    talked(who, [Reply(calls=(TEA,)), DONE, Reply(says="Yes.")], talk, tools=[who.tool("order")])


def test_a_model_that_thinks_for_long_is_not_idle_while_it_works() -> None:
    async def talk(line: Line) -> None:
        await line.write("Tea, please.")
        async for message in line.receive():
            for call in (message.tool_call and message.tool_call.function_calls) or ():
                await line.answer(call, "served")
        (turn, _) = line.turns
        assert turn.words == "Wait.Tea is served."
        told = [each.interaction_status for each in turn.contents if each.turn_complete]
        assert told == ["IN_PROGRESS", "IDLE"]

    script = [Reply(says="Wait.", calls=(TEA,)), SERVED]
    talked(THINKING, script, talk, tools=[working_on()])


# What is said, and how.


@every
def test_a_question_cuts_off_the_answer_before_it_or_waits(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Tell me a story.")
        await line.until("model_turn")
        await line.write(QUESTION)
        story = await line.turn()
        assert ("interrupted" in story.members) is who.profile.cuts_by_text
        assert (len(story.words.split()) == 20) is not who.profile.cuts_by_text
        assert (await line.turn()).words == "Done."

    talked(who, [Reply(says="word " * 20), DONE], talk)


def test_who_forbids_it_is_not_interrupted() -> None:
    async def talk(line: Line) -> None:
        await line.write("Tell me a story.")
        await line.until("model_turn")
        await line.speak(speech(QUESTION))
        story = await line.turn()
        assert len(story.words.split()) == 20
        assert "interrupted" not in story.members
        assert (await line.turn()).words == "Done."

    script = [Reply(says="word " * 20), replace(DONE, hears=QUESTION)]
    talked(LIVE, script, talk, realtime_input_config={"activity_handling": "NO_INTERRUPTION"})


def test_a_turn_ends_when_it_was_played_and_can_be_interrupted_until_then() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time
        temper = GeminiTemper(pace=0)
        async with simulated([Reply(says="One two."), STORY, DONE], temper) as url, connected(url) as line:
            await line.write("Count.")
            await line.until("generation_complete")
            generated_at = now()
            await line.turn()
            assert now() - generated_at > 0.3
            await line.write("Tell me a story.")
            await line.until("generation_complete")
            await line.speak(speech(QUESTION))
            assert (await line.turn()).members[-3:] == ["interrupted", "turn_complete", "usage_metadata"]
            assert (await line.turn()).words == "Done."

    run(main())


def test_thoughts_are_no_words() -> None:
    async def talk(line: Line) -> None:
        await line.write("Hello?")
        turn = await line.turn()
        assert turn.thoughts.startswith("**")
        assert (turn.written, turn.words) == ("", "Done.")

    talked(NATIVE, [DONE], talk)


@with_each("vertex-half-cascade", "gateway")
def test_an_answer_may_be_written(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Hello?")
        turn = await line.turn()
        assert (turn.written, turn.words, turn.audio) == ("Done.", "", b"")

    talked(who, [DONE], talk, response_modalities=["TEXT"])


@with_each("dev-3.8", "vertex-half-cascade", "gateway")
def test_no_message_is_too_long_for_the_sdk(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Tell me all.")
        assert len((await line.turn()).words) == 2_500_000

    talked(who, [Reply(says="\x01" * 2_500_000)], talk)


def test_audio_that_an_engine_says_at_once_comes_in_pieces() -> None:
    async def main() -> None:
        engine = ScriptEngine(Config(extra={"echo": True}))
        async with Gateway(engine, Doors(tls=SECRET)) as served, connected(served.gemini_base_url) as line:
            minute = types.Blob(data=bytes(60 * 48_000), mime_type="audio/pcm;rate=24000")
            await line.on.send_realtime_input(audio=minute)
            await line.until("model_turn", lambda _: len(line.turns[0].audio) == 60 * 48_000)

    run(main())


# What it costs.


@with_each(*GENERATIONS)
def test_every_turn_costs_all_that_was_said_before_once_more(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.speak(speech(QUESTION))
        first = (await line.turn()).usage
        await line.write(QUESTION)
        second = (await line.turn()).usage
        for each in (first, second):
            read, said = each.prompt_token_count or 0, each.response_token_count or 0
            assert (each.total_token_count, said) == (read + said, 6)
            spoken = {kind.modality: kind.token_count for kind in each.response_tokens_details or ()}
            assert spoken == {types.MediaModality.TEXT: 1, types.MediaModality.AUDIO: 5}
        assert second.prompt_token_count == first.total_token_count

    talked(who, [DONE, DONE], talk)


@with_each("dev-3.8", "vertex-half-cascade", "gateway")
def test_what_an_engine_says_of_its_costs_is_told(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Hello?")
        told = (await line.turn()).usage
        assert (told.prompt_token_count, told.cached_content_token_count) == (20, 3)
        assert (told.response_token_count, told.total_token_count) == (9, 29)
        kinds = {each.modality: each.token_count for each in told.prompt_tokens_details or ()}
        assert kinds == {
            types.MediaModality.TEXT: 5,
            types.MediaModality.AUDIO: 10,
            types.MediaModality.IMAGE: 5,
        }

    spent = Usage(Tokens(20, text=5, audio=10, image=5, cached=3), Tokens(9, text=2, audio=7))
    talked(who, [Reply(says="Done.", usage=spent)], talk)
