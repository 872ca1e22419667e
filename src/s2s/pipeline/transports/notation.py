"""Frames as JSON, so that a page or a device can read and write them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import Raw, Struct

from s2s import errors
from s2s.errors import ConfigError, RemoteProtocolError, S2SError
from s2s.events import Error, Event
from s2s.formats import AudioFormat
from s2s.pipeline.frames import (
    NOTHING,
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    Metadata,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)

Refusal: TypeAlias = Literal["unsupported_data", "invalid_data", "too_large"]
CODES: Final[Mapping[Refusal, int]] = {"unsupported_data": 1003, "invalid_data": 1007, "too_large": 1009}
"""What a WebSocket closes with after them."""


class RefusedError(RemoteProtocolError):
    """The peer sent what is no frame that it may send."""

    def __init__(self, why: Refusal, message: str) -> None:
        super().__init__(message)
        self.code: Refusal = why


class _Kind(Struct):
    type: str = ""


class _Trouble(Struct, omit_defaults=True):
    kind: str
    message: str
    provider: str = ""
    session_id: str = ""
    code: str | int | None = None
    reason: str = ""
    retryable: bool = False
    resumable: bool = False
    retry_after_s: float | None = None
    lost_ms: float = 0.0


class _Failed(Struct, tag="error"):
    error: _Trouble
    fatal: bool = False


class _Told(Struct, tag="event"):
    event: Raw
    metadata: Metadata = NOTHING


class _Failure(Struct, tag="event"):
    event: _Failed
    metadata: Metadata = NOTHING


_KINDS: Final = {
    name: each for name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, S2SError)
}
_EVENTS: Final = msgspec.json.Decoder(reduce(or_, (each for each in get_args(Event) if each is not Error)))
_READERS: Final[dict[str, msgspec.json.Decoder[Frame | _Told]]] = {
    str(each.__struct_config__.tag): msgspec.json.Decoder(each)
    for each in (
        AudioFrame,
        TextFrame,
        ImageFrame,
        ToolCallFrame,
        ToolResultFrame,
        ControlFrame,
        CommandFrame,
        _Told,
    )
}


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)


def spelled(frame: Frame) -> bytes:
    """Return the JSON of a frame; what JSON has no value for is told as text."""
    match frame:
        case EventFrame(event=Error(error=error, fatal=fatal), metadata=metadata):
            return _ENCODER.encode(_Failure(_Failed(_trouble(error), fatal), metadata))
        case _:
            return _ENCODER.encode(frame)


def read(message: bytes) -> Frame:
    """Return the frame that JSON is. Raises RefusedError for all else."""
    try:
        kind = msgspec.json.decode(message, type=_Kind).type
        reader = _READERS.get(kind)
        if reader is None:
            known = ", ".join(sorted(_READERS))
            raise RefusedError("unsupported_data", f"there is no frame of type {kind[:40]!r}: send {known}")
        frame = reader.decode(message)
        return _told(frame) if isinstance(frame, _Told) else _checked(frame)
    except msgspec.ValidationError as wrong:
        raise RefusedError("invalid_data", f"this is no frame: {wrong}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise RefusedError("invalid_data", f"a text message is JSON: {wrong}") from None


def require_whole(frame: AudioFrame) -> None:
    """Raise RefusedError for what holds no whole samples of PCM16, at a rate that there is."""
    try:
        frame_bytes = AudioFormat("pcm16", frame.sample_rate, frame.channels).frame_bytes
    except ConfigError as wrong:
        raise RefusedError("invalid_data", str(wrong)) from None
    if len(frame.audio) % frame_bytes:
        told = f"{len(frame.audio)} bytes of PCM16 end within a sample of {frame.channels} channels"
        raise RefusedError("invalid_data", f"{told}: send whole ones")


def _checked(frame: Frame) -> Frame:
    if isinstance(frame, AudioFrame):
        require_whole(frame)
    return frame


def _told(told: _Told) -> EventFrame:
    if msgspec.json.decode(told.event, type=_Kind).type != "error":
        return EventFrame(_EVENTS.decode(told.event), told.metadata)
    failed = msgspec.json.decode(told.event, type=_Failed)
    return EventFrame(Error(_error(failed.error), failed.fatal), told.metadata)


def _trouble(error: S2SError) -> _Trouble:
    """Return what an error is to somebody else: no causes, and nothing that a provider sent."""
    kind = next(each.__name__ for each in type(error).__mro__ if _KINDS.get(each.__name__) is each)
    known = {name: value for name, value in vars(error).items() if name in _Trouble.__struct_fields__}
    return _Trouble(kind, str(error), **known)


def _error(trouble: _Trouble) -> S2SError:
    error = _KINDS.get(trouble.kind, S2SError)(trouble.message)
    for name in vars(error).keys() & set(_Trouble.__struct_fields__):
        setattr(error, name, getattr(trouble, name))
    return error
