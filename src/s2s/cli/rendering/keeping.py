"""Leaves files of a conversation where they were asked for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from s2s.cli.asking.recording import Recording
from s2s.cli.rendering.report import leave_transcript
from s2s.cli.rendering.screen import errors_screen
from s2s.errors import ConfigError


class Places(msgspec.Struct, frozen=True):
    """Where to leave what; None for what nobody wants."""

    answer: Path | None = None
    transcript: Path | None = None
    timeline: Path | None = None

    def check(self) -> None:
        """Raise ConfigError where no file could be written, before time is spent."""
        for place in (self.answer, self.transcript, self.timeline):
            if place is not None and not place.parent.is_dir():
                raise ConfigError(f"there is no folder {place.parent} for {place.name}: create it first")


class Kept(msgspec.Struct, frozen=True):
    """A file that was left."""

    kind: Literal["answer", "transcript", "timeline"]
    place: Path
    description: str


def keep(recording: Recording, places: Places, engine: str) -> list[Kept]:
    """Write the transcript and the picture, unless nothing began, and return the files that are there now."""
    kept: list[Kept] = []
    if not recording.questions:
        return kept
    if places.answer is not None and recording.playback.spans:
        kept.append(Kept("answer", places.answer, "what the agent said"))
    if places.transcript is not None:
        leave_transcript(recording, places.transcript)
        kept.append(Kept("transcript", places.transcript, "what both said"))
    if places.timeline is not None and _can_draw():
        from s2s.cli.rendering.timeline import draw

        draw(recording, places.timeline, engine)
        kept.append(Kept("timeline", places.timeline, "both voices on one time axis"))
    return kept


def _can_draw() -> bool:
    if find_spec("PIL") is None:
        errors_screen().plain("the timeline picture needs pillow: pip install 'voice-s2s[cli]'", "yellow")
        return False
    return True
