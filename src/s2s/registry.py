"""Names to engines, and names to the stages of the local one."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from s2s.config import Config, override
from s2s.engine import Engine
from s2s.errors import ConfigError, UnknownProviderError

T = TypeVar("T")


class Registry(Generic[T]):
    """What a group of entry points and calls of `register` have named; loaded when first asked for.

    `extras` names the extra that a built-in name needs, for messages.
    """

    def __init__(self, group: str, noun: str, extras: dict[str, str] | None = None) -> None:
        self._group = group
        self._noun = noun
        self._extras = extras or {}
        self._factories: dict[str, T] = {}

    def register(self, name: str, factory: T) -> None:
        """Add a factory. Raises ConfigError for an empty name, one that is taken, or no callable."""
        if not name or name != name.strip():
            raise ConfigError(f"{name!r} cannot name {self._noun}: use a non-empty name without outer spaces")
        if not callable(factory):
            raise ConfigError(f"{self._noun} {name} needs a factory that can be called")
        if name in self.names():
            raise ConfigError(f"{self._noun} {name} is already registered: choose another name")
        self._factories[name] = factory

    def names(self) -> tuple[str, ...]:
        """Return every name, sorted, without loading anything."""
        return tuple(sorted({*self._factories, *(point.name for point in self._points())}))

    def find(self, name: str) -> T:
        """Return the factory. Raises UnknownProviderError that lists what exists."""
        if name not in self._factories:
            self._factories[name] = self._load(name)
        return self._factories[name]

    def needs(self, name: str) -> str:
        """Return the extra that this name needs, or nothing."""
        return self._extras.get(name, "")

    def _load(self, name: str) -> T:
        for point in self._points():
            if point.name == name:
                return cast(T, self._loaded(point))
        known = ", ".join(self._described(each) for each in self.names()) or "none"
        raise UnknownProviderError(
            f"there is no {self._noun} named {name!r}; known: {known}. "
            "Use one of these, or install or register the one you mean"
        )

    def _loaded(self, point: EntryPoint) -> object:
        try:
            return point.load()
        except (ImportError, AttributeError) as missing:
            extra = self.needs(point.name)
            cure = f"pip install 'voice-s2s[{extra}]'" if extra else f"install what {point.value} needs"
            raise ConfigError(f"{self._noun} {point.name} cannot be loaded ({missing}): {cure}") from missing

    def _described(self, name: str) -> str:
        return f"{name} (pip install 'voice-s2s[{self.needs(name)}]')" if self.needs(name) else name

    def _points(self) -> list[EntryPoint]:
        return list(entry_points(group=self._group))


providers: Registry[Callable[[Config], Engine]] = Registry(
    "s2s.providers", "engine", {"cascade": "local", "local": "local", "nova": "nova"}
)


def register(name: str, factory: Callable[[Config], Engine]) -> None:
    """Add an engine under a name; `factory(config)` returns it and does no I/O."""
    providers.register(name, factory)


def new(name: str, config: Config | None = None, **fields: object) -> Engine:
    """Return the engine of this name; `fields` are Config fields that replace those of `config`.

    Raises UnknownProviderError, or another ConfigError that says what to install or set.
    """
    factory = providers.find(name)
    return factory(override(config or Config(), fields))


def list_providers() -> tuple[str, ...]:
    """Return the names that `new` takes, sorted."""
    return providers.names()
