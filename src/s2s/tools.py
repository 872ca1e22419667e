"""Tools: Python functions described to a model, their arguments checked."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Annotated, Literal, TypeAlias

import msgspec

from s2s.errors import ConfigError, ToolError
from s2s.items import JSON, Call, ToolResult, whole

ToolFunction: TypeAlias = Callable[..., object]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def _no_parameters() -> dict[str, JSON]:
    return {"type": "object", "properties": {}}


Policy: TypeAlias = Literal["blocking", "background"]


class ToolSpec(msgspec.Struct, frozen=True):
    """What a model is told of a tool; `parameters` is a JSON Schema of type object."""

    name: str
    description: str = ""
    parameters: dict[str, JSON] = msgspec.field(default_factory=_no_parameters)
    policy: Policy = "blocking"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool; with a `function` the session runs it, without one the application answers the ToolCall.

    Raises ConfigError for a name that providers refuse, and for parameters that cannot be told them.
    """

    name: str
    description: str = ""
    parameters: dict[str, JSON] = msgspec.field(default_factory=_no_parameters)
    function: ToolFunction | None = None
    arguments: type[msgspec.Struct] | None = None
    """The Struct that a call's arguments are checked against."""
    timeout_s: float = 30.0
    policy: Policy = "blocking"
    """A background tool outlives an interruption, a blocking one is cancelled with its answer."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"{self.name!r} is no tool name: use 1 to 64 letters, digits, _ or -, and a letter or _ first"
            )
        if self.timeout_s <= 0:
            raise ConfigError(f"tool {self.name}: timeout_s must be above 0, not {self.timeout_s}")
        try:
            msgspec.json.encode(self.parameters)
        except (TypeError, ValueError, OverflowError, RecursionError) as wrong:
            told = f"tool {self.name}: its parameters are no JSON Schema ({wrong}): correct them"
            raise ConfigError(told) from None

    @property
    def spec(self) -> ToolSpec:
        """The part that travels to the model."""
        return ToolSpec(self.name, self.description, self.parameters, self.policy)

    def checked(self, call: Call) -> dict[str, object]:
        """Return the call's arguments as the function's annotated types, defaults left out.

        Raises ToolError with a sentence that the model can act on.
        """
        try:
            raw = call.arguments or msgspec.json.decode(call.raw or "{}", type=dict[str, JSON])
            if self.arguments is None:
                return dict(raw)
            checked = msgspec.convert(raw, self.arguments, strict=False)
        except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
            raise ToolError(
                f"{self.name}: {wrong}; call it again with arguments that fit its schema"
            ) from None
        return {name: getattr(checked, name) for name in self.arguments.__struct_fields__ if name in raw}


def tool(function: ToolFunction, **options: object) -> Tool:
    """Describe a Python function: name, docstring and annotations become name, description and schema.

    `options` are fields of Tool that replace what the function says, such as `timeout_s`.
    Raises ConfigError where a parameter's type has no JSON Schema.
    """
    if not callable(function):
        raise ConfigError(f"tools are functions and s2s.Tool, not {type(function).__name__}")
    name = str(options.get("name") or getattr(function, "__name__", type(function).__name__))
    doc = inspect.getdoc(function) or ""
    arguments = _arguments(name, function, _parameter_notes(doc))
    made = Tool(
        name=name,
        description=doc.split("\n\n")[0].replace("\n", " ").strip(),
        parameters=_schema(name, arguments),
        function=function,
        arguments=arguments,
    )
    return msgspec.structs.replace(made, **options)


def as_tools(tools: Iterable[Tool | ToolFunction]) -> tuple[Tool, ...]:
    """Turn functions into tools and refuse two of one name."""
    if not isinstance(tools, Iterable):
        raise ConfigError(f"tools must be a list, not {type(tools).__name__}: write tools=[...]")
    made = tuple(each if isinstance(each, Tool) else tool(each) for each in tools)
    for name, count in Counter(each.name for each in made).items():
        if count > 1:
            raise ConfigError(f"two tools are named {name}: rename one of them")
    return made


def result_of(call: Call, value: object) -> ToolResult:
    """Encode what a function returned: text as it is, all else as JSON, a ToolResult untouched.

    Raises ToolError for what a model cannot read, such as bytes.
    """
    match value:
        case ToolResult():
            return msgspec.structs.replace(value, call_id=call.id)
        case str():
            return ToolResult(call.id, whole(value))
        case bytes() | bytearray() | memoryview():
            raise ToolError(
                f"{call.name} returned {type(value).__name__}: return text or JSON-able data instead"
            )
        case _:
            try:
                return ToolResult(call.id, msgspec.json.encode(value).decode())
            except (TypeError, ValueError, OverflowError, RecursionError) as wrong:
                raise ToolError(f"{call.name} returned something that is not JSON: {wrong}") from None


def _arguments(name: str, function: ToolFunction, notes: dict[str, str]) -> type[msgspec.Struct]:
    try:
        parameters = inspect.signature(function, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError) as wrong:
        raise ConfigError(f"tool {name}: {wrong}; annotate its parameters with JSON-able types") from None
    fields: list[tuple[str, object] | tuple[str, object, object]] = []
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
            raise ConfigError(f"tool {name}: parameter {each} has no name for a model; use named parameters")
        hint = str if each.annotation is each.empty else each.annotation
        note = notes.get(each.name)
        noted = Annotated[hint, msgspec.Meta(description=note)] if note else hint
        fields.append(
            (each.name, noted) if each.default is each.empty else (each.name, noted, _default(each.default))
        )
    return msgspec.defstruct(f"{name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)


def _default(value: object) -> object:
    # msgspec refuses these where they are not empty, for the Structs would share them.
    return (
        msgspec.field(default_factory=value.copy) if isinstance(value, list | dict | set) and value else value
    )


def _schema(name: str, arguments: type[msgspec.Struct]) -> dict[str, JSON]:
    try:
        (reference,), components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    except TypeError as wrong:
        raise ConfigError(f"tool {name}: {wrong}; annotate its parameters with JSON-able types") from None
    schema = dict(components.pop(reference["$ref"].rsplit("/", 1)[1]))
    schema.pop("title", None)
    return {**schema, "$defs": components} if components else schema


def _parameter_notes(doc: str) -> dict[str, str]:
    """Read `name: text` lines below an `Args:` heading."""
    block = re.search(r"^(?:Args|Arguments|Parameters):\s*\n((?:[ \t]+.*\n?|\n)+)", doc, re.MULTILINE)
    lines = re.findall(r"^\s+(\w+)(?:\s*\([^)]*\))?:\s*(.+)$", block.group(1), re.MULTILINE) if block else []
    return {name: text.strip() for name, text in lines}
