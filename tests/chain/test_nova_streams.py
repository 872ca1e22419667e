"""One stream of Nova Sonic in place of another: what the service learns of the conversation, and what not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from s2s.commands import Cancel
from s2s.events import (
    AudioOutput,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseGenerated,
    ToolCall,
    TurnEnd,
)
from s2s.items import JSON, Message, ToolResult
from s2s.providers.script import Reply
from s2s.simulators.temper import NovaTemper
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.tools import Tool
from tests.chain.said import BONN, GOOD_DAY, HELLO, LOOK_UP
from tests.support.chain import Far, far_nova

STORY = "Word one. Word two. Word three. " * 10
TALE = Reply(says=STORY)
"""Twelve seconds; a sentence in 0.4 of them."""
BEFORE = (Message("user", "My name is Ada."), Message("assistant", "Hello, Ada."))


@asynccontextmanager
async def talking(
    *replies: Reply, temper: NovaTemper | None = None, **fields: JSON
) -> AsyncIterator[tuple[Talk, Far]]:
    """Talk to a script, of which every stream hears the first reply first."""
    far = far_nova(replies, temper, **fields)
    async with far.engine.start() as session:
        talk = Talk(session, within_s=20.0)
        yield talk, far
    assert violations(await talk.rest(), session.config.spoken) == []
    await far.simulator.hang_up()
    assert far.simulator.failures == []


async def listen_to_tale(talk: Talk, heard_ms: float) -> None:
    await talk.session.send_text("Tell me a story.")
    await talk.until(AudioOutput, lambda each: each.position_ms > heard_ms)
    talk.session.playhead.played(heard_ms)


async def reset(talk: Talk) -> Interrupted:
    """Give the answer up with its stream, and return how that was told."""
    cut = await talk.session.interrupt(mode="reset")
    assert cut is not None
    assert (await talk.until(TurnEnd)).status == "interrupted"
    await talk.until(Reconnected)
    return cut


def known(far: Far) -> list[tuple[str, str]]:
    """Return what the newest stream was told of what was said before it."""
    history = far.script.configs[-1].history
    return [(each.role, each.text) for each in history if isinstance(each, Message)]


# An answer that is given up with its stream.


@pytest.mark.parametrize(
    ("heard_ms", "heard"), [(800, "Word one. Word two."), (700, "Word one. Word"), (400, "Word one.")]
)
def test_the_next_stream_knows_of_an_answer_what_was_heard(heard_ms: float, heard: str) -> None:
    async def main() -> None:
        async with talking(TALE) as (talk, far):
            await listen_to_tale(talk, heard_ms)
            cut = await reset(talk)
            assert (cut.heard_ms, cut.confirmation) == (heard_ms, "requested")
            await talk.session.send_text("Go on.")
            await talk.until(AudioOutput)
            assert known(far) == [("user", "Tell me a story."), ("assistant", heard)]
            assert [each.restored for each in talk.all(Reconnected)] == ["replayed"]

    run(main())


def test_an_answer_of_which_nothing_was_heard_was_not_given() -> None:
    async def main() -> None:
        async with talking(TALE, history=BEFORE) as (talk, far):
            await listen_to_tale(talk, 0)
            await reset(talk)
            assert (await answered(talk)).status == "completed"
            told = [("user", "My name is Ada."), ("assistant", "Hello, Ada."), ("user", "Tell me a story.")]
            assert known(far) == told

    run(main())


def test_the_old_answer_is_nowhere_after_it() -> None:
    async def main() -> None:
        async with talking(TALE) as (talk, far):
            await listen_to_tale(talk, 800)
            (old,) = {each.response_id for each in talk.all(AudioOutput)}
            before = len(talk.events)
            await reset(talk)
            await talk.session.send_text("Go on.")
            await talk.until(AudioOutput)
            await talk.listen(15.0)
            after = [each for each in talk.events[before:] if isinstance(each, AudioOutput)]
            assert {each.response_id for each in after}.isdisjoint({old})
            first, second = far.line.connections
            assert "Word three." not in str(second.said)
            assert {*first.said[-1]["event"]} == {"sessionEnd"}
            assert [each for each in far.script.links[0].sent if isinstance(each, Cancel)]

    run(main())


def ends(far: Far, link: int) -> list[str]:
    """Return how the responses over a stream ended, for the engine behind the service."""
    return [each.status for each in far.script.links[link].told if isinstance(each, ResponseDone)]


async def answered(talk: Talk, question: str = "And now?") -> TurnEnd:
    await talk.session.send_text(question)
    return await talk.until(TurnEnd)


def test_an_answer_that_was_generated_and_is_still_being_heard_is_given_up_too() -> None:
    async def main() -> None:
        async with talking(TALE, temper=NovaTemper(pace=0)) as (talk, far):
            await talk.session.send_text("Tell me a story.")
            await talk.until(ResponseGenerated)
            talk.session.playhead.played(800)
            await reset(talk)
            assert (await answered(talk)).status == "completed"
            assert known(far) == [("user", "Tell me a story."), ("assistant", "Word one. Word two.")]

    run(main())


def test_an_answer_may_be_given_up_again_and_again() -> None:
    async def main() -> None:
        async with talking(TALE) as (talk, far):
            for _ in range(3):
                await listen_to_tale(talk, 400)
                await reset(talk)
            await answered(talk)
            assert known(far) == [("user", "Tell me a story."), ("assistant", "Word one.")] * 3
            assert len(talk.all(Reconnected)) == 3

    run(main())


def test_a_question_that_is_asked_at_once_is_asked_of_the_next_stream() -> None:
    async def main() -> None:
        async with talking(TALE) as (talk, far):
            await listen_to_tale(talk, 800)
            await talk.session.interrupt(mode="reset")
            await talk.session.send_text("And now?")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).user_text == "And now?"
            questions = [each["content"] for each in far.line.all("textInput")]
            assert questions.count("And now?") == 1
            assert "And now?" not in str(far.line.connections[0].said)

    run(main())


@pytest.mark.parametrize("model", ["amazon.nova-2-5-sonic", "amazon.nova-sonic-v1:0"])
def test_who_asks_aloud_while_the_stream_is_replaced_is_heard_by_the_next_one(model: str) -> None:
    async def main() -> None:
        tale = Reply(says=STORY, hears="Tell me a story.")
        async with talking(tale, temper=NovaTemper(accept_s=0.5), model=model) as (talk, far):
            await speak(talk)
            await talk.until(AudioOutput, lambda each: each.position_ms > 800)
            talk.session.playhead.played(800)
            await talk.session.interrupt(mode="reset")
            await speak(talk)
            assert [(await talk.until(TurnEnd)).status for _ in range(2)] == ["interrupted", "completed"]
            assert known(far) == [("user", "Tell me a story."), ("assistant", "Word one. Word two.")]
            assert talk.errors == []

    run(main())


async def speak(talk: Talk) -> None:
    spoken = HELLO + bytes(48_000)
    for start in range(0, len(spoken), 960):
        await talk.session.send_audio(spoken[start : start + 960])
        await asyncio.sleep(0.02)


def test_with_nothing_under_way_a_stream_is_kept() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY, GOOD_DAY) as (talk, far):
            assert await talk.session.interrupt(mode="reset") is None
            await answered(talk)
            talk.session.playhead.played(1e6)
            assert await talk.session.interrupt(mode="reset") is None
            assert (await answered(talk)).agent_text == "Good day to you."
            assert (len(far.line.connections), talk.all(Reconnecting)) == (1, [])

    run(main())


def test_a_result_that_comes_after_its_stream_is_told_to_the_next_one_in_words() -> None:
    async def main() -> None:
        background = [Tool(name="look_up", policy="background")]
        replies = Reply(says="Word one. " * 30, calls=(BONN,))
        async with talking(replies, temper=NovaTemper(pace=0), tools=background) as (talk, far):
            await talk.session.send_text("Look up Bonn.")
            call = (await talk.until(ToolCall)).call
            talk.session.playhead.played(400)
            await talk.session.interrupt(mode="reset")
            await talk.until(Reconnected)
            await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
            await talk.listen(5.0)
            told = 'The result of look_up({"city":"Bonn"}): It has many bridges.'
            assert told in [each["content"] for each in far.line.all("textInput")]
            assert far.line.all("toolResult") == []
            assert known(far)[1] == ("assistant", "Word one.")

    run(main())


# Settings that change.


def test_settings_that_change_hold_over_a_stream_that_knows_what_was_said() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY, history=BEFORE) as (talk, far):
            await answered(talk, "Hello there.")
            await talk.session.update(instructions="Be brief.", tools=[LOOK_UP], voice="tiffany")
            assert (await answered(talk)).agent_text == "Good day to you."
            config = far.script.configs[-1]
            assert (config.instructions, config.voice) == ("Be brief.", "tiffany")
            assert [each.name for each in config.toolset] == ["look_up"]
            assert known(far)[2:] == [("user", "Hello there."), ("assistant", "Good day to you.")]
            assert len(far.line.connections) == 2

    run(main())


def test_settings_that_change_wait_for_the_end_of_an_answer() -> None:
    async def main() -> None:
        async with talking(TALE) as (talk, far):
            await listen_to_tale(talk, 800)
            await talk.session.update(instructions="Be brief.")
            assert (await talk.until(TurnEnd)).status == "completed"
            assert talk.all(Reconnected) == []
            await talk.until(Reconnected)
            assert ends(far, 0) == ["completed"]
            await answered(talk)
            assert far.script.configs[-1].instructions == "Be brief."
            assert known(far)[1] == ("assistant", STORY.strip())

    run(main())


def test_settings_that_stay_as_they_are_keep_the_stream() -> None:
    async def main() -> None:
        async with talking(GOOD_DAY, instructions="Be brief.") as (talk, far):
            await talk.session.update(instructions="Be brief.", transcription=False)
            assert (await answered(talk)).agent_text == "Good day to you."
            assert len(far.line.connections) == 1

    run(main())
