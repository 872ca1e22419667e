from __future__ import annotations

from typing import get_args

import pytest

from s2s.capabilities import Capabilities
from s2s.errors import BacklogError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    IdleTimeout,
    Interrupted,
    RateLimits,
    Reconnected,
    Reconnecting,
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
    Unrecognized,
    Usage,
    UsageUpdate,
)
from s2s.items import Call
from s2s.pipeline import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame, ToolCallFrame
from s2s.pipeline.telling import frames_of

CALL = Call("call-1", "look_up")

SAID: list[tuple[Event, Frame]] = [
    (AudioOutput(b"\1\0", 16_000, "r", "i", 40.0), AudioFrame(b"\1\0", 16_000, 1, 40.0, "i", "r")),
    (
        TextOutput(" day", "r", "i", form="spoken"),
        TextFrame(" day", "assistant", False, "i", "r", form="spoken"),
    ),
    (
        TextOutput("", "r", "i", final=True, form="written"),
        TextFrame("", "assistant", True, "i", "r", form="written"),
    ),
    (
        Transcript("Good day", "u", " day", language="en"),
        TextFrame("Good day", "user", False, "u", language="en"),
    ),
    (Transcript("Good day.", "u", ".", final=True), TextFrame("Good day.", "user", True, "u")),
    (ToolCall(CALL, "r"), ToolCallFrame(CALL, "r")),
    (ToolCall(CALL, "r", runs_here=True), ToolCallFrame(CALL, "r", runs_here=True)),
    (SpeechStarted("u", 120.0), ControlFrame("start_of_utterance", "user", "u", position_ms=120.0)),
    (SpeechStopped("u", 640.0), ControlFrame("end_of_utterance", "user", "u", position_ms=640.0)),
    (
        Interrupted("r", "i", 250.0, "application", "requested"),
        ControlFrame(
            "interrupt", "assistant", "i", "r", 250.0, {"cause": "application", "confirmation": "requested"}
        ),
    ),
]
TURN_END = TurnEnd("Hello", "Good day", "Good day", "completed")
ALONE: list[Event] = [
    SessionStarted("s", "script", "script", Capabilities()),
    ResponseStarted("r"),
    ResponseGenerated("r"),
    ResponseDone("r"),
    ToolCallCancelled(("call-1",)),
    UsageUpdate(Usage()),
    RateLimits(()),
    IdleTimeout(3.0),
    GoingAway(10.0),
    Reconnecting("the cable", 1),
    Reconnected("full"),
    Error(BacklogError("too slow")),
    SessionEnded("closed"),
    Unrecognized("script", {}),
]


@pytest.mark.parametrize(("event", "frame"), SAID)
def test_what_a_frame_can_say_is_that_frame(event: Event, frame: Frame) -> None:
    assert frames_of(event) == (frame,)


@pytest.mark.parametrize("event", ALONE, ids=lambda each: each.type)
def test_nothing_else_is_swallowed(event: Event) -> None:
    assert frames_of(event) == (EventFrame(event),)


def test_the_end_of_the_agents_turn_is_a_signal_too() -> None:
    assert frames_of(TURN_END) == (EventFrame(TURN_END), ControlFrame("end_of_utterance", "assistant"))


def test_every_kind_of_event_has_a_row() -> None:
    rows = {type(event) for event in (*(event for event, _ in SAID), *ALONE, TURN_END)}
    assert rows == set(get_args(Event))
