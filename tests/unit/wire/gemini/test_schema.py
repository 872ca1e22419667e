from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from msgspec import Meta, Struct
from tests.support.schemas import junk, written

from s2s.items import JSON
from s2s.tools import tool
from s2s.wire.gemini.declared import json_schema
from s2s.wire.gemini.schema import openapi

TEXT = {"type": "STRING"}
TEXT_OR_NULL = {"type": "STRING", "nullable": True}
FREE = {"type": "OBJECT", "description": "An object with keys of your choice."}
ANYTHING = [TEXT, {"type": "NUMBER"}, {"type": "BOOLEAN"}, FREE]
ANY = {"anyOf": [{**each, "nullable": True} for each in ANYTHING]}
DEFS: dict[str, JSON] = {
    "Point": {"type": "object", "title": "Point", "properties": {"x": {"type": "number"}}, "required": ["x"]},
    "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}},
    "many/and~more": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}]},
}
POINT = {"type": "OBJECT", "title": "Point", "properties": {"x": {"type": "NUMBER"}}, "required": ["x"]}


def property_of(schema: JSON) -> JSON:
    """Return what becomes of a parameter that this describes."""
    parameters = openapi({"type": "object", "properties": {"it": schema}, "$defs": DEFS})
    return parameters.get("properties", {}).get("it")


def told(schema: str, kind: str = "STRING", **more: JSON) -> JSON:
    return {"type": kind, "description": f"Must fit the JSON Schema {schema}", **more}


