"""What is left of a conversation in words and figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from s2s.cli.asking.recording import Recording, TurnRecord
from s2s.cli.asking.tooluse import spelled

CLOCK: Final = "the event loop's monotonic clock"
MEASURED: Final = (
    f"Milliseconds by {CLOCK}. Voice to voice: from the last voiced chunk sent to the",
    "first audio received. First audio: the same from the moment the engine took the turn. The other",
    "stages as the engine measured them; they overlap.",
)
_STAGES: Final = ("endpointing", "stt", "brain", "tts")


def transcript(recording: Recording) -> str:
    """Return the conversation as text, a line for each side of a turn."""
    return "".join(f"{line}\n" for turn in recording.turns for line in _said(turn))


def latencies(recording: Recording) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of a table of milliseconds, a row for each turn."""
    measured = {stage for turn in recording.turns for stage in turn.timings.stages}
    stages = [each for each in _STAGES if each in measured] + sorted(measured.difference(_STAGES))
    heads = ["turn", *stages, "first audio", "voice to voice"]
    return heads, [_row(number, turn, stages) for number, turn in enumerate(recording.turns, 1)]


def summary(recording: Recording) -> dict[str, object]:
    """Return the conversation as data that JSON can hold."""
    return {"turns": [_plain(turn) for turn in recording.turns], "clock": CLOCK}


def leave_transcript(recording: Recording, place: Path) -> None:
    """Write the conversation into a file."""
    place.write_text(transcript(recording), encoding="utf-8")


def _said(turn: TurnRecord) -> Iterator[str]:
    if turn.user:
        yield f"you: {turn.user}"
    for use in turn.tools:
        result = "" if use.result is None else f" -> {use.result.output}"
        yield f"tool: {spelled(use.call)}{result}"
    if turn.agent:
        yield f"agent: {turn.agent}"
    if turn.heard != turn.agent:
        yield f"(interrupted; heard: {turn.heard or 'nothing'})"


def _row(number: int, turn: TurnRecord, stages: list[str]) -> list[str]:
    figures = (turn.timings.stages.get(stage) for stage in stages)
    return [str(number), *map(_ms, (*figures, turn.timings.first_audio_ms, _voice_to_voice(turn)))]


def _ms(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.0f}"


def _voice_to_voice(turn: TurnRecord) -> float | None:
    return None if turn.latency is None else turn.latency.voice_to_voice_ms


def _plain(turn: TurnRecord) -> dict[str, Any]:
    return {
        "user": turn.user,
        "agent": turn.agent,
        "heard": turn.heard,
        "status": turn.status,
        "voice_to_voice_ms": _voice_to_voice(turn),
        "timings": msgspec.to_builtins(turn.timings),
        "tool_calls": [
            {
                "name": use.call.name,
                "arguments": use.call.arguments,
                "result": None if use.result is None else use.result.output,
            }
            for use in turn.tools
        ],
    }
