"""Runs Python functions that a model calls."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import TypeAlias

from s2s.errors import ToolError
from s2s.foreign import Late, contained, in_thread
from s2s.items import Call, ToolResult
from s2s.tools import Tool, result_of

Answered: TypeAlias = Callable[[ToolResult, ToolError | None], None]


class Toolbox:
    """At most `places` tools at work at once; waiting for a place counts against a tool's time."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)

    async def run(self, tool: Tool, call: Call) -> ToolResult:
        """Return what the tool returned, within its timeout.

        Coroutine functions run on the loop and are cancelled when late. Plain functions run in a thread
        of their own, which nobody can stop: a late one goes on unheard. Raises ToolError with a
        sentence for the model.
        """
        try:
            return await contained(self._answer(tool, call), tool.timeout_s)
        except ToolError:
            raise
        except Late:
            raise ToolError(f"{tool.name} took longer than {tool.timeout_s:g} s and was given up") from None
        except Exception as failed:
            raise ToolError(f"{tool.name} failed: {type(failed).__name__}: {failed}") from failed

    async def _answer(self, tool: Tool, call: Call) -> ToolResult:
        async with self._places:
            return result_of(call, await _called(tool, tool.checked(call)))


class ToolTasks:
    """The tools at work, by the call that each is to answer."""

    def __init__(self, places: int) -> None:
        self._toolbox = Toolbox(places)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, group: asyncio.TaskGroup, tool: Tool, call: Call, answered: Answered) -> None:
        """Run a tool in this group; `answered` hears what the model is told, and what failed."""
        task = group.create_task(self._answer(tool, call, answered), name=f"s2s-tool {call.name}")
        self._tasks[call.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(call.id, None))

    def cancel(self, call_ids: Iterable[str]) -> None:
        """Stop the tools that work on these calls."""
        for call_id in set(call_ids) & self._tasks.keys():
            self._tasks[call_id].cancel()

    async def _answer(self, tool: Tool, call: Call, answered: Answered) -> None:
        try:
            answered(await self._toolbox.run(tool, call), None)
        except ToolError as failed:
            answered(ToolResult(call.id, str(failed), is_error=True), failed)


async def _called(tool: Tool, arguments: dict[str, object]) -> object:
    function = tool.function
    if function is None:
        raise ToolError(f"{tool.name} has no function here; answer it with send_tool_result")
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    value = await in_thread(lambda: function(**arguments), "s2s-tool")
    return await value if inspect.isawaitable(value) else value
