"""Any callable over the history as a brain."""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TypeAlias, cast

from s2s.errors import ConfigError, ProviderError
from s2s.items import Call
from s2s.providers.local.pool import Pool, Priority
from s2s.providers.local.stages import Brain, Prompt, Thought

_Ask: TypeAlias = Callable[[Prompt], object]
_END = object()
_TAKES = "write it as brain(history) or brain(history, prompt)"


def as_brain(thing: object, pool: Pool, *, speculative: bool | None = None) -> Brain:
    """Return a brain that asks this callable; a brain is returned as it is.

    The callable takes the history, a tuple of items, and where it has a second required parameter, or one
    named `prompt`, the whole Prompt. It may be a function, a generator, an async function or an async
    generator; it returns or yields str and s2s.Call. What is not async runs in the pool, where a call that
    blocks holds one of few threads. It is asked before the user's turn is sure to be over only if
    `speculative`, else its own attribute of that name, says that asking has no side effect.
    Raises ConfigError for what cannot be called like this.
    """
    if hasattr(thing, "respond"):
        return _whole(thing)
    if not callable(thing):
        raise ConfigError(f"a brain is a callable or has a `respond` method, not {thing!r}: {_TAKES}")
    if speculative is None:
        speculative = bool(getattr(thing, "speculative", False))
    return CallableBrain(thing, pool, speculative=speculative)


class CallableBrain:
    """A brain whose answers come from a callable; what that raises goes through unchanged."""

    def __init__(self, function: Callable[..., object], pool: Pool, *, speculative: bool = False) -> None:
        ask = _asking(function)
        self.speculative = speculative
        self._name = _name(function)
        self._pool = pool
        self._ask = ask if _is_async(function) else lambda prompt: self._apart(lambda stop: ask(prompt))

    async def warm(self) -> None:
        """Return at once: there is nothing to load."""

    async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        """Yield what the callable returns or yields. Raises ProviderError for all but str and Call."""
        async with aclosing(self._spread(self._ask(prompt))) as thoughts:
            async for thought in thoughts:
                if not isinstance(thought, str | Call):
                    raise ProviderError(_refusal(self._name, thought), code="brain_result")
                yield thought

    def _apart(self, work: Callable[[threading.Event], object]) -> Awaitable[object]:
        return self._pool.run(Priority.FIRST_CLAUSE, work)

    async def _spread(self, result: object) -> AsyncGenerator[object, None]:
        """Yield the parts of whatever a callable may return, at once or in the end."""
        match result:
            case AsyncIterator():
                parts = _awaited(result)
            case Awaitable():
                parts = self._spread(await result)
            case Iterator():
                parts = self._stepped(result)
            case _:
                yield result
                return
        async with aclosing(parts):
            async for part in parts:
                yield part

    async def _stepped(self, iterator: Iterator[object]) -> AsyncGenerator[object, None]:
        def step(stop: threading.Event) -> object:
            try:
                return next(iterator, _END)
            finally:
                if stop.is_set():
                    _close(iterator)

        try:
            while (part := await self._apart(step)) is not _END:
                yield part
        finally:
            _close(iterator)


async def _awaited(iterator: AsyncIterator[object]) -> AsyncGenerator[object, None]:
    try:
        async for part in iterator:
            yield part
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


def _close(iterator: Iterator[object]) -> None:
    # A generator that a thread is running closes itself there: `step` sees that it was stopped.
    if inspect.isgenerator(iterator) and not iterator.gi_running:
        iterator.close()


def _whole(thing: object) -> Brain:
    if isinstance(thing, type):
        raise ConfigError(f"{thing.__name__} is a class: give an instance of it as the brain")
    for name in ("warm", "speculative"):
        if not hasattr(thing, name):
            raise ConfigError(f"the brain {_name(thing)} has no `{name}`: add what stages.Brain asks for")
    return cast(Brain, thing)


def _asking(function: Callable[..., object]) -> _Ask:
    """Return the call that this function's parameters ask for."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # built-in functions need not have one
        return lambda prompt: function(prompt.history)
    second = [*signature.parameters.values()][1:2]
    places = [each for each in second if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    wants_prompt = any(each.default is each.empty or each.name == "prompt" for each in places)
    try:
        signature.bind(*("history", "prompt")[: 1 + wants_prompt])
    except TypeError:
        message = f"the brain {_name(function)} cannot be called with the history: {_TAKES}"
        raise ConfigError(message) from None
    if wants_prompt:
        return lambda prompt: function(prompt.history, prompt)
    return lambda prompt: function(prompt.history)


def _is_async(function: Callable[..., object]) -> bool:
    forms = (function, type(function).__call__)
    return any(inspect.iscoroutinefunction(form) or inspect.isasyncgenfunction(form) for form in forms)


def _refusal(name: str, thought: object) -> str:
    return f"the brain {name} gave {type(thought).__name__}: return or yield str or s2s.Call"


def _name(thing: object) -> str:
    return str(getattr(thing, "__qualname__", type(thing).__qualname__))
