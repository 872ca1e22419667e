"""Who is told of a conversation while it goes on."""

from __future__ import annotations

from typing import Protocol

from s2s.cli.asking.tooluse import ToolUse
from s2s.events import Event


class Watcher(Protocol):
    """Somebody who wants to know what happens."""

    def asked(self, name: str, at_ms: float) -> None:
        """A question begins, at a position of the axis."""
        ...

    def told(self, event: Event, at_ms: float) -> None:
        """The engine told this, at a position of the axis."""
        ...

    def settled(self, use: ToolUse) -> None:
        """A tool has its result."""
        ...
