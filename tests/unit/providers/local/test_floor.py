import asyncio

import pytest
from tests.support.stages import LevelSTT, Script, ScriptedBrain, ToneTTS, calling, echo, speech
from tests.support.talking import on_the_line

from s2s.config import TurnDetection
from s2s.events import (
    AudioOutput,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
)
from s2s.items import Call, Message, ToolResult
from s2s.providers.local.stages import Prompt
from s2s.testing import clock
from s2s.tools import Tool, tool

QUESTION = "what is the time now?"


def lengthy(prompt: Prompt) -> Script:
    return [f"Sentence number {n} of a story. " for n in range(20)]


def test_a_question_is_heard_and_answered() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.waits(320)
            assert await caller.asks(QUESTION) == f"You said {QUESTION}"
        assert caller.turns == [QUESTION]
        assert [each.position_ms for each in caller.all(SpeechStarted)] == [320.0]
        assert [each.position_ms for each in caller.all(SpeechStopped)] == [1312.0]
        assert caller.unfinished == set()

    clock.run(main())


def test_the_answer_is_held_until_the_silence_is_long_enough() -> None:
    async def main() -> None:
        tts = ToneTTS()
        async with on_the_line(tts=tts) as caller:
            await caller.says(QUESTION)
            await caller.waits(140)
            assert tts.spoken == [(f"You said {QUESTION}", None)]
            assert caller.all(ResponseStarted) == []
            await caller.waits(60)
            assert len(caller.all(ResponseStarted)) == 1

    clock.run(main())


def test_words_that_ask_for_more_are_given_more_silence() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("book me a table for.")
            await caller.waits(760)
            assert caller.turns == []
            await caller.waits(100)
            assert caller.turns == ["book me a table for."]

    clock.run(main())


def test_a_guess_is_dropped_when_the_user_goes_on() -> None:
    async def main() -> None:
        brain, tts = ScriptedBrain(lengthy), ToneTTS(delay_s=0.5)
        async with on_the_line(brain, tts=tts) as caller:
            await caller.says("this is a pause,")
            await caller.waits(140)
            assert (brain.running, tts.running) == (1, 1)
            await caller.says("and a question?")
            assert (brain.running, tts.running) == (0, 0)
            await caller.hears(AudioOutput)
            assert brain.asked == ["this is a pause,", "this is a pause, and a question?"]
        assert caller.turns == ["this is a pause, and a question?"]
        assert len(caller.all(SpeechStarted)) == 1

    clock.run(main())


def test_a_user_who_goes_on_right_after_the_turn_reopens_it() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.says("give me four apples.")
            await caller.waits(400)
            assert caller.turns == ["give me four apples."]
            await caller.says("and a pear.")
            await caller.hears(ResponseDone)
            await caller.waits(1000)
        assert caller.turns == ["give me four apples.", "give me four apples. and a pear."]
        assert len({each.item_id for each in caller.all(SpeechStarted)}) == 1
        assert {each.position_ms for each in caller.all(SpeechStarted)} == {0.0}
        assert brain.prompts[-1].history == (
            Message("user", "give me four apples. and a pear.", caller.all(SpeechStarted)[0].item_id),
        )
        assert caller.unfinished == set()

    clock.run(main())


def test_a_taken_back_answer_ends_as_interrupted() -> None:
    async def main() -> None:
        async with on_the_line(ScriptedBrain(lengthy)) as caller:
            await caller.says("tell me a story.")
            await caller.waits(400)
            await caller.says("a long one.")
            await caller.hears(AudioOutput)
            assert caller.statuses == ["interrupted"]
            assert len(caller.all(Interrupted)) == 1

    clock.run(main())


def test_later_speech_is_a_turn_of_its_own() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.asks("give me four apples.")
            await caller.waits(700)
            await caller.asks("give me five pears.")
        assert caller.turns == ["give me four apples.", "give me five pears."]
        assert len({each.item_id for each in caller.all(SpeechStarted)}) == 2
        _, answer, _ = brain.prompts[-1].history
        assert isinstance(answer, Message)
        assert answer.role == "assistant"

    clock.run(main())


def test_a_turn_is_not_reopened_after_a_closed_microphone_however_little_audio_came_since() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("give me four apples.")
            await caller.waits(200)
            await asyncio.sleep(5)
            await caller.asks("give me five pears.")
        assert caller.turns == ["give me four apples.", "give me five pears."]
        assert caller.statuses == ["completed", "completed"]

    clock.run(main())


def test_a_turn_is_not_reopened_once_it_has_called_a_tool() -> None:
    async def main() -> None:
        brain = ScriptedBrain(calling(Call("call-1", "light")))
        async with on_the_line(brain, tools=[Tool(name="light")]) as caller:
            await caller.says("turn the light on.")
            await caller.waits(300)
            assert len(caller.all(ToolCall)) == 1
            await caller.says("and the fan too.")
            await caller.hears(SpeechStopped)
        assert caller.turns == ["turn the light on.", "and the fan too."]
        assert len({each.item_id for each in caller.all(SpeechStarted)}) == 2

    clock.run(main())


