"""A setup, as fields of a Config."""

from __future__ import annotations

from typing import Literal

from s2s.config import TurnDetection
from s2s.wire.nova.setups import Setup

_EAGERNESS: dict[str | None, Literal["high", "medium", "low"]] = {
    "HIGH": "high",
    "MEDIUM": "medium",
    "LOW": "low",
}


def wanted(setup: Setup) -> dict[str, object]:
    """Return the fields of a Config that a client asks for.

    What it leaves to the service is not among them, but for tools and transcription, which the service does
    unasked. The rates are none of the engine's business: the wire converts.
    """
    eagerness = _EAGERNESS.get(setup.sensitivity)
    fields = {
        "instructions": setup.instructions or None,
        "voice": setup.voice or None,
        "turn_detection": None if eagerness is None else TurnDetection(eagerness=eagerness),
        "temperature": setup.inference.temperature,
        "max_output_tokens": setup.inference.max_tokens,
        "history": tuple(each for each in setup.history if each.text.strip()) or None,
    }
    return {
        "tools": setup.tools,
        "transcription": True,
        **{name: value for name, value in fields.items() if value is not None},
    }
