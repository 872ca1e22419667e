from __future__ import annotations

import pytest

pytest.importorskip("pipecat.frames.frames")

from pipecat.frames import frames as pc

from s2s.events import ResponseDone, ResponseStarted
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.pipecat.carried import S2SFrame
from s2s.pipeline.pipecat.exchange import Exchange

CLOSED = [pc.TTSStoppedFrame, pc.LLMFullResponseEndFrame]


def sound(response_id: str) -> AudioFrame:
    return AudioFrame(b"\0\0", item_id="i", response_id=response_id)


def cut(cause: str) -> ControlFrame:
    return ControlFrame("interrupt", "assistant", "i", "r", metadata={"cause": cause})


def copy(exchange: Exchange, signal: pc.Frame) -> Frame:
    made = exchange.hear(signal)
    assert made is not None
    return made[0]


def kinds(exchange: Exchange, *frames: Frame) -> list[type[pc.Frame]]:
    return [type(made) for frame in frames for made in exchange.tell(frame, "")]


def talking() -> Exchange:
    exchange = Exchange()
    kinds(exchange, EventFrame(ResponseStarted("r")), sound("r"))
    return exchange


def test_a_signal_that_the_processor_only_hands_on_is_not_said_again() -> None:
    exchange = Exchange()
    for signal in (pc.InterruptionFrame(), pc.UserStartedSpeakingFrame(), pc.UserStoppedSpeakingFrame()):
        assert kinds(exchange, copy(exchange, signal)) == []


def test_an_interruption_that_the_processor_hands_on_ends_its_answer() -> None:
    exchange = talking()
    assert kinds(exchange, copy(exchange, pc.InterruptionFrame())) == CLOSED


def test_signals_of_the_processors_own_are_said() -> None:
    started, stopped = ControlFrame("start_of_utterance"), ControlFrame("end_of_utterance")
    assert kinds(Exchange(), started, ControlFrame("interrupt"), stopped) == [
        pc.VADUserStartedSpeakingFrame,
        pc.UserStartedSpeakingFrame,
        pc.InterruptionFrame,
        pc.VADUserStoppedSpeakingFrame,
        pc.UserStoppedSpeakingFrame,
    ]


def test_the_engines_answer_to_an_interruption_is_told_but_interrupts_nobody() -> None:
    exchange = talking()
    exchange.hear(pc.InterruptionFrame())
    assert kinds(exchange, cut("application")) == [S2SFrame, *CLOSED]


def test_an_engine_that_the_user_interrupts_or_the_application_by_itself_interrupts_everybody() -> None:
    for cause in ("user_speech", "application"):
        assert kinds(talking(), cut(cause)) == [pc.InterruptionFrame, *CLOSED]


def test_an_interruption_of_silence_is_forgotten_by_the_next_answer() -> None:
    exchange = Exchange()
    exchange.hear(pc.InterruptionFrame())
    kinds(exchange, EventFrame(ResponseStarted("r")), sound("r"))
    assert kinds(exchange, cut("application")) == [pc.InterruptionFrame, *CLOSED]


def test_what_was_interrupted_stays_silent_and_the_next_answer_does_not() -> None:
    exchange = talking()
    exchange.hear(pc.InterruptionFrame())
    late = TextFrame("late", "assistant", False, response_id="r")
    assert kinds(exchange, sound("r"), late, EventFrame(ResponseDone("r", "interrupted"))) == [
        *CLOSED,
        S2SFrame,
    ]
    assert kinds(exchange, EventFrame(ResponseStarted("s")), sound("s"))[-1] is pc.TTSAudioRawFrame


def test_an_answer_that_has_said_nothing_yet_is_silenced_too() -> None:
    exchange = Exchange()
    kinds(exchange, EventFrame(ResponseStarted("r")))
    exchange.hear(pc.InterruptionFrame())
    assert kinds(exchange, sound("r")) == []


def test_the_user_is_never_silenced() -> None:
    exchange = talking()
    exchange.hear(pc.InterruptionFrame())
    assert kinds(exchange, AudioFrame(b"\0\0"), TextFrame("Hi")) == [
        pc.InputAudioRawFrame,
        pc.TranscriptionFrame,
    ]


def test_an_answer_that_is_left_open_can_be_closed() -> None:
    assert [type(each) for each in talking().close()] == CLOSED


def test_other_frames_are_not_understood() -> None:
    assert Exchange().hear(pc.BotStartedSpeakingFrame()) is None
