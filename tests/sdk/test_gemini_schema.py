"""Google's own types take every schema that we write, and an outside judge finds none too strict."""

from __future__ import annotations

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator as Judge  # type: ignore[import-untyped]

from s2s.items import JSON
from s2s.wire.gemini.declared import json_schema
from s2s.wire.gemini.schema import openapi
from tests.support.schemas import ANYTHING, NAMES, Documents, junk, parameters, written


def fits(schema: JSON, document: JSON) -> bool:
    return bool(Judge(schema).is_valid(document))


def test_the_types_of_the_sdk_take_nothing_that_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        types.Schema.model_validate({"type": "OBJECT", "properties": {"a": {"type": "STRING", "const": "a"}}})


@given(junk | written)
def test_the_sdk_takes_what_we_write(schema: JSON) -> None:
    parameters = openapi(schema)
    read = types.Schema.model_validate(parameters)
    assert read.model_dump(by_alias=True, exclude_unset=True) == parameters
    assert types.FunctionDeclaration(name="look_up", parameters=read).parameters == read


@given(parameters(exact=False))
def test_the_sdk_takes_what_we_write_of_python_functions(made: tuple[JSON, Documents]) -> None:
    schema, _ = made
    types.FunctionDeclaration.model_validate({"name": "look_up", "parameters": openapi(schema)})


@given(junk | written)
def test_what_we_read_is_json_schema(schema: JSON) -> None:
    Judge.check_schema(json_schema(openapi(schema)))
    Judge.check_schema(json_schema(schema))


@given(st.data(), parameters(exact=True))
def test_there_and_back_means_the_same(data: st.DataObject, made: tuple[JSON, Documents]) -> None:
    schema, documents = made
    document = data.draw(documents)
    assert fits(json_schema(openapi(schema)), document) == fits(schema, document)


@given(st.data(), parameters(exact=False))
def test_nothing_that_a_function_takes_is_refused(data: st.DataObject, made: tuple[JSON, Documents]) -> None:
    schema, documents = made
    document = data.draw(documents)
    assert fits(json_schema(openapi(schema)), document) or not fits(schema, document)


@given(written, st.dictionaries(NAMES, ANYTHING))
def test_nothing_that_a_schema_allows_is_refused(schema: JSON, document: JSON) -> None:
    assert fits(json_schema(openapi(schema)), document) or not fits(schema, document)


def test_what_the_sdk_makes_of_a_python_function_is_read() -> None:
    def look_up(city: str, days: int | None, where: int | str | None, tags: list[str]) -> None:
        """Look it up."""

    declared = types.FunctionDeclaration.from_callable_with_api_option(
        callable=look_up, api_option="GEMINI_API"
    )
    assert declared.parameters is not None
    snake, camel = (
        declared.parameters.model_dump(mode="json", exclude_none=True, by_alias=by_alias)
        for by_alias in (False, True)
    )
    schema = json_schema(snake)
    assert schema["properties"] == {
        "city": {"type": "string"},
        "days": {"type": ["integer", "null"]},
        "where": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    Judge.check_schema(schema)
    assert json_schema(camel) == schema


SAME: list[JSON] = [
    {"type": "string", "description": "D.", "minLength": 1, "maxLength": 3, "pattern": "^a", "title": "T"},
    {"type": ["integer", "null"], "minimum": 1, "maximum": 3},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2},
    {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]},
    {"$ref": "#/$defs/Point"},
]
POINT: JSON = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}


@pytest.mark.parametrize("schema", SAME, ids=str)
def test_the_sdk_converts_plain_schemas_as_we_do(schema: JSON) -> None:
    root = {"type": "object", "properties": {"it": schema}, "$defs": {"Point": POINT}}
    theirs = types.Schema.from_json_schema(json_schema=types.JSONSchema.model_validate(root))
    assert theirs == types.Schema.model_validate(openapi(root))
