"""What a session asks of a pipeline, as frames."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec.structs import replace

from s2s.commands import (
    PLAIN_RESPONSE,
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    Command,
    CommitAudio,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config
from s2s.items import Message, ToolResult
from s2s.pipeline.frames import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    Frame,
    ImageFrame,
    Metadata,
    TextFrame,
    ToolResultFrame,
)
from s2s.providers.local.settings import settings_of

ASKED_BY: Final = "asked_by"
_BY_SESSION: Final[Metadata] = MappingProxyType({ASKED_BY: "session"})

START: Final = ControlFrame("start")
Heard: TypeAlias = Callable[[str, float], Message | None]


class Requests:
    """Spells commands, one after the other: the inverse of `asking`.

    What the user writes is held until the next command tells whether it is to be answered: if so, it is a
    TextFrame, as what was transcribed is. `heard` returns an item of the agent as it was heard.
    """

    def __init__(self, input_rate: int, heard: Heard) -> None:
        self.input_rate = input_rate
        self._heard = heard
        self._heard_ms = 0.0
        self._written: Message | None = None

    def frames(self, command: Command) -> Iterator[Frame]:
        """Yield what asks for this."""
        written, self._written = self._written, None
        if written is not None and command == PLAIN_RESPONSE:
            yield TextFrame(written.text, item_id=written.item_id)
            return
        if written is not None:
            yield CommandFrame(AddItem(written))
        match command:
            case AppendAudio(audio=audio):
                frame = AudioFrame(audio, self.input_rate, position_ms=self._heard_ms)
                self._heard_ms += frame.duration_ms
                yield frame
            case AppendImage(image=image, mime_type=mime_type):
                yield ImageFrame(image, mime_type)
            case CommitAudio():
                yield ControlFrame("end_of_utterance")
            case SendToolResult(call_id=call_id, output=output, is_error=is_error, respond=respond):
                yield ToolResultFrame(ToolResult(call_id, output, is_error, respond))
            case Cancel(response_id=response_id):
                yield ControlFrame("interrupt", response_id=response_id or "", metadata=_BY_SESSION)
            case Truncate(item_id=item_id, heard_ms=heard_ms):
                item = self._heard(item_id, heard_ms)
                if item is not None:
                    yield CommandFrame(AddItem(item))
            case AddItem(item=Message(role="user", item_id=item_id) as message):
                self._written = replace(message, item_id=item_id or f"user_{uuid.uuid4().hex[:16]}")
            case _:
                yield CommandFrame(command)


def opening(config: Config) -> Iterator[Frame]:
    """Yield what a conversation begins with: the settings that the config makes, and its history.

    Settings that are as in any config are left to the processors.
    """
    made, plain = settings_of(config), settings_of(Config())
    both = ((name, getattr(made, name), getattr(plain, name)) for name in UpdateSession.__struct_fields__)
    yield CommandFrame(UpdateSession(**{name: value for name, value, usual in both if value != usual}))
    for item in config.history:
        yield CommandFrame(AddItem(item))
