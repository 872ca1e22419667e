from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from s2s.commands import ClearAudio, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import ConfigError, ProviderError, UnsupportedError
from s2s.events import Error
from s2s.pipeline import AudioFrame, CommandFrame, ControlFrame, EventFrame, Frame, TextFrame, chain
from s2s.pipeline.stages import STTProcessor, VADProcessor
from s2s.testing.clock import run
from tests.support.frames import others, through
from tests.support.stages import FOREVER, LevelSTT, LoudVAD, click, silence, speech, words_in
from tests.support.streaming import CUT, STOP, Line, running, sliced

QUESTION = "what is the time now?"
ANOTHER = "and who are you?"


def begin(item_id: str = "a", position_ms: float = 0.0) -> ControlFrame:
    return ControlFrame("start_of_utterance", item_id=item_id, position_ms=position_ms)


def end(item_id: str = "a", position_ms: float = 0.0, **metadata: object) -> ControlFrame:
    return ControlFrame("end_of_utterance", item_id=item_id, position_ms=position_ms, metadata=metadata)


def heard(frames: Sequence[Frame], stt: LevelSTT | None = None) -> list[Frame]:
    return run(through(STTProcessor(stt or LevelSTT()), frames))


def texts(frames: Sequence[Frame]) -> list[str]:
    return [each.text for each in frames if isinstance(each, TextFrame)]


def errors(frames: Sequence[Frame]) -> list[Exception]:
    events = [each.event for each in frames if isinstance(each, EventFrame)]
    return [each.error for each in events if isinstance(each, Error)]


def listening(stt: LevelSTT | None = None, **turns: object) -> object:
    found = VADProcessor(LoudVAD(), turn_detection=TurnDetection(**turns))  # type: ignore[arg-type]
    return chain(found, STTProcessor(stt or LevelSTT()))


def test_each_utterance_becomes_one_final_text_and_audio_becomes_nothing() -> None:
    audio = sliced(silence(640) + speech(QUESTION) + silence(700) + speech(ANOTHER) + silence(700))
    out = run(through(listening(), [*audio, STOP]))  # type: ignore[arg-type]
    assert not any(isinstance(each, AudioFrame) for each in out)
    assert texts(out) == [QUESTION, ANOTHER]
    ends = [each for each in out if isinstance(each, ControlFrame) and each.signal == "end_of_utterance"]
    said = [each for each in out if isinstance(each, TextFrame)]
    assert [each.item_id for each in said] == [each.item_id for each in ends]
    assert all(each.role == "user" and each.final for each in said)
    assert out[-1] == STOP


def test_how_the_audio_is_cut_into_frames_makes_no_difference() -> None:
    audio = silence(640) + speech(QUESTION) + silence(700) + speech(ANOTHER) + silence(700)
    for chunk_ms in (10, 20, 500, 1500, 10_000):
        out = run(through(listening(), [*sliced(audio, chunk_ms)]))  # type: ignore[arg-type]
        assert texts(out) == [QUESTION, ANOTHER]


def test_it_hears_what_was_said_before_somebody_noticed_and_no_more_than_that() -> None:
    stt = LevelSTT()
    before = speech("long ago") + silence(3000)
    run(through(listening(stt), [*sliced(before + speech(QUESTION) + silence(600))]))  # type: ignore[arg-type]
    run(through(STTProcessor(stt), [*sliced(before), begin(), *sliced(speech("now")), end()]))
    assert [words_in(each) for each in stt.asked] == ["long ago", QUESTION, "now"]
    assert all(len(each) < len(speech(QUESTION) + silence(700)) for each in stt.asked)


