"""Between the task that reads, the one that writes, and whatever decides on the side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from s2s.commands import Command
from s2s.errors import S2SError
from s2s.links import Told
from s2s.pipeline.hybrid.line import Line
from s2s.pipeline.hybrid.moving import Phase
from s2s.pipeline.hybrid.owed import Asked


class Exchange:
    """The link of the moment, what is told to the session, and what a link has to be told first."""

    def __init__(self, line: Line) -> None:
        self.phase = Phase.SERVING
        self.line = line
        self.told: deque[Told] = deque()
        """For the reader."""
        self.waiting: Sequence[Command | Asked] = ()
        """For the writer: what the link does not know that has taken over."""
        self.sending = False
        """Whether a command is on its way to the link."""
        self.failure: S2SError | None = None
        """What it ended with."""
        self.news = asyncio.Event()
        """Something is there for the reader, or nothing more comes."""
        self.changed = asyncio.Event()
        """The phase is another one."""

    @property
    def now(self) -> float:
        """One monotonic clock in seconds."""
        return asyncio.get_running_loop().time()

    def tell(self, *told: Told) -> None:
        """Have the session hear this."""
        self.told += told
        self.news.set()

    def enter(self, phase: Phase) -> None:
        """Go on to another phase; what has ended stays so."""
        if self.phase is not phase and self.phase is not Phase.ENDED:
            self.phase = phase
            self.changed.set()

    def end(self, failure: S2SError | None) -> None:
        """Go on no more."""
        if self.phase is not Phase.ENDED:
            self.failure = failure
            self.enter(Phase.ENDED)
            self.line.leave()
            self.news.set()
