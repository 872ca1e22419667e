"""The entries of a conversation."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

JSON: TypeAlias = Any
"""A decoded JSON value; the one place where `Any` is the truth."""

Role: TypeAlias = Literal["user", "assistant", "system"]


class Message(msgspec.Struct, frozen=True, tag="message", tag_field="type"):
    """Something said or written by one side."""

    role: Role
    text: str
    item_id: str = ""
    heard_text: str | None = None
    """What the user heard of it, where the user interrupted; None: all of it."""


class Call(msgspec.Struct, frozen=True, tag="call", tag_field="type"):
    """The model asks for a tool."""

    id: str
    name: str
    arguments: dict[str, JSON] = {}
    raw: str = "{}"
    """The arguments as the model wrote them; not always valid JSON, and then `arguments` is empty."""


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result", tag_field="type"):
    """The answer to one Call."""

    call_id: str
    output: str
    is_error: bool = False
    respond: bool = True
    """Whether the model shall go on speaking now."""


Item: TypeAlias = Message | Call | ToolResult


def whole(text: str) -> str:
    """Return text that can be sent: half of a character, a lone surrogate, becomes a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()
