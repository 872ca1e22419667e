"""Writes what was heard of the answers into a WAV file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

from s2s.audio.wav import WavWriter
from s2s.cli.asking.playback import Piece

_GAP_MS: Final = 400


class AnswerFile:
    """One file for all answers, a short silence between them; there is no file until something was heard."""

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._writer: WavWriter | None = None
        self._until_ms = 0.0

    def write(self, piece: Piece) -> None:
        """Append what was heard."""
        if self._place is None or not piece.pcm:
            return
        if self._writer is None:
            self._writer = WavWriter(self._place, piece.rate)
        elif piece.start_ms > self._until_ms + 1:
            self._writer.write(bytes(_GAP_MS * piece.rate // 1000 * 2))
        self._writer.write(piece.pcm)
        self._until_ms = piece.end_ms

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
