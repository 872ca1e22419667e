import io
import json
from typing import Any

from s2s.capabilities import Capabilities
from s2s.cli.asking.recording import Recording
from s2s.cli.asking.tooluse import ToolUse
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.errors import ProviderError
from s2s.events import AudioOutput, Error, Event, SessionStarted, ToolCall
from s2s.items import Call, ToolResult


def told(*events: Event) -> list[dict[str, Any]]:
    out = io.StringIO()
    lines = JSONLines(out)
    for event in events:
        lines.told(event, 12.34)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_object() -> None:
    (line,) = told(SessionStarted("s", "script", "m", Capabilities()))
    assert list(line)[:2] == ["type", "at_ms"]
    assert line["type"] == "session_started"
    assert line["at_ms"] == 12.3


def test_audio_is_counted_and_not_printed() -> None:
    (line,) = told(AudioOutput(b"\1\2" * 50, 24_000, "r", "i", 5.0))
    assert line["audio_bytes"] == 100
    assert "audio" not in line


def test_errors_are_spelled_out() -> None:
    (line,) = told(Error(ProviderError("no: try again", code="busy"), fatal=True))
    assert (line["error"], line["message"], line["code"], line["fatal"]) == (
        "ProviderError",
        "no: try again",
        "busy",
        True,
    )


def test_tools_and_questions_and_the_summary_are_objects_too() -> None:
    out = io.StringIO()
    lines = JSONLines(out)
    lines.asked("a.wav", 0)
    lines.told(ToolCall(Call("1", "move", {"x": 1}), "r"), 1)
    lines.settled(ToolUse(1, Call("1", "move"), ToolResult("1", "moved")))
    lines.conclude(Recording(), "script", (), ProviderError("no: stop"))
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["type"] for each in found] == ["question", "tool_call", "tool_result", "summary"]
    assert found[1]["call"]["arguments"] == {"x": 1}
    assert found[2]["output"] == "moved"
    assert (found[3]["turns"], found[3]["error"], found[3]["engine"]) == ([], "no: stop", "script")
