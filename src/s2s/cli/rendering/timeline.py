"""Draws a conversation: two voices, one above the other, on one time axis."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from s2s.cli.asking.envelope import Envelope
from s2s.cli.asking.playback import Span
from s2s.cli.asking.recording import Latency, Recording, Voice
from s2s.cli.asking.tooluse import ToolUse, spelled
from s2s.cli.rendering.canvas import Canvas, width_of
from s2s.cli.rendering.palette import (
    CUT,
    FAINT,
    GRID,
    INK,
    LANE,
    LEGEND,
    PAPER,
    PEAK,
    POWER,
    SHADE,
    TOOL,
    UNHEARD,
    WAIT,
    WAITING,
)
from s2s.cli.rendering.rows import Rows
from s2s.cli.rendering.words import lay_out

_LEFT, _RIGHT = 76, 28
_TOPS: Final[dict[Voice, int]] = {"user": 66, "agent": 312}
_REACH: Final = 58
_ROW: Final = 18
_MIDDLE: Final = 236
_AXIS: Final = 490
_HEIGHT: Final = 538
_PX_PER_S: Final = 150
_WIDTHS: Final = (1000, 6000)
_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_TICK_PX: Final = 64
_QUIETEST: Final = 0.05
_TITLE_SHIFT, _TOOL_SHIFT = 40, 400
_MORE: Final = "\u2026"


def draw(recording: Recording, place: Path, engine: str) -> None:
    """Write the picture as PNG; it is as wide as the conversation is long, within bounds."""
    _Timeline(recording).draw(engine).save(place)


class _Timeline:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._length_ms = max(1000.0, recording.end_ms) * 1.02
        inner = min(max(self._length_ms / 1000 * _PX_PER_S, _WIDTHS[0]), _WIDTHS[1])
        self._ms_per_px = self._length_ms / inner
        self._right = round(_LEFT + inner)
        self._canvas = Canvas(self._right + _RIGHT, _HEIGHT, PAPER)

    def draw(self, engine: str) -> Canvas:
        """Draw from the back to the front."""
        self._head(engine)
        self._ground()
        for latency in self._recording.latencies:
            self._wait(latency)
        for voice, sound in self._recording.voices.items():
            self._wave(voice, sound)
        for at_ms in self._recording.interruptions:
            self._cut(at_ms)
        self._titles()
        self._tools(list(self._recording.tools.by_id.values()))
        for voice in _TOPS:
            self._words(voice)
        return self._canvas

    def _x(self, ms: float) -> float:
        return _LEFT + ms / self._ms_per_px

    def _head(self, engine: str) -> None:
        self._canvas.text(_LEFT, 22, "Who spoke when", INK, 18)
        self._canvas.text(_LEFT + width_of("Who spoke when", 18) + 14, 23, f"engine {engine}", FAINT)
        x = float(self._right)
        for name, colour in reversed(LEGEND):
            x -= width_of(name, 12)
            self._canvas.text(x, 22, name, FAINT, 12)
            self._canvas.box(x - 16, 16, x - 6, 28, colour, 2)
            x -= 32

    def _ground(self) -> None:
        for voice, top in _TOPS.items():
            self._canvas.box(_LEFT, top, self._right, top + 2 * _REACH, LANE, 4)
            self._canvas.text(_LEFT - 14, top + _REACH, voice, POWER[voice], 16, "right")
        for span in self._recording.speech.values():
            self._shade("user", span)
        for span in self._recording.playback.spans:
            self._shade("agent", span)
        self._axis()

    def _shade(self, voice: Voice, span: Span) -> None:
        end_ms = self._recording.end_ms if span.end_ms is None else span.end_ms
        end_ms = end_ms if span.cut_ms is None else span.cut_ms
        top = _TOPS[voice]
        self._canvas.box(self._x(span.start_ms), top, self._x(end_ms), top + 2 * _REACH, SHADE[voice])

    def _axis(self) -> None:
        step_s = next((each for each in _STEPS_S if each * 1000 / self._ms_per_px >= _TICK_PX), _STEPS_S[-1])
        for tick in range(int(self._length_ms / 1000 / step_s) + 1):
            x = self._x(tick * step_s * 1000)
            for top in _TOPS.values():
                self._canvas.line(x, top, x, top + 2 * _REACH, GRID)
            self._canvas.line(x, _AXIS, x, _AXIS + 6, FAINT)
            self._canvas.text(x, _AXIS + 16, f"{tick * step_s:g}", INK, 12, "middle")
        self._canvas.line(_LEFT, _AXIS, self._right, _AXIS, FAINT)
        self._canvas.text((_LEFT + self._right) / 2, _AXIS + 36, "time in seconds", INK, 13, "middle")

    def _wave(self, voice: Voice, sound: Envelope) -> None:
        middle = _TOPS[voice] + _REACH
        gain = (_REACH - 4) / max(sound.loudest, _QUIETEST)
        self._canvas.line(_LEFT, middle, self._right, middle, PEAK[voice], 0.5)
        for half_px in range(int(min(sound.end_ms, self._length_ms) / self._ms_per_px * 2)):
            x = _LEFT + half_px / 2
            peak, power = sound.between(half_px / 2 * self._ms_per_px, (half_px + 1) / 2 * self._ms_per_px)
            for level, colour in ((peak, PEAK[voice]), (power, POWER[voice])):
                if level * gain >= 0.5:
                    self._canvas.line(x, middle - level * gain, x, middle + level * gain, colour, 0.5)

    def _answered(self) -> list[Latency]:
        return [each for each in self._recording.latencies if each.answered_ms is not None]

    def _wait(self, latency: Latency) -> None:
        if latency.answered_ms is None or latency.voice_to_voice_ms is None:
            return
        left, right = self._x(latency.voiced_ms), self._x(latency.answered_ms)
        self._canvas.box(left, _TOPS["user"], right, _TOPS["agent"] + 2 * _REACH, WAITING)
        for x in (left, right):
            self._canvas.line(x, _TOPS["user"], x, _TOPS["agent"] + 2 * _REACH, WAIT, 0.5)
        self._canvas.line(left, _MIDDLE, right, _MIDDLE, WAIT, 2)
        text = f"{latency.voice_to_voice_ms:.0f} ms voice to voice"
        self._canvas.text(right + 8, _MIDDLE, text, WAIT, 14)

    def _titles(self) -> None:
        """Name the questions where they begin, and the turns where the engine took them."""
        taken = [
            (self._x(each.taken_ms) - width_of(_taken(number), 12) / 2, _taken(number), INK)
            for number, each in enumerate(self._answered(), 1)
        ]
        asked = [(self._x(at_ms), _short(name, 40), FAINT) for at_ms, name in self._recording.questions]
        rows = Rows(1)
        for x, text, colour in sorted(taken + asked):
            placed = rows.place(x, width_of(text, 12), _TITLE_SHIFT)
            if placed is not None:
                self._canvas.text(placed[0], _TOPS["user"] - 15, text, colour, 12)
        for each in self._answered():
            self._canvas.dashes(self._x(each.taken_ms), _TOPS["user"] - 8, _MIDDLE, INK)

    def _tools(self, uses: list[ToolUse]) -> None:
        rows = Rows(1)
        for use in uses:
            result = "" if use.result is None else f"-> {use.result.output}"
            lines = [_short(text, 70) for text in (spelled(use.call), result)]
            self._diamond(self._x(use.at_ms), _MIDDLE + 24)
            placed = rows.place(self._beside(use.at_ms), max(map(width_of, lines)), _TOOL_SHIFT)
            for row, text in enumerate(lines if placed else ()):
                self._canvas.text((placed or (0, 0))[0], _MIDDLE + 24 + row * _ROW, text, TOOL)

    def _beside(self, at_ms: float) -> float:
        """Return where text about a moment begins: right of it, and of the waiting that it lies in."""
        ends = (each.answered_ms for each in self._answered() if each.voiced_ms <= at_ms)
        return max(
            self._x(at_ms) + 12, *(self._x(end) + 8 for end in ends if end is not None and end >= at_ms), 0
        )

    def _diamond(self, x: float, y: float) -> None:
        self._canvas.polygon([(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)], TOOL)

    def _cut(self, at_ms: float) -> None:
        x, top = self._x(at_ms), _TOPS["agent"]
        self._canvas.line(x, _TOPS["user"], x, top + 2 * _REACH, CUT, 1.5)
        self._canvas.text(x + 6, top + 10, "interrupted", CUT, 12)

    def _words(self, voice: Voice) -> None:
        captions = [each for each in self._recording.captions if each.voice == voice]
        top = _TOPS[voice] + 2 * _REACH + 13
        for word in lay_out(captions, self._x, self._right):
            self._canvas.text(word.x, top + word.row * _ROW, word.text, INK if word.heard else UNHEARD)


def _taken(number: int) -> str:
    return f"turn {number} taken"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}{_MORE}"
