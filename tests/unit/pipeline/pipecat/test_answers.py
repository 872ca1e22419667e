from __future__ import annotations

from collections.abc import Iterable

import pytest

pytest.importorskip("pipecat.frames.frames")

from pipecat.frames import frames as pc

from s2s.events import ResponseDone, ResponseStarted
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.pipecat.answers import Bracketed, Named
from s2s.pipeline.pipecat.carried import S2SFrame

STARTED, DONE = EventFrame(ResponseStarted("r")), EventFrame(ResponseDone("r"))
WORDS = TextFrame("Hi.", "assistant", False, "i", "r", form="spoken")
SOUND = AudioFrame(bytes(960), 24_000, item_id="i", response_id="r")
OVER = ControlFrame("end_of_utterance", "assistant")
CUT = ControlFrame("interrupt", "assistant", "i", "r")
TOLD = [
    pc.LLMFullResponseStartFrame,
    S2SFrame,
    pc.LLMTextFrame,
    pc.TTSTextFrame,
    pc.TTSStartedFrame,
    pc.TTSAudioRawFrame,
]
CLOSED = [pc.TTSStoppedFrame, pc.LLMFullResponseEndFrame]


def kinds(bracketed: Bracketed, *frames: Frame) -> list[type[pc.Frame]]:
    return [type(made) for frame in frames for made in bracketed.push(frame)]


def heard(named: Named, *frames: pc.Frame) -> list[Frame]:
    return [made for frame in frames for made in named.push(frame) or ()]


def test_an_answer_stands_between_its_brackets_and_so_does_its_audio() -> None:
    assert kinds(Bracketed(), STARTED, WORDS, SOUND, SOUND, DONE, OVER) == [
        *TOLD,
        pc.TTSAudioRawFrame,
        *CLOSED,
        S2SFrame,
        S2SFrame,
    ]


def test_an_answer_that_nobody_announced_is_bracketed_too() -> None:
    bracketed = Bracketed()
    assert kinds(bracketed, SOUND, WORDS) == [
        pc.LLMFullResponseStartFrame,
        pc.TTSStartedFrame,
        pc.TTSAudioRawFrame,
        pc.LLMTextFrame,
        pc.TTSTextFrame,
    ]
    assert [type(each) for each in bracketed.close()] == CLOSED
    assert bracketed.close() == []


def test_the_brackets_of_an_interrupted_answer_come_after_the_interruption_which_would_drop_them() -> None:
    assert kinds(Bracketed(), STARTED, WORDS, SOUND, CUT, DONE) == [
        *TOLD,
        pc.InterruptionFrame,
        *CLOSED,
        S2SFrame,
    ]


def test_an_answer_closes_the_one_before_it() -> None:
    bracketed = Bracketed()
    kinds(bracketed, STARTED, SOUND)
    assert kinds(bracketed, STARTED) == [*CLOSED, pc.LLMFullResponseStartFrame, S2SFrame]


def test_what_the_user_says_has_no_brackets() -> None:
    user = (AudioFrame(b"\0\0"), TextFrame("Hi."), ControlFrame("end_of_utterance"))
    assert kinds(Bracketed(), *user) == [
        pc.InputAudioRawFrame,
        pc.TranscriptionFrame,
        pc.VADUserStoppedSpeakingFrame,
        pc.UserStoppedSpeakingFrame,
    ]


def everything(frames: Iterable[Frame]) -> list[Frame]:
    bracketed, named = Bracketed(), Named()
    return [back for frame in frames for made in bracketed.push(frame) for back in named.push(made) or ()]


def test_an_answer_of_ours_comes_back_without_anything_added() -> None:
    cut_off: list[Frame] = [CUT, EventFrame(ResponseDone("r", "interrupted")), OVER]
    for last in ([DONE, OVER], cut_off):
        said: list[Frame] = [STARTED, WORDS, SOUND, SOUND, *last]
        assert everything(said) == said


def test_an_answer_of_a_stock_service_gets_what_ours_have() -> None:
    opening = pc.LLMFullResponseStartFrame()
    audio = bytes(960)
    told = heard(
        Named(),
        opening,
        pc.LLMTextFrame("Hi"),
        pc.TTSStartedFrame(),
        pc.TTSAudioRawFrame(audio, 24_000, 1),
        pc.LLMFullResponseEndFrame(),
        pc.TTSAudioRawFrame(audio, 24_000, 1),
        pc.TTSTextFrame("Hi", "sentence"),
        pc.TTSStoppedFrame(),
    )
    name, item = f"resp_{opening.id}", f"item_{opening.id}"
    assert told == [
        EventFrame(ResponseStarted(name)),
        TextFrame("Hi", "assistant", False, item, name),
        AudioFrame(audio, 24_000, 1, 0.0, item, name),
        AudioFrame(audio, 24_000, 1, 20.0, item, name),
        TextFrame("Hi", "assistant", False, item, name, "spoken"),
        TextFrame("", "assistant", True, item, name),
        EventFrame(ResponseDone(name)),
        ControlFrame("end_of_utterance", "assistant", response_id=name),
    ]


def test_an_answer_of_a_stock_service_that_is_interrupted_ends_at_once_and_once() -> None:
    named = Named()
    heard(named, pc.LLMFullResponseStartFrame(), pc.LLMTextFrame("Hi"))
    signal, text, done, over = heard(named, pc.InterruptionFrame())
    assert signal == ControlFrame("interrupt")
    assert isinstance(text, TextFrame)
    assert isinstance(done, EventFrame)
    assert isinstance(done.event, ResponseDone)
    assert done.event.status == "interrupted"
    assert isinstance(over, ControlFrame)
    assert heard(named, pc.LLMFullResponseEndFrame(), pc.TTSStoppedFrame()) == []
    assert heard(named, pc.InterruptionFrame()) == [ControlFrame("interrupt")]


def test_two_answers_of_a_stock_service_have_names_of_their_own() -> None:
    named = Named()
    brackets = [pc.TTSStartedFrame(), pc.TTSStoppedFrame(), pc.TTSStartedFrame(), pc.TTSStoppedFrame()]
    told = [each.event for each in heard(named, *brackets) if isinstance(each, EventFrame)]
    started = [each.response_id for each in told if isinstance(each, ResponseStarted)]
    assert len(set(started)) == 2
    assert started == [each.response_id for each in told if isinstance(each, ResponseDone)]


def test_sound_and_text_outside_of_an_answer_are_still_the_agents() -> None:
    sound, text = heard(Named(), pc.OutputAudioRawFrame(b"\0\0", 24_000, 1), pc.TextFrame("Hi"))
    assert isinstance(sound, AudioFrame)
    assert sound.response_id
    assert isinstance(text, TextFrame)
    assert (text.role, text.response_id) == ("assistant", sound.response_id)


def test_text_that_a_processor_made_anew_belongs_to_the_answer_around_it() -> None:
    started, text = heard(Named(), S2SFrame(STARTED), pc.TextFrame("Hi"))
    assert started == STARTED
    assert isinstance(text, TextFrame)
    assert text.response_id == "r"


def test_the_users_own_frames_get_no_name() -> None:
    sound, text = heard(
        Named(), pc.InputAudioRawFrame(b"\0\0", 16_000, 1), pc.TranscriptionFrame("Hi", "", "")
    )
    assert sound == AudioFrame(b"\0\0", 16_000)
    assert text == TextFrame("Hi")


def test_a_frame_without_a_counterpart_is_not_understood() -> None:
    assert Named().push(pc.BotStartedSpeakingFrame()) is None