def test_no_tool_is_called_before_the_turn_is_taken() -> None:
    async def main() -> None:
        calls: list[str] = []
        brain = ScriptedBrain(calling(Call("call-1", "light")))

        async def light() -> str:
            """Turn the light on."""
            calls.append("on")
            return "done"

        async with on_the_line(brain, tools=[light]) as caller:
            await caller.says("turn the light on.")
            await caller.waits(120)
            assert brain.asked == ["turn the light on."]
            assert calls == []
            await caller.says("or rather not yet.")
            await caller.waits(120)
            assert calls == []
            await caller.waits(100)
            assert calls == ["on"]

    clock.run(main())


def background(brain_call: Call, seconds: float) -> Tool:
    async def look_up() -> str:
        await asyncio.sleep(seconds)
        return "forty two"

    return tool(look_up, name=brain_call.name, policy="background")


def test_a_result_that_comes_while_the_user_speaks_waits_for_the_users_turn() -> None:
    async def main() -> None:
        call = Call("call-1", "look_up")
        brain = ScriptedBrain(calling(call))
        async with on_the_line(brain, tools=[background(call, 0.8)]) as caller:
            await caller.says("look it up for me.")
            await caller.waits(400)
            before = len(caller.all(ResponseStarted))
            await caller.says("and now something else while you are at it.")
            assert len(caller.all(ToolCall)) == 1
            assert len(caller.all(ResponseStarted)) == before
            await caller.hears(ResponseDone)
        assert caller.all(ResponseStarted)[-1].origin == "user_turn"
        results = [each.output for each in brain.prompts[-1].history if isinstance(each, ToolResult)]
        assert results == ["forty two"]

    clock.run(main())


def test_a_result_that_comes_during_mere_noise_is_answered_after_it() -> None:
    async def main() -> None:
        call = Call("call-1", "look_up")
        brain = ScriptedBrain(calling(call))
        async with on_the_line(brain, tools=[background(call, 0.8)]) as caller:
            await caller.says("look it up for me.")
            await caller.waits(400)
            await caller.says("uh um uh um")
            await caller.session.clear()
            started = await caller.told(ResponseStarted, 2)
        assert started.origin == "tool_result"

    clock.run(main())


def test_a_brain_with_side_effects_is_asked_once_and_only_when_the_turn_is_taken() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo, speculative=False)
        async with on_the_line(brain) as caller:
            await caller.says("this is a pause,")
            await caller.waits(300)
            await caller.says("and a question?")
            await caller.waits(140)
            assert brain.prompts == []
            await caller.hears(ResponseDone)
        assert brain.asked == ["this is a pause, and a question?"]

    clock.run(main())


def test_speech_during_the_answer_stops_it_within_two_windows() -> None:
    async def main() -> None:
        async with on_the_line(ScriptedBrain(lengthy)) as caller:
            await caller.says("tell me a story.")
            await caller.hears(AudioOutput)
            await caller.waits(2_000)
            began = asyncio.get_running_loop().time()
            await caller.says("stop")
            (interrupted,) = caller.all(Interrupted)
            assert caller.at(interrupted) - began <= 0.1
            assert caller.statuses == ["interrupted"]
            await caller.waits(2_000)

    clock.run(main())


def test_an_interrupted_brain_and_voice_are_let_go_at_once() -> None:
    async def main() -> None:
        brain, tts = ScriptedBrain(lengthy), ToneTTS()
        async with on_the_line(brain, tts=tts) as caller:
            await caller.says("tell me a story.")
            await caller.hears(AudioOutput)
            await caller.waits(2_000)
            assert (brain.running, tts.running) == (1, 1)
            await caller.says("stop")
            assert (brain.running, tts.running) == (0, 0)

    clock.run(main())


def test_after_a_barge_in_the_brain_knows_what_was_heard() -> None:
    async def main() -> None:
        numbers = "One two three four five six seven eight nine ten."
        brain = ScriptedBrain(lambda prompt: [numbers])
        async with on_the_line(brain, tts=ToneTTS(word_ms=200)) as caller:
            await caller.says("count to ten please.")
            await caller.hears(AudioOutput)
            await caller.waits(840)
            await caller.asks("that is enough now.")
        first = brain.prompts[-1].history[1]
        assert isinstance(first, Message)
        assert numbers.startswith(first.text)
        assert len(first.text) > len("One two three four")
        assert first.heard_text == "One two three four"

    clock.run(main())


