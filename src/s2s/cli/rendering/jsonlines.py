"""Tells programs what happens: one JSON object per line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

import msgspec

from s2s.cli.asking.recording import Recording
from s2s.cli.asking.tooluse import ToolUse
from s2s.cli.rendering.keeping import Kept
from s2s.cli.rendering.report import summary
from s2s.errors import S2SError
from s2s.events import AudioOutput, Error, Event
from s2s.items import ToolResult


class JSONLines:
    """Writes every event, without its audio but with the count of its bytes."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout

    def asked(self, name: str, at_ms: float) -> None:
        """Write that a question begins."""
        self.write("question", at_ms=round(at_ms, 1), name=name)

    def told(self, event: Event, at_ms: float) -> None:
        """Write an event."""
        self.write(event.type, at_ms=round(at_ms, 1), **_plain(event))

    def served(self, number: int, event: Event) -> None:
        """Write an event of a session that is served."""
        self.write(event.type, session=number, **_plain(event))

    def settled(self, use: ToolUse) -> None:
        """Write the result of a tool."""
        if isinstance(use.result, ToolResult):
            self.write(
                "tool_result", call_id=use.call.id, output=use.result.output, is_error=use.result.is_error
            )

    def conclude(
        self, recording: Recording, engine: str, kept: Sequence[Kept], error: S2SError | None
    ) -> None:
        """Write the summary."""
        files = {each.kind: str(each.place) for each in kept}
        problem = None if error is None else str(error)
        self.write("summary", engine=engine, error=problem, files=files, **summary(recording))

    def write(self, kind: str, **fields: object) -> None:
        """Write an object of this type."""
        line = msgspec.json.encode({"type": kind, **fields}, enc_hook=str)
        self._file.write(f"{line.decode()}\n")
        self._file.flush()


def _plain(event: Event) -> dict[str, Any]:
    match event:
        case AudioOutput():
            fields = msgspec.structs.asdict(event)
            return {"audio_bytes": len(fields.pop("audio")), **fields}
        case Error(error=error, fatal=fatal):
            return {"error": type(error).__name__, "message": str(error), "fatal": fatal, **_code(error)}
        case _:
            plain: dict[str, Any] = msgspec.to_builtins(event, enc_hook=str)
            return plain


def _code(error: S2SError) -> dict[str, str]:
    return {"code": code} if (code := getattr(error, "code", None)) else {}
