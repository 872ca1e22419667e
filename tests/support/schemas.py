"""JSON Schemas to be converted, and documents to be judged by them."""

from __future__ import annotations

from inspect import Parameter, Signature
from itertools import count
from typing import Annotated, Literal, TypeAlias, cast

import msgspec
from hypothesis import strategies as st
from msgspec import Meta

from s2s.items import JSON
from s2s.tools import ToolFunction, tool

Documents: TypeAlias = st.SearchStrategy[JSON]
Shape: TypeAlias = tuple[object, Documents]
"""A Python annotation, and values of which most are what it allows."""

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS: Documents = (
    st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from([0.5, 2.0, "", "a", "zz"])
)
ANYTHING: Documents = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)

EXACT: list[Shape] = [
    (int, st.integers(-3, 12)),
    (float, st.sampled_from([0.5, 2.0, -1, 7])),
    (str, st.sampled_from(["", "a", "zz"])),
    (bool, st.booleans()),
    (Literal["a", "b"], st.sampled_from(["a", "b", "c"])),
    (Literal["a", None], st.sampled_from(["a", None, "c"])),
    (int | str, st.sampled_from([1, "a", 0.5])),
    (Annotated[int, Meta(ge=1, lt=9)], st.integers(0, 10)),
    (Annotated[int, Meta(gt=-2, le=4, description="Small.")], st.integers(-3, 5)),
    (Annotated[str, Meta(min_length=1, max_length=2)], st.sampled_from(["", "a", "zz", "zzz"])),
    (Annotated[str, Meta(pattern="^a")], st.sampled_from(["a", "b"])),
]
"""What can be said to the service as it is."""
TOLD: list[Shape] = [
    (Literal[None], st.none()),
    (Literal[1, 2], st.integers(0, 3)),
    (Literal["a", 1], st.sampled_from(["a", "b", 1, 2])),
    (Literal["", "a"], st.sampled_from(["", "a", "b"])),
    (Annotated[float, Meta(gt=0, lt=2)], st.sampled_from([0, 0.5, 2.0])),
    (Annotated[int, Meta(multiple_of=3)], st.integers(-3, 6)),
    (bytes, st.sampled_from(["", "YQ=="])),
    (set[int], st.lists(st.integers(0, 2), max_size=3)),
    (dict[str, int], st.dictionaries(NAMES, st.integers(0, 1))),
]
"""What can be told in words only, or in part."""
_NUMBERS = count()


def parameters(*, exact: bool) -> st.SearchStrategy[tuple[JSON, Documents]]:
    """Return schemas of the parameters of Python functions, and arguments; unknown ones are none of them."""
    shapes = _shapes(EXACT if exact else EXACT + TOLD, exact=exact)
    return st.lists(st.tuples(shapes, st.booleans()), min_size=1, max_size=3).map(_of_function)


def _shapes(leaves: list[Shape], *, exact: bool) -> st.SearchStrategy[Shape]:
    def grown(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
        listed = st.tuples(inner, st.integers(0, 1), st.integers(2, 3)).map(_list)
        optional = inner.map(lambda shape: (cast("type", shape[0]) | None, shape[1] | st.none()))
        struct = st.lists(st.tuples(inner, st.booleans()), min_size=1, max_size=3).map(_struct)
        pair = st.tuples(inner, inner).map(
            lambda two: (
                tuple.__class_getitem__((two[0][0], two[1][0])),
                st.tuples(two[0][1], two[1][1]).map(list),
            )
        )
        return listed | optional | struct if exact else listed | optional | struct | pair

    return st.recursive(st.sampled_from(leaves), grown, max_leaves=4)


def _list(made: tuple[Shape, int, int]) -> Shape:
    (annotation, documents), least, most = made
    items = list.__class_getitem__(annotation)
    return Annotated[items, Meta(min_length=least, max_length=most)], st.lists(
        documents | SCALARS, max_size=4
    )


def _struct(fields: list[tuple[Shape, bool]]) -> Shape:
    named = [(f"f{at}", shape, needed) for at, (shape, needed) in enumerate(fields)]
    made = msgspec.defstruct(
        f"Made{next(_NUMBERS)}",
        [(name, a) if needed else (name, a, None) for name, (a, _), needed in named],
        kw_only=True,
    )
    return made, _objects(named)


def _of_function(arguments: list[tuple[Shape, bool]]) -> tuple[JSON, Documents]:
    named = [(f"p{at}", shape, needed) for at, (shape, needed) in enumerate(arguments)]

    def function() -> None:
        """Do it."""

    function.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=Parameter.empty if needed else None,
            )
            for name, (annotation, _), needed in named
        ]
    )
    return tool(cast("ToolFunction", function)).parameters, _objects(named)