CASES: dict[str, tuple[JSON, JSON]] = {
    "types are in upper case": ({"type": "integer"}, {"type": "INTEGER"}),
    "types in upper case are known": ({"type": "INTEGER"}, {"type": "INTEGER"}),
    "words stay": (
        {
            "type": "string",
            "title": "T",
            "description": "D.",
            "default": "a",
            "pattern": "^a",
            "minLength": 1,
        },
        {**TEXT, "title": "T", "description": "D.", "default": "a", "pattern": "^a", "minLength": 1},
    ),
    "words of another type go": ({"type": "string", "minimum": 1, "minItems": 2, "properties": {}}, TEXT),
    "words that are spelled wrong go": (
        {"type": "string", "minLength": "1", "maxLength": -1, "pattern": 1, "description": ["D."]},
        TEXT,
    ),
    "remarks go": ({"type": "string", "$comment": "?", "deprecated": True, "x-order": 1}, TEXT),
    "null in a list of types": ({"type": ["string", "null"], "default": None}, TEXT_OR_NULL),
    "null among alternatives": (
        {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "D."},
        {**TEXT_OR_NULL, "description": "D."},
    ),
    "nullable as OpenAPI has it": ({"type": "string", "nullable": True}, TEXT_OR_NULL),
    "nullable beside alternatives": ({"anyOf": [{"type": "string"}], "nullable": True}, TEXT_OR_NULL),
    "nothing but null": ({"type": "null"}, {**TEXT_OR_NULL, "description": "Always null."}),
    "several types": (
        {"type": ["string", "integer"], "minLength": 1, "minimum": 2, "description": "D.", "default": 3},
        {
            "anyOf": [
                {"type": "STRING", "description": "D.", "minLength": 1},
                {"type": "INTEGER", "description": "D.", "minimum": 2, "default": 3},
            ]
        },
    ),
    "several types and null": (
        {"type": ["string", "boolean", "null"]},
        {"anyOf": [TEXT_OR_NULL, {"type": "BOOLEAN", "nullable": True}]},
    ),
    "oneOf is anyOf": (
        {"oneOf": [{"type": "string"}, {"type": "boolean"}]},
        {"anyOf": [TEXT, {"type": "BOOLEAN"}]},
    ),
    "alternatives within alternatives": (
        {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "boolean"}]}, {"type": ["string", "null"]}]},
        {"anyOf": [TEXT_OR_NULL, {"type": "BOOLEAN", "nullable": True}]},
    ),
    "an impossible alternative": ({"anyOf": [False, {"type": "string"}]}, TEXT),
    "the types of alternatives beside OBJECT": (
        {"type": "OBJECT", "anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "description": "D."},
        {"anyOf": [{**TEXT, "description": "D."}, {"type": "INTEGER", "description": "D."}]},
    ),
    "allOf": (
        {
            "allOf": [
                {
                    "type": "object",
                    "properties": {"a": {"type": "string", "maxLength": 3}},
                    "required": ["a"],
                },
                {"properties": {"a": {"maxLength": 2, "minLength": 1}, "b": {"type": "boolean"}}},
            ],
            "description": "D.",
            "required": ["b"],
        },
        {
            "type": "OBJECT",
            "description": "D.",
            "properties": {"a": {**TEXT, "minLength": 1, "maxLength": 2}, "b": {"type": "BOOLEAN"}},
            "required": ["b", "a"],
            "propertyOrdering": ["a", "b"],
        },
    ),
    "allOf with two patterns": (
        {"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]},
        told('{"allOf":[{"pattern":"b"}]}', pattern="a"),
    ),
    "allOf of numbers": (
        {"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "minimum": 2, "maximum": 3}]},
        {"type": "INTEGER", "minimum": 2, "maximum": 3},
    ),
    "allOf of enums": ({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, {**TEXT, "enum": ["b"]}),
    "allOf of arrays": (
        {"allOf": [{"type": "array", "items": {"type": "string"}}, {"items": {"maxLength": 1}}]},
        {"type": "ARRAY", "items": {**TEXT, "maxLength": 1}},
    ),
    "allOf of alternatives": (
        {"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "boolean"]}]},
        {"type": "INTEGER"},
    ),
    "const": ({"const": "a"}, {**TEXT, "enum": ["a"]}),
    "a constant number": ({"const": 2}, told('{"enum":[2]}', "INTEGER")),
    "a constant null": ({"const": None}, {**TEXT_OR_NULL, "description": "Always null."}),
    "an enum": ({"type": "string", "enum": ["a", "b", "a"]}, {**TEXT, "enum": ["a", "b"]}),
    "an enum with null": ({"enum": ["a", None]}, {**TEXT_OR_NULL, "enum": ["a"]}),
    "an enum of numbers": (
        {"type": "integer", "enum": [1, 2], "description": "D.", "default": 1},
        {
            "type": "INTEGER",
            "description": 'D.\nMust fit the JSON Schema {"enum":[1,2]}',
            "default": 1,
        },
    ),
    "an enum of one truth": ({"type": "boolean", "enum": [True]}, told('{"enum":[true]}', "BOOLEAN")),
    "an enum with nothing in it": ({"enum": ["", "a"]}, told('{"enum":["","a"]}')),
    "an enum of all sorts": (
        {"enum": ["a", 1, True]},
        {
            "anyOf": [
                {**TEXT, "enum": ["a"]},
                told('{"enum":[1]}', "INTEGER"),
                told('{"enum":[true]}', "BOOLEAN"),
            ]
        },
    ),
    "an enum of another type": ({"type": "integer", "enum": ["1"]}, told('{"enum":["1"]}', "INTEGER")),
    "literals one by one": ({"anyOf": [{"const": "a"}, {"const": "b"}]}, {**TEXT, "enum": ["a", "b"]}),
    "literals or any text": ({"anyOf": [{"const": "a"}, {"type": "string"}]}, TEXT),
    "literals with remarks": (
        {"oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
        {"anyOf": [{**TEXT, "title": "A", "enum": ["a"]}, {**TEXT, "title": "B", "enum": ["b"]}]},
    ),
    "a format of text": ({"type": "string", "format": "date-time"}, {**TEXT, "format": "date-time"}),
    "another format of text": ({"type": "string", "format": "email"}, told('{"format":"email"}')),
    "a format of integers": ({"type": "integer", "format": "int64"}, {"type": "INTEGER", "format": "int64"}),
    "a format of numbers": ({"type": "number", "format": "int64"}, told('{"format":"int64"}', "NUMBER")),
    "a format of no meaning": ({"type": "boolean", "format": "email"}, {"type": "BOOLEAN"}),
    "bounds of integers": (
        {"type": "integer", "exclusiveMinimum": 0.5, "exclusiveMaximum": 9, "maximum": 7},
        {"type": "INTEGER", "minimum": 1, "maximum": 7},
    ),
    "bounds of numbers": (
        {"type": "number", "exclusiveMaximum": 1},
        told('{"exclusiveMaximum":1}', "NUMBER", maximum=1),
    ),
    "the tighter of two bounds": (
        {"type": "integer", "exclusiveMinimum": 1, "minimum": 5, "exclusiveMaximum": 9, "maximum": 20},
        {"type": "INTEGER", "minimum": 5, "maximum": 8},
    ),
    "bounds of draft 4": (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "exclusiveMaximum": False},
        {"type": "INTEGER", "minimum": 2},
    ),
    "bounds that are none": (
        {"type": "number", "minimum": float("inf"), "maximum": 10**400},
        {"type": "NUMBER"},
    ),
    "counts as some write them": ({"type": "string", "maxLength": 3.0}, {**TEXT, "maxLength": 3}),
    "what has no place": (
        {"type": "number", "multipleOf": 0.5, "not": {"const": 1}, "examples": [2]},
        told('{"not":{"const":1},"examples":[2],"multipleOf":0.5}', "NUMBER"),
    ),
    "an array": (
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        {"type": "ARRAY", "items": TEXT, "minItems": 1, "maxItems": 2},
    ),
    "an array of anything": ({"type": "array"}, {"type": "ARRAY", "items": ANY}),
    "an array of nothing": (
        {"type": "array", "items": False},
        {"type": "ARRAY", "items": ANY, "maxItems": 0},
    ),
    "a set": (
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        told('{"uniqueItems":true}', "ARRAY", items=TEXT),
    ),
    "a tuple": (
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "boolean"}],
            "items": False,
            "minItems": 2,
        },
        told(
            '{"prefixItems":[{"type":"string"},{"type":"boolean"}]}',
            "ARRAY",
            items={"anyOf": [TEXT, {"type": "BOOLEAN"}]},
            minItems=2,
            maxItems=2,
        ),
    ),
    "a tuple of one type": (
        {"type": "array", "prefixItems": [{"type": "string"}] * 2, "maxItems": 2},
        {"type": "ARRAY", "items": TEXT, "maxItems": 2},
    ),
    "a tuple that does not say where it ends": (
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"type": "ARRAY", "items": TEXT},
    ),
    "a tuple of draft 7 that does not say where it ends": (
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "ARRAY", "items": TEXT},
    ),
    "a tuple of draft 7": (
        {"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "boolean"}},
        told('{"prefixItems":[{"type":"string"}]}', "ARRAY", items={"anyOf": [TEXT, {"type": "BOOLEAN"}]}),
    ),
    "an object": (
        {
            "type": "object",
            "properties": {"b": {"type": "string"}, "a": {"type": "string"}},
            "required": ["a"],
        },
        {
            "type": "OBJECT",
            "properties": {"b": TEXT, "a": TEXT},
            "required": ["a"],
            "propertyOrdering": ["b", "a"],
        },
    ),
    "an object in order": (
        {"type": "object", "properties": {"b": TEXT, "a": TEXT}, "propertyOrdering": ["a", "?"]},
        {"type": "OBJECT", "properties": {"a": TEXT, "b": TEXT}, "propertyOrdering": ["a", "b"]},
    ),
    "an object that requires what it does not describe": (
        {"type": "object", "required": ["a"]},
        {"type": "OBJECT", "properties": {"a": ANY}, "required": ["a"]},
    ),
    "a property that may not be": (
        {"type": "object", "properties": {"a": False, "b": {"type": "string"}}, "required": ["a", "b"]},
        {"type": "OBJECT", "properties": {"b": TEXT}, "required": ["b"]},
    ),
    "an object of any kind": ({"type": "object", "additionalProperties": True}, FREE),
    "an object of a kind that is described": (
        {"type": "object", "description": "Tags."},
        {"type": "OBJECT", "description": "Tags."},
    ),
    "an empty object": (
        {"type": "object", "properties": {}, "additionalProperties": False},
        {"type": "OBJECT", "description": "An empty object."},
    ),
    "a map": (
        {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 3},
        told('{"additionalProperties":{"type":"integer"}}', "OBJECT", maxProperties=3),
    ),
    "a map of what is described elsewhere": (
        {"type": "object", "additionalProperties": {"$ref": "#/$defs/Point"}},
        told(
            '{"additionalProperties":{"type":"object","title":"Point","properties":{"x":{"type":"number"}},'
            '"required":["x"]}}',
            "OBJECT",
        ),
    ),
    "allOf of maps": (
        {
            "allOf": [
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"additionalProperties": {"maxLength": 1}},
            ]
        },
        told('{"additionalProperties":{"allOf":[{"type":"string"},{"maxLength":1}]}}', "OBJECT"),
    ),
    "allOf of a map and a closed object": (
        {
            "allOf": [
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"additionalProperties": False},
            ]
        },
        {"type": "OBJECT", "description": "An empty object."},
    ),
    "allOf of a closed object and a map": (
        {
            "allOf": [
                {"type": "object", "additionalProperties": False},
                {"additionalProperties": {"type": "string"}},
            ]
        },
        {"type": "OBJECT", "description": "An empty object."},
    ),
    "a closed object": ({**DEFS["Point"], "additionalProperties": False}, POINT),
    "an open object": (
        {**DEFS["Point"], "additionalProperties": True},
        {**POINT, "description": 'Must fit the JSON Schema {"additionalProperties":true}'},
    ),
    "either of two sets": (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        {
            "anyOf": [
                {
                    "type": "OBJECT",
                    "properties": {"a": TEXT, "b": TEXT},
                    "required": [name],
                    "propertyOrdering": ["a", "b"],
                }
                for name in "ab"
            ]
        },
    ),
    "a reference": ({"$ref": "#/$defs/Point"}, POINT),
    "a reference with a remark": (
        {"$ref": "#/$defs/Point", "description": "D.", "title": "T"},
        {**POINT, "description": "D.", "title": "T"},
    ),
    "a reference that may be null": (
        {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}]},
        {**POINT, "nullable": True},
    ),
    "a reference into a schema": ({"$ref": "#/$defs/Point/properties/x"}, {"type": "NUMBER"}),
    "a reference with strange letters": (
        {"$ref": "#/$defs/many~1and%7E0more/prefixItems/1"},
        {"type": "BOOLEAN"},
    ),
    "a reference to nothing": (
        {"$ref": "https://example.com/a", "type": "string"},
        told('{"$ref":"https://example.com/a"}'),
    ),
    "a schema within itself": (
        {"$ref": "#/$defs/Node"},
        {
            "type": "OBJECT",
            "properties": {
                "next": {
                    "type": "OBJECT",
                    "properties": {
                        "next": {
                            "type": "OBJECT",
                            "description": "Another Node, of the same shape as the one around it.",
                        }
                    },
                }
            },
        },
    ),
    "anything": (True, ANY),
    "anything, described": (
        {"description": "D."},
        {"anyOf": [{"type": each["type"], "description": "D.", "nullable": True} for each in ANYTHING]},
    ),
    "an object by its looks": (
        {"properties": {"a": {"type": "string"}}},
        {"type": "OBJECT", "properties": {"a": TEXT}},
    ),
    "an array by its looks": ({"items": {"type": "string"}}, {"type": "ARRAY", "items": TEXT}),
    "a text by its looks": ({"maxLength": 2}, {**TEXT, "maxLength": 2}),
    "a number by its looks": ({"minimum": 2}, {"type": "NUMBER", "minimum": 2}),
    "what is no schema": ("string", ANY),
    "what nothing fits": (False, None),
}


