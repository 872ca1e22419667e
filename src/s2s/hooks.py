"""Callbacks that watch a session without owning its loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias, TypeVar

import msgspec

from s2s.errors import S2SError
from s2s.events import Interrupted, SessionEnded, SessionStarted, ToolCall, TurnEnd

E = TypeVar("E")
H = TypeVar("H", bound="HookChains")
Watcher: TypeAlias = Callable[[E], Awaitable[None] | None]
Watchers: TypeAlias = Watcher[E] | tuple[Watcher[E], ...]
ErrorFilter: TypeAlias = Callable[[S2SError], S2SError | Awaitable[S2SError | None] | None]


class HookChains(msgspec.Struct, frozen=True, kw_only=True):
    """Hooks by what they watch, each field a chain of them. Raises TypeError for what cannot be called."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            chain = value if isinstance(value, tuple) else (value,)
            for each in chain:
                if not callable(each):
                    raise TypeError(f"hook {name} must be callable, not {type(each).__name__}")
            msgspec.structs.force_setattr(self, name, chain)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)


class Hooks(HookChains, frozen=True, kw_only=True):
    """Plain or async callables, called in the order of what happens, each after the one before it.

    They run beside the audio: one that fails or takes longer than `limits.hook_s` becomes a HookError
    event and the rest go on. A plain callable that blocks holds up the event loop, so let it be short.
    """

    on_start: Watchers[SessionStarted] = ()
    on_turn: Watchers[TurnEnd] = ()
    on_interrupt: Watchers[Interrupted] = ()
    on_tool_call: Watchers[ToolCall] = ()
    on_error: ErrorFilter | tuple[ErrorFilter, ...] = ()
    """Gets each error before the application does; returns it, another one, or None to swallow it.

    Swallowing a fatal error hides the Error event and not that the session ends.
    """
    on_end: Watchers[SessionEnded] = ()


def compose_hooks(*hooks: Hooks) -> Hooks:
    """Return hooks that call each of these in order; errors pass from one `on_error` to the next."""
    return joined(Hooks, hooks)


def joined(kind: type[H], hooks: Iterable[H]) -> H:
    """Return one that holds the chains of all, end to end."""
    chains: list[H] = [*hooks]
    return kind(
        **{name: sum((getattr(each, name) for each in chains), ()) for name in kind.__struct_fields__}
    )
