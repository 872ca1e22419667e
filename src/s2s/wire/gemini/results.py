"""Answers to the calls of the service, which speaks of each one that its model waits for."""

from __future__ import annotations

from s2s.commands import SendToolResult
from s2s.items import Call, Item, Message, ToolResult
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.asks import Ask
from s2s.wire.gemini.connection import Connection, say
from s2s.wire.gemini.opening import behavior

QUIET_S = 1.0
_MOST_LATE = 16
_HIDDEN = Ask("tool_result", wanted="hidden")


class Results:
    """Spells them. One that nobody wants to hear of waits for the question that may follow, or for `QUIET_S`.

    One whose call the service has taken back is told in words, with what is asked next.
    """

    def __init__(self, connection: Connection) -> None:
        self._on = connection
        self._quiet: ToolResult | None = None
        self._late: list[Item] = []

    @property
    def waiting(self) -> bool:
        """Whether one waits."""
        return self._quiet is not None

    def answer(self, command: SendToolResult) -> list[Send]:
        """Answer a call."""
        on, told = self._on, self.release()
        result = ToolResult(command.call_id, command.output, command.is_error, command.respond)
        call = on.replies.calls.get(result.call_id)
        if call is None:
            self._too_late(result)
        elif result.respond:
            told += self._send(result, call, Ask("tool_result", said=(call, result)))
        elif self._schedules(call) or len(on.replies.calls) > 1:
            told += self._send(result, call)
        elif result.is_error:
            told += self._send(result, call, self._aside())  # no question follows
        else:
            self._quiet = result
        return told

    def follow(self, metadata: dict[str, str]) -> list[Send]:
        """Answer the call whose result waits, if one does, for it is to be spoken of."""
        waited = self._waited()
        if waited is None:
            return []
        result, call = waited
        return self._send(result, call, Ask("application", metadata, (call, result)))

    def release(self) -> list[Send]:
        """Answer the call whose result waits; the model speaks of it, and nobody hears that."""
        waited = self._waited()
        return [] if waited is None else self._send(*waited, self._aside())

    def late(self) -> list[Item]:
        """Return the results that came too late for their calls, now that they are told."""
        late, self._late = self._late, []
        return late

    def _aside(self) -> Ask | None:
        """Return what nobody is to hear, unless it may be what the user waits for."""
        return None if self._on.asks.expected else _HIDDEN

    def _waited(self) -> tuple[ToolResult, Call] | None:
        """Return what waited, and its call; None where the service has taken that back."""
        result, self._quiet = self._quiet, None
        call = None if result is None else self._on.replies.calls.get(result.call_id)
        if result is not None and call is not None:
            return result, call
        if result is not None:
            self._too_late(result)
        return None

    def _too_late(self, result: ToolResult) -> None:
        call = self._on.replies.withdrawn.pop(result.call_id, None)
        if call is not None and not result.is_error:
            told = Message("user", f"[{call.name} returned: {result.output}]")
            self._late = [*self._late[1 - _MOST_LATE :], told]

    def _send(self, result: ToolResult, call: Call, ask: Ask | None = None) -> list[Send]:
        on = self._on
        del on.replies.calls[call.id]
        on.memory.add(result)
        response = on.answer(result, call)
        if self._schedules(call):
            response.scheduling = on.opening.wishes.scheduling if result.respond else "SILENT"
        if ask is not None:
            on.asks.put(ask)
        return [say(m.ClientMessage(tool_response=m.ToolResponse(function_responses=[response])))]

    def _schedules(self, call: Call) -> bool:
        """Tell whether the service can be told when to speak of it."""
        on, profile = self._on, self._on.opening.profile
        tool = next((each for each in on.settings.tools if each.name == call.name), None)
        blocks = tool is None or (behavior(tool, profile) or profile.unset_behavior) == "BLOCKING"
        return profile.scheduling and not blocks