@pytest.mark.parametrize(("schema", "expected"), CASES.values(), ids=CASES.keys())
def test_a_schema_becomes_what_the_service_reads(schema: JSON, expected: JSON) -> None:
    assert property_of(schema) == expected


NONE: list[JSON] = [
    {},
    True,
    False,
    None,
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"type": "object", "properties": {}, "additionalProperties": False, "description": "None."},
    {"type": "string"},
    {"$ref": "#"},
]


@pytest.mark.parametrize("schema", NONE, ids=str)
def test_where_there_are_no_parameters_nothing_is_said(schema: JSON) -> None:
    assert openapi(schema) == {}


def test_parameters_of_free_names_are_told() -> None:
    assert openapi({"type": "object", "additionalProperties": {"type": "string"}}) == told(
        '{"additionalProperties":{"type":"string"}}', "OBJECT"
    )


def test_parameters_are_never_one_or_the_other() -> None:
    circle = {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}}
    square = {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number"}}}
    schema = {
        "anyOf": [
            {**circle, "required": ["kind", "r"]},
            {**square, "required": ["kind", "side"]},
            {"type": "null"},
        ],
        "description": "A shape.",
    }
    assert openapi(schema) == {
        "type": "OBJECT",
        "description": "A shape.\nGive one of these sets: [kind, r] or [kind, side].",
        "properties": {
            "kind": {**TEXT, "enum": ["circle", "square"]},
            "r": {"type": "NUMBER"},
            "side": {"type": "NUMBER"},
        },
        "required": ["kind"],
        "propertyOrdering": ["kind", "r", "side"],
    }


class Place(Struct):
    """Where it is."""

    city: str
    street: str | None = None


def test_a_python_function_is_declared() -> None:
    def book(
        place: Place,
        nights: Annotated[int, Meta(gt=0, description="How many.")] = 1,
        room: Literal["single", "double"] = "single",
        tags: list[str] | None = None,
    ) -> None:
        """Book a room."""

    assert openapi(tool(book).parameters) == {
        "type": "OBJECT",
        "properties": {
            "place": {
                "type": "OBJECT",
                "title": "Place",
                "description": "Where it is.",
                "properties": {"city": TEXT, "street": TEXT_OR_NULL},
                "required": ["city"],
                "propertyOrdering": ["city", "street"],
            },
            "nights": {"type": "INTEGER", "description": "How many.", "minimum": 1, "default": 1},
            "room": {**TEXT, "enum": ["double", "single"], "default": "single"},
            "tags": {"type": "ARRAY", "items": TEXT, "nullable": True},
        },
        "required": ["place"],
        "propertyOrdering": ["place", "nights", "room", "tags"],
    }


def test_a_python_function_without_parameters_declares_none() -> None:
    assert openapi(tool(test_a_python_function_is_declared).parameters) == {}


# Documents that are too much.


def nested(levels: int) -> JSON:
    schema: JSON = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_what_is_too_deep_is_not_described() -> None:
    written, depth = openapi(nested(5000)), 0
    while "properties" in written:
        written, depth = written["properties"]["a"], depth + 1
    assert written == {"type": "OBJECT", "description": "Not described further."}
    assert 10 < depth < 50


def test_what_doubles_with_every_level_has_an_end() -> None:
    doubled = {
        f"level{at}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/level{at + 1}"} for name in "ab"},
        }
        for at in range(40)
    }
    written = openapi({"$ref": "#/$defs/level0", "$defs": doubled})
    assert sum(1 for _ in nodes(written)) < 5000


