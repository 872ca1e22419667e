from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s.items import JSON
from s2s.providers.local.brains.parameters import parameters_of, question_for
from s2s.tools import ToolSpec, tool


def set_alarm(
    hours: int, room_name: str, tone: Literal["soft_bell", "horn"] = "horn", loud: bool | None = None
) -> str:
    """Set an alarm."""
    return ""


def spec_of(schema: JSON, **others: JSON) -> ToolSpec:
    return ToolSpec("tea", "Make tea.", {"type": "object", "properties": {"it": schema}, **others})


def test_a_function_has_the_parameters_that_it_is_written_with() -> None:
    found = parameters_of(tool(set_alarm).spec)
    assert [(each.name, each.kind, each.required) for each in found] == [
        ("hours", "integer", True),
        ("room_name", "string", True),
        ("tone", "enum", False),
        ("loud", "boolean", False),
    ]
    assert sorted(found[2].choices) == ["horn", "soft_bell"]
    assert found[1].words == ("room", "name")


@pytest.mark.parametrize(
    ("schema", "kind", "choices"),
    [
        ({"type": "number"}, "number", ()),
        ({"type": ["null", "integer"]}, "integer", ()),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "string", ()),
        ({"oneOf": [{"$ref": "#/$defs/Side"}]}, "enum", ("left", "right")),
        ({"const": "slow"}, "enum", ("slow",)),
        ({"type": "string", "enum": []}, "string", ()),
        ({"$ref": "#/$defs/Round"}, "", ()),
        ({"$ref": "#/$defs/Missing"}, "", ()),
        ({}, "", ()),
        (None, "", ()),
    ],
)
def test_references_and_alternatives_are_followed(schema: JSON, kind: str, choices: tuple[JSON, ...]) -> None:
    defs = {"Side": {"enum": ["left", "right"]}, "Round": {"$ref": "#/$defs/Round"}}
    (found,) = parameters_of(spec_of(schema, **{"$defs": defs}))
    assert (found.kind, found.choices) == (kind, choices)


def test_each_kind_has_its_question() -> None:
    found = parameters_of(tool(set_alarm).spec)
    assert [question_for(each) for each in found] == [
        "How many hours?",
        "Which room name?",
        "Which tone: horn, soft bell?",
        "Loud: yes or no?",
    ]
    (level,) = parameters_of(spec_of({"type": "number"}))
    assert question_for(level) == "What it?"


schemas = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "number", "null", "#/$defs/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "enum", "anyOf", "$ref", "const", "a"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(schemas)
def test_no_schema_raises(schema: JSON) -> None:
    (found,) = parameters_of(spec_of(schema, **{"$defs": {"a": {"$ref": "#/$defs/a"}}}))
    assert question_for(found).endswith("?")
