"""Tool calls, each settled exactly once."""

from __future__ import annotations

from s2s.errors import LocalProtocolError


class Calls:
    """The calls that wait for an answer, and whether the model owes a response to the answers given."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        self._settled: dict[str, None] = {}
        self._wanted: set[str] = set()

    def opened(self, call_id: str, response_id: str) -> None:
        """The model asked."""
        self._open[call_id] = response_id

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
        response_id = self._open.pop(call_id)
        self._remember(call_id)
        if respond:
            self._wanted.add(response_id)
        if response_id in self._open.values():
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

    def response_of(self, call_id: str) -> str:
        """Return the response that made an open call."""
        return self._open[call_id]

    @property
    def open(self) -> tuple[str, ...]:
        """The calls without an answer, oldest first."""
        return tuple(self._open)

    def _remember(self, call_id: str) -> None:
        self._settled[call_id] = None
        if len(self._settled) > 1000:
            del self._settled[next(iter(self._settled))]