def test_more_alternatives_than_anyone_reads_are_told() -> None:
    many = {"anyOf": [{"type": "string", "maxLength": at} for at in range(500)], "type": "string"}
    text = property_of(many)["description"]
    assert text.startswith('Must fit the JSON Schema {"anyOf":[{"type":"string","maxLength":0},')
    assert len(text) < 2100


def test_what_is_no_json_is_told_as_it_is() -> None:
    assert property_of({"const": [object]})["description"] == (
        "Must fit the JSON Schema {'enum': [[<class 'object'>]]}"
    )


# Laws.

KEYS = {
    *(
        "type",
        "title",
        "description",
        "default",
        "nullable",
        "format",
        "enum",
        "pattern",
        "minimum",
        "maximum",
    ),
    *(
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "items",
        "properties",
    ),
    *("required", "propertyOrdering", "anyOf"),
}
ONLY = {
    "OBJECT": ("properties", "required", "propertyOrdering", "minProperties", "maxProperties"),
    "ARRAY": ("items", "minItems", "maxItems"),
    "STRING": ("enum", "pattern", "minLength", "maxLength"),
}
FORMATS = {"STRING": ("date-time", "enum"), "INTEGER": ("int32", "int64"), "NUMBER": ("float", "double")}


def nodes(schema: JSON) -> Iterator[JSON]:
    yield schema
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        yield from nodes(inner)
    if "items" in schema:
        yield from nodes(schema["items"])


