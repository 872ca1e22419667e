"""Shapes and text on a picture; drawn at twice the size and then reduced, so that edges are smooth."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias

from PIL import Image, ImageDraw, ImageFont

Colour: TypeAlias = str
"""`#rrggbb`"""
Anchor: TypeAlias = Literal["left", "middle", "right"]

_SCALE: Final = 2
_ANCHORS: Final[dict[Anchor, str]] = {"left": "lm", "middle": "mm", "right": "rm"}
_DASH, _DASH_GAP = 4, 3


class Canvas:
    """A picture, measured in pixels from its top left; the y of a text is that of its middle."""

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), background)
        self._pen = ImageDraw.Draw(self._image)

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, radius: float = 0
    ) -> None:
        """Fill a rectangle, at least one pixel wide."""
        corners = [each * _SCALE for each in (left, top, max(right, left + 1), bottom)]
        self._pen.rounded_rectangle(corners, radius * _SCALE, fill)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: Colour, width: float = 1) -> None:
        """Draw a straight line."""
        self._pen.line([each * _SCALE for each in (x1, y1, x2, y2)], colour, max(1, round(width * _SCALE)))

    def dashes(self, x: float, top: float, bottom: float, colour: Colour) -> None:
        """Draw a broken line downwards."""
        for y in range(round(top), round(bottom), _DASH + _DASH_GAP):
            self.line(x, y, x, min(y + _DASH, bottom), colour)

    def polygon(self, points: list[tuple[float, float]], fill: Colour) -> None:
        """Fill a polygon."""
        self._pen.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill)

    def text(
        self, x: float, y: float, text: str, colour: Colour, size: float = 13, anchor: Anchor = "left"
    ) -> None:
        """Write one line."""
        self._pen.text((x * _SCALE, y * _SCALE), text, colour, _font(size), _ANCHORS[anchor])

    def save(self, place: Path) -> None:
        """Write the picture as PNG."""
        self._image.reduce(_SCALE).save(place, "PNG", optimize=True)


def width_of(text: str, size: float = 13) -> float:
    """Return how wide a text is, in pixels."""
    return _font(size).getlength(text) / _SCALE


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _SCALE)
