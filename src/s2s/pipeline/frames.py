"""What flows through a pipeline: frames, as plain data that nobody changes.

The `metadata` of a frame is the application's own. Whoever makes a frame out of another one hands it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, Never, TypeAlias

from msgspec import Struct

from s2s.commands import Command
from s2s.events import Event
from s2s.items import JSON, Call, Role, ToolResult

Signal: TypeAlias = Literal["start", "stop", "interrupt", "start_of_utterance", "end_of_utterance", "played"]
Metadata: TypeAlias = Mapping[str, JSON]


class _Nothing(Mapping[str, JSON]):
    """No metadata: one for all frames, so nobody can add to it. Frames that are pickled or copied keep it."""

    def __getitem__(self, name: str) -> Never:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"

    def __reduce__(self) -> str:
        return "NOTHING"


NOTHING: Final[Metadata] = _Nothing()


class AudioFrame(Struct, frozen=True, gc=False, tag="audio"):
    """PCM16 LE, channels interleaved; `position_ms` is where it begins in its stream or item.

    Upstream of an engine it is what the user says, downstream what the agent says.
    """

    audio: bytes
    sample_rate: int = 24_000
    channels: int = 1
    position_ms: float = 0.0
    item_id: str = ""
    response_id: str = ""
    metadata: Metadata = NOTHING

    @property
    def duration_ms(self) -> float:
        """How long it sounds."""
        return len(self.audio) * 500 / (self.sample_rate * self.channels)


class TextFrame(Struct, frozen=True, gc=False, tag="text"):
    """Words of one side.

    Of the user: all of the item so far, and no more comes after a final one. That is what a transcriber
    makes, and what an engine answers. Of the assistant: new text; a final one closes the item and may be
    empty. Of the system: what an engine shall know.
    """

    text: str
    role: Role = "user"
    final: bool = True
    item_id: str = ""
    response_id: str = ""
    form: Literal["spoken", "written"] = "written"
    """Of the assistant: the words of its audio, or an answer by itself."""
    language: str | None = None
    metadata: Metadata = NOTHING


class ImageFrame(Struct, frozen=True, gc=False, tag="image"):
    """A still or a frame of a video, encoded."""

    image: bytes
    mime_type: str = "image/jpeg"
    metadata: Metadata = NOTHING


class ToolCallFrame(Struct, frozen=True, gc=False, tag="tool_call"):
    """The model asks for a tool. Where `runs_here`, somebody upstream runs it and answers."""

    call: Call
    response_id: str = ""
    runs_here: bool = False
    metadata: Metadata = NOTHING


class ToolResultFrame(Struct, frozen=True, gc=False, tag="tool_result"):
    """The answer to a tool call, on its way to the engine that asked."""

    result: ToolResult
    metadata: Metadata = NOTHING


class ControlFrame(Struct, frozen=True, gc=False, tag="control"):
    """Something happened, or shall happen, at this place of the stream.

    start: be ready. stop: nothing more comes from the user; finish what is under way.
    interrupt: the agent shall be silent now. What it had still to say is dropped, by sinks too.
    start_of_utterance, end_of_utterance: the user, or `role`, begins to speak, or has said all.
    played: a sink has played `position_ms` of an item. It comes from the source that belongs to the sink.
    """

    signal: Signal
    role: Role = "user"
    item_id: str = ""
    response_id: str = ""
    position_ms: float = 0.0
    metadata: Metadata = NOTHING


class EventFrame(Struct, frozen=True, gc=False, tag="event"):
    """What an engine told that is no other frame."""

    event: Event
    metadata: Metadata = NOTHING


class CommandFrame(Struct, frozen=True, gc=False, tag="command"):
    """What an engine is asked for that is no other frame."""

    command: Command
    metadata: Metadata = NOTHING


Frame: TypeAlias = (
    AudioFrame
    | TextFrame
    | ImageFrame
    | ToolCallFrame
    | ToolResultFrame
    | ControlFrame
    | EventFrame
    | CommandFrame
)