def refusals(node: JSON) -> list[str]:
    """Return what the service does not like about a schema."""
    if "anyOf" in node:
        return (
            [] if node.keys() == {"anyOf"} and len(node["anyOf"]) > 1 else ["any_of must be the only field"]
        )
    kind = node.get("type")
    own = {key for keys in ONLY.values() for key in keys} - set(ONLY.get(kind, ()))
    found = {
        "unknown field": node.keys() <= KEYS,
        "type must be specified": kind in ("OBJECT", "ARRAY", "STRING", "INTEGER", "NUMBER", "BOOLEAN"),
        "only allowed for another type": not node.keys() & own,
        "bounds are for numbers": kind in ("INTEGER", "NUMBER") or not node.keys() & {"minimum", "maximum"},
        "items: missing field": kind != "ARRAY" or isinstance(node.get("items"), dict),
        "properties: should be non-empty": node.get("properties", True),
        "required: property is not defined": set(node.get("required", ())) <= set(node.get("properties", ())),
        "ordering is not of the properties": node.get("propertyOrdering", [])
        in ([], list(node.get("properties", ()))),
        "enum: cannot be empty": all(node.get("enum", (True,))),
        "format is not supported": "format" not in node or node["format"] in FORMATS[kind],
    }
    return [complaint for complaint, holds in found.items() if not holds]


