from s2s.cli.asking.recording import Latency, Recording, TurnRecord
from s2s.cli.asking.tooluse import ToolUse
from s2s.cli.rendering.report import latencies, summary, transcript
from s2s.events import Timings
from s2s.items import Call, ToolResult


def recording() -> Recording:
    use = ToolUse(100, Call("1", "move", {"distance": 3}), ToolResult("1", "moved"))
    latency = Latency(500, 100.5, taken_ms=700, answered_ms=800, voice_to_voice_ms=312.4)
    made = Recording()
    made.turns = [
        TurnRecord(
            "go",
            "Going there.",
            "Going",
            "interrupted",
            frozenset(),
            (use,),
            Timings(12.3, stages={"tts": 20.0, "stt": 40.4, "warp": 7.0}),
            latency,
        ),
        TurnRecord("", "Hello.", "Hello.", "completed", frozenset(), (), Timings(), None),
    ]
    return made


def test_the_transcript_has_a_line_for_each_side() -> None:
    assert transcript(recording()).splitlines() == [
        "you: go",
        "tool: move(distance=3) -> moved",
        "agent: Going there.",
        "(interrupted; heard: Going)",
        "agent: Hello.",
    ]


def test_latencies_are_a_table_with_the_stages_in_order() -> None:
    assert latencies(recording()) == (
        ["turn", "stt", "tts", "warp", "first audio", "voice to voice"],
        [["1", "40", "20", "7", "12", "312"], ["2", "-", "-", "-", "-", "-"]],
    )


def test_the_summary_names_its_clock() -> None:
    told = summary(recording())
    assert "monotonic" in str(told["clock"])
    assert isinstance(told["turns"], list)
    assert told["turns"][0]["voice_to_voice_ms"] == 312.4
    assert told["turns"][0]["tool_calls"] == [
        {"name": "move", "arguments": {"distance": 3}, "result": "moved"}
    ]
