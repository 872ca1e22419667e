"""Calls a session's hooks, one after the other, beside the audio."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from msgspec.structs import replace

from s2s.errors import HookError, S2SError
from s2s.events import Error, Event, Interrupted, SessionEnded, SessionStarted, ToolCall, TurnEnd
from s2s.foreign import Late, contained
from s2s.hooks import Hooks

Hook: TypeAlias = Callable[[Any], object]

MOST_WAITING = 1000
"""Events that hooks may be behind."""


class HookCalls:
    """Calls hooks one at a time; `deliver` gets a HookError for each that fails."""

    def __init__(self, longest_s: float, deliver: Callable[[Error], None]) -> None:
        self._longest_s = longest_s
        self._deliver = deliver

    async def call(self, hook: Hook, argument: object, otherwise: object = None) -> object:
        """Return what it returns, or `otherwise` where it fails."""
        try:
            return await contained(_called(hook, argument), self._longest_s)
        except Exception as failed:  # noqa: BLE001  a hook is foreign code
            name = getattr(hook, "__qualname__", repr(hook))
            late = isinstance(failed, Late)
            what = (
                f"took longer than {self._longest_s:g} s"
                if late
                else f"raised {type(failed).__name__}: {failed}"
            )
            error = HookError(f"hook {name} {what}; the conversation goes on without it")
            error.__cause__ = failed
            self._deliver(Error(error))
            return otherwise

    async def filtered(self, chain: Iterable[Hook], error: S2SError) -> S2SError | None:
        """Return what the hooks make of an error, one after the other; None where one swallows it."""
        for hook in chain:
            match await self.call(hook, error, error):
                case None:
                    return None
                case S2SError() as answer:
                    error = answer
                case other:
                    what = f"on_error returned {type(other).__name__}"
                    self._deliver(Error(HookError(f"{what}: return the error, another S2SError or None")))
        return error


class HookRunner:
    """Takes the events that somebody hooked and calls the hooks in order.

    `deliver` gets what comes of it: an Error as `on_error` left it, a HookError for a hook that failed.
    """

    def __init__(self, hooks: Hooks, longest_s: float, deliver: Callable[[Event], None]) -> None:
        self._hooks = hooks
        self._none = not hooks
        self._calls = HookCalls(longest_s, deliver)
        self._deliver = deliver
        self._waiting: deque[Event] = deque()
        self._change = asyncio.Event()

    def put(self, event: Event) -> bool:
        """Queue the hooks of this event; return True where the event itself waits for them."""
        if self._none or not self._chain(event):
            return False
        if len(self._waiting) >= MOST_WAITING:
            self._deliver(
                Error(HookError(f"hooks are {MOST_WAITING} events behind: {event.type} was not hooked"))
            )
            return False
        self._waiting.append(event)
        self._change.set()
        return isinstance(event, Error)

    async def run(self) -> None:
        """Serve until cancelled; an Error under way is then delivered as it was."""
        while True:
            await self._drain()
            self._change.clear()
            await self._change.wait()

    async def last(self, events: Iterable[Event]) -> None:
        """Serve what waits and these events, SessionEnded the last; after `run` was cancelled.

        When it is cancelled itself, the Errors that still wait are delivered as they are.
        """
        for event in events:
            if not self.put(event) and isinstance(event, Error):
                self._deliver(event)
        try:
            await self._drain()
        finally:
            for event in self._waiting:
                if isinstance(event, Error):
                    self._deliver(event)

    async def _drain(self) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            if isinstance(event, Error):
                await self._filter(event)
            else:
                for hook in self._chain(event):
                    await self._calls.call(hook, event)

    async def _filter(self, event: Error) -> None:
        try:
            error = await self._calls.filtered(self._chain(event), event.error)
        except asyncio.CancelledError:
            self._deliver(event)
            raise
        if error is not None:
            self._deliver(replace(event, error=error))

    def _chain(self, event: Event) -> tuple[Hook, ...]:
        hooks = self._hooks
        match event:
            case SessionStarted():
                chain: object = hooks.on_start
            case TurnEnd():
                chain = hooks.on_turn
            case Interrupted():
                chain = hooks.on_interrupt
            case ToolCall():
                chain = hooks.on_tool_call
            case Error():
                chain = hooks.on_error
            case SessionEnded():
                chain = hooks.on_end
            case _:
                chain = ()
        return chain if isinstance(chain, tuple) else (chain,)


async def _called(hook: Hook, argument: object) -> object:
    value = hook(argument)
    return await value if inspect.isawaitable(value) else value