@given(junk | written)
def test_the_service_has_nothing_to_say_against_any_schema(schema: JSON) -> None:
    parameters = openapi(schema)
    assert parameters.get("type", "OBJECT") == "OBJECT"
    assert "nullable" not in parameters
    assert [refusals(each) for each in nodes(parameters) if parameters and refusals(each)] == []


@given(junk | written)
def test_what_was_read_is_written_the_same(schema: JSON) -> None:
    parameters = openapi(schema)
    assert openapi(json_schema(parameters)) == parameters


@given(written)
def test_a_schema_is_left_as_it_was(schema: JSON) -> None:
    before = msgspec.json.encode(schema)
    openapi(schema)
    assert msgspec.json.encode(schema) == before


@pytest.mark.parametrize(
    "bomb",
    [
        {"enum": [str(number) for number in range(50_000)]},
        {"type": "integer", "enum": [*range(50_000)]},
        {"allOf": [{"enum": [f"x{n}" for n in range(20_000)]}, {"enum": [f"y{n}" for n in range(20_000)]}]},
    ],
)
def test_very_many_values_are_told_apart_in_no_time(bomb: JSON) -> None:
    before = time.process_time()
    openapi({"type": "object", "properties": {"which": bomb}})
    assert time.process_time() - before < 2


def test_values_are_the_same_where_json_says_so() -> None:
    values = [1, 1.0, True, "1", None, [1], [1], {"a": 1}, {"a": 1}, "1"]
    written = openapi({"type": "object", "properties": {"which": {"enum": values}}})
    told = [each.get("enum") or each["description"] for each in written["properties"]["which"]["anyOf"]]
    assert told == [
        'Must fit the JSON Schema {"enum":[1]}',
        'Must fit the JSON Schema {"enum":[true]}',
        ["1"],
        'Must fit the JSON Schema {"enum":[[1]]}',
        'Must fit the JSON Schema {"enum":[{"a":1}]}',
    ]
