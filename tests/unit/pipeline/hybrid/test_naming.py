"""Names that are unique outside, and their way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.commands import AddItem, Cancel, Command, CreateResponse, RemoveItem, SendToolResult, Truncate
from s2s.events import (
    AudioOutput,
    Event,
    GoingAway,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import Call, Message, ToolResult
from s2s.pipeline.hybrid.naming import Naming

NAMES = st.text("abc_123", min_size=1, max_size=6)
LATER = Naming("s2s3_")

RENAMED: list[tuple[Event, Event]] = [
    (AudioOutput(b"", 8000, "r", "i"), AudioOutput(b"", 8000, "s2s3_r", "s2s3_i")),
    (TextOutput("x", "r", "i"), TextOutput("x", "s2s3_r", "s2s3_i")),
    (ToolCall(Call("c", "f"), "r"), ToolCall(Call("s2s3_c", "f"), "s2s3_r")),
    (ToolCallCancelled(("c", "d")), ToolCallCancelled(("s2s3_c", "s2s3_d"))),
    (ResponseStarted("r"), ResponseStarted("s2s3_r")),
    (ResponseGenerated("r"), ResponseGenerated("s2s3_r")),
    (ResponseDone("r", "failed"), ResponseDone("s2s3_r", "failed")),
    (SpeechStarted("i", 1), SpeechStarted("s2s3_i", 1)),
    (SpeechStopped("i", 1), SpeechStopped("s2s3_i", 1)),
    (Transcript("x", "i"), Transcript("x", "s2s3_i")),
    (
        Interrupted("r", "", 0, "user_speech", "requested"),
        Interrupted("s2s3_r", "", 0, "user_speech", "requested"),
    ),
    (GoingAway(1), GoingAway(1)),
]
ASKED: list[tuple[Command, Command]] = [
    (AddItem(Message("user", "x", "i")), AddItem(Message("user", "x", "hy_i"))),
    (AddItem(Call("c", "f")), AddItem(Call("hy_c", "f"))),
    (AddItem(ToolResult("c", "x")), AddItem(ToolResult("hy_c", "x"))),
    (RemoveItem("s2s3_i"), RemoveItem("i")),
    (RemoveItem("i"), RemoveItem("hy_i")),
    (Truncate("s2s3_i", 1), Truncate("i", 1)),
    (Cancel("s2s3_r", "reset"), Cancel("r", "reset")),
    (Cancel(), Cancel()),
    (SendToolResult("s2s3_c", "x"), SendToolResult("c", "x")),
    (CreateResponse("x"), CreateResponse("x")),
    (
        CreateResponse(context=(Message("user", "x", "s2s3_i"),)),
        CreateResponse(context=(Message("user", "x", "i"),)),
    ),
]


@pytest.mark.parametrize(("told", "outside"), RENAMED, ids=lambda each: each.type)
def test_events_of_a_later_link_have_names_of_their_own(told: Event, outside: Event) -> None:
    assert LATER.told(told) == outside
    assert Naming().told(told) is told


@pytest.mark.parametrize(("asked", "inside"), ASKED)
def test_commands_name_things_as_the_link_does(asked: Command, inside: Command) -> None:
    assert LATER.asked(asked) == inside
    assert Naming().asked(asked) is asked


@given(name=NAMES)
def test_a_name_comes_back_as_it_was(name: str) -> None:
    assert LATER.inner(LATER.outer(name)) == name
    assert LATER.outer(LATER.inner(name)) == name
    assert LATER.outer(name) != name
    assert LATER.owns(LATER.outer(name))


@given(one=NAMES, two=NAMES)
def test_no_two_things_have_one_name(one: str, two: str) -> None:
    links = [Naming(), Naming("cascade2_"), LATER]
    names = {each.outer(name) for each in links for name in (one, two)}
    assert len(names) == 3 * len({one, two})
    assert len({LATER.inner(each) for each in names}) == len(names)


def test_what_has_no_name_gets_none() -> None:
    assert (LATER.outer(""), LATER.inner("")) == ("", "")
    assert LATER.given(Message("user", "x")) == Message("user", "x")


def test_what_goes_on_keeps_its_earlier_name() -> None:
    naming = Naming("s2s3_")
    naming.goes_on("i", "u1")
    assert (naming.outer("i"), naming.inner("u1"), naming.outer("j")) == ("u1", "i", "s2s3_j")
    assert naming.knows("i")
    assert not naming.knows("j")
    assert naming.owns("u1")
    assert not naming.owns("u2")