def test_signals_do_not_wait_for_a_transcription_and_texts_keep_their_order() -> None:
    class Slow(LevelSTT):
        async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
            await asyncio.sleep(2.0 if words_in(pcm) == QUESTION else 0.0)
            return await super().transcribe(pcm)

    async def main() -> Line:
        async with running(STTProcessor(Slow())) as line:
            line.send(begin("a"), *sliced(speech(QUESTION)), end("a"))
            await asyncio.sleep(0.5)
            line.send(begin("b"), CUT, *sliced(speech(ANOTHER)), end("b"), TextFrame("x", "system"))
            await asyncio.sleep(0.5)
            assert line.out == [begin("a"), end("a"), begin("b"), CUT, end("b"), TextFrame("x", "system")]
        return line

    line = run(main())
    assert [each.text for each in line.all(TextFrame)] == ["x", QUESTION, ANOTHER]


def test_the_times_of_the_stages_are_handed_on() -> None:
    told = end(stages={"endpointing": 512.0}, mine="yes")
    out = heard([begin(), *sliced(speech(QUESTION)), told], LevelSTT(delay_s=0.25))
    (text,) = (each for each in out if isinstance(each, TextFrame))
    assert text.metadata == {"stages": {"endpointing": 512.0, "stt": 250.0}, "mine": "yes"}


@pytest.mark.parametrize(
    ("voiced_ms", "said", "text"),
    [(64, "stop", ""), (128, "stop", "stop"), (200, "you", ""), (900, "you", "you")],
)
def test_what_was_hardly_speech_is_not_believed(voiced_ms: float, said: str, text: str) -> None:
    assert texts(heard([begin(), *sliced(speech(said)), end(voiced_ms=voiced_ms)])) == [text]


def test_an_utterance_without_audio_or_speech_is_empty_and_nobody_is_asked() -> None:
    stt = LevelSTT()
    assert texts(heard([begin(), end()], stt)) == [""]
    assert texts(heard([begin(), *sliced(click()), end(voiced_ms=0)], stt)) == [""]
    assert texts(heard([*sliced(speech(QUESTION)), end()], stt)) == [""]
    assert stt.asked == []


def test_a_failed_transcription_is_an_error_and_no_words() -> None:
    stt = LevelSTT()
    stt.fails = ZeroDivisionError("no model")
    out = heard([begin(), *sliced(speech(QUESTION)), end("a"), begin("b"), end("b")], stt)
    (error,) = errors(out)
    assert isinstance(error, ProviderError)
    assert "could not be transcribed: ZeroDivisionError: no model" in str(error)
    assert texts(out) == ["", ""]


def test_a_transcription_that_never_ends_is_given_up() -> None:
    stt = LevelSTT(FOREVER)
    out = heard([begin(), *sliced(speech(QUESTION)), end()], stt)
    (error,) = errors(out)
    assert "nothing came for 20 s" in str(error)
    assert (texts(out), stt.running) == ([""], 0)


def test_a_stage_that_cancels_itself_takes_nothing_with_it() -> None:
    class Gone(LevelSTT):
        async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
            raise asyncio.CancelledError

    out = heard([begin(), *sliced(speech(QUESTION)), end("a"), begin("b"), end("b")], Gone())
    assert texts(out) == ["", ""]
    assert len(errors(out)) == 1


def test_the_end_of_the_input_ends_an_utterance_and_waits_for_its_words() -> None:
    out = heard([begin(), *sliced(speech(QUESTION)), STOP], LevelSTT(delay_s=5))
    assert out[1:] == [TextFrame(QUESTION, item_id="a", metadata={"stages": {"stt": 5000.0}}), STOP]


def test_cleared_audio_is_void() -> None:
    clear = CommandFrame(ClearAudio())
    frames: list[Frame] = [
        begin(),
        *sliced(speech(QUESTION)),
        clear,
        end(),
        begin("b"),
        *sliced(speech(ANOTHER)),
        end("b"),
    ]
    out = heard(frames)
    assert texts(out) == ["", ANOTHER]
    audio: list[Frame] = [*sliced(speech(QUESTION)), clear, *sliced(silence(2000))]
    assert texts(run(through(listening(), audio))) == [""]  # type: ignore[arg-type]


