"""Entries of the conversation, spelled and read.

Source: openai-python 3.57.0 `conversation_item.py` and its parts.
"""

from __future__ import annotations

import hashlib

import msgspec

from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.wire.openai.messages import Content, WireItem

_LONGEST_ID = 32
_PART = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def spelled(item: Item) -> WireItem:
    """Spell an entry; an assistant's words are text, for its audio cannot be given back."""
    match item:
        case Message(role=role, text=text, item_id=item_id, heard_text=heard):
            content = [Content(type=_PART[role], text=text if heard is None else heard)]
            return WireItem(id=short(item_id) or None, role=role, content=content)
        case Call(id=call_id, name=name, raw=raw):
            return WireItem(type="function_call", call_id=short(call_id), name=name, arguments=raw)
        case ToolResult(call_id=call_id, output=output):
            return WireItem(type="function_call_output", call_id=short(call_id), output=output)


def read(item: WireItem) -> Item | None:
    """Read an entry; None for a kind that has no words and no calls."""
    match item:
        case WireItem(type="message", role="user" | "assistant" | "system" as role):
            return Message(role, text_of(item), item.id or "")
        case WireItem(type="function_call"):
            return call_of(item)
        case WireItem(type="function_call_output"):
            return ToolResult(item.call_id or "", text_or_json(item.output))
        case _:
            return None


def call_of(item: WireItem) -> Call:
    """Read a function call; arguments that are no JSON object stay raw."""
    raw = item.arguments or "{}"
    try:
        arguments = msgspec.json.decode(raw, type=dict[str, JSON])
    except (msgspec.DecodeError, msgspec.ValidationError):
        arguments = {}
    return Call(item.call_id or item.id or "", item.name or "", arguments, raw)


def text_of(item: WireItem) -> str:
    """Return the words of a message, written or spoken."""
    return " ".join(each.text or each.transcript or "" for each in item.content or () if each.type)


def text_or_json(value: JSON) -> str:
    """Return a tool's output as text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def short(name: str) -> str:
    """Return an id that fits: a longer one becomes another one, and always the same."""
    if len(name) <= _LONGEST_ID:
        return name
    return f"id_{hashlib.sha256(name.encode()).hexdigest()[: _LONGEST_ID - 3]}"
