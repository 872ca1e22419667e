"""The user's turns, of which Pipecat has two signals: what a detector hears, and what somebody decides."""

from __future__ import annotations

from typing import Final, Literal

from msgspec.structs import replace
from pipecat.frames import frames as pc

from s2s.pipeline.frames import ControlFrame, TextFrame
from s2s.pipeline.pipecat.carried import original_of

_HEARD: Final = (pc.VADUserStartedSpeakingFrame, pc.VADUserStoppedSpeakingFrame)
_STARTED: Final = (pc.VADUserStartedSpeakingFrame, pc.UserStartedSpeakingFrame)
TURNS: Final = (*_HEARD, pc.UserStartedSpeakingFrame, pc.UserStoppedSpeakingFrame)


class Turns:
    """Both signals as one: where somebody decides, what a detector hears does not count."""

    def __init__(self) -> None:
        self._by: Literal["detector", "decision"] = "detector"
        self._open = ""
        self._item_id = ""

    def push(self, frame: pc.Frame) -> list[ControlFrame]:
        """Return what such a frame changes."""
        if isinstance(frame, _HEARD):
            if self._by == "decision":
                return []
        else:
            self._by = "decision"
        if isinstance(original := original_of(frame), ControlFrame):
            self._open = self._item_id = original.item_id
            return [original]
        return self._began(frame) if isinstance(frame, _STARTED) else self._ended(frame)

    def name(self, text: TextFrame) -> TextFrame:
        """Return what the user said with the name of the utterance that it belongs to."""
        return replace(text, item_id=self._item_id)

    def _began(self, frame: pc.Frame) -> list[ControlFrame]:
        if self._open:
            return []
        self._open = self._item_id = f"user_{frame.id}"
        return [ControlFrame("start_of_utterance", item_id=self._open)]

    def _ended(self, frame: pc.Frame) -> list[ControlFrame]:
        ended, self._open = self._open, ""
        if not ended and isinstance(frame, _HEARD):
            return []
        return [ControlFrame("end_of_utterance", item_id=ended)]
