"""How questions are put."""

from __future__ import annotations

import msgspec

from s2s.cli.asking.feed import Pace


class Manner(msgspec.Struct, frozen=True):
    """How the questions are put."""

    pace: Pace = Pace.REAL_TIME
    """At the fast pace silence in which the engine waits or works still takes its time."""
    lets_finish: bool = True
    """Speech waits until the answer to what came before it was heard."""
    patience_s: float = 60.0
    """How long the engine may take to see that a question is over, and then to answer it."""
