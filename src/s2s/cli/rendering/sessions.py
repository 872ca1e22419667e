"""Shows what goes on in the sessions that are served, a line for each thing said."""

from __future__ import annotations

from s2s.cli.rendering.screen import Screen
from s2s.events import (
    Error,
    Event,
    ResponseDone,
    SessionStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    Transcript,
)


class Sessions:
    """Writes lines for people, labelled with the number of the session."""

    def __init__(self, out: Screen) -> None:
        self._out = out
        self._words: dict[int, str] = {}

    def __call__(self, number: int, event: Event) -> None:
        """Show an event of a session, if it is worth a line."""
        match event:
            case SessionStarted(model=model):
                self._say(number, f"connected, {model} answers", "dim")
            case SpeechStarted():
                self._say(number, "the user speaks", "dim")
            case Transcript(text=text, final=True):
                self._say(number, f"user   {text}")
            case TextOutput(text=text):
                self._words[number] = self._words.get(number, "") + text
            case ToolCall(call=call):
                self._say(number, f"calls  {call.name} {call.raw}")
            case ResponseDone(status=status):
                said = self._words.pop(number, "").strip()
                note = "" if status == "completed" else f" ({status})"
                if said or note:
                    self._say(number, f"agent  {said}{note}")
            case Error(error=error):
                self._say(number, f"error  {error}", "red")
            case _:
                pass

    def _say(self, number: int, text: str, style: str = "") -> None:
        self._out.say(f"#{number}", text, style)