def _objects(named: list[tuple[str, Shape, bool]]) -> Documents:
    """Return objects of which most have all that they need."""
    fields = {name: documents | ANYTHING for name, (_, documents), _ in named}
    whole = st.fixed_dictionaries(fields)
    return whole | st.fixed_dictionaries({}, optional=fields)


# Schemas as they are written by hand and by other libraries.

_LEAVES: list[JSON] = [
    {"type": "string"},
    {"type": "string", "maxLength": 1, "description": "Short."},
    {"type": ["string", "null"], "enum": ["a", "", None]},
    {"type": ["integer", "string"], "minimum": 1, "minLength": 1},
    {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 6},
    {"type": "number", "exclusiveMinimum": 0.5},
    {"type": "number", "enum": [1, 0.5]},
    {"type": "null"},
    {"const": "a"},
    {"const": 2},
    {"enum": ["a", 1, None, True, [1], {"a": 1}]},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}, "minItems": 1},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
    {"$ref": "#/$defs/node"},
    {"$ref": "#/$defs/short", "description": "Here."},
    {"$ref": "#/$defs/node/properties/value"},
    False,
]
_DEFS: JSON = {
    "short": {"type": "string", "maxLength": 2},
    "node": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "value": {"type": "number"}, "b": {"$ref": "#/$defs/node"}},
        "required": ["a"],
    },
}


def _combined(inner: st.SearchStrategy[JSON]) -> st.SearchStrategy[JSON]:
    two = st.lists(inner, min_size=1, max_size=3)
    objects = st.dictionaries(NAMES, inner, max_size=3).flatmap(_object)
    arrays = st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner}, optional={"maxItems": st.integers(0, 2)}
    )
    unions = st.fixed_dictionaries({"anyOf": two}, optional={"oneOf": two, "not": inner})
    merged = st.fixed_dictionaries({"allOf": two}, optional={"anyOf": two, "description": st.just("All.")})
    return objects | arrays | unions | merged


def _object(properties: dict[str, JSON]) -> st.SearchStrategy[JSON]:
    """Return objects that require nothing that they do not describe."""
    some = (
        st.lists(st.sampled_from(sorted(properties)), max_size=2, unique=True) if properties else st.just([])
    )
    sets = st.lists(some.map(lambda names: {"required": names}), min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.just(properties)},
        optional={"required": some, "anyOf": sets, "additionalProperties": st.booleans()},
    )


_PROPERTIES = st.dictionaries(
    NAMES, st.recursive(st.sampled_from(_LEAVES), _combined, max_leaves=6), min_size=1, max_size=3
)
written: st.SearchStrategy[JSON] = _PROPERTIES.flatmap(_object).map(lambda made: {**made, "$defs": _DEFS})
"""Schemas of parameters as people and other libraries write them."""

_KEYWORDS = [
    *(
        "type",
        "properties",
        "required",
        "items",
        "prefixItems",
        "additionalProperties",
        "enum",
        "const",
        "anyOf",
    ),
    *(
        "oneOf",
        "allOf",
        "not",
        "$ref",
        "$defs",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minItems",
        "format",
    ),
    *("description", "title", "default", "nullable", "propertyOrdering", "additionalItems", "if", "examples"),
]
_ODD = [
    "object",
    "array",
    "string",
    "INTEGER",
    "null",
    "#",
    "#/$defs/a",
    "#/properties/a",
    "#/a/0",
    "~2",
    -1,
    1e400,
]
_JUNK_LEAVES: Documents = SCALARS | st.sampled_from([*_ODD, 10**400, float("nan"), "\ud800"])
junk: st.SearchStrategy[JSON] = st.dictionaries(
    st.sampled_from(_KEYWORDS),
    st.recursive(
        _JUNK_LEAVES,
        lambda inner: (
            st.dictionaries(st.sampled_from([*_KEYWORDS, "a", "b"]), inner, max_size=4)
            | st.lists(inner, max_size=3)
        ),
        max_leaves=12,
    ),
    max_size=6,
)
"""Keywords of JSON Schema with whatever stands behind them."""
