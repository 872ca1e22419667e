"""How chat completions are spelt: a prompt becomes a request, the chunks of a stream become the answer.

Source: OpenAI API reference, chat completions and their streaming, 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from s2s import errors
from s2s.items import JSON, Call, Message, ToolResult
from s2s.providers.local.endpoints.endpoint import Endpoint, merged, reason_in
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
    }
    return msgspec.json.encode(merged(fields, body))


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


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: JSON = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class _PartialCall(msgspec.Struct):
    """What has arrived of one call."""

    index: int | None
    id: str = ""
    name: str = ""
    raw: str = ""


class Answer:
    """What has arrived of one answer; `finish` is why it ended, empty until then.

    A call that the endpoint gives no id gets one that begins with `call_prefix`.
    """

    def __init__(self, endpoint: Endpoint, call_prefix: str) -> None:
        self.finish = ""
        self._endpoint = endpoint
        self._prefix = call_prefix
        self._calls: list[_PartialCall] = []

    def push(self, data: str) -> Iterator[Thought]:
        """Yield what this event adds; calls come in the end. Raises ProviderError or RemoteProtocolError."""
        for choice in self._choices(data):
            delta = choice.delta or _Delta()
            if delta.content:
                yield delta.content
            for part in delta.tool_calls or ():
                self._add(part)
            self.finish = self.finish or choice.finish_reason or ""
        if self.finish == "content_filter":
            raise errors.ProviderError(f"{self._endpoint.url} filtered it: rephrase", code=self.finish)
        if self.finish:
            yield from self._complete_calls()

    def _choices(self, data: str) -> Sequence[_Choice]:
        if data == DONE:
            return (_Choice(finish_reason="stop"),)
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, RecursionError):
            raise self._endpoint.nonsense("sent what is no chunk of a chat completion", data) from None
        if chunk.error is not None:
            said = self._endpoint.shown(reason_in(data.encode()))
            raise errors.ProviderError(f"{self._endpoint.url} failed: {said}; ask again", code="stream_error")
        return chunk.choices[:1]

    def _add(self, part: _CallDelta) -> None:
        call = next((call for call in reversed(self._calls) if part.index in (None, call.index)), None)
        # Some servers give every call the index 0, or none.
        if call is None or (part.id and call.id not in ("", part.id)):
            call = _PartialCall(part.index)
            self._calls.append(call)
        function = part.function or _Function()
        call.id = call.id or part.id or ""
        call.name = call.name or function.name or ""
        call.raw += function.arguments or ""

    def _complete_calls(self) -> Iterator[Call]:
        for number, call in enumerate(self._calls):
            if not call.name:
                raise self._endpoint.nonsense("called a tool without a name")
            yield Call(call.id or f"{self._prefix}_{number}", call.name, _object(call.raw), call.raw or "{}")
        self._calls.clear()


def _object(raw: str) -> dict[str, JSON]:
    try:
        return msgspec.json.decode(raw, type=dict[str, JSON])
    except (msgspec.DecodeError, RecursionError):
        return {}
