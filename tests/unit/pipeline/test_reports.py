from __future__ import annotations

import pytest

from s2s.capabilities import Capabilities
from s2s.commands import AddItem, UpdateSession
from s2s.config import Config, TurnDetection
from s2s.errors import ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    IdleTimeout,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
    Usage,
    UsageUpdate,
)
from s2s.items import Call, Message, ToolResult
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.reports import Reports
from s2s.pipeline.requests import ASKED_BY
from s2s.pipeline.telling import frames_of

RESPONSE = (EventFrame(ResponseStarted("r")), EventFrame(ResponseDone("r")))
BEGIN = ControlFrame("start_of_utterance", item_id="u", position_ms=20)
END = ControlFrame("end_of_utterance", item_id="u", position_ms=80)
SAID_ALL = ControlFrame("end_of_utterance", "assistant")
CUT = ControlFrame("interrupt")
ALONG = TurnDetection(interrupt_response=False)
ANSWER = AudioFrame(bytes(480), response_id="r", item_id="i")


def told(*frames: Frame, reports: Reports | None = None) -> list[Event]:
    reports = reports or Reports(Config())
    return [event for frame in frames for event in reports.hear(frame)]


def types(*frames: Frame, reports: Reports | None = None) -> str:
    return " ".join(each.type for each in told(*frames, reports=reports))


EVENTS: list[Event] = [
    SpeechStarted("u", 20.0),
    SpeechStopped("u", 80.0),
    Transcript("Hello.", "u", "Hello.", True, "en"),
    ResponseStarted("r", "application", {"for": "you"}),
    TextOutput("Hi.", "r", "i", form="written"),
    AudioOutput(bytes(480), 24_000, "r", "i", 0.0),
    ToolCall(Call("call", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'), "r"),
    ResponseGenerated("r"),
    TextOutput("", "r", "i", final=True, form="written"),
    ResponseDone("r", "completed", Usage(), {"brain": 1.0}),
    ToolCallCancelled(("call",)),
    Interrupted("r", "i", 5.0, "application", "requested"),
    Interrupted("r", "i", 5.0, "user_speech", "local_only"),
    UsageUpdate(Usage()),
    IdleTimeout(3.0),
    Error(ProviderError("no")),
]


def test_what_an_engine_tells_as_frames_is_told_again() -> None:
    frames = [frame for event in EVENTS for frame in frames_of(event)]
    assert told(*frames) == EVENTS


def test_what_a_session_tells_by_itself_is_left_to_it() -> None:
    started = SessionStarted("id", "provider", "model", Capabilities())
    turn = TurnEnd("", "", "", "completed")
    events: list[Event] = [started, turn, SessionEnded("closed")]
    assert told(*(EventFrame(each) for each in events)) == []


def test_what_says_nothing_to_a_session_is_not_told() -> None:
    frames: list[Frame] = [
        ControlFrame("start"),
        ControlFrame("stop"),
        ControlFrame("played", position_ms=100),
        ControlFrame("start_of_utterance", "assistant"),
        TextFrame("Be brief.", "system"),
        ImageFrame(b"image"),
        ToolResultFrame(ToolResult("call", "done")),
        CommandFrame(AddItem(Message("user", "Hello."))),
    ]
    assert told(*frames) == []


def test_an_engine_that_broke_breaks_the_stream() -> None:
    broken = ProviderError("broken")
    with pytest.raises(ProviderError) as raised:
        told(EventFrame(Error(broken, fatal=True)))
    assert raised.value is broken


# The user.


def test_user_text_is_a_transcript_and_assistant_text_an_answer() -> None:
    assert types(TextFrame("Hello.", item_id="u"), TextFrame("Hi.", "assistant")) == (
        "transcript response_started text_output"
    )


def test_what_was_written_is_no_transcript_and_its_answer_is_to_the_application() -> None:
    reports = Reports(Config())
    reports.typed("w")
    assert (
        told(TextFrame("Hel", final=False, item_id="w"), TextFrame("Hello.", item_id="w"), reports=reports)
        == []
    )
    assert told(RESPONSE[0], reports=reports) == [ResponseStarted("r", "application")]


def test_the_answer_to_speech_is_to_the_user_though_something_was_written_before() -> None:
    reports = Reports(Config())
    reports.typed("w")
    told(TextFrame("Written.", item_id="w"), BEGIN, END, TextFrame("Spoken.", item_id="u"), reports=reports)
    assert told(RESPONSE[0], reports=reports) == [ResponseStarted("r", "user_turn")]


def test_transcripts_can_be_unwanted() -> None:
    reports = Reports(Config(transcription=False))
    assert (
        types(BEGIN, END, TextFrame("Hello.", item_id="u"), reports=reports)
        == "speech_started speech_stopped"
    )
    reports.update(UpdateSession(transcription=True))
    assert types(TextFrame("Hello.", item_id="v"), reports=reports) == "transcript"


# Answers that nobody ends.


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (SAID_ALL, "response_done"),
        (CUT, "interrupted response_done"),
        (BEGIN, "speech_started response_done"),
        (TextFrame("And?"), "response_done transcript"),
    ],
)
def test_an_answer_that_nobody_announced_ends_when_somebody_goes_on(frame: Frame, expected: str) -> None:
    reports = Reports(Config())
    told(ANSWER, reports=reports)
    assert types(frame, reports=reports) == expected
    assert types(frame, reports=reports) in ("", expected.replace("response_done", "").strip())


