"""Entries of the conversation in words, for a service that takes nothing else from earlier times."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from s2s.items import JSON, Call, Item, Message, ToolResult, whole

NUDGE = "Go on."
"""What the user says where nothing is said and an answer wanted."""


class HistoryLimits(Struct, frozen=True):
    """How long a history may be."""

    message_bytes: int
    total_bytes: int
    messages: int


_LIMITS = {1: HistoryLimits(1024, 40 * 1024, 40)}
_USUAL = HistoryLimits(50 * 1024, 200 * 1024, 10_000)


def limits_of(generation: int) -> HistoryLimits:
    """Return what a model of this generation takes."""
    return _LIMITS.get(generation, _USUAL)


def words_of(item: Item) -> str:
    """Return what an entry says, and who does where that is not the user."""
    match item:
        case Message(role="user", text=text):
            return text
        case Message(role=role, text=text):
            return f"[{role}] {text}" if text.strip() else ""
        case Call():
            return called(item)
        case ToolResult():
            return returned(Call(item.call_id, item.call_id), item)


def called(call: Call) -> str:
    """Say that a tool was called, while nobody knows what came of it."""
    return f"{_shown(call)} was called and has not returned."


def returned(call: Call, result: ToolResult) -> str:
    """Say what came of a call."""
    came = "The error of" if result.is_error else "The result of"
    return f"{came} {_shown(call)}: {result.output}"


def document(result: ToolResult) -> str:
    """Return the JSON document that a result is to the service, which takes no prose."""
    text = whole(result.output)
    if result.is_error:
        return msgspec.json.encode({"error": _decoded(text, text)}).decode()
    value = _decoded(text, None)
    return text if isinstance(value, dict | list) else msgspec.json.encode({"result": text}).decode()


def remembered(items: Iterable[Item]) -> list[Message]:
    """Return the entries that a conversation begins with as what both sides said.

    What the system says belongs to the instructions.
    """
    listed = [*items]
    calls = {each.id: each for each in listed if isinstance(each, Call)}
    answered = {each.call_id for each in listed if isinstance(each, ToolResult)}
    said: list[Message] = []
    for each in listed:
        match each:
            case Message(role="system"):
                pass
            case Message(heard_text=heard):
                said.append(each if heard is None else Message(each.role, heard, each.item_id))
            case Call(id=call_id) if call_id in answered:
                pass
            case ToolResult(call_id=call_id):
                call = calls.get(call_id, Call(call_id, call_id))
                said.append(Message("user", returned(call, each)))
            case _:
                said.append(Message("user", words_of(each)))
    return said


def history(said: Iterable[Message], generation: int) -> list[tuple[str, str]]:
    """Return role and text of each message of a history: the user first, then in turns, the newest of it."""
    limits = limits_of(generation)
    merged: list[tuple[str, str]] = []
    for each in said:
        role, text = "ASSISTANT" if each.role == "assistant" else "USER", whole(each.text.strip())
        if text and merged and merged[-1][0] == role:
            text = f"{merged.pop()[1]}\n{text}"
        if text:
            merged.append((role, _newest(text, limits.message_bytes)))
    kept = _last(merged, limits)
    if kept and kept[0][0] == "ASSISTANT":
        kept = [("USER", NUDGE), *kept]
    return kept


def _last(messages: list[tuple[str, str]], limits: HistoryLimits) -> list[tuple[str, str]]:
    left_bytes, first = limits.total_bytes - len(NUDGE), len(messages)
    while first and len(messages) - first < limits.messages - 1:
        left_bytes -= len(messages[first - 1][1].encode())
        if left_bytes < 0:
            break
        first -= 1
    return messages[first:]


def _newest(text: str, most_bytes: int) -> str:
    return text if len(text) * 4 <= most_bytes else text.encode()[-most_bytes:].decode(errors="ignore")


def _shown(call: Call) -> str:
    return f"{call.name}({msgspec.json.encode(call.arguments).decode() if call.arguments else ''})"


def _decoded(text: str, otherwise: str | None) -> JSON:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return otherwise
