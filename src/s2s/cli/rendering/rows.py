"""Finds room for labels beside one another."""

from __future__ import annotations

from typing import Final

_GAP: Final = 6.0


class Rows:
    """Rows that fill from left to right."""

    def __init__(self, count: int) -> None:
        self._edges = [0.0] * count

    def place(self, x: float, width: float, most_shift: float) -> tuple[float, int] | None:
        """Return x and row for a label that belongs at x: the first row with room there, or soonest after it.

        None where it would stand further than `most_shift` from its place.
        """
        free = (row for row, edge in enumerate(self._edges) if edge <= x)
        row = next(free, self._edges.index(min(self._edges)))
        placed = max(x, self._edges[row])
        if placed - x > most_shift:
            return None
        self._edges[row] = placed + width + _GAP
        return placed, row
