"""The tools that a brain asks for: those that are run here, and those that somebody else answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from s2s.errors import LocalProtocolError, ToolError
from s2s.items import Call, ToolResult
from s2s.state.calls import Calls
from s2s.toolbox import ToolTasks
from s2s.tools import Tool, ToolSpec

_INTERRUPTED = "The user interrupted before this tool had finished."


class Errands:
    """The calls of one stream that wait for an answer; `answered` hears those of the tools of its own."""

    def __init__(
        self,
        tools: Iterable[Tool],
        places: int,
        group: asyncio.TaskGroup,
        answered: Callable[[ToolResult, ToolError | None], None],
    ) -> None:
        self.calls = Calls()
        self._own = {each.name: each for each in tools}
        self._others: tuple[ToolSpec, ...] = ()
        self._tasks = ToolTasks(places)
        self._group = group
        self._answered = answered

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the brain is told of."""
        names = {each.name for each in self._others}
        return (*self._others, *(each.spec for each in self._own.values() if each.name not in names))

    def share(self, tools: tuple[ToolSpec, ...]) -> None:
        """Add the tools that somebody else answers, in place of those that were added before."""
        self._others = tools

    def has(self, name: str) -> bool:
        """Tell whether a tool is run here."""
        others = any(each.name == name for each in self._others)
        return not others and name in self._own and self._own[name].function is not None

    def begin(self, call: Call, response_id: str) -> None:
        """Note a call, and run its tool if that is here."""
        self.calls.opened(call, response_id)
        if self.has(call.name):
            self._tasks.start(self._group, self._own[call.name], call, self._answered)

    def settle(self, result: ToolResult) -> bool:
        """Take the answer to a call; return whether the brain shall go on now."""
        try:
            return self.calls.settle(result.call_id, result.respond)
        except LocalProtocolError:  # of a conversation that began elsewhere
            return result.respond

    def interrupt(self) -> list[ToolResult]:
        """Stop its own tools that nobody waits for any more, and return what is to be noted of them."""
        stopped = tuple(
            each.id
            for each in self.calls.waiting
            if self.has(each.name) and self._own[each.name].policy == "blocking"
        )
        self._tasks.cancel(stopped)
        dropped = self.calls.drop(stopped)
        return [ToolResult(each, _INTERRUPTED, is_error=True, respond=False) for each in dropped]
