"""Both directions of one stream: no signal is said twice, and what was interrupted stays silent."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal

from msgspec.structs import replace
from pipecat.frames import frames as pc

from s2s.events import ResponseStarted
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame, Metadata, TextFrame
from s2s.pipeline.pipecat.answers import Bracketed, Named
from s2s.pipeline.pipecat.carried import S2SFrame
from s2s.pipeline.pipecat.turns import TURNS

SIGNALS: Final = (pc.InterruptionFrame, *TURNS)
"""They go on by themselves; a processor gets a copy."""
COPY: Final[Metadata] = MappingProxyType({"from": "pipecat"})
"""What a processor hands on of it, nobody needs to hear."""


class Exchange:
    """What a processor of ours hears from Pipecat, and what Pipecat hears from it."""

    def __init__(self) -> None:
        self._named = Named()
        self._bracketed = Bracketed()
        self._speaking = ""
        """The response that something was said of last."""
        self._silenced = ""
        self._interrupt: Literal["answered", "asked"] = "answered"

    def hear(self, frame: pc.Frame) -> list[Frame] | None:
        """Return what the processor gets for a frame of Pipecat's, or None if it would not understand."""
        made = self._named.push(frame)
        if made is None or not isinstance(frame, SIGNALS):
            return made
        if isinstance(frame, pc.InterruptionFrame):
            self._silenced, self._interrupt = self._speaking, "asked"
        return [
            replace(each, metadata={**each.metadata, **COPY}) if isinstance(each, ControlFrame) else each
            for each in made
        ]

    def tell(self, frame: Frame, now: str) -> list[pc.Frame]:
        """Return what Pipecat gets for a frame of the processor's."""
        match frame:
            case EventFrame(event=ResponseStarted(response_id=response_id)):
                self._speaking, self._interrupt = response_id, "answered"
            case AudioFrame(response_id=name) | TextFrame(role="assistant", response_id=name) if name:
                if name == self._silenced:
                    return []
                self._speaking = name
            case ControlFrame(metadata=metadata) if metadata.get("from") == "pipecat":
                return self._bracketed.close() if frame.signal == "interrupt" else []
            case ControlFrame(signal="interrupt") if self._is_answer(frame):
                self._interrupt = "answered"
                return [S2SFrame(frame), *self._bracketed.close()]
            case _:
                pass
        return self._bracketed.push(frame, now)

    def _is_answer(self, frame: ControlFrame) -> bool:
        return self._interrupt == "asked" and frame.metadata.get("cause") == "application"

    def close(self) -> list[pc.Frame]:
        """Return what ends an answer that the processor has not ended."""
        return self._bracketed.close()
