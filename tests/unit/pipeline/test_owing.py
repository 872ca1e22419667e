from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import pytest

from s2s.config import TurnDetection
from s2s.errors import BacklogError, LocalProtocolError, ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
)
from s2s.items import Call
from s2s.pipeline.owing import Expected, Owed, Utterance

Step: TypeAlias = Event | Callable[[Owed], None]

asked = Owed.asked
silenced = Owed.silenced
cleared = Owed.cleared
cut_off = partial(Owed.silenced, to_be_told=True)
CUT = Interrupted("r", "i", 0.0, "application", "requested")
audio = partial(Owed.heard, seconds=0.02)
answered = partial(Owed.answered, call_id="c")
BEGINS, STOPS, SAID = SpeechStarted("u", 0.0), SpeechStopped("u", 300.0), Transcript("Hello", "u", final=True)
STARTED, DONE = ResponseStarted("r"), ResponseDone("r")
OURS, THEIRS = ToolCall(Call("c", "look_up"), "r", runs_here=True), ToolCall(Call("c", "look_up"), "r")
END = TurnEnd("", "", "", "completed")
NOTHING, PERHAPS, ANSWER = Expected


def owed(*steps: Step, answers: bool = True) -> Owed:
    made = Owed(TurnDetection(create_response=answers))
    for step in steps:
        if callable(step):
            step(made)
        else:
            made.told(step)
    return made


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], NOTHING),
        ([audio], PERHAPS),
        ([audio, BEGINS], ANSWER),
        ([audio, BEGINS, STOPS], ANSWER),
        ([audio, BEGINS, STOPS, SAID], ANSWER),
        ([audio, BEGINS, STOPS, SAID, STARTED], ANSWER),
        ([audio, BEGINS, STOPS, SAID, STARTED, DONE], ANSWER),
        ([audio, BEGINS, STOPS, SAID, STARTED, DONE, END], NOTHING),
        ([audio, BEGINS, STOPS, STARTED, DONE, END, SAID], NOTHING),
        ([audio, BEGINS, STOPS, SAID, STARTED, DONE, END, audio], PERHAPS),
        ([audio, BEGINS, cleared], NOTHING),
        ([audio, BEGINS, STOPS, Transcript("", "u", final=True)], PERHAPS),
        ([audio, BEGINS, Transcript("", "before", final=True)], ANSWER),
        ([audio, BEGINS, Reconnected("lost")], NOTHING),
        ([audio, BEGINS, Reconnected("full")], ANSWER),
    ],
)
def test_speech_is_owed_an_answer(steps: list[Step], expected: Expected) -> None:
    assert owed(*steps).expected is expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([audio, Transcript("Hel", "u")], ANSWER),
        ([audio, Transcript("Hel", "u"), STARTED, SAID, DONE, END], NOTHING),
        ([audio, STARTED, Transcript("And", "v"), DONE, END], PERHAPS),
        ([audio, STARTED, asked, Transcript("And", "v"), DONE, END], ANSWER),
    ],
)
def test_words_tell_of_speech_that_the_engine_does_not_tell_of(steps: list[Step], expected: Expected) -> None:
    assert owed(*steps).expected is expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([asked], ANSWER),
        ([asked, STARTED, DONE, END], NOTHING),
        ([asked, STARTED, asked, DONE, END], ANSWER),
        ([asked, asked, STARTED, DONE, END], PERHAPS),
        ([asked, STARTED, DONE, ResponseStarted("more", "continuation"), ResponseDone("more"), END], NOTHING),
        ([asked, ResponseStarted("more", "continuation"), ResponseDone("more"), END], ANSWER),
        ([asked, ResponseStarted("r", "out_of_band")], ANSWER),
        ([asked, ResponseStarted("r", "out_of_band"), DONE], NOTHING),
        ([asked, silenced], NOTHING),
        ([asked, Interrupted("r", "i", 0.0, "application", "requested")], NOTHING),
        ([asked, BEGINS, Interrupted("r", "i", 0.0, "user_speech", "requested")], ANSWER),
        ([asked, cut_off, asked, CUT], ANSWER),
        ([asked, cut_off, asked, CUT, CUT], NOTHING),
        ([asked, Error(LocalProtocolError("not now"))], PERHAPS),
        ([asked, Error(ProviderError("no"))], PERHAPS),
        ([asked, Error(BacklogError("too slow"))], ANSWER),
    ],
)
def test_what_was_asked_for_is_owed(steps: list[Step], expected: Expected) -> None:
    assert owed(*steps).expected is expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([asked, STARTED, OURS, DONE], ANSWER),
        ([asked, STARTED, THEIRS], ANSWER),
        ([asked, STARTED, THEIRS, DONE], NOTHING),
        ([asked, STARTED, THEIRS, DONE, answered], ANSWER),
        ([asked, STARTED, answered, THEIRS, DONE], NOTHING),
        ([asked, STARTED, THEIRS, DONE, ToolCallCancelled(("c",))], ANSWER),
        ([asked, STARTED, THEIRS, DONE, ToolCallCancelled(("c",)), END], NOTHING),
    ],
)
def test_a_call_keeps_the_turn_open_unless_nobody_is_left_to_answer_it(
    steps: list[Step], expected: Expected
) -> None:
    assert owed(*steps).expected is expected


def test_an_engine_that_shall_not_answer_by_itself_owes_nothing_for_speech() -> None:
    assert owed(audio, BEGINS, answers=False).expected is ANSWER
    assert owed(audio, BEGINS, STOPS, SAID, answers=False).expected is PERHAPS
    assert owed(asked, audio, BEGINS, STOPS, answers=False).expected is ANSWER


def test_what_is_heard_is_known_until_the_turn_is_over() -> None:
    assert not owed().hears
    assert owed(audio).hears
    assert owed(audio, STARTED, DONE, END).hears is False
    assert owed(audio, STARTED, BEGINS, END).hears


def test_the_length_of_an_answer_is_that_of_the_newest() -> None:
    second = AudioOutput(bytes(48_000), 24_000, "r", "i")
    assert owed(STARTED, second, second).spoken_s == 2.0
    assert owed(STARTED, second, DONE, ResponseStarted("s"), second).spoken_s == 1.0


@pytest.mark.parametrize(
    ("did", "uncommitted"),
    [
        ("", False),
        ("audio", True),
        ("audio end", False),
        ("audio end audio", True),
        ("audio start audio end", False),
        ("audio start audio end audio", False),
        ("audio start audio end audio start", True),
        ("end", False),
        ("end audio", True),
    ],
)
def test_what_was_not_committed_is_known(did: str, uncommitted: bool) -> None:
    utterance = Utterance.UNHEARD
    for step in did.split():
        match step:
            case "audio":
                utterance = utterance.heard()
            case "start":
                utterance = Utterance.BEGUN
            case _:
                utterance = utterance.ended()
    assert utterance.uncommitted is uncommitted
