"""JSON Schema without its connectives: what one says for one type, and what two say together.

Source: JSON Schema drafts 7 and 2020-12.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from s2s.items import JSON

Words: TypeAlias = dict[str, JSON]

TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
TOLD = (
    *("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "examples", "multipleOf"),
    *("uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems"),
    *("patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "dependencies"),
    *("unevaluatedProperties", "contentEncoding", "contentMediaType", "contentSchema"),
)
"""Keywords that stay as they are, connectives among them where they are too many or lead nowhere."""

_TEXTS = ("title", "description", "pattern", "format")
_LISTS = ("required", "prefixItems", "propertyOrdering")
_LEAST = ("minLength", "minItems", "minProperties")
_MOST = ("maxLength", "maxItems", "maxProperties")
_LOWEST = ("minimum", "exclusiveMinimum")
_HIGHEST = ("maximum", "exclusiveMaximum")
_OTHERS = ("properties", "items", "additionalProperties", "default")
_MOST_THERE_CAN_BE = 2**63
_LARGEST = 1e308


class Plain(Struct, frozen=True):
    """A schema without connectives, of one type at most, and the references that led to what it says."""

    words: Words
    opened: tuple[str, ...] = ()


def split(schema: Mapping[str, JSON]) -> list[Plain]:
    """Return what a schema says beside its connectives, once for every type that it allows."""
    words = _sound(schema)
    types = [each for each in _types(schema.get("type")) if each in TYPES]
    values = [schema["const"]] if "const" in schema else listed(schema.get("enum"))
    allowed: dict[str, dict[Hashable, JSON]] = {}
    for value in values:
        kinds = [kind for kind in types or [type_of(value)] if admits(kind, value)]
        if kinds:
            allowed.setdefault(kinds[0], {}).setdefault(_identity(value), value)
    if allowed:
        return [Plain({**words, "type": kind, "enum": [*each.values()]}) for kind, each in allowed.items()]
    if values:
        words["enum"] = values
    return [Plain({**words, "type": kind}) for kind in types] or [Plain(words)]


def both(some: list[Plain], others: list[Plain]) -> list[Plain]:
    """Return what fits one of either; where nothing can, the others' types and values count."""
    pairs = [(one, other) for one in some for other in others]
    merged = [plain for one, other in pairs if (plain := _merged(one, other)) is not None]
    return merged or [plain for one, other in pairs if (plain := _merged(_untyped(one), other)) is not None]


def type_of(value: JSON) -> str:
    """Return the type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def admits(kind: str, value: JSON) -> bool:
    """Tell whether a value is of this type."""
    return type_of(value) in (kind, "integer" if kind == "number" else kind)


def is_sound(key: str, value: JSON) -> bool:
    """Tell whether a keyword that is no connective means something with this value."""
    if key in _TEXTS:
        return isinstance(value, str)
    if key in _LISTS:
        return isinstance(value, list | tuple)
    if key == "properties":
        return isinstance(value, Mapping)
    if key in (*_LEAST, *_MOST):
        return type_of(value) == "integer" and 0 <= value < _MOST_THERE_CAN_BE
    if key in (*_LOWEST, *_HIGHEST):
        return admits("number", value) and abs(value) <= _LARGEST
    return key in (*TOLD, *_OTHERS)


def shallow(value: JSON, levels: int = 100) -> JSON:
    """Return a value without what lies deeper than so many levels."""
    match value:
        case Mapping():
            return {key: shallow(each, levels - 1) for key, each in value.items()} if levels else None
        case list() | tuple():
            return [shallow(each, levels - 1) for each in value] if levels else None
        case _:
            return value


def listed(given: JSON) -> list[JSON]:
    """Return a list as it is, and nothing for all else."""
    return list(given) if isinstance(given, list | tuple) else []


def names(given: Iterable[JSON]) -> list[str]:
    """Return the names among these, each once."""
    return list(dict.fromkeys(each for each in given if isinstance(each, str)))


def _types(given: JSON) -> list[str]:
    return [each.lower() for each in listed(given) or [given] if isinstance(each, str)]


def _sound(schema: Mapping[str, JSON]) -> Words:
    """Return the keywords beside connectives as draft 2020-12 spells them, without what means nothing."""
    words = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
    if isinstance(words.get("items"), list | tuple):
        words["prefixItems"] = words.pop("items")
        if "additionalItems" in words:
            words["items"] = words.pop("additionalItems")
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if words.get(exclusive) is True:
            words[exclusive] = words.pop(inclusive, None)
    sound = {key: value for key, value in words.items() if is_sound(key, value)}
    return {key: int(value) if key in (*_LEAST, *_MOST) else value for key, value in sound.items()}


def _identity(value: JSON) -> Hashable:
    """Return what two values have in common that are the same: of very many none is compared with all."""
    kind = type_of(value)
    return kind, repr(value) if kind in ("object", "array") else value


def _common(some: list[JSON], others: list[JSON]) -> list[JSON]:
    known = set(map(_identity, others))
    return [value for value in some if _identity(value) in known]


def _untyped(plain: Plain) -> Plain:
    words = {key: value for key, value in plain.words.items() if key not in ("type", "enum")}
    return Plain(words, plain.opened)


def _merged(one: Plain, other: Plain) -> Plain | None:
    """Return what both say together, None where they contradict each other."""
    words = {**other.words, **one.words}
    for key in [key for key in one.words if key in other.words and one.words[key] != other.words[key]]:
        mine, theirs = one.words[key], other.words[key]
        match key:
            case "type" if {mine, theirs} == {"integer", "number"}:
                words[key] = "integer"
            case "enum" if common := _common(mine, theirs):
                words[key] = common
            case "type" | "enum":
                return None
            case "description":
                words[key] = f"{mine}\n{theirs}"
            case "required":
                words[key] = [*mine, *theirs]
            case "properties":
                shared = {name: {"allOf": [mine[name], theirs[name]]} for name in mine if name in theirs}
                words[key] = {**mine, **theirs, **shared}
            case "items":
                words[key] = {"allOf": [mine, theirs]}
            case "additionalProperties":
                words[key] = mine is not False and theirs is not False and {"allOf": [mine, theirs]}
            case "title" | "default" | "examples" | "propertyOrdering":
                words[key] = mine
            case _ if key in (*_LEAST, *_LOWEST):
                words[key] = max(mine, theirs)
            case _ if key in (*_MOST, *_HIGHEST):
                words[key] = min(mine, theirs)
            case _:
                words["allOf"] = [*words.get("allOf", ()), {key: theirs}]
    return Plain(words, one.opened + other.opened)
