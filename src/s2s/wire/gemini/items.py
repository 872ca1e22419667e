"""Entries of the conversation, spelled as turns and read from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

import msgspec

from s2s.items import JSON, Call, Item, Message, Role, ToolResult
from s2s.wire.gemini.messages import Content, FunctionCall, FunctionResponse, Part

_USER: Final = "user"
_MODEL: Final = "model"
_ROLES: dict[str, Role] = {_MODEL: "assistant", "system": "system"}


def turns(items: Iterable[Item], *, with_calls: bool = True) -> list[Content]:
    """Spell entries, neighbours of one side as one turn; nothing is no entry.

    Calls become words where calls are not wanted, or the call or its result is not among the entries.
    """
    spelled: list[Content] = []
    given = [each for each in items if not (isinstance(each, Message) and not words_of(each).strip())]
    names = {each.id: each.name for each in given if isinstance(each, Call)}
    whole = names.keys() & {each.call_id for each in given if isinstance(each, ToolResult)}
    for item in given:
        role, part = _part(item, names, whole if with_calls else frozenset())
        if spelled and spelled[-1].role == role:
            spelled[-1] = Content(role=role, parts=[*(spelled[-1].parts or ()), part])
        else:
            spelled.append(Content(role=role, parts=[part]))
    return spelled


def words_of(message: Message) -> str:
    """Return what the other side knows of a message."""
    return message.text if message.heard_text is None else message.heard_text


def _part(item: Item, names: Mapping[str, str], whole: Set[str]) -> tuple[str, Part]:
    match item:
        case Message(role="assistant"):
            return _MODEL, Part(text=words_of(item))
        case Message(role="system", text=text):
            return _USER, Part(text=f"[system] {text}")
        case Message(text=text):
            return _USER, Part(text=text)
        case Call(id=call_id, name=name, arguments=arguments):
            if call_id in whole:
                return _MODEL, Part(function_call=FunctionCall(id=call_id, name=name, args=arguments))
            return _MODEL, Part(text=f"[called {name}: {msgspec.json.encode(arguments).decode()}]")
        case ToolResult(call_id=call_id):
            response = answer(item, names.get(call_id, call_id))
            if call_id in whole:
                return _USER, Part(function_response=response)
            return _USER, Part(text=f"[{response.name} returned: {item.output}]")


def answer(result: ToolResult, name: str) -> FunctionResponse:
    """Spell the answer to a call."""
    spelled = {"error" if result.is_error else "output": result.output}
    return FunctionResponse(id=result.call_id, name=name, response=spelled)


def result_of(response: FunctionResponse) -> ToolResult:
    """Read the answer to a call, which without an id has its name; what is not text is written as JSON."""
    given = response.response or {}
    failed = set(given) == {"error"}
    value: JSON = given["error"] if failed else given["output"] if set(given) == {"output"} else given
    output = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return ToolResult(response.id or response.name or "", output, failed)


def read_turns(contents: Sequence[Content]) -> list[Item]:
    """Read turns; parts that are neither words nor calls are left out."""
    return [item for content in contents for item in _items(content)]


def _items(content: Content) -> Iterable[Item]:
    role: Role = _ROLES.get(content.role or "", "user")
    words: list[str] = []
    for part in content.parts or ():
        if part.function_call is not None:
            yield call_of(part.function_call, part.function_call.id or part.function_call.name or "")
        elif part.function_response is not None:
            yield result_of(part.function_response)
        elif part.text and not part.thought:
            words.append(part.text)
    if words:
        yield Message(role, " ".join(words))


def call_of(call: FunctionCall, call_id: str) -> Call:
    """Read a call."""
    arguments = call.args or {}
    return Call(call_id, call.name or "", arguments, msgspec.json.encode(arguments).decode())


def text_of(content: Content | None) -> str:
    """Return the words of a turn, such as the system instruction."""
    return "\n".join(
        each.text for each in (content and content.parts) or () if each.text and not each.thought
    )
