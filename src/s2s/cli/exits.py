"""Exit codes."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    """It began and did not work out: nothing was heard, or the engine failed."""
    USAGE = 2
    """It could not begin as asked: arguments, files, configuration."""
    STOPPED = 130
    """Ctrl-C."""
