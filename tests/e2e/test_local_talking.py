import asyncio
import statistics

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")

from tests.support.models import (
    AT_ONCE,
    RATE,
    plain,
    recording,
    resampled,
    room,
    run,
    spoken,
    talking,
    transcribed,
)
from tests.support.stages import VOICE_RATE
from tests.support.talking import Caller

from s2s.audio.g711 import decode_ulaw, encode_ulaw
from s2s.events import (
    AudioOutput,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    ToolCall,
    TurnEnd,
)
from s2s.formats import AudioFormat

pytestmark = pytest.mark.local

PRODUCT = "What is twelve times seven?"
STORY = "Tell me a story, please."
TELEPHONE = AudioFormat("g711_ulaw", 8_000)


async def ask(caller: Caller, pcm: bytes) -> str:
    """Send a question as fast as it is taken and return what the answer to it says."""
    before, said = len(caller.all(TurnEnd)), len(caller.answer)
    await caller.session.send_audio(room(300) + pcm + room(1_000))
    await caller.told(TurnEnd, before + 1)
    return caller.answer[said:]


def sound(caller: Caller) -> bytes:
    return b"".join(each.audio for each in caller.all(AudioOutput))


def test_a_spoken_command_calls_the_tool_and_the_answer_can_be_heard() -> None:
    async def move(direction: str, distance_m: float) -> str:
        """Move the robot in a direction by a distance in meters."""
        return f"The robot went {direction} by {distance_m:g} meters."

    async def main() -> Caller:
        async with talking(AT_ONCE, tools=[move]) as caller:
            await ask(caller, recording("go_forward_ten_meters.wav"))
        return caller

    caller = run(main())
    (call,) = caller.all(ToolCall)
    assert call.call.name == "move"
    assert call.call.arguments == {"direction": "forward", "distance_m": 10}
    assert plain(transcribed(sound(caller), VOICE_RATE)) == "the robot went forward by 10 meters"


def test_a_spoken_question_gets_the_right_answer_aloud() -> None:
    question = spoken(PRODUCT)

    async def main() -> Caller:
        async with talking(AT_ONCE) as caller:
            await ask(caller, question)
        return caller

    caller = run(main())
    assert "84" in plain(transcribed(sound(caller), VOICE_RATE))
    assert plain(caller.turns[0]) == "what is 12 times 7"


def test_a_telephone_is_heard_and_answered() -> None:
    line = resampled(room(300) + spoken(PRODUCT) + room(1_000), RATE, 8_000)

    async def main() -> Caller:
        async with talking(AT_ONCE, TELEPHONE, TELEPHONE) as caller:
            for at in range(0, len(line), 320):
                await caller.session.send_audio(encode_ulaw(line[at : at + 320]))
            await caller.told(TurnEnd)
        return caller

    caller = run(main())
    assert {each.sample_rate for each in caller.all(AudioOutput)} == {8_000}
    assert "84" in plain(transcribed(decode_ulaw(sound(caller)), 8_000))


def test_questions_follow_each_other_in_one_session() -> None:
    clips = [spoken(PRODUCT), spoken("What did I just say?")]

    async def main() -> list[str]:
        async with talking(AT_ONCE) as caller:
            return [await ask(caller, each) for each in clips]

    product, echo = run(main())
    assert "84" in plain(product)
    assert "12 times 7" in plain(echo)


def test_speech_over_a_story_stops_it_and_is_answered() -> None:
    story, question = spoken(STORY), spoken(PRODUCT)

    async def main() -> None:
        async with talking() as caller:
            await caller.sends(room(300) + story)
            await caller.hears(AudioOutput)
            await caller.waits(1_500)
            sending = asyncio.create_task(caller.sends(question + room(500)))
            interrupted = await caller.told(Interrupted)
            assert 1_000 < interrupted.heard_ms < 3_000
            assert caller.at(interrupted) - caller.sent_at < 0.05
            await sending
            await caller.hears(ResponseDone, lambda each: each.status == "completed")
        first, last = caller.all(ResponseStarted)
        assert "84" in plain(caller.answer)
        audio = [caller.at(each) for each in caller.all(AudioOutput) if each.response_id == first.response_id]
        assert max(audio) < caller.at(interrupted)
        assert first.response_id != last.response_id

    run(main())


def test_four_people_talk_at_once_with_an_engine_each() -> None:
    questions = {f"What is {n} times seven?": str(7 * n) for n in (3, 5, 8, 12)}
    clips = {text: spoken(text) for text in questions}

    async def one(text: str) -> str:
        async with talking() as caller:
            await caller.sends(room(300) + clips[text])
            await caller.hears(TurnEnd)
        return plain(caller.answer)

    async def main() -> list[str]:
        return await asyncio.gather(*map(one, questions))

    for answer, product in zip(run(main()), questions.values(), strict=True):
        assert product in answer


def test_the_event_loop_stays_free_during_a_conversation() -> None:
    clip = spoken(PRODUCT)
    late_ms: list[float] = []

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(0.001)
            late_ms.append((loop.time() - began) * 1000 - 1)

    async def main() -> None:
        async with talking() as caller:
            await caller.waits(200)
            ticking = asyncio.create_task(tick())
            await caller.sends(clip)
            await caller.hears(TurnEnd)
            ticking.cancel()

    run(main())
    assert statistics.median(late_ms) < 5, f"at most {max(late_ms):.1f} ms late"


def test_the_first_audio_follows_the_speech_in_less_than_a_second() -> None:
    clip = spoken("Could you tell me what twelve times seven is?")

    async def main() -> float:
        async with talking() as caller:
            await caller.sends(room(300) + clip)
            ended = asyncio.get_running_loop().time()
            audio = await caller.hears(AudioOutput)
            assert len(caller.all(SpeechStarted)) == 1
            return caller.at(audio) - ended

    assert run(main()) < 1
