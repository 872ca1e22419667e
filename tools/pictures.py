"""Draws the pictures of docs/pipeline.md: boxes, arrows and words, as SVG that follows the reader's colours.

`--check` only says whether the files are as they would be drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328;text-anchor:middle}"
    ".small{font-size:11px;fill:#59636e}"
    ".box{fill:#f6f8fa;stroke:#59636e;stroke-width:1.2}"
    ".ours{fill:#ddf4ff;stroke:#0969da;stroke-width:1.2}"
    ".room{fill:none;stroke:#59636e;stroke-dasharray:2 4}"
    ".arrow{fill:none;stroke:#59636e;stroke-width:1.4;marker-end:url(#head)}"
    ".cut{fill:none;stroke:#cf222e;stroke-width:1.4;stroke-dasharray:6 4;marker-end:url(#stop)}"
    ".red{fill:#cf222e}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.box{fill:#161b22;stroke:#9198a1}"
    ".ours{fill:#0c2d4e;stroke:#4493f8}.room,.arrow{stroke:#9198a1}.cut{stroke:#f85149}.red{fill:#f85149}}"
)


class Box(NamedTuple):
    """A place where frames go; `kind` is its colour."""

    name: str
    below: str
    x: int
    y: int
    width: int = 96
    kind: str = "box"
    height: int = 46

    def drawn(self) -> str:
        """Return its SVG."""
        middle, words = self.x + self.width // 2, self.y + self.height // 2
        return (
            f'<rect class="{self.kind}" x="{self.x}" y="{self.y}" width="{self.width}" '
            f'height="{self.height}" rx="7"/>'
            + text(middle, words - 2 if self.below else words + 4, self.name)
            + (text(middle, words + 14, self.below, "small") if self.below else "")
        )


class Way(NamedTuple):
    """A path with words at a place."""

    path: str
    says: str
    x: int
    y: int
    kind: str = "arrow"

    def drawn(self) -> str:
        """Return its SVG."""
        colour = "small red" if self.kind == "cut" else "small"
        return f'<path class="{self.kind}" d="{self.path}"/>' + text(self.x, self.y, self.says, colour)


class Room(NamedTuple):
    """A frame around what belongs together."""

    name: str
    x: int
    y: int
    width: int
    height: int

    def drawn(self) -> str:
        """Return its SVG."""
        return (
            f'<rect class="room" x="{self.x}" y="{self.y}" width="{self.width}" '
            f'height="{self.height}" rx="9"/>'
            + text(self.x + self.width // 2, self.y + self.height + 16, self.name, "small")
        )


class Picture(NamedTuple):
    """What is drawn, from back to front."""

    title: str
    width: int
    height: int
    parts: tuple[Box | Way | Room, ...]

    def drawn(self) -> str:
        """Return the whole document."""
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
            for name, colour in (("head", "#59636e"), ("stop", "#cf222e"))
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img">\n<title>{escape(self.title)}</title>\n'
            f"<style>{STYLE}</style>\n<defs>{heads}</defs>\n"
            + "\n".join(part.drawn() for part in self.parts)
            + "\n</svg>\n"
        )


def text(x: int, y: int, words: str, kind: str = "") -> str:
    """Return words around a middle, on a line."""
    shown = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{shown}>{escape(words)}</text>' if words else ""


def row(boxes: list[tuple[str, str, str]], says: list[str], y: int, gap: int) -> list[Box | Way]:
    """Return boxes beside one another, and what goes from each to the next."""
    parts: list[Box | Way] = []
    for n, (name, below, kind) in enumerate(boxes):
        x = 12 + n * (96 + gap)
        parts.append(Box(name, below, x, y, kind=kind))
        if n < len(says):
            end = x + 96
            parts.append(Way(f"M{end + 4} {y + 23}H{end + gap - 4}", says[n], end + gap // 2, y + 15))
    return parts


def cascade() -> Picture:
    """Four stages in a row."""
    boxes = [
        ("source", "microphone", "box"),
        ("VAD", "is there speech", "ours"),
        ("STT", "words of it", "ours"),
        ("brain", "what to say", "ours"),
        ("TTS", "the voice", "ours"),
        ("sink", "loudspeaker", "box"),
    ]
    over = Way(
        "M220 56C240 14 760 14 826 56",
        "interrupt: the user speaks, all that waits is dropped",
        522,
        18,
        "cut",
    )
    return Picture(
        "Cascade: audio becomes text, text an answer, the answer audio",
        900,
        122,
        (*row(boxes, ["audio", "audio", "text", "text", "audio"], 60, 60), over),
    )


def s2s() -> Picture:
    """One engine."""
    return Picture(
        "S2S: one engine hears and speaks",
        900,
        140,
        (
            Box("source", "microphone", 12, 60),
            Way("M112 83H262", "audio, text, images", 187, 75),
            Box("an engine", "OpenAI Realtime, Gemini Live, Nova Sonic, local", 266, 52, 368, "ours", 62),
            Way("M638 83H788", "audio, words, tools", 713, 75),
            Box("sink", "loudspeaker", 792, 60),
            Way("M450 48C520 14 760 14 830 56", "interrupt: the engine hears it first", 640, 16, "cut"),
        ),
    )


def hybrid() -> Picture:
    """Two engines, one at a time."""
    return Picture(
        "Hybrid: one conversation, two ways to answer it",
        900,
        250,
        (
            Room("one session: history, settings, open calls, what nobody has answered", 212, 12, 476, 206),
            Box("source", "microphone", 12, 92),
            Way("M112 115H222", "frames", 160, 107),
            Box("switch", "by a policy", 226, 92, 96, "ours"),
            Way("M322 105C360 90 370 60 416 56", "by default", 352, 56),
            Way("M322 125C360 140 370 172 416 176", "on failure, tools, or by you", 340, 196),
            Box("S2S", "an engine", 420, 33, 150, "ours"),
            Box("cascade", "VAD, STT, brain, TTS", 420, 153, 150, "ours"),
            Way("M574 56C640 60 640 105 680 112", "", 0, 0),
            Way("M574 176C640 172 640 125 680 118", "", 0, 0),
            Way("M495 152V83", "and back", 525, 120),
            Way("M680 115H788", "frames", 738, 107),
            Box("sink", "loudspeaker", 792, 92),
        ),
    )


def main() -> int:
    """Draw all, or say which are out of date."""
    drawn = {f"{make.__name__}.svg": make().drawn() for make in (cascade, s2s, hybrid)}
    if "--check" in sys.argv:
        old = [
            n for n, svg in drawn.items() if not (PICTURES / n).exists() or (PICTURES / n).read_text() != svg
        ]
        print(
            f"docs/pictures: {', '.join(old)} must be drawn anew: make docs"
            if old
            else "pictures are as drawn"
        )
        return bool(old)
    PICTURES.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        (PICTURES / name).write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