def test_it_does_not_end_by_words_that_are_not_all_nor_by_an_end_of_speech() -> None:
    assert types(ANSWER, TextFrame("And", final=False), END) == (
        "response_started audio_output transcript speech_stopped"
    )


def test_who_may_not_interrupt_ends_it_as_complete() -> None:
    reports = Reports(Config(turn_detection=ALONG))
    *_, done, speech = told(ANSWER, BEGIN, reports=reports)
    assert (done, speech) == (ResponseDone("r"), SpeechStarted("u", 20.0))


def test_an_announced_answer_goes_on() -> None:
    reports = Reports(Config(turn_detection=ALONG))
    assert types(RESPONSE[0], ANSWER, SAID_ALL, BEGIN, END, TextFrame("And?"), ANSWER, reports=reports) == (
        "response_started audio_output speech_started speech_stopped transcript audio_output"
    )


# Interruptions.


def test_who_speaks_over_an_answer_silences_it_without_another_word() -> None:
    assert told(RESPONSE[0], ANSWER, BEGIN, CUT, ANSWER, RESPONSE[1])[2:] == [
        SpeechStarted("u", 20.0),
        ResponseDone("r", "interrupted"),
    ]


def test_a_processor_that_interrupts_by_itself_is_told_of() -> None:
    assert told(RESPONSE[0], ANSWER, CUT, RESPONSE[1])[2:] == [
        Interrupted("r", "i", 0.0, "user_speech", "server_confirmed"),
        ResponseDone("r", "interrupted"),
    ]


def test_where_speech_does_not_interrupt_a_processor_may_and_is_told_of() -> None:
    reports = Reports(Config())
    reports.update(UpdateSession(turn_detection=ALONG))
    assert types(RESPONSE[0], ANSWER, BEGIN, CUT, reports=reports) == (
        "response_started audio_output speech_started interrupted"
    )


def test_a_processor_says_why_it_interrupts() -> None:
    why = {"cause": "application", "confirmation": "no such"}
    cut = ControlFrame("interrupt", item_id="j", response_id="s", position_ms=7.0, metadata=why)
    assert told(cut) == [Interrupted("s", "j", 7.0, "application", "server_confirmed")]


def test_what_the_session_asked_for_itself_is_not_told() -> None:
    asked = ControlFrame("interrupt", metadata={ASKED_BY: "session"})
    assert types(ANSWER, asked) == "response_started audio_output response_done"


def test_with_nothing_said_there_is_nothing_to_tell_of_an_interruption() -> None:
    assert told(CUT) == []


# Tools.


def test_only_calls_that_were_told_are_cancelled() -> None:
    calls = [
        ToolCallFrame(Call(name, "look_up"), "r", runs_here=name == "here") for name in ("here", "there")
    ]
    frames: list[Frame] = [RESPONSE[0], *calls, EventFrame(ToolCallCancelled(("here", "there")))]
    assert told(*frames)[-1] == ToolCallCancelled(("there",))
    assert told(EventFrame(ToolCallCancelled(("there",)))) == []


def test_calls_are_not_remembered_for_ever() -> None:
    calls = [ToolCallFrame(Call(f"c{n}", "look_up"), "r") for n in range(300)]
    cancelled = EventFrame(ToolCallCancelled(("c0", "c299")))
    assert told(RESPONSE[0], *calls, cancelled)[-1] == ToolCallCancelled(("c299",))
