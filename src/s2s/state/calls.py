"""Tool calls, each settled exactly once."""

from __future__ import annotations

from s2s.errors import LocalProtocolError
from s2s.items import Call


class Calls:
    """The calls that wait for an answer, and whether the model owes a response to the answers given."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Call, str]] = {}
        self._settled: dict[str, None] = {}
        self._wanted: set[str] = set()

    def opened(self, call: Call, response_id: str) -> None:
        """The model asked."""
        self._open[call.id] = call, response_id

    def settle(self, call_id: str, respond: bool) -> bool:
        """Take the one answer to a call; return whether the model shall speak now.

        Of several calls in one response only the answer to the last one lets the model speak.
        Raises LocalProtocolError for a call that was never made, or that is already settled.
        """
        if call_id not in self._open:
            known = ", ".join(self._open) or "none"
            what = "is already settled" if call_id in self._settled else "was never made"
            raise LocalProtocolError(
                f"call {call_id!r} {what}: answer each ToolCall once, by its call.id (open: {known})"
            )
        _, response_id = self._open.pop(call_id)
        self._remember(call_id)
        if respond:
            self._wanted.add(response_id)
        if self._has_open(response_id):
            return False
        wanted = response_id in self._wanted
        self._wanted.discard(response_id)
        return wanted

    def drop(self, call_ids: tuple[str, ...]) -> tuple[str, ...]:
        """The answers are not wanted any more; return those that were still open."""
        dropped = tuple(each for each in call_ids if each in self._open)
        for call_id in dropped:
            del self._open[call_id]
            self._remember(call_id)
        return dropped

    def postpone(self, response_id: str) -> bool:
        """Let the model speak after the calls of this response that are still open, if there are any."""
        waits = self._has_open(response_id)
        if waits:
            self._wanted.add(response_id)
        return waits

    def response_of(self, call_id: str) -> str:
        """Return the response that made an open call; nothing for any other."""
        return self._open[call_id][1] if call_id in self._open else ""

    @property
    def open(self) -> tuple[str, ...]:
        """The calls without an answer, oldest first."""
        return tuple(self._open)

    @property
    def waiting(self) -> tuple[Call, ...]:
        """The same, as the model made them."""
        return tuple(call for call, _ in self._open.values())

    def _has_open(self, response_id: str) -> bool:
        return any(each == response_id for _, each in self._open.values())

    def _remember(self, call_id: str) -> None:
        self._settled[call_id] = None
        if len(self._settled) > 1000:
            del self._settled[next(iter(self._settled))]
