"""How chat completions are spelt: a prompt becomes a request, the chunks of a stream become the answer.

Source: OpenAI API reference, chat completions and their streaming, 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from s2s import errors
from s2s.items import JSON, Call, Message, ToolResult
from s2s.providers.local.brains.endpoint import Endpoint, reason_in
from s2s.providers.local.stages import Prompt, Thought

DONE = "[DONE]"
"""The last event of a stream."""


def request(prompt: Prompt, model: str, body: Mapping[str, JSON]) -> bytes:
    """Encode the question; the fields of `body` come last, and None takes one out."""
    fields: dict[str, JSON] = {
        "model": model,
        "messages": messages(prompt),
        "stream": True,
        "tools": [{"type": "function", "function": tool} for tool in prompt.tools] or None,
        "temperature": prompt.temperature,
        "max_tokens": prompt.max_output_tokens,
        **body,
    }
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def messages(prompt: Prompt) -> list[dict[str, JSON]]:
    """Return the history in the endpoint's words: what was heard, and each call's result right behind it."""
    told: list[dict[str, JSON]] = []
    results = {item.call_id: item for item in prompt.history if isinstance(item, ToolResult)}
    asked = {item.id for item in prompt.history if isinstance(item, Call)}
    _tell(told, "system", prompt.instructions)
    for _, group in groupby(prompt.history, key=type):
        items = list(group)
        if calls := [item for item in items if isinstance(item, Call)]:
            _tell_calls(told, calls, results)
        for item in items:
            match item:
                case Message(role=role, text=text, heard_text=heard):
                    _tell(told, role, text if heard is None else heard)
                case ToolResult(call_id=call_id, output=output) if call_id not in asked:
                    _tell(told, "system", f"The result of a tool: {output}")
    return told


def _tell(told: list[dict[str, JSON]], role: str, text: str) -> None:
    # Some chat templates refuse empty messages, and two of one role in a row.
    if text.strip() and told and told[-1]["role"] == role:
        told[-1]["content"] += f"\n{text}"
    elif text.strip():
        told.append({"role": role, "content": text})


def _tell_calls(
    told: list[dict[str, JSON]], calls: Sequence[Call], results: Mapping[str, ToolResult]
) -> None:
    if not told or told[-1]["role"] != "assistant":
        told.append({"role": "assistant", "content": None})
    functions = [(call.id, {"name": call.name, "arguments": call.raw}) for call in calls]
    told[-1]["tool_calls"] = [{"id": id_, "type": "function", "function": each} for id_, each in functions]
    for call in calls:
        result = results.get(call.id, ToolResult(call.id, "the tool has not answered", is_error=True))
        content = f"Error: {result.output}" if result.is_error else result.output
        told.append({"role": "tool", "tool_call_id": call.id, "content": content})
