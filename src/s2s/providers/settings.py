"""Settings that somebody spelled: read, or refused with what can be spelled in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Struct

from s2s.errors import ConfigError
from s2s.items import JSON

T = TypeVar("T", bound=Struct)
_NAMES = re.compile(r"at `\$\.(?:\w+\[\d*\]\.)*(\w+)")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine is told in `Config.extra`; shown are the names, and no values: they may be secret."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(given={self._given})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("given", self._given)]

    @property
    def _given(self) -> list[str]:
        default = type(self)()
        return [n for n in self.__struct_fields__ if getattr(self, n) != getattr(default, n)]


def settings_of(extra: Mapping[str, JSON], kind: type[T], hidden: tuple[str, ...] = ()) -> T:
    """Read `Config.extra`. Raises ConfigError that says what to use, but not what is `hidden`."""
    try:
        return msgspec.convert(dict(extra), kind)
    except msgspec.ValidationError as wrong:
        known = (each for each in kind.__struct_fields__ if each not in hidden)
        raise ConfigError(f"extra: {remedied(wrong, ', '.join(known), kind)}") from None


def remedied(wrong: msgspec.ValidationError, known: str, *kinds: type[Struct]) -> str:
    """Return what is wrong and what to use: names that are `known`, or the values of a setting."""
    told = str(wrong)
    if "unknown field" in told:
        return f"{told}; use {known}"
    named = _NAMES.search(told)
    values = [*_values(named[1], kinds)] if named else []
    return f"{told}; use {', '.join(values)}" if values else f"{told}; correct it, or leave it out"


def _values(name: str, kinds: tuple[type[Struct], ...]) -> Iterator[str]:
    """Yield the values of a setting that has no others."""
    for kind in kinds:
        if name in kind.__struct_fields__:
            yield from _spelled(get_type_hints(kind)[name])


def _spelled(hint: JSON) -> Iterator[str]:
    for each in get_args(hint):
        if isinstance(each, str | int):
            yield str(each)
        else:
            yield from _spelled(each)
