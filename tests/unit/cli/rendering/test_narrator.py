import io

import pytest

from s2s.cli.asking.recording import Recording
from s2s.cli.asking.tooluse import ToolUse
from s2s.cli.rendering.narrator import Narrator
from s2s.cli.rendering.screen import PlainPen, Screen
from s2s.errors import ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    Interrupted,
    TextOutput,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.items import Call, ToolResult

CALL = Call("1", "move", {"distance": 3})


def told(*events: Event) -> list[str]:
    out = io.StringIO()
    narrator = Narrator(Screen(PlainPen(out)))
    for event in events:
        narrator.told(event, 0)
    narrator.conclude(Recording(), "script", (), None)
    return out.getvalue().splitlines()


def test_it_writes_both_sides() -> None:
    assert told(
        Transcript("go", "u"),
        Transcript("go on", "u", final=True),
        TextOutput("Going", "r", "i"),
        AudioOutput(b"\0\0", 24_000, "r", "i"),
        TextOutput(" on.", "r", "i"),
    ) == ["you         ~ go", "you         go on", "agent       Going on."]


def test_a_guess_that_was_right_is_written_once() -> None:
    assert told(Transcript("go", "u"), Transcript("go", "u", final=True)) == ["you         go"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ToolCall(CALL, "r"), "tool        move(distance=3)"),
        (Interrupted("r", "i", 1234, "user_speech", "requested"), "interrupted after 1.2 s of the answer"),
        (TurnEnd("", "", "", "failed"), "the answer is failed"),
        (Error(ProviderError("no luck: try again")), "trouble: no luck: try again"),
        (GoingAway(9.0), "going away: time_left_s 9.0"),
    ],
    ids=lambda each: each.type if not isinstance(each, str) else "",
)
def test_what_matters_gets_a_line(event: Event, line: str) -> None:
    assert told(event)[0].strip() == line


def test_results_follow_their_calls() -> None:
    out = io.StringIO()
    narrator = Narrator(Screen(PlainPen(out)))
    narrator.settled(ToolUse(0, CALL, ToolResult("1", "moved")))
    narrator.settled(ToolUse(0, CALL, ToolResult("1", "stuck", is_error=True)))
    assert [line.strip() for line in out.getvalue().splitlines()] == ["-> moved", "failed: stuck"]
