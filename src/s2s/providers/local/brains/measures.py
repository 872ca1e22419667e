"""Units of time and length that may stand beside a spoken number, by the stems of their names."""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

_SIZES = {
    "second": ("time", Decimal(1)),
    "minut": ("time", Decimal(60)),
    "hour": ("time", Decimal(3_600)),
    "day": ("time", Decimal(86_400)),
    "meter": ("length", Decimal(1)),
    "feet": ("length", Decimal("0.3048")),
    "inch": ("length", Decimal("0.0254")),
    "mil": ("length", Decimal("1609.344")),
}
MEASURES = frozenset(_SIZES)


def converted(value: Decimal, own: Set[str], told: Set[str]) -> Decimal | None:
    """Change minutes into seconds and so on: `told` are the words at the number, `own` those that are wanted.

    Where either names no measure the value stands; None where the one is no measure of the other.
    """
    wanted, given = MEASURES & own, MEASURES & told
    if not wanted or not given or wanted & given:
        return value
    (ours, our_size), (theirs, their_size) = _SIZES[min(wanted)], _SIZES[min(given)]
    return value * their_size / our_size if ours == theirs else None
