"""The colours of the timeline."""

from __future__ import annotations

from typing import Final

from s2s.cli.asking.recording import Voice
from s2s.cli.rendering.canvas import Colour

PAPER: Final[Colour] = "#ffffff"
LANE: Final[Colour] = "#f5f6f8"
INK: Final[Colour] = "#1f2937"
FAINT: Final[Colour] = "#6b7280"
UNHEARD: Final[Colour] = "#b6bbc4"
GRID: Final[Colour] = "#e3e6ea"
WAIT: Final[Colour] = "#7c3aed"
WAITING: Final[Colour] = "#ede7fd"
TOOL: Final[Colour] = "#be185d"
CUT: Final[Colour] = "#dc2626"
PEAK: Final[dict[Voice, Colour]] = {"user": "#5fb8c9", "agent": "#f0a35e"}
POWER: Final[dict[Voice, Colour]] = {"user": "#0e7490", "agent": "#c2570c"}
SHADE: Final[dict[Voice, Colour]] = {"user": "#dbf1f5", "agent": "#fdebd8"}

LEGEND: Final[tuple[tuple[str, Colour], ...]] = (
    ("user", POWER["user"]),
    ("speech found", SHADE["user"]),
    ("agent", POWER["agent"]),
    ("answer sounds", SHADE["agent"]),
    ("waiting", WAIT),
    ("tool", TOOL),
    ("interruption", CUT),
)
