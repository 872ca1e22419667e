import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest
from tests.support.stages import FOREVER, Script, ScriptedBrain, ToneTTS

from s2s.errors import ProviderError
from s2s.items import Call, Message
from s2s.providers.local.answer import Piece, Speaker, Spoken
from s2s.providers.local.stages import Brain, Prompt, Thought
from s2s.testing import clock

PROMPT = Prompt((Message("user", "Tell me."),))


def speaker(*thoughts: object, tts: ToneTTS | None = None, longest_s: float = 20.0) -> Speaker:
    return Speaker(thinking(*thoughts), tts, "alto", longest_s)


def thinking(*thoughts: object) -> ScriptedBrain:
    def reply(prompt: Prompt) -> Script:
        return thoughts

    return ScriptedBrain(reply)


def answered(by: Speaker, stages: dict[str, float] | None = None) -> list[Piece]:
    async def main() -> list[Piece]:
        return [piece async for piece in by.answer(PROMPT, {} if stages is None else stages)]

    return clock.run(main())


def texts(pieces: list[Piece]) -> list[str]:
    return [each.text for each in pieces if isinstance(each, Spoken)]


def test_a_sentence_is_spoken_as_soon_as_it_is_whole() -> None:
    tts = ToneTTS()
    pieces = answered(speaker("One. Tw", "o. Thr", "ee.", tts=tts))
    assert texts(pieces) == ["One. ", "Two. ", "Three."]
    assert tts.spoken == [("One. ", "alto"), ("Two. ", "alto"), ("Three.", "alto")]
    assert all(isinstance(each, Spoken) and len(each.audio) == 4_800 for each in pieces)


def test_without_a_voice_there_is_only_text() -> None:
    assert answered(speaker("One. ", "Two.")) == [Spoken("One. "), Spoken("Two.")]


def test_what_was_said_before_a_call_is_spoken_before_it() -> None:
    call = Call("call-1", "light")
    assert answered(speaker("One moment", call, "Done.")) == [Spoken("One moment"), call, Spoken("Done.")]


def test_a_brain_with_nothing_to_say_says_nothing() -> None:
    assert answered(speaker()) == []
    assert answered(speaker("", " ", "\n")) == []


def test_a_piece_with_an_odd_number_of_bytes_keeps_its_samples_whole() -> None:
    tts = ToneTTS()
    tts.piece_bytes = 333
    pieces = answered(speaker("One two three.", tts=tts))
    assert texts(pieces)[0] == "One two three."
    assert set(texts(pieces)[1:]) == {""}
    audio = [each.audio for each in pieces if isinstance(each, Spoken)]
    assert all(len(each) % 2 == 0 for each in audio)
    tts.piece_bytes = 1 << 30
    (whole,) = answered(speaker("One two three.", tts=tts))
    assert isinstance(whole, Spoken)
    assert b"".join(audio) == whole.audio


def test_a_text_that_cannot_be_pronounced_is_shown_all_the_same() -> None:
    assert answered(speaker("One.", tts=ToneTTS(word_ms=0))) == [Spoken("One.")]


def test_the_first_thought_and_the_first_sound_are_timed() -> None:
    stages: dict[str, float] = {}
    answered(speaker(0.25, "One. ", 1.0, "Two.", tts=ToneTTS(delay_s=0.05)), stages)
    assert stages == {"brain": 250.0, "tts": 50.0}


@pytest.mark.parametrize("wrong", [None, 7, b"bytes", ["list"]])
def test_a_thought_of_a_wrong_kind_is_an_error_that_names_the_kind(wrong: object) -> None:
    with pytest.raises(ProviderError, match=f"the brain gave {type(wrong).__name__}: it must yield str"):
        answered(speaker("One. ", wrong))


def test_a_brain_that_never_answers_is_given_up() -> None:
    brain = thinking("One. ", FOREVER)
    with pytest.raises(ProviderError, match=r"the brain gave nothing for 3 s.*brain_s") as caught:
        answered(Speaker(brain, None, None, 3.0))
    assert (caught.value.code, caught.value.retryable) == ("brain_timeout", True)
    assert brain.running == 0


def test_a_voice_that_never_answers_is_given_up() -> None:
    tts = ToneTTS(delay_s=FOREVER)
    with pytest.raises(ProviderError, match="the voice gave nothing for 3 s"):
        answered(speaker("One.", tts=tts, longest_s=3.0))
    assert tts.running == 0


def test_a_brain_may_take_long_over_all() -> None:
    steps = [step for n in range(50) for step in (0.9, f"Step {n}. ")]
    assert len(answered(speaker(*steps, longest_s=1.0))) == 50


def test_a_timeout_of_the_brains_own_is_not_taken_for_ours() -> None:
    with pytest.raises(TimeoutError, match="the model server"):
        answered(speaker(TimeoutError("the model server")))


def test_a_brain_that_cancels_itself_does_not_cancel_whoever_asks() -> None:
    class Gone(ScriptedBrain):
        async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
            yield "One."
            raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="was cancelled"):
        answered(Speaker(Gone(lambda prompt: ()), None, None, 20.0))


def test_what_a_brain_raises_goes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        answered(speaker("One. ", ZeroDivisionError()))


class Stream:
    """Thoughts that are iterated over and know no `aclose`."""

    def __init__(self) -> None:
        self._thoughts = iter(("One. ", "Two."))

    def __aiter__(self) -> AsyncIterator[Thought]:
        return cast(AsyncIterator[Thought], self)

    async def __anext__(self) -> Thought:
        for each in self._thoughts:
            return each
        raise StopAsyncIteration


class Streaming:
    speculative = True

    async def warm(self) -> None: ...

    def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        return cast(AsyncIterator[Thought], Stream())


def test_a_brain_may_return_any_async_iterator() -> None:
    brain: Brain = Streaming()
    assert texts(answered(Speaker(brain, None, None, 20.0))) == ["One. ", "Two."]


@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_closing_an_answer_lets_brain_and_voice_go(pieces: int) -> None:
    async def main() -> None:
        brain, tts = thinking("One two. ", "Three. ", 1.0, "Four."), ToneTTS()
        tts.piece_bytes = 4_800
        async with aclosing(Speaker(brain, tts, None, 20.0).answer(PROMPT, {})) as answer:
            for _ in range(pieces):
                await anext(answer)
            assert brain.running == 1
        assert (brain.running, tts.running) == (0, 0)

    clock.run(main())


def test_cancelling_an_answer_lets_brain_and_voice_go() -> None:
    async def main() -> None:
        brain, tts = thinking("One. Two", 60.0), ToneTTS(delay_s=60.0)
        by = Speaker(brain, tts, None, 120.0)

        async def consume() -> None:
            async for _ in by.answer(PROMPT, {}):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(1)
        assert (brain.running, tts.running) == (1, 1)
        task.cancel()
        await asyncio.wait([task])
        assert (brain.running, tts.running) == (0, 0)

    clock.run(main())


def test_a_brain_that_uses_an_id_again_makes_another_call() -> None:
    before = Prompt((Call("c", "light"), Message("user", "Again.")))

    async def main() -> list[Piece]:
        by = speaker(
            Call("c", "light", {"on": True}), Call("d", "light"), Call("d", "light"), Call("", "light")
        )
        return [piece async for piece in by.answer(before, {})]

    calls = [each for each in clock.run(main()) if isinstance(each, Call)]
    assert len({"c", *(each.id for each in calls)}) == 5
    assert "" not in {each.id for each in calls}
    assert calls[1].id == "d"
    assert calls[0].raw == '{"on":true}'
