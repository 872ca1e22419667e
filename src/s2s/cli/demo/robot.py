"""The robot of the demonstration: a tool that a model can call."""

from __future__ import annotations

from typing import Literal


def move(
    direction: Literal["forward", "backward", "left", "right"],
    distance: float,
    unit: Literal["meters", "feet", "steps"] = "meters",
) -> str:
    """Move the robot.

    Args:
        direction: where to go
        distance: how far
        unit: of the distance
    """
    return f"Moving {direction} {distance:g} {unit}."
