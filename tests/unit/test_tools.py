import functools
import time
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import pytest

from s2s.errors import ConfigError, ToolError
from s2s.items import JSON, Call, ToolResult
from s2s.tools import Tool, ToolFunction, ToolSpec, as_tools, result_of, tool


class Place(msgspec.Struct):
    """Somewhere on earth."""

    city: str
    country: str = "DE"


@dataclass
class Wish:
    """What to look for."""

    words: list[str]


def forecast(
    place: Place,
    wish: Wish | None = None,
    unit: Literal["C", "F"] = "C",
    days: list[int] = [],  # noqa: B006  what users write
    note: Annotated[str, msgspec.Meta(max_length=9)] = "",
) -> str:
    """Tell the weather
    of the next days.

    The rest is for people.

    Args:
        place: where
        unit (str): the scale of the answer
    """
    return f"{place.city} {wish} {unit} {days} {note}"


def call(name: str = "forecast", raw: str = "{}", **arguments: JSON) -> Call:
    return Call("c1", name, arguments, raw)


def test_name_docstring_and_annotations_become_the_description_of_a_function() -> None:
    assert tool(forecast).spec == ToolSpec(
        "forecast",
        "Tell the weather of the next days.",
        {
            "type": "object",
            "properties": {
                "place": {"$ref": "#/$defs/Place", "description": "where"},
                "wish": {"anyOf": [{"$ref": "#/$defs/Wish"}, {"type": "null"}], "default": None},
                "unit": {"enum": ["C", "F"], "default": "C", "description": "the scale of the answer"},
                "days": {"type": "array", "items": {"type": "integer"}, "default": []},
                "note": {"type": "string", "maxLength": 9, "default": ""},
            },
            "required": ["place"],
            "additionalProperties": False,
            "$defs": {
                "Place": {
                    "title": "Place",
                    "description": "Somewhere on earth.",
                    "type": "object",
                    "properties": {
                        "city": {"type": "string"},
                        "country": {"type": "string", "default": "DE"},
                    },
                    "required": ["city"],
                },
                "Wish": {
                    "title": "Wish",
                    "description": "What to look for.",
                    "type": "object",
                    "properties": {"words": {"type": "array", "items": {"type": "string"}}},
                    "required": ["words"],
                },
            },
        },
    )


def test_a_function_without_a_word_is_a_tool_of_strings() -> None:
    def plain(a, b=1):  # type: ignore[no-untyped-def]
        ...

    made = tool(plain)
    assert (made.name, made.description) == ("plain", "")
    assert made.parameters["properties"] == {"a": {"type": "string"}, "b": {"type": "string", "default": 1}}


class Forecast:
    """Tells the weather."""

    def today(self, city: str) -> str:
        """Tell the weather of today."""
        return city

    def __call__(self, days: int) -> str:
        return str(days)


@pytest.mark.parametrize(
    ("function", "name", "parameter"),
    [
        (Forecast().today, "today", {"city": {"type": "string"}}),
        (Forecast(), "Forecast", {"days": {"type": "integer"}}),
        (functools.partial(forecast, Place("Bonn"), None, "C", []), "partial", None),
    ],
)
def test_whatever_can_be_called_is_a_tool(function: ToolFunction, name: str, parameter: object) -> None:
    made = tool(function)
    assert made.name == name
    assert parameter is None or made.parameters["properties"] == parameter


def test_options_replace_what_the_function_says() -> None:
    made = tool(lambda city: city, name="weather", description="Say it.", timeout_s=2.0, policy="background")
    assert (made.name, made.description, made.timeout_s, made.policy) == (
        "weather",
        "Say it.",
        2.0,
        "background",
    )


def test_defaults_may_be_of_any_kind() -> None:
    def pick(names: list[str] = ["a", "b"]) -> list[str]:  # noqa: B006  what users write
        return names

    made = tool(pick)
    assert made.parameters["properties"] == {"names": {"type": "array", "items": {"type": "string"}}}
    assert made.checked(call("pick")) == {}


