import asyncio

import pytest
from tests.support.stages import LevelSTT, Script, ScriptedBrain, ToneTTS, echo, speech
from tests.support.talking import a_link, an_engine, on_the_line

from s2s.commands import AppendImage, Cancel, CreateResponse
from s2s.config import TurnDetection
from s2s.errors import ConnectionLostError, LocalProtocolError, UnsupportedError
from s2s.events import (
    AudioOutput,
    Error,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
)
from s2s.items import Message
from s2s.providers.local.stages import Prompt
from s2s.testing import clock
from s2s.tools import Tool

MANUAL = TurnDetection(mode="manual")
LIGHT = Tool(name="light")


def lengthy(prompt: Prompt) -> Script:
    return [f"Sentence number {n} of a story. " for n in range(20)]


def test_a_written_question_is_answered() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.session.send_text("hello there")
            await caller.told(ResponseDone)
        assert caller.answer == "You said hello there"
        assert caller.answer_ms == 400
        assert [each.origin for each in caller.all(ResponseStarted)] == ["application"]

    clock.run(main())


def test_a_note_is_remembered_and_not_answered() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.session.send_text("the user is on a train", role="system", respond=False)
            await asyncio.sleep(5)
            assert brain.prompts == []
            await caller.asks("where am I right now?")
        assert [getattr(each, "role", "") for each in brain.prompts[-1].history] == ["system", "user"]

    clock.run(main())


def test_a_note_that_comes_while_an_answer_is_held_is_part_of_what_is_answered() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.says("where am I right now?")
            await caller.waits(120)
            assert len(brain.prompts) == 1
            await caller.session.send_text("the user is on a train", role="system", respond=False)
            await caller.hears(ResponseDone)
        note, question = brain.prompts[-1].history
        assert isinstance(note, Message)
        assert isinstance(question, Message)
        assert (note.text, question.text) == ("the user is on a train", "where am I right now?")

    clock.run(main())


def test_with_text_alone_nothing_is_spoken() -> None:
    async def main() -> None:
        tts = ToneTTS()
        async with on_the_line(tts=tts, output_modalities=("text",)) as caller:
            await caller.session.send_text("hello there")
            await caller.told(ResponseDone)
        assert (tts.spoken, caller.all(AudioOutput), caller.answer) == ([], [], "You said hello there")
        assert {each.form for each in caller.all(TextOutput)} == {"written"}

    clock.run(main())


def test_instructions_of_one_response_hold_for_that_one() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain, instructions="Be brief.") as caller:
            await caller.session.respond("Greet the user.")
            await caller.told(ResponseDone)
            await caller.session.respond()
            await caller.told(ResponseDone, 2)
        assert [each.instructions for each in brain.prompts] == ["Greet the user.", "Be brief."]

    clock.run(main())


def test_a_question_during_an_answer_is_answered_after_it() -> None:
    async def main() -> None:
        brain = ScriptedBrain(lambda prompt: lengthy(prompt) if len(prompt.history) == 1 else echo(prompt))
        async with on_the_line(brain) as caller:
            await caller.session.send_text("tell me a story")
            await caller.told(AudioOutput)
            await caller.session.send_text("and then")
            await caller.told(ResponseDone, 2)
        assert caller.statuses == ["completed", "completed"]
        assert caller.answer.endswith("You said and then")
        story = brain.prompts[1].history[1]
        assert isinstance(story, Message)
        assert "number 19" in story.text

    clock.run(main())


def test_text_while_the_user_speaks_is_answered_and_the_speech_too() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("what is the")
            await caller.session.send_text("hello there")
            await caller.says("time right now?")
            await caller.hears(ResponseDone, lambda _: len(caller.statuses) == 2)
        assert caller.answer == "You said hello thereYou said what is the time right now?"
        assert caller.unfinished == set()

    clock.run(main())