def test_a_turn_that_is_taken_by_hand_is_heard_from_its_beginning() -> None:
    audio = silence(640) + speech(QUESTION * 3) + silence(5000)
    stt = LevelSTT()
    frames: list[Frame] = [*sliced(silence(5000) + audio), ControlFrame("end_of_utterance")]
    out = run(through(listening(stt, mode="manual"), frames))  # type: ignore[arg-type]
    assert texts(out) == [QUESTION * 3]
    assert len(stt.asked[0]) < len(speech(QUESTION * 3) + silence(600))


def test_where_nobody_finds_turns_one_that_is_taken_by_hand_is_all_since_the_last() -> None:
    manual = CommandFrame(UpdateSession(turn_detection=TurnDetection("manual")))
    by_hand = ControlFrame("end_of_utterance")
    once: list[Frame] = [*sliced(silence(2000) + speech(QUESTION)), by_hand]
    out = run(through(STTProcessor(LevelSTT()), [manual, *once, *once, by_hand]))
    assert texts(out) == [QUESTION, QUESTION, ""]
    ended = [each.item_id for each in out if isinstance(each, ControlFrame)]
    assert ended == [each.item_id for each in out if isinstance(each, TextFrame)]
    assert len({*ended}) == 3


def test_a_very_long_utterance_is_transcribed_in_pieces() -> None:
    words = "one two three four five " * 130
    stt = LevelSTT()
    frames: list[Frame] = [begin(), *sliced(speech(words), chunk_ms=100), end()]
    assert texts(heard([*frames, begin("b"), end("b")], stt)) == [words.strip(), ""]
    assert [round(len(each) / 32) for each in stt.asked] == [120_000, 10_000]


def test_a_very_long_utterance_keeps_what_was_understood_and_is_void_all_the_same() -> None:
    class Tired(LevelSTT):
        async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
            if self.asked:
                raise OSError
            return await super().transcribe(pcm)

    frames: list[Frame] = [begin(), *sliced(speech("one two three four five " * 130), chunk_ms=100)]
    assert texts(heard([*frames, end()], Tired())) == [("one two three four five " * 120).strip()]
    assert texts(heard([*frames, CommandFrame(ClearAudio()), end()])) == [""]


def test_many_utterances_at_once_wait_for_the_transcriber() -> None:
    async def main() -> Line:
        stt = LevelSTT(delay_s=1.0)
        async with running(STTProcessor(stt)) as line:
            for n in range(100):
                line.send(begin(f"{n}"), *sliced(speech("yes")), end(f"{n}"))
            await asyncio.sleep(0.5)
            assert len(line.signals) == 2 * 33 - 1
        return line

    assert run(main()).heard == ["yes"] * 100


def test_a_language_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no language 'fr'"):
        run(through(STTProcessor(LevelSTT(), language="fr"), [STOP]))
    out = heard([CommandFrame(UpdateSession(language="fr")), begin(), end()])
    assert isinstance(errors(out)[0], UnsupportedError)
    said = heard([CommandFrame(UpdateSession(language="en-GB")), begin(), end()])[-1]
    assert isinstance(said, TextFrame)
    assert said.language == "en-GB"


def test_a_stage_that_cannot_be_loaded_ends_the_stream_as_it_says() -> None:
    class Missing(LevelSTT):
        async def warm(self) -> None:
            raise ConfigError("install it")

    with pytest.raises(ConfigError, match="install it"):
        heard([STOP], Missing())


def test_closing_stops_a_transcription() -> None:
    async def main() -> None:
        stt = LevelSTT(FOREVER)
        frames: list[Frame] = [begin(), *sliced(speech(QUESTION)), end()]
        assert len(await through(STTProcessor(stt), frames, most=2)) == 2
        assert stt.running == 0
        assert others() == set()

    run(main())
