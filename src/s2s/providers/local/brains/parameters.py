"""The parameters of a tool, as far as speech can fill them, and the question for each."""

from __future__ import annotations

import msgspec

from s2s.items import JSON
from s2s.providers.local.brains.measures import MEASURES
from s2s.providers.local.brains.utterance import stem, word_set, words_of_name
from s2s.tools import ToolSpec

NUMERIC = word_set("number integer")
FILLABLE = NUMERIC | word_set("enum boolean string")
_MOST_STEPS = 8


class Parameter(msgspec.Struct, frozen=True):
    """One parameter; its kind is "enum" where there are choices, else its JSON Schema type."""

    name: str
    required: bool
    kind: str
    choices: tuple[JSON, ...]
    words: tuple[str, ...]
    stems: frozenset[str]


def parameters_of(tool: ToolSpec) -> tuple[Parameter, ...]:
    """Read them from the tool's JSON Schema, in its order."""
    required = tool.parameters.get("required", ())
    properties = tool.parameters.get("properties", {})
    return tuple(
        _parameter(name, name in required, _resolved(schema, tool.parameters))
        for name, schema in properties.items()
    )


def question_for(parameter: Parameter) -> str:
    """Return the question that its value answers."""
    name = " ".join(parameter.words)
    match parameter.kind:
        case "enum":
            return f"Which {name}: {', '.join(str(each).replace('_', ' ') for each in parameter.choices)}?"
        case "number" | "integer":
            return f"How many {name}?" if parameter.stems & MEASURES else f"What {name}?"
        case "boolean":
            return f"{name.capitalize()}: yes or no?"
        case _:
            return f"Which {name}?"


def _parameter(name: str, required: bool, schema: dict[str, JSON]) -> Parameter:
    match schema:
        case {"enum": [*choices]} if choices:
            kind = "enum"
        case {"const": value} if "enum" not in schema:
            kind, choices = "enum", [value]
        case _:
            kind, choices = str(schema.get("type", "")), []
    words = words_of_name(name)
    return Parameter(name, required, kind, tuple(choices), words, frozenset(map(stem, words)))


def _resolved(schema: JSON, root: dict[str, JSON]) -> dict[str, JSON]:
    """Follow references, and of alternatives take the first that is not null."""
    for _ in range(_MOST_STEPS):
        match schema:
            case {"$ref": str(path)}:
                schema = root.get("$defs", {}).get(path.rsplit("/", 1)[-1], {})
            case {"anyOf": [*options]} | {"oneOf": [*options]}:
                schema = next((option for option in options if option != {"type": "null"}), {})
            case {"type": [*types]}:
                schema = {**schema, "type": next((kind for kind in types if kind != "null"), "")}
            case _:
                break
    return schema if isinstance(schema, dict) else {}
