"""Parameters as clients declare them, read as JSON Schema.

Source: google-genai 3.6.1 `types.Schema`, and protobuf's JSON: keys in either case, numbers also as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from s2s.items import JSON
from s2s.wire.gemini.plain import TYPES, Words, is_sound, listed, names

_DEEPEST = 64
_SNAKE = re.compile(r"_([a-z])")
_NUMBERS = (
    *("minimum", "maximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties"),
)
_WORDS = ("title", "description", "default", "format", "pattern", *_NUMBERS)


def json_schema(parameters: JSON) -> dict[str, JSON]:
    """Return declared parameters as JSON Schema 2020-12; what is no part of a schema there is left out."""
    return {"type": "object", "properties": {}, **_read(parameters, 0)}


def _read(declared: JSON, depth: int) -> Words:
    if not isinstance(declared, Mapping) or depth > _DEEPEST:
        return {}
    given = {_SNAKE.sub(lambda found: found[1].upper(), str(key)): each for key, each in declared.items()}
    words = _plain(given)
    if isinstance(properties := given.get("properties"), Mapping):
        order = [name for name in names(listed(given.get("propertyOrdering"))) if name in properties]
        words["properties"] = {
            name: _read(properties[name], depth + 1) for name in names((*order, *properties))
        }
    if "items" in given:
        words["items"] = _read(given["items"], depth + 1)
    if isinstance(more := given.get("additionalProperties"), bool | Mapping):
        words["additionalProperties"] = more if isinstance(more, bool) else _read(more, depth + 1)
    if isinstance(branches := given.get("anyOf"), list) and branches:
        words["anyOf"] = [_read(each, depth + 1) for each in branches]
        # The service takes branches of any type beside OBJECT, which google-genai writes there.
        if words.get("type") == "object" and "properties" not in words:
            del words["type"]
    return _nullable(words) if given.get("nullable") is True else words


def _plain(given: Words) -> Words:
    """Return the keywords that hold no schemas."""
    words: Words = {}
    kind = str(given.get("type")).lower()
    if kind in TYPES:
        words["type"] = kind
    for key in _WORDS:
        value = _decoded(given.get(key)) if key in _NUMBERS else given.get(key)
        if key in given and is_sound(key, value):
            words[key] = value
    if words.get("format") == "enum":
        del words["format"]
    if values := listed(given.get("enum")):
        words["enum"] = [_decoded(each) for each in values] if kind in TYPES[1:] else values
    if required := names(listed(given.get("required"))):
        words["required"] = required
    return words


def _nullable(words: Words) -> Words:
    """Return a schema that null fits as well."""
    if "type" in words:
        words["type"] = list(dict.fromkeys([words["type"], "null"]))
    if "anyOf" in words:
        words["anyOf"] = [*words["anyOf"], {"type": "null"}]
    if "enum" in words and None not in words["enum"]:
        words["enum"] = [*words["enum"], None]
    return words


def _decoded(value: JSON) -> JSON:
    """Return what stands for itself as it is, and text as what it spells."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return value
