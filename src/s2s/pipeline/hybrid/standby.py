"""The link to the side across, opened while another one serves, or after that broke."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from s2s.commands import AddItem, Command
from s2s.errors import ConnectionLostError, S2SError
from s2s.events import Error
from s2s.pipeline.hybrid.line import Line
from s2s.pipeline.hybrid.memory import Memory
from s2s.pipeline.hybrid.opening import Given, Opening
from s2s.pipeline.hybrid.owed import Asked
from s2s.pipeline.hybrid.policy import Side


class Standby:
    """One link at most; `changed` is called when it is ready, or cannot be had.

    With `quiet` it is also to hear audio in which nobody was noticed to speak.
    """

    def __init__(
        self,
        opening: Opening,
        memory: Memory,
        changed: Callable[[], None],
        tell: Callable[[Error], None],
    ) -> None:
        self.line: Line | None = None
        self.failure: S2SError | None = None
        self.side: Side | None = None
        """The side whose link is here, or is being opened."""
        self._given = Given()
        self._opening = opening
        self._memory = memory
        self._changed = changed
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def prepare(self, side: Side, *, quiet: bool) -> None:
        """Open a link, in place of any that was here."""
        self.drop()
        memory = self._memory
        self.side = side
        self._given = Given(memory.settings, memory.passed(quiet=quiet).history, memory.voiced)
        self._task = self._opening.aside.begin(self._open(side, self._given), "hybrid-opening")

    def fresh(self, *, quiet: bool) -> bool:
        """Tell whether what the link was told is still how the conversation began."""
        given, history = self._given, self._memory.passed(quiet=quiet).history
        return given.history == history[: len(given.history)] and given.settings == self._memory.settings

    def take(self, now: float, *, quiet: bool) -> tuple[Line, Sequence[Command | Asked]]:
        """Return the link, which listens from now on, and what it has to be told first.

        Raises ConnectionLostError where it is not ready.
        """
        line, self.line = self.line, None
        self.drop()
        if line is None:
            raise ConnectionLostError("there is no other link: open one")
        memory, unanswered = self._memory, self._memory.unanswered
        passed, sound = memory.passed(quiet=quiet), unanswered.sound
        begin = passed.repeated.heard_from
        line.words.begin(sound.ms_of(begin), sound.ms_of(sound.end - begin), unanswered.owing.aloud)
        unanswered.moved(begin, now)
        memory.course.moved()
        told = (*map(AddItem, passed.history), *passed.repeated.again)
        return line, self._unknown(told)

    def _unknown(self, told: Sequence[Command | Asked]) -> Sequence[Command | Asked]:
        """Return what the link was not given when it was opened; what was unfinished then comes last."""
        known = self._given.history
        return [each for each in told if not (isinstance(each, AddItem) and each.item in known)]

    def lost(self, failure: S2SError) -> None:
        """The link that waited here has ended."""
        side = self.side
        self.drop()
        self.side, self.failure = side, failure
        self._changed()

    def drop(self) -> None:
        """Need none any more."""
        task, self._task = self._task, None
        line, self.line = self.line, None
        self.side = self.failure = None
        if task is not None:
            task.cancel()
        if line is not None:
            self._opening.part(line, self._tell)

    async def _open(self, side: Side, given: Given) -> None:
        try:
            self.line = await self._opening.begin(side, given)
        except S2SError as failed:
            self.failure = failed
        self._task = None
        self._changed()