def test_in_manual_mode_only_a_commit_ends_a_turn() -> None:
    async def main() -> None:
        async with on_the_line(turn_detection=MANUAL) as caller:
            await caller.says("what is the time now?")
            await caller.waits(60_000)
            assert caller.all(SpeechStopped) == []
            await caller.session.commit()
            await caller.told(ResponseDone)
        assert caller.answer == "You said what is the time now?"
        assert caller.unfinished == set()

    clock.run(main())


def test_in_manual_mode_each_commit_is_a_turn_however_close_they_are() -> None:
    async def main() -> None:
        async with on_the_line(turn_detection=MANUAL) as caller:
            for text in ("one apple", "two pears", "three plums"):
                await caller.sends(speech(text))
                await caller.session.commit()
            await asyncio.sleep(5)
            assert caller.turns == ["one apple", "two pears", "three plums"]
            assert len({each.item_id for each in caller.all(SpeechStarted)}) == 3

    clock.run(main())


def test_commits_at_full_speed_are_taken_in_order() -> None:
    async def main() -> None:
        stt = LevelSTT(delay_s=0.5)
        async with on_the_line(stt=stt, turn_detection=MANUAL) as caller:
            await caller.session.send_audio(speech("one apple and another one"))
            await caller.session.commit()
            stt.delay_s = 0.01
            await caller.session.send_audio(speech("two pears"))
            await caller.session.commit()
            await asyncio.sleep(5)
        assert caller.turns == ["one apple and another one", "two pears"]

    clock.run(main())


def test_a_commit_of_nothing_is_an_error_and_the_session_lives() -> None:
    async def main() -> None:
        async with on_the_line(turn_detection=MANUAL) as caller:
            await caller.session.commit()
            await caller.waits(500)
            await caller.session.commit()
            await asyncio.sleep(1)
            assert [type(each) for each in caller.errors] == [LocalProtocolError] * 2
            assert "nothing to commit" in str(caller.errors[0])
            await caller.sends(speech("are you there?"))
            await caller.session.commit()
            await caller.told(ResponseDone)
        assert caller.answer == "You said are you there?"

    clock.run(main())


def test_cleared_speech_is_no_turn_and_is_not_left_open() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.says("one two three four five six seven eight nine ten")
            await caller.session.clear()
            await caller.waits(2_000)
            assert (caller.turns, brain.prompts, caller.unfinished) == ([""], [], set())
            assert caller.session.history == ()
            assert await caller.asks("are you there now?") == "You said are you there now?"

    clock.run(main())


def test_clearing_in_the_middle_of_speech_keeps_only_what_comes_after_it() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("one two three four")
            await caller.session.clear()
            await caller.says("five six seven eight?")
            await caller.hears(ResponseDone)
        assert caller.turns == ["", "five six seven eight?"]

    clock.run(main())


def test_clearing_a_reopened_turn_forgets_all_of_it() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.says("give me four apples.")
            await caller.waits(300)
            await caller.says("and a pear too.")
            await caller.session.clear()
            await caller.waits(1_000)
            await caller.asks("are you there now?")
        assert [getattr(each, "text", "") for each in brain.prompts[-1].history] == ["are you there now?"]
        assert caller.unfinished == set()

    clock.run(main())


def test_an_interruption_stops_brain_and_voice() -> None:
    async def main() -> None:
        brain, tts = ScriptedBrain(lengthy), ToneTTS()
        async with on_the_line(brain, tts=tts) as caller:
            await caller.session.send_text("tell me a story")
            await caller.told(AudioOutput)
            await asyncio.sleep(2)
            interrupted = await caller.session.interrupt()
            assert isinstance(interrupted, Interrupted)
            assert 1_900 < interrupted.heard_ms < 2_200
            await asyncio.sleep(0.1)
            assert (brain.running, tts.running) == (0, 0)
            assert caller.statuses == ["interrupted"]

    clock.run(main())