def positional(a: int, /) -> None: ...
def rest(*names: str) -> None: ...
def keywords(**names: str) -> None: ...
def unknown(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def opaque(a: Forecast) -> None: ...
def opaque_default(a: int = Forecast()) -> None: ...  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (positional, "tool positional: parameter a: int has no name for a model; use named parameters"),
        (rest, "tool rest: parameter *names: str has no name for a model"),
        (keywords, "tool keywords: parameter **names: str has no name for a model"),
        (unknown, "tool unknown: name 'Nowhere' is not defined"),
        (opaque, "annotate its parameters with JSON-able types"),
        (opaque_default, "annotate its parameters with JSON-able types"),
        (lambda: None, "'<lambda>' is no tool name: use 1 to 64 letters, digits, _ or -"),
        (3, "tools are functions and s2s.Tool, not int"),
    ],
)
def test_a_function_that_no_model_could_call_is_refused(function: JSON, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        tool(function)
    assert says in str(refused.value)


@pytest.mark.parametrize("name", ["", "a b", "1st", "-a", "ä", "a" * 65, "a\n"])
def test_names_that_providers_refuse_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is no tool name"):
        Tool(name=name)


def nested(depth: int) -> dict[str, JSON]:
    schema: dict[str, JSON] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "parameters", [{"a": object()}, {"a": "\ud800"}, {5.5: {}, "b": {1, object()}}, nested(5000)]
)
def test_parameters_that_no_provider_can_be_told_are_refused(parameters: dict[str, JSON]) -> None:
    with pytest.raises(ConfigError, match=r"look_up: its parameters are no JSON Schema .*: correct them"):
        Tool(name="look_up", parameters=parameters)


def test_a_timeout_is_above_zero() -> None:
    with pytest.raises(ConfigError, match="tool a: timeout_s must be above 0, not 0"):
        Tool(name="a", timeout_s=0)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two tools are named forecast: rename one of them"):
        as_tools([forecast, Tool(name="forecast")])


def test_very_many_tools_are_compared_in_no_time() -> None:
    before = time.process_time()
    assert len(as_tools([Tool(name=f"tool_{number}") for number in range(30_000)])) == 30_000
    assert time.process_time() - before < 3


def test_arguments_come_as_the_annotated_types_and_defaults_stay_away() -> None:
    arguments: JSON = {"place": {"city": "Bonn"}, "wish": {"words": ["sun"]}, "days": [1, "2"]}
    assert tool(forecast).checked(call(**arguments)) == {
        "place": Place("Bonn"),
        "wish": Wish(["sun"]),
        "days": [1, 2],
    }


def test_arguments_are_read_from_what_the_model_wrote_where_nobody_has_read_them() -> None:
    assert tool(forecast).checked(call(raw='{"place": {"city": "Bonn"}}')) == {"place": Place("Bonn")}
    assert Tool(name="forecast").checked(call(raw='{"a": [1]}')) == {"a": [1]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (call(), "missing required field `place`"),
        (call(place={"city": 1}), "Expected `str`, got `int` - at `$.place.city`"),
        (call(place={"city": "Bonn"}, unit="K"), "Invalid enum value 'K' - at `$.unit`"),
        (call(place={"city": "Bonn"}, tomorrow=True), "unknown field `tomorrow`"),
        (call(raw="{place"), "JSON is malformed"),
        (call(raw="[1]"), "Expected `object`, got `array`"),
    ],
)
def test_wrong_arguments_are_told_so_that_a_model_can_act(wrong: Call, says: str) -> None:
    with pytest.raises(ToolError) as refused:
        tool(forecast).checked(wrong)
    said = str(refused.value)
    assert said.startswith("forecast: ")
    assert says in said
    assert said.endswith("call it again with arguments that fit its schema")


@pytest.mark.parametrize("raw", ["{place", "[1]"])
def test_what_is_no_object_is_refused_without_a_schema_too(raw: str) -> None:
    with pytest.raises(ToolError, match=r"forecast: .*; call it again"):
        Tool(name="forecast").checked(call(raw=raw))


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("22 degrees", "22 degrees"),
        ("", ""),
        (None, "null"),
        (22.5, "22.5"),
        ({"sky": "clear"}, '{"sky":"clear"}'),
        ([Place("Bonn")], '[{"city":"Bonn","country":"DE"}]'),
        (Wish(["sun"]), '{"words":["sun"]}'),
        ("caf\udce9", "caf?"),
    ],
)
def test_text_goes_as_it_is_and_all_else_as_json(value: object, output: str) -> None:
    assert result_of(call(), value) == ToolResult("c1", output)


def test_a_result_keeps_what_it_says_and_gets_the_right_call() -> None:
    told = ToolResult("whatever", "no", is_error=True, respond=False)
    assert result_of(call(), told) == ToolResult("c1", "no", is_error=True, respond=False)


def endless() -> list[object]:
    made: list[object] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"RIFF", "forecast returned bytes: return text or JSON-able data instead"),
        (bytearray(), "forecast returned bytearray"),
        (memoryview(b""), "forecast returned memoryview"),
        (Forecast(), "forecast returned something that is not JSON"),
        ({1j: 2}, "forecast returned something that is not JSON"),
        (endless(), "forecast returned something that is not JSON"),
        (["\udce9"], "forecast returned something that is not JSON"),
    ],
)
def test_what_a_model_cannot_read_is_refused(value: object, says: str) -> None:
    with pytest.raises(ToolError) as refused:
        result_of(call(), value)
    assert says in str(refused.value)
