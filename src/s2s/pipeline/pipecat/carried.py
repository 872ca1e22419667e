"""Frames of ours inside Pipecat: carried where Pipecat has none for them, and remembered where it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pipecat.frames.frames import DataFrame
from pipecat.frames.frames import Frame as PipecatFrame

from s2s.pipeline.frames import Frame

_MARK: Final = "s2s"


@dataclass
class S2SFrame(DataFrame):
    """A frame of ours that Pipecat has none for; it keeps its place, and no interruption drops it."""

    interruptible: bool = field(default=False, init=False)

    frame: Frame


def remembering(made: PipecatFrame, original: Frame | None) -> PipecatFrame:
    """Mark a frame with the one of ours that it was made of, or as one that says nothing by itself."""
    made.metadata[_MARK] = original
    return made


def original_of(frame: PipecatFrame) -> Frame | None:
    """Return what it was made of, if it was made of a frame of ours."""
    original: Frame | None = frame.metadata.get(_MARK)
    return original


def is_companion(frame: PipecatFrame) -> bool:
    """Tell whether it was made beside another one that says everything."""
    return _MARK in frame.metadata and frame.metadata[_MARK] is None
