from __future__ import annotations

import pytest

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.items import Call, Message, ToolResult
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolResultFrame,
)
from s2s.pipeline.requests import ASKED_BY, Requests, opening
from s2s.tools import Tool

HEARD = Message("assistant", "One two.", "i", "One")
QUESTION = AddItem(Message("user", "Why?", "q"))
LOOK_UP = Tool(name="look_up", description="Look up.", parameters={"type": "object"})


def heard(item_id: str, heard_ms: float) -> Message | None:
    return HEARD if (item_id, heard_ms) == ("i", 100.0) else None


def asked(*commands: Command) -> list[Frame]:
    requests = Requests(16_000, heard)
    return [frame for each in commands for frame in requests.frames(each)]


@pytest.mark.parametrize(
    ("command", "frames"),
    [
        (AppendImage(b"image", "image/png"), [ImageFrame(b"image", "image/png")]),
        (CommitAudio(), [ControlFrame("end_of_utterance")]),
        (SendToolResult("c", "no", True, False), [ToolResultFrame(ToolResult("c", "no", True, False))]),
        (Truncate("i", 100.0), [CommandFrame(AddItem(HEARD))]),
        (Truncate("of old", 100.0), []),
        *(
            (each, [CommandFrame(each)])
            for each in (
                AddItem(Message("system", "Be brief.", "s")),
                AddItem(ToolResult("c", "done")),
                RemoveItem("i"),
                CreateResponse(),
                CreateResponse("In French."),
                ClearAudio(),
                UpdateSession(voice="alto"),
            )
        ),
    ],
)
def test_a_command_is_a_frame(command: Command, frames: list[Frame]) -> None:
    assert asked(command) == frames


def test_audio_stands_where_the_audio_before_it_ended() -> None:
    assert asked(AppendAudio(bytes(640)), AppendAudio(bytes(320))) == [
        AudioFrame(bytes(640), 16_000),
        AudioFrame(bytes(320), 16_000, position_ms=20.0),
    ]


def test_to_cancel_is_to_interrupt_and_says_by_whom_it_was_asked() -> None:
    one, any_one = asked(Cancel("r"), Cancel())
    assert isinstance(one, ControlFrame)
    assert isinstance(any_one, ControlFrame)
    assert (one.signal, one.role, one.response_id, any_one.response_id) == ("interrupt", "user", "r", "")
    assert ASKED_BY in one.metadata


def test_a_written_question_is_a_text_of_the_user() -> None:
    assert asked(QUESTION, CreateResponse()) == [TextFrame("Why?", item_id="q")]


@pytest.mark.parametrize(
    "then", [CreateResponse("In French."), CreateResponse(metadata={"a": "b"}), ClearAudio(), QUESTION]
)
def test_what_is_written_and_not_asked_about_plainly_stays_an_item(then: Command) -> None:
    frames = asked(QUESTION, then, CreateResponse())
    assert frames[0] == CommandFrame(QUESTION)


def test_a_written_question_without_an_id_gets_one() -> None:
    (frame,) = asked(AddItem(Message("user", "Why?")), CreateResponse())
    assert isinstance(frame, TextFrame)
    assert frame.item_id


# The beginning.


def test_a_conversation_begins_with_settings_and_history() -> None:
    history = (Message("user", "I am Ada."), Call("c", "look_up"), ToolResult("c", "done"))
    config = Config(instructions="Be brief.", voice="alto", tools=[LOOK_UP], history=history)
    assert [*opening(config)] == [
        CommandFrame(UpdateSession(instructions="Be brief.", voice="alto", tools=(LOOK_UP.spec,))),
        *(CommandFrame(AddItem(each)) for each in history),
    ]


def test_every_setting_that_a_config_makes_is_told() -> None:
    turns = TurnDetection(silence_ms=300)
    config = Config(
        turn_detection=turns,
        transcription=False,
        language="de",
        output_modalities=("text",),
        temperature=0.5,
        max_output_tokens=9,
    )
    changes = UpdateSession(
        turn_detection=turns,
        transcription=False,
        language="de",
        output_modalities=("text",),
        temperature=0.5,
        max_output_tokens=9,
    )
    assert [*opening(config)] == [CommandFrame(changes)]


def test_what_the_config_leaves_open_is_left_to_the_processors() -> None:
    assert [*opening(Config())] == [CommandFrame(UpdateSession())]
