"""What is noted of what passes, and what another side is to know."""

import pytest

from s2s.commands import AddItem, Cancel, CreateResponse, RemoveItem, SendToolResult, Truncate, UpdateSession
from s2s.config import Config, TurnDetection
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import Call, Item, Message, ToolResult
from s2s.pipeline.hybrid.memory import Memory
from s2s.pipeline.hybrid.owed import Asked
from tests.support.hybrid import CABLE
from tests.support.links import said

CALL = Call("c1", "look")


def memory(*events: Event, **config: object) -> Memory:
    """Return what was told over the first link, at second 0."""
    made = Memory(Config(**config), 24_000)  # type: ignore[arg-type]
    tell(made, *events)
    return made


def tell(made: Memory, *events: Event) -> None:
    for each in events:
        made.hear(each, 1, 0.0)


def known(made: Memory) -> list[Item]:
    return list(made.passed(quiet=False).history)


def words(made: Memory) -> list[str]:
    return [each.text for each in known(made) if isinstance(each, Message)]


def test_both_sides_are_known_in_the_order_in_which_they_began() -> None:
    made = memory(SpeechStarted("u1", 0.0), SpeechStopped("u1", 0.0))
    tell(made, *said("r1", "Good", "day"), Transcript("Hello", "u1", final=True), ResponseDone("r1"))
    assert words(made) == ["Hello", "Good day"]
    late = memory(SpeechStopped("u1", 0.0), *said("r1", "Good"), Transcript("Hello", "u1", final=True))
    tell(late, ResponseDone("r1"))
    assert words(late) == ["Hello", "Good"]


def test_an_answer_is_known_once_it_has_ended_or_its_side_is_left() -> None:
    made = memory(*said("r1", "Good"))
    assert words(made) == []
    assert made.part("failed") == [ResponseDone("r1", "failed")]
    assert words(made) == ["Good"]


@pytest.mark.parametrize(
    ("cut", "config"),
    [
        (Interrupted("r1", "item-1", 0, "user_speech", "server_confirmed"), {}),
        (SpeechStarted("u1", 0.0), {}),
        (Cancel("r1"), {}),
    ],
)
def test_of_an_answer_that_was_cut_off_no_more_is_heard(
    cut: Event | Cancel, config: dict[str, object]
) -> None:
    made = memory(*said("r1", "Good"), **config)
    if isinstance(cut, Cancel):
        made.tell(cut, 1, 0)
    else:
        tell(made, cut)
    tell(made, TextOutput(" day", "r1", "item-1"), ResponseDone("r1", "interrupted"))
    assert words(made)[:1] == ["Good"]
    tell(made, *said("r1", "Once", item_id="item-2"), ResponseDone("r1"))
    assert words(made)[-1] == "Once"


def test_who_does_not_cut_an_answer_off_by_speaking_hears_all_of_it() -> None:
    turns = TurnDetection(interrupt_response=False)
    made = memory(*said("r1", "Good"), SpeechStarted("u1", 0.0), turn_detection=turns)
    tell(made, TextOutput(" day", "r1", "item-1"), ResponseDone("r1"))
    assert words(made) == ["Good day"]
    made = memory(*said("r1", "Good"))
    made.tell(UpdateSession(turn_detection=turns), 1, 0)
    tell(made, SpeechStarted("u1", 0.0), TextOutput(" day", "r1", "item-1"), ResponseDone("r1"))
    assert words(made) == ["Good day"]


def test_a_cut_answer_is_an_answer() -> None:
    made = memory()
    made.tell(CreateResponse(), 1, 0)
    tell(made, ResponseStarted("r1", "application"), SpeechStarted("u1", 0.0))
    made.part("failed")
    assert made.passed(quiet=False).repeated.again == ()


def test_what_was_heard_is_known_to_the_word() -> None:
    made = memory(*said("r1", "Good", "day", "sir"), ResponseDone("r1"))
    made.tell(Truncate("item-1", 100), 1, 0)
    assert known(made) == [Message("assistant", "Good day sir", "item-1", heard_text="Good")]
    made.tell(Truncate("item-1", 200), 1, 0)
    assert known(made) == [Message("assistant", "Good day sir", "item-1", heard_text="Good day")]
    made.tell(RemoveItem("item-1"), 1, 0)
    assert known(made) == []


