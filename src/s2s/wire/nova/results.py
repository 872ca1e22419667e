"""What tools have returned, told to the service that waits for it, or said in words where none does."""

from __future__ import annotations

from s2s.commands import SendToolResult
from s2s.errors import LocalProtocolError
from s2s.events import Error, Event
from s2s.items import Message, ToolResult
from s2s.wire import Send
from s2s.wire.nova import blocks
from s2s.wire.nova.asks import Ask
from s2s.wire.nova.calls import OpenCall
from s2s.wire.nova.stream import Stream
from s2s.wire.nova.wording import document, returned

QUIET_S = 1.0
_HIDDEN = Ask("tool_result", wanted="hidden")


class Results:
    """Spells them. One that nobody wants to hear of waits for the question that may follow, or for `QUIET_S`.

    The service speaks of every result: of such a one it does so unheard.
    """

    def __init__(self, stream: Stream) -> None:
        self._on = stream
        self._quiet: tuple[OpenCall, ToolResult] | None = None

    @property
    def waiting(self) -> bool:
        """Whether one waits."""
        return self._quiet is not None

    def answer(self, command: SendToolResult) -> list[Send | Event]:
        """Answer a call."""
        on, told = self._on, self.release()
        made = on.calls.take(command.call_id)
        if made is None:
            wrong = f"no call {command.call_id!r} is open: answer each ToolCall once, by its call.id"
            return [*told, Error(LocalProtocolError(wrong))]
        result = ToolResult(command.call_id, command.output, command.is_error, command.respond)
        if not on.hears(made):
            self._too_late(made, result)
        elif result.respond:
            told += self._send(made, result, Ask("tool_result"))
        elif len(on.calls):
            told += self._send(made, result, None)
        elif result.is_error:
            told += self._send(made, result, self._aside())  # no question follows
        else:
            self._quiet = made, result
        return told

    def follow(self, metadata: dict[str, str]) -> list[Send | Event]:
        """Answer the call whose result waits, if one does, for it is to be spoken of."""
        quiet, self._quiet = self._quiet, None
        return [] if quiet is None else self._send(*quiet, Ask("application", metadata))

    def release(self) -> list[Send | Event]:
        """Answer the call whose result waits; the model speaks of it, and nobody hears that."""
        quiet, self._quiet = self._quiet, None
        return [] if quiet is None else self._send(*quiet, self._aside())

    def parted(self) -> None:
        """Nobody waits any more for what waits here."""
        quiet, self._quiet = self._quiet, None
        if quiet is not None:
            self._too_late(*quiet)

    def _aside(self) -> Ask | None:
        """Return what nobody is to hear, unless it may be what the user waits for."""
        on = self._on
        return None if on.asks.wanted or on.speech.words else _HIDDEN

    def _too_late(self, made: OpenCall, result: ToolResult) -> None:
        """Say in words what came of a call that another stream has made."""
        on, words = self._on, Message("user", returned(made.call, result))
        on.memory.forget([made.note])
        if result.respond or on.opening.generation == 1:
            on.ask(Ask("tool_result", said=(*on.taken(), words)))
        else:
            on.held.append(words)

    def _send(self, made: OpenCall, result: ToolResult, ask: Ask | None) -> list[Send | Event]:
        on, words = self._on, Message("user", returned(made.call, result))
        if not on.hears(made):
            self._too_late(made, result)
            return []
        on.memory.forget([made.note])
        on.memory.add(words)
        if ask is not None and ask.wanted == "heard":
            ask = Ask(ask.origin, ask.metadata, (words,))
        if ask is not None:
            on.asks.put(ask)
        return [*blocks.result(on.new_name(), made.tool_use_id, document(result))]
