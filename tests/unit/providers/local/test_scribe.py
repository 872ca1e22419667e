import asyncio

from tests.support.stages import FOREVER, LevelSTT, speech
from tests.support.talking import on_the_line

from s2s.config import TurnDetection
from s2s.errors import ProviderError
from s2s.events import ResponseDone, Transcript, TurnEnd
from s2s.testing import clock

QUESTION = "what is the time now?"


def test_a_transcription_of_a_guess_is_stopped_when_the_user_goes_on() -> None:
    async def main() -> None:
        stt = LevelSTT(delay_s=FOREVER)
        async with on_the_line(stt=stt) as caller:
            await caller.says("one two")
            await caller.waits(120)
            assert stt.running == 1
            stt.delay_s = 0.03
            await caller.says("three four?")
            assert stt.running == 0
            await caller.hears(ResponseDone)
        assert caller.turns == ["one two three four?"]

    clock.run(main())


def test_what_is_new_in_a_reopened_turn_follows_what_was_known() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("give me four apples.")
            await caller.waits(400)
            await caller.says("and a pear.")
            await caller.hears(ResponseDone)
            await caller.waits(500)
        assert "".join(each.delta for each in caller.all(Transcript)) == "give me four apples. and a pear."

    clock.run(main())


def test_without_transcription_the_user_is_answered_all_the_same() -> None:
    async def main() -> None:
        async with on_the_line(transcription=False) as caller:
            assert await caller.asks(QUESTION) == f"You said {QUESTION}"
            await caller.says("one two three four five six seven eight nine ten eleven twelve?")
            await caller.hears(ResponseDone)
        assert caller.all(Transcript) == []

    clock.run(main())


def test_long_speech_is_shown_while_it_lasts() -> None:
    async def main() -> None:
        async with on_the_line() as caller:
            await caller.says("one two three four five six seven eight nine ten eleven twelve")
            shown = [each.text for each in caller.all(Transcript)]
            assert len(shown) == 1
            assert "one two three" in shown[0]
            await caller.hears(Transcript, lambda each: each.final)
        assert "".join(each.delta for each in caller.all(Transcript)) == caller.turns[0]

    clock.run(main())


class Thrifty(LevelSTT):
    """Reads what was said, and declines to guess."""

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        return await super().transcribe(pcm) if urgent else ""


def test_what_was_shown_stays_where_a_transcriber_declines_to_guess() -> None:
    async def main() -> None:
        async with on_the_line(stt=Thrifty()) as caller:
            await caller.says("one two three")
            await caller.waits(120)
            await caller.says("four five six seven eight nine ten eleven twelve thirteen")
            shown = [each.text for each in caller.all(Transcript)]
            assert shown == ["one two three"]
            await caller.hears(Transcript, lambda each: each.final)
        assert "".join(each.delta for each in caller.all(Transcript)) == caller.turns[0]

    clock.run(main())


def test_a_turn_of_minutes_with_pauses_costs_no_more_per_second_and_loses_no_word() -> None:
    async def main() -> None:
        stt = LevelSTT()
        words = [f"word{n}" for n in range(300)]
        async with on_the_line(stt=stt) as caller:
            for at in range(0, 300, 10):
                await caller.sends(speech(words[at], word_ms=120))
                await caller.says(" ".join(words[at + 1 : at + 10]))
                await caller.waits(300)
            await caller.hears(TurnEnd)
        assert caller.turns == [" ".join(words)]
        assert max(len(each) for each in stt.asked) / 32 < 16_000

    clock.run(main())


def test_a_transcriber_that_fails_costs_the_turn_and_not_the_session() -> None:
    async def main() -> None:
        stt = LevelSTT()
        stt.fails = OSError("no model")
        async with on_the_line(stt=stt) as caller:
            await caller.says("is anybody there today?")
            await caller.waits(2_000)
            assert [type(each) for each in caller.errors] == [ProviderError]
            assert "OSError: no model" in str(caller.errors[0])
            assert caller.turns == [""]
            stt.fails = None
            assert await caller.asks(QUESTION) == f"You said {QUESTION}"

    clock.run(main())


def test_a_transcriber_that_never_answers_costs_the_turn_and_not_the_session() -> None:
    async def main() -> None:
        stt = LevelSTT(delay_s=FOREVER)
        async with on_the_line(stt=stt, turn_detection=TurnDetection(create_response=False)) as caller:
            await caller.says("is anybody there today?")
            await asyncio.sleep(30)
            assert "nothing came for 20 s" in str(caller.errors[0])
            stt.delay_s = 0.03
            await caller.says("and now again?")
            await caller.hears(Transcript, lambda each: each.final and each.text != "")
            assert caller.unfinished == set()

    clock.run(main())
