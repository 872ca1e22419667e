"""Headers of HTTP/2 as both sides read them, pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Head: TypeAlias = Mapping[str, str]
"""Headers, those with a colon included; names in lower case."""


def head_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name; those of one name are one, with commas, as in a signature."""
    head: dict[str, str] = {}
    for name, value in headers:
        named, said = name.decode(errors="replace"), value.decode(errors="replace")
        head[named] = f"{head[named]},{said}" if named in head else said
    return head
