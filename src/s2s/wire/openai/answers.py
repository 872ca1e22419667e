"""The results of parallel calls, told to the service in the order in which it asked."""

from __future__ import annotations

from s2s.commands import SendToolResult
from s2s.items import ToolResult


class Answers:
    """A result waits for those of the calls before it in its response, until another response begins."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, ToolResult | None]] = {}

    def asked(self, response_id: str, call_id: str) -> None:
        """The service made a call."""
        self._calls[call_id] = response_id, None

    def answer(self, command: SendToolResult) -> list[ToolResult]:
        """Take a result and return what may be told now."""
        result = ToolResult(command.call_id, command.output, command.is_error)
        if command.call_id not in self._calls:
            return [result]
        response_id, _ = self._calls[command.call_id]
        self._calls[command.call_id] = response_id, result
        told: list[ToolResult] = []
        for call_id, (of, known) in list(self._calls.items()):
            if of == response_id:
                if known is None:
                    break
                told.append(known)
                del self._calls[call_id]
        return told

    def release(self) -> list[ToolResult]:
        """Return what waits: a response begins that should know of it."""
        told = [known for _, known in self._calls.values() if known is not None]
        self._calls = {call_id: each for call_id, each in self._calls.items() if each[1] is None}
        return told