def test_what_is_said_beside_the_conversation_is_no_part_of_it() -> None:
    made = memory(ResponseStarted("r1", "out_of_band"), *said("r1", "Psst")[1:])
    tell(made, ToolCall(CALL, "r1"), ResponseDone("r1"))
    assert (known(made), made.course.calls, made.idle(0)) == ([], {}, True)


def test_a_call_is_known_with_its_result_and_not_before() -> None:
    made = memory(ResponseStarted("r1"), ToolCall(CALL, "r1"), ResponseDone("r1"))
    assert known(made) == []
    assert made.tell(SendToolResult("c1", "x"), 1, 0) == (SendToolResult("c1", "x"),)
    assert known(made) == [CALL, ToolResult("c1", "x")]
    assert made.passed(quiet=False).repeated.again == (Asked("tool_result"),)


def test_a_call_that_was_taken_back_is_not_waited_for() -> None:
    made = memory(ResponseStarted("r1"), ToolCall(CALL, "r1"), ResponseDone("r1"))
    made.look()
    assert not made.idle(0)
    tell(made, ToolCallCancelled(("c1",)))
    made.look()
    assert (made.idle(0), known(made)) == (True, [])


def test_another_link_is_told_of_a_call_and_its_result() -> None:
    made = memory(
        ResponseStarted("r1"), ToolCall(CALL, "r1"), ToolCall(Call("c2", "look"), "r1"), ResponseDone("r1")
    )
    asked = made.tell(SendToolResult("c1", "x", respond=False), 2, 0)
    assert asked == (AddItem(CALL), AddItem(ToolResult("c1", "x", respond=False)))
    asked = made.tell(SendToolResult("c2", "y"), 2, 0)
    assert asked == (AddItem(Call("c2", "look")), AddItem(ToolResult("c2", "y")), Asked("tool_result"))
    assert made.tell(SendToolResult("c2", "y"), 2, 0) == (SendToolResult("c2", "y"),)


def test_what_the_user_said_or_wrote_last_is_known() -> None:
    made = memory(Transcript("Hel", "u1"), Transcript("Hello", "u1", final=True), Transcript("x", "u2"))
    assert made.course.user_text == "Hello"
    made.tell(AddItem(Message("user", "Bonn?")), 1, 0)
    made.tell(AddItem(Message("assistant", "Yes.")), 1, 0)
    made.tell(AddItem(CALL), 1, 0)
    assert made.course.user_text == "Bonn?"


def test_words_that_are_to_come_are_waited_for_three_seconds() -> None:
    made = memory(SpeechStopped("u1", 0.0), *said("r1", "Good"), ResponseDone("r1"))
    made.look()
    assert (made.idle(2.9), made.idle(3.0)) == (False, True)
    tell(made, Transcript("Hello", "u1", final=True))
    assert made.idle(0)
    off = memory(transcription=False)
    tell(off, SpeechStopped("u1", 0.0), *said("r1", "Good"), ResponseDone("r1"))
    off.look()
    assert off.idle(0)
    off.tell(UpdateSession(transcription=True), 1, 0)
    tell(off, SpeechStopped("u2", 0.0), *said("r2", "Good"), ResponseDone("r2"))
    off.look()
    assert not off.idle(0)
    off.part("interrupted")
    assert off.idle(0)


def test_settings_add_up_and_what_holds_for_turns_is_known() -> None:
    made = memory()
    made.tell(UpdateSession(instructions="a", voice="b"), 1, 0)
    made.tell(UpdateSession(instructions="c", turn_detection=TurnDetection(create_response=False)), 2, 0)
    assert made.settings == UpdateSession(
        instructions="c", voice="b", turn_detection=TurnDetection(create_response=False)
    )
    assert (made.voiced, made.unanswered.answers_speech) == (1, False)


def test_errors_are_counted_and_audio_alone_is_no_word() -> None:
    made = memory(Error(CABLE), ResponseStarted("r1"), AudioOutput(bytes(96), 24_000, "r1", "i1"))
    assert made.course.errors == 1
    made.part("failed")
    assert known(made) == []
    assert made.passed(quiet=False).repeated.again == ()
