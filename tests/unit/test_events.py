from typing import get_args

import msgspec
import pytest

from s2s.commands import Command
from s2s.events import Error, Event, Timings, Tokens, Usage

TYPES = {
    "SessionStarted": "session_started",
    "SpeechStarted": "speech_started",
    "SpeechStopped": "speech_stopped",
    "Transcript": "transcript",
    "ResponseStarted": "response_started",
    "AudioOutput": "audio_output",
    "TextOutput": "text_output",
    "ToolCall": "tool_call",
    "ToolCallCancelled": "tool_call_cancelled",
    "ResponseGenerated": "response_generated",
    "ResponseDone": "response_done",
    "TurnEnd": "turn_end",
    "Interrupted": "interrupted",
    "UsageUpdate": "usage",
    "RateLimits": "rate_limits",
    "IdleTimeout": "idle_timeout",
    "GoingAway": "going_away",
    "Reconnecting": "reconnecting",
    "Reconnected": "reconnected",
    "Error": "error",
    "SessionEnded": "session_ended",
    "Unrecognized": "unrecognized",
}


def test_every_event_has_the_type_that_the_design_names() -> None:
    assert {each.__name__: each.type for each in get_args(Event)} == TYPES


@pytest.mark.parametrize("kind", [each for each in get_args(Event) if each is not Error])
def test_the_type_is_the_tag_of_an_event_that_is_encoded(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.tag == TYPES[kind.__name__]


@pytest.mark.parametrize("kind", [*get_args(Event), *get_args(Command)])
def test_nobody_changes_an_event_or_a_command(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


def test_tokens_add_up_kind_by_kind() -> None:
    one = Usage(Tokens(10, text=4, audio=6), Tokens(5, audio=5))
    two = Usage(Tokens(1, image=1, cached=1))
    assert one + two == Usage(Tokens(11, text=4, audio=6, image=1, cached=1), Tokens(5, audio=5))
    assert one + Usage() == one


def test_what_was_not_measured_is_none() -> None:
    assert Timings() == Timings(None, None, None, {})
