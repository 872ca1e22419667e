"""Tells people what happens in a conversation, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from s2s.cli.asking.recording import Recording
from s2s.cli.asking.tooluse import ToolUse, spelled
from s2s.cli.rendering.keeping import Kept
from s2s.cli.rendering.report import MEASURED, latencies
from s2s.cli.rendering.screen import Screen
from s2s.errors import S2SError
from s2s.events import (
    Error,
    Event,
    GoingAway,
    IdleTimeout,
    Interrupted,
    Reconnected,
    Reconnecting,
    SessionEnded,
    TextOutput,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.items import JSON

USER: Final = "cyan"
AGENT: Final = "yellow"
TOOL: Final = "magenta"


class Narrator:
    """Writes the transcript of a live conversation."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._guess = ""
        """What was not final; where nothing can be erased it is shown only if it was wrong."""

    def asked(self, name: str, at_ms: float) -> None:
        """Say what is asked."""
        self._screen.say("", name, "dim")

    def told(self, event: Event, at_ms: float) -> None:
        """Write what is worth a line."""
        match event:
            case Transcript(text=text, final=final) if text:
                self._user(text, final)
            case TextOutput(text=text) if text:
                self._screen.grow("agent", text, AGENT)
            case ToolCall(call=call):
                self._screen.say("tool", spelled(call), TOOL)
            case Interrupted(heard_ms=heard_ms):
                self._screen.say("", f"interrupted after {heard_ms / 1000:.1f} s of the answer", "red")
            case TurnEnd(status="incomplete" | "failed" as status):
                self._screen.say("", f"the answer is {status}", "red")
            case Error(error=error, fatal=False):
                self._screen.say("", f"trouble: {error}", "red")
            case SessionEnded(reason="ended_by_engine"):
                self._screen.say("", "the engine ended the session", "dim")
            case GoingAway() | Reconnecting() | Reconnected() | IdleTimeout():
                self._screen.say("", _notice(event), "dim")
            case _:
                pass

    def settled(self, use: ToolUse) -> None:
        """Write the result of a tool."""
        if use.result is not None:
            arrow = "failed:" if use.result.is_error else "->"
            self._screen.say("", f"{arrow} {use.result.output}", TOOL)

    def conclude(
        self, recording: Recording, engine: str, kept: Sequence[Kept], error: S2SError | None
    ) -> None:
        """Write the figures, and where the files are."""
        self._screen.finish()
        if recording.turns:
            self._screen.plain()
            self._screen.table(*latencies(recording))
            for line in MEASURED:
                self._screen.plain(line, "dim")
            self._screen.plain()
        for each in kept:
            self._screen.say(each.kind, f"{each.place}  {each.description}")

    def _user(self, text: str, final: bool) -> None:
        if self._guess and text != self._guess and not self._screen.erases:
            self._screen.sketch("you", self._guess)
        self._guess = "" if final else text
        if final:
            self._screen.say("you", text, USER)
        elif self._screen.erases:
            self._screen.sketch("you", text)


def _notice(event: Event) -> str:
    fields: Mapping[str, JSON] = msgspec.to_builtins(event)
    details = ", ".join(f"{name} {value}" for name, value in fields.items() if name != "type")
    return f"{event.type.replace('_', ' ')}: {details}"