def test_with_interruptions_off_the_answer_goes_on_and_the_user_is_answered_after_it() -> None:
    async def main() -> None:
        brain = ScriptedBrain(lambda p: lengthy(p) if len(p.history) == 1 else echo(p))
        turns = TurnDetection(interrupt_response=False)
        async with on_the_line(brain, turn_detection=turns) as caller:
            await caller.says("tell me a story.")
            await caller.hears(AudioOutput)
            await caller.says("are you still there?")
            await caller.hears(ResponseDone)
            assert caller.statuses == ["completed"]
            await caller.hears(ResponseDone)
        assert caller.all(Interrupted) == []
        assert caller.answer.endswith("You said are you still there?")
        story = brain.prompts[-1].history[1]
        assert isinstance(story, Message)
        assert story.text.count("Sentence") == 20

    clock.run(main())


def test_without_create_response_a_turn_is_only_transcribed() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        turns = TurnDetection(create_response=False)
        async with on_the_line(brain, turn_detection=turns) as caller:
            await caller.says(QUESTION)
            await caller.waits(1_000)
            assert caller.turns == [QUESTION]
            assert brain.prompts == []
            await caller.session.respond()
            await caller.hears(ResponseDone)
        assert caller.answer == f"You said {QUESTION}"

    clock.run(main())


def test_a_microphone_that_stops_in_the_middle_of_a_word_ends_the_turn() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.sends(speech(QUESTION))
            await asyncio.sleep(3)
            assert caller.answer == f"You said {QUESTION}"
            assert caller.unfinished == set()

    clock.run(main())


def test_a_microphone_that_sends_two_seconds_at_a_time_does_not_split_the_turn() -> None:
    async def main() -> None:
        words = " ".join(f"word{n}" for n in range(40))
        async with on_the_line() as caller:
            pcm = speech(words) + bytes(4_000 * 32)
            for at in range(0, len(pcm), 2_000 * 32):
                await asyncio.sleep(2)
                await caller.session.send_audio(pcm[at : at + 2_000 * 32])
            await asyncio.sleep(2)
        assert caller.turns[-1] == words
        assert len({each.item_id for each in caller.all(SpeechStarted)}) == 1

    clock.run(main())


def test_noise_without_words_gets_no_answer_and_ends() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        async with on_the_line(brain) as caller:
            await caller.sends(speech("thud", word_ms=80))
            await caller.waits(1_000)
        assert caller.turns == [""]
        assert brain.prompts == []
        assert caller.unfinished == set()

    clock.run(main())


def test_speech_without_an_end_is_taken_after_two_minutes() -> None:
    async def main() -> None:
        words = [f"word{n}" for n in range(700)]
        async with on_the_line() as caller:
            await caller.says(" ".join(words))
            await caller.waits(1_500)
        assert " ".join(caller.turns).split() == words
        assert len(caller.turns) == 2
        assert caller.unfinished == set()

    clock.run(main())


def test_an_hour_of_silence_is_no_event() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            for _ in range(60):
                await caller.session.send_audio(bytes(16_000 * 2 * 30))
                await asyncio.sleep(60)
            await caller.asks(QUESTION)
            started = caller.all(SpeechStarted)[0]
            assert started.position_ms == 60 * 30_000

    clock.run(main(), at_most_s=4_000)


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.2, 1.0])
def test_audio_at_full_speed_takes_the_turns_of_a_call(delay_s: float) -> None:
    async def main() -> None:
        stt = LevelSTT(delay_s)
        quiet = bytes(2_000 * 32)
        async with on_the_line(stt=stt, turn_detection=TurnDetection(create_response=False)) as caller:
            pcm = quiet.join(speech(f"is this question {n}?") for n in range(5)) + quiet
            for at in range(0, len(pcm), 640):
                await caller.session.send_audio(pcm[at : at + 640])
            await asyncio.sleep(10)
        assert caller.turns == [f"is this question {n}?" for n in range(5)]
        assert caller.unfinished == set()

    clock.run(main())


def test_chunks_of_any_size_take_the_same_turns() -> None:
    async def main(chunk_bytes: int) -> list[str]:
        async with on_the_line() as caller:
            pcm = speech("is this one?") + bytes(2_000 * 32) + speech("is this two?") + bytes(2_000 * 32)
            for at in range(0, len(pcm), chunk_bytes):
                await caller.session.send_audio(pcm[at : at + chunk_bytes])
            await asyncio.sleep(10)
        assert caller.unfinished == set()
        return caller.turns

    for chunk_bytes in (333, 3_200, 1_000_001):
        assert clock.run(main(chunk_bytes)) == ["is this one?", "is this two?"]


@pytest.mark.parametrize("moment_ms", [0, 40, 300, 1_050, 1_100, 1_160, 1_180, 1_400])
def test_a_session_can_be_closed_at_any_moment(moment_ms: int) -> None:
    async def main() -> None:
        brain, stt, tts = ScriptedBrain(lengthy), LevelSTT(), ToneTTS()
        async with on_the_line(brain, stt=stt, tts=tts) as caller:
            pcm = speech("tell me a story.") + bytes(1_000 * 32)
            await caller.sends(pcm[: moment_ms * 32])
            await caller.session.close()
            assert (brain.running, stt.running, tts.running) == (0, 0, 0)

    clock.run(main())
