"""What a client says, as commands for the engine."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from s2s.commands import AddItem, AppendAudio, Command, CreateResponse, SendToolResult
from s2s.errors import LocalProtocolError
from s2s.items import Message
from s2s.wire import Close, Send
from s2s.wire.nova import messages as m
from s2s.wire.nova.contents import Opened, Result, Sound, Text
from s2s.wire.nova.ear import Ear
from s2s.wire.nova.endings import Made, close, stop
from s2s.wire.nova.judging import INVALID, Refused, document
from s2s.wire.nova.ledger import Ledger

_NORMAL = 1000


class Answering:
    """Reads messages. Raises Refused for what the service does not take."""

    def __init__(self, ledger: Ledger, input_rate: int) -> None:
        self._ledger = ledger
        self._ear = Ear(input_rate)

    def receive(self, message: bytes) -> Sequence[Send | Command | Close]:
        """Read one message."""
        match self._ledger.contents.take(message):
            case Sound(audio=audio, rate_hz=rate_hz):
                pcm = self._ear.hear(audio, rate_hz)
                return [AppendAudio(pcm)] if pcm else ()
            case Opened(type="AUDIO"):
                self._ear.forget()
                return ()
            case Text(interactive=True, text=text):
                return self._ask(text)
            case Result() as result:
                return self._answer(result)
            case m.PromptEnd():
                return close(self._ledger)
            case m.Empty():
                return [Close(_NORMAL)]
            case _:
                return ()

    def _ask(self, text: str) -> Made:
        words: Made = [AddItem(Message("user", text))] if text.strip() else []
        return [*stop(self._ledger), *words, CreateResponse()]

    def _answer(self, result: Result) -> Made:
        ledger = self._ledger
        output, is_error = _read(result.content)
        if ledger.forgive(result.call_id):
            return []
        try:
            respond = ledger.calls.settle(result.call_id, respond=True)
        except LocalProtocolError:
            raise Refused(INVALID) from None
        return [SendToolResult(result.call_id, output, is_error, respond)]


def _read(content: str) -> tuple[str, bool]:
    """Return what a tool returned, and whether that is an error; text on its own is unwrapped."""
    members = document(content) or {}
    name = next(iter(members)) if len(members) == 1 else ""
    if name not in ("result", "error"):
        return content, False
    value = bytes(members[name])
    if value.startswith(b'"'):
        return msgspec.json.decode(value, type=str), name == "error"
    return (value.decode(), True) if name == "error" else (content, False)
