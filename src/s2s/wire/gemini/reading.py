"""Reads messages in the manner of protobuf: names in camelCase or snake_case, numbers also as text.

Source: the JSON mapping of proto3; google-genai 3.6.1 mixes both spellings in one message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import cache
from typing import TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from s2s.errors import RemoteProtocolError
from s2s.items import JSON

M = TypeVar("M", bound=Struct)
_MOST_VALUES = 250_000
"""Each takes a hundred times as much memory as its two bytes, and time to be made and let go of."""


class Unknown(Struct, frozen=True):
    """A name that the protocol does not have, and where it stood."""

    name: str
    place: str


def read(message: bytes, kind: type[M]) -> tuple[M, list[Unknown]]:
    """Return a message as this Struct, and the names in it that are left out.

    Raises RemoteProtocolError for what is no JSON object, has something else where a field belongs, or holds
    more values than anybody has a use for.
    """
    if len(message) > _MOST_VALUES and sum(map(message.count, b",[{")) > _MOST_VALUES:
        raise RemoteProtocolError("the message holds too many values: send less at a time", received=message)
    with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
        whole: M = _decoder(kind).decode(message)
        return whole, []
    try:
        value = msgspec.json.decode(message)
        if not isinstance(value, dict):
            raise msgspec.ValidationError("it is no object")
        unknown: list[Unknown] = []
        return msgspec.convert(_folded(value, kind, "", unknown), kind, strict=False), unknown
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
        raise RemoteProtocolError(f"the message cannot be read: {wrong}", received=message) from None


@cache
def _decoder(kind: type[M]) -> msgspec.json.Decoder[M]:
    """Return what reads messages that are spelled as the service spells them, which most are."""
    return msgspec.json.Decoder(kind, strict=False)


def _folded(value: JSON, kind: type[Struct], place: str, unknown: list[Unknown]) -> JSON:
    """Return an object with the names of its fields in camelCase; what is inside of free JSON stays."""
    if not isinstance(value, dict):
        return value
    folded: dict[str, JSON] = {}
    fields = _fields(kind)
    for name, inner in value.items():
        found = fields.get(name)
        if found is None:
            unknown.append(Unknown(name, place))
            continue
        camel, below = found
        where = f"{place}.{camel}" if place else camel
        if below is None or inner is None:
            folded[camel] = inner
        elif isinstance(inner, list):
            folded[camel] = [_folded(e, below, f"{where}[{i}]", unknown) for i, e in enumerate(inner)]
        else:
            folded[camel] = _folded(inner, below, where, unknown)
    return folded


@cache
def _fields(kind: type[Struct]) -> Mapping[str, tuple[str, type[Struct] | None]]:
    """Return the fields by both of their names: the one to use, and what kind of object is below."""
    hints = get_type_hints(kind)
    found = {}
    for each in msgspec.structs.fields(kind):
        below = _below(hints[each.name])
        found[each.name] = found[each.encode_name] = each.encode_name, below
    return found


def _below(hint: object) -> type[Struct] | None:
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint if issubclass(hint, Struct) else None
    return next((found for each in get_args(hint) if (found := _below(each)) is not None), None)
