from __future__ import annotations

import pytest

from s2s.items import JSON
from s2s.wire.gemini.declared import json_schema

TEXT = {"type": "string"}

CASES: dict[str, tuple[JSON, JSON]] = {
    "types in upper case": ({"type": "STRING"}, TEXT),
    "types in lower case": ({"type": "string"}, TEXT),
    "types that are none": ({"type": "TYPE_UNSPECIFIED"}, {}),
    "null": ({"type": "NULL"}, {"type": "null"}),
    "keys in snake case": (
        {"type": "ARRAY", "items": {"type": "STRING", "min_length": 1}, "max_items": 2},
        {"type": "array", "items": {**TEXT, "minLength": 1}, "maxItems": 2},
    ),
    "numbers as text": (
        {"type": "INTEGER", "minimum": "1", "maximum": "2.5"},
        {"type": "integer", "minimum": 1, "maximum": 2.5},
    ),
    "counts as text": (
        {"type": "ARRAY", "items": {}, "minItems": "1"},
        {"type": "array", "items": {}, "minItems": 1},
    ),
    "what is no number": (
        {"type": "STRING", "minLength": "one", "maxLength": -1, "minimum": "Infinity"},
        TEXT,
    ),
    "words": (
        {
            "type": "STRING",
            "title": "T",
            "description": "D.",
            "default": "1",
            "pattern": "a",
            "format": "date-time",
        },
        {**TEXT, "title": "T", "description": "D.", "default": "1", "pattern": "a", "format": "date-time"},
    ),
    "a description of one word": ({"type": "STRING", "description": "enum"}, {**TEXT, "description": "enum"}),
    "words that nobody knows": ({"type": "STRING", "example": "a", "oneOf": []}, TEXT),
    "an enum": ({"type": "STRING", "format": "enum", "enum": ["a", "1"]}, {**TEXT, "enum": ["a", "1"]}),
    "an enum of numbers as text": (
        {"type": "INTEGER", "enum": ["101", "x"]},
        {"type": "integer", "enum": [101, "x"]},
    ),
    "an enum of no type": ({"enum": ["1"]}, {"enum": ["1"]}),
    "an enum of a type that is none": ({"type": "TYPE_UNSPECIFIED", "enum": ["1"]}, {"enum": ["1"]}),
    "nullable": ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
    "nullable with an enum": (
        {"type": "STRING", "enum": ["a"], "nullable": True},
        {"type": ["string", "null"], "enum": ["a", None]},
    ),
    "nullable null": ({"type": "NULL", "nullable": True}, {"type": ["null"]}),
    "not nullable": ({"type": "STRING", "nullable": False}, TEXT),
    "alternatives": (
        {"any_of": [{"type": "STRING"}, {"type": "INTEGER"}]},
        {"anyOf": [TEXT, {"type": "integer"}]},
    ),
    "nullable alternatives beside OBJECT, as google-genai writes them": (
        {"type": "OBJECT", "anyOf": [{"type": "STRING"}], "nullable": True},
        {"anyOf": [TEXT, {"type": "null"}]},
    ),
    "alternatives of an object": (
        {"type": "OBJECT", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}]},
        {"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}]},
    ),
    "no alternatives": ({"type": "STRING", "anyOf": []}, TEXT),
    "required names": ({"type": "OBJECT", "required": ["a", "a", 1]}, {"type": "object", "required": ["a"]}),
    "a map": (
        {"type": "OBJECT", "additional_properties": {"type": "STRING"}},
        {"type": "object", "additionalProperties": TEXT},
    ),
    "a closed object": (
        {"type": "OBJECT", "additionalProperties": False},
        {"type": "object", "additionalProperties": False},
    ),
    "what is no schema": ("STRING", {}),
}


@pytest.mark.parametrize(("declared", "expected"), CASES.values(), ids=CASES.keys())
def test_a_declaration_is_read(declared: JSON, expected: JSON) -> None:
    assert json_schema({"properties": {"it": declared}})["properties"]["it"] == expected


def test_names_of_properties_are_never_touched() -> None:
    declared = {"type": "OBJECT", "properties": {"min_items": {"type": "STRING"}, "Any_Of": {}}}
    assert list(json_schema(declared)["properties"]) == ["min_items", "Any_Of"]


def test_properties_come_in_their_order() -> None:
    declared = {"properties": {"a": {}, "b_c": {}, "d": {}}, "property_ordering": ["d", "b_c", "?"]}
    read = json_schema(declared)
    assert list(read["properties"]) == ["d", "b_c", "a"]
    assert read.keys() == {"type", "properties"}


@pytest.mark.parametrize("nothing", [None, {}, [], "OBJECT", {"type": "OBJECT"}], ids=str)
def test_what_declares_nothing_is_an_object_without_properties(nothing: JSON) -> None:
    assert json_schema(nothing) == {"type": "object", "properties": {}}


def test_what_is_too_deep_may_be_anything() -> None:
    declared: JSON = {"type": "STRING"}
    for _ in range(5000):
        declared = {"items": declared}
    read, depth = json_schema(declared), 0
    while "items" in read:
        read, depth = read["items"], depth + 1
    assert (read, 50 < depth < 100) == ({}, True)
