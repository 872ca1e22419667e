"""Parameters of tools as the service reads them: an OpenAPI subset, and in words what that cannot say.

Source: google-genai 3.6.1 `types.Schema`, the v1beta reference, and the refusals that its users report: every
schema has a type, an array its items, an object properties for all that is required, only text an enum, in
which nothing is empty, and beside `anyOf` stands nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from s2s.items import JSON
from s2s.wire.gemini.alternatives import MOST_SCHEMAS, Alternatives, Trail
from s2s.wire.gemini.plain import TOLD, Plain, Words, admits, names, shallow
from s2s.wire.gemini.unions import any_of, holding, united

_LONGEST = 2000
_ALSO = "Must fit the JSON Schema "
_FREE = "An object with keys of your choice."
_EMPTY = "An empty object."
_ANYTHING = ("string", "number", "boolean", "object", "null")
"""What stands for any value; arrays are left out, for they would have items of any value."""
_KEPT = {
    "string": ("minLength", "maxLength", "pattern"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
_FORMATS = {
    "string": ("date-time", "enum"),
    "integer": ("int32", "int64"),
    "number": ("float", "double"),
}
_HINTS = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties"),
    "array": ("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""What gives away the type of a schema that names none."""
_BOUNDS = (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1))


def openapi(schema: Mapping[str, JSON], most_schemas: int = MOST_SCHEMAS) -> dict[str, JSON]:
    """Return a JSON Schema of parameters as the service reads it, nothing where there are none.

    Of references that lead to more schemas than so many, the rest is not described.
    """
    document = shallow(schema)
    written = _Writer(document, most_schemas).node(document, ()) or {}
    objects = [each for each in written.get("anyOf", [written]) if each.get("type") == "OBJECT"]
    parameters = {key: value for key, value in united(objects).items() if key != "nullable"}
    return parameters if "properties" in parameters or _ALSO in parameters.get("description", "") else {}


class _Writer:
    """Writes the schemas of one document."""

    def __init__(self, document: Mapping[str, JSON], most_schemas: int) -> None:
        self._alternatives = Alternatives(document, most_schemas)

    def node(self, schema: JSON, trail: Trail) -> Words | None:
        """Write a schema, None where nothing fits it."""
        plains = [typed for each in self._alternatives.of(schema, trail) for typed in _typed(each)]
        if not plains:
            return None
        written = [self._one(each, (*trail, *each.opened, "")) for each in plains if not _is_null(each)]
        if not written:
            return {"type": "STRING", "nullable": True, **_described(plains[0].words, "Always null.")}
        nullable = {"nullable": True} if any(map(_is_null, plains)) else {}
        return any_of([{**each, **nullable} for each in written])

    def _one(self, plain: Plain, trail: Trail) -> Words:
        words, kind = plain.words, plain.words["type"]
        match kind:
            case "object":
                said, rest = self._object(words, trail)
            case "array":
                said, rest = self._array(words, trail)
            case "string" | "integer" | "number":
                said, rest = _scalar(words, kind)
            case _:
                said, rest = {}, {}
        rest |= _picked(words, TOLD if "enum" in said else ("enum", *TOLD))
        also = _ALSO + _text(self._alternatives.inlined(rest, trail)) if rest else ""
        if kind == "object" and not (rest or "properties" in said or "description" in words):
            also = _EMPTY if words.get("additionalProperties") is False else _FREE
        kept = _picked(words, ("title", *_KEPT.get(kind, ())))
        default = _picked(words, ("default",)) if admits(kind, words.get("default")) else {}
        return {"type": kind.upper(), **_described(words, also), **kept, **default, **said}

    def _object(self, words: Words, trail: Trail) -> tuple[Words, Words]:
        """Return what can be said of an object, and what cannot."""
        given, required = words.get("properties", {}), names(words.get("required", ()))
        order = [name for name in names(words.get("propertyOrdering", ())) if name in given]
        written = {
            name: node
            for name in names((*order, *given, *required))
            if (node := self.node(given.get(name, True), trail)) is not None
        }
        more = words.get("additionalProperties", False)
        usual = more is False or (not written and more in (True, {}))
        return holding(written, required), {} if usual else {"additionalProperties": more}

    def _array(self, words: Words, trail: Trail) -> tuple[Words, Words]:
        """Return what can be said of an array, and what cannot: which item stands at which place."""
        first, others = words.get("prefixItems", ()), words.get("items", True)
        most = min(words.get("maxItems", math.inf), len(first) if others is False else math.inf)
        further = [others] if most > len(first) and ("items" in words or not first) else []
        kinds = [*first[: min(most, len(first))], *further]
        items = self.node({"anyOf": kinds} if first else others, trail) or self.node(True, trail)
        said: Words = {"items": items} | ({"maxItems": most} if most < math.inf else {})
        return said, {} if all(each == kinds[0] for each in kinds) else _picked(words, ("prefixItems",))


def _scalar(words: Words, kind: str) -> tuple[Words, Words]:
    """Return what can be said of text or of a number, and what cannot."""
    said: Words = {}
    rest: Words = {}
    if kind == "string" and all(isinstance(value, str) and value for value in words.get("enum", ())):
        said |= _picked(words, ("enum",))
    if "format" in words:
        (said if words["format"] in _FORMATS[kind] else rest)["format"] = words["format"]
    for exclusive, inclusive, step in _BOUNDS if kind != "string" else ():
        if exclusive in words:
            bound = words[exclusive]
            if kind == "integer":
                bound = step * (math.floor(step * bound) + 1)
            else:
                rest[exclusive] = bound
            bounds = [bound, *_picked(words, (inclusive,)).values()]
            said[inclusive] = max(bounds) if inclusive == "minimum" else min(bounds)
    return said, rest


def _typed(plain: Plain) -> list[Plain]:
    """Return a schema with a type, or once for every type that it may be meant for."""
    if "type" in plain.words:
        return [plain]
    hinted = [kind for kind, hints in _HINTS.items() if not plain.words.keys().isdisjoint(hints)]
    return [Plain({**plain.words, "type": kind}, plain.opened) for kind in hinted[:1] or _ANYTHING]


def _is_null(plain: Plain) -> bool:
    return bool(plain.words["type"] == "null")


def _described(words: Words, also: str) -> Words:
    text = "\n".join(each for each in (words.get("description"), also) if each)
    return {"description": text} if text else {}


def _text(rest: JSON) -> str:
    try:
        text = msgspec.json.encode(rest).decode()
    except (TypeError, ValueError, OverflowError):
        text = repr(rest)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _picked(words: Words, keys: Iterable[str]) -> Words:
    return {key: words[key] for key in keys if key in words}
