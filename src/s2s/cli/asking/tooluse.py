"""Calls of tools and what came of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from s2s.items import JSON, Call, Item, ToolResult
from s2s.session import Session


class ToolUse(msgspec.Struct):
    """A call of a tool, where on the axis it came, and its result once there is one."""

    at_ms: float
    call: Call
    result: ToolResult | None = None


class ToolUses:
    """All calls of a conversation, by id."""

    def __init__(self) -> None:
        self.by_id: dict[str, ToolUse] = {}

    def called(self, call: Call, at_ms: float) -> None:
        """Note a call."""
        self.by_id[call.id] = ToolUse(at_ms, call)

    def settled(self, history: Sequence[Item]) -> list[ToolUse]:
        """Take results over from the conversation and return the uses that have theirs only now."""
        open_ = {call_id: use for call_id, use in self.by_id.items() if use.result is None}
        fresh: list[ToolUse] = []
        for item in history if open_ else ():
            if isinstance(item, ToolResult) and item.call_id in open_:
                open_[item.call_id].result = item
                fresh.append(open_[item.call_id])
        return fresh


async def refuse(session: Session, call: Call) -> None:
    """Answer a call of a tool that nobody has given."""
    nobody = f"there is no tool {call.name} here: go on without it"
    await session.send_tool_result(ToolResult(call.id, nobody, is_error=True))


def spelled(call: Call) -> str:
    """Return a call as Python would write it."""
    return f"{call.name}({', '.join(f'{name}={_value(value)}' for name, value in call.arguments.items())})"


def _value(value: JSON) -> str:
    return msgspec.json.encode(value).decode()