def test_a_cancel_of_an_earlier_response_leaves_this_one_alone() -> None:
    async def main() -> None:
        async with a_link(ScriptedBrain(lengthy)) as (link, events):
            await link.send(CreateResponse())
            await asyncio.sleep(1)
            await link.send(Cancel("response_of_yesterday"))
            await asyncio.sleep(1)
            assert not any(isinstance(each, ResponseDone) for each in events)
            await link.send(Cancel())
            await asyncio.sleep(0)
            assert isinstance(events[-1], ResponseDone)

    clock.run(main())


def test_an_image_is_refused_and_the_session_lives() -> None:
    async def main() -> None:
        async with a_link() as (link, events):
            await link.send(AppendImage(b"jpeg"))
            await link.send(CreateResponse())
            await asyncio.sleep(2)
        errors = [each.error for each in events if isinstance(each, Error)]
        assert [str(each) for each in errors] == ["the local engine cannot do AppendImage"]
        assert isinstance(events[-1], ResponseDone)

    clock.run(main())


def test_a_closed_link_takes_no_commands_and_closes_twice() -> None:
    async def main() -> None:
        async with a_link() as (link, _):
            await link.close()
            with pytest.raises(ConnectionLostError, match="start another session"):
                await link.send(CreateResponse())
            await link.close()

    clock.run(main())


def test_a_link_whose_opening_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        engine = an_engine()
        for ticks in range(12):
            opening = asyncio.create_task(engine.open(engine.config))
            for _ in range(ticks):
                await asyncio.sleep(0)
            if opening.cancel():
                await asyncio.wait([opening])
            if not opening.cancelled():
                await opening.result().close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main())


def test_new_instructions_and_tools_hold_from_the_next_answer_on() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain, instructions="Be brief.") as caller:
            await caller.asks("what is the time now?")
            await caller.session.update(instructions="Be rude.", tools=[LIGHT])
            await caller.waits(700)
            await caller.asks("what is the time now?")
        first, last = brain.prompts[0], brain.prompts[-1]
        assert (first.instructions, first.tools) == ("Be brief.", ())
        assert (last.instructions, last.tools) == ("Be rude.", (LIGHT.spec,))

    clock.run(main())


def test_new_instructions_reach_an_answer_that_is_still_held() -> None:
    async def main() -> None:
        brain = ScriptedBrain(lambda prompt: [prompt.instructions])
        async with on_the_line(brain, instructions="brief") as caller:
            await caller.says("what is the time now?")
            await caller.waits(120)
            assert len(brain.prompts) == 1
            await caller.session.update(instructions="rude")
            await caller.hears(ResponseDone)
        assert caller.answer == "rude"

    clock.run(main())


def test_the_voice_can_change_and_an_unknown_one_is_refused() -> None:
    async def main() -> None:
        tts = ToneTTS()
        async with on_the_line(tts=tts, voice="alto") as caller:
            await caller.session.update(voice="tenor")
            await caller.session.update(voice="bass", instructions="Be brief.")
            await caller.session.send_text("hello")
            await caller.told(ResponseDone)
            assert [type(each) for each in caller.errors] == [UnsupportedError]
        assert tts.spoken == [("You said hello", "tenor")]

    clock.run(main())


def test_turn_detection_can_change_in_the_middle_of_speech() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("is this the end?")
            await caller.waits(100)
            await caller.session.update(turn_detection="manual")
            await caller.waits(3_000)
            assert caller.turns == []
            await caller.session.update(turn_detection=TurnDetection(silence_ms=500))
            await caller.waits(200)
            assert caller.turns == ["is this the end?"]

    clock.run(main())


def test_a_fixed_silence_ends_every_turn_and_none_is_reopened() -> None:
    async def main() -> None:
        turns = TurnDetection(silence_ms=480)
        async with on_the_line(turn_detection=turns) as caller:
            await caller.says("is this the end?")
            await caller.waits(440)
            assert caller.turns == []
            await caller.waits(100)
            await caller.says("book a table for")
            await caller.waits(600)
        assert caller.turns == ["is this the end?", "book a table for"]
        assert len({each.item_id for each in caller.all(SpeechStarted)}) == 2

    clock.run(main())
