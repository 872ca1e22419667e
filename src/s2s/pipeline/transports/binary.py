"""Audio as binary messages, which say less than frames do: an audio frame before them says the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from s2s.pipeline.frames import AudioFrame, Frame
from s2s.pipeline.mono import Mono
from s2s.pipeline.transports.notation import read, require_whole, spelled
from s2s.wire import BinaryMessage

_PIECE_BYTES: Final = 32 * 1024
_SAME_MS: Final = 0.5


class Hearing:
    """Makes frames of messages."""

    def __init__(self, rate: int | None) -> None:
        self._next = AudioFrame(b"") if rate is None else AudioFrame(b"", rate)

    def frame(self, message: bytes) -> Frame | None:
        """Return the frame that a message is; None for one that holds no sound. Raises RefusedError."""
        if isinstance(message, BinaryMessage):
            frame: Frame = replace(self._next, audio=bytes(message))
        else:
            frame = read(message)
        if not isinstance(frame, AudioFrame):
            return frame
        require_whole(frame)
        self._next = _after(frame)
        return frame if frame.audio else None


class Saying:
    """Makes messages of audio: mono, at the rate if there is one."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._next: AudioFrame | None = None
        self._mono = Mono(0)

    def audio(self, frame: AudioFrame) -> Iterator[bytes]:
        """Return what is complete with this frame; where it begins a stream, that is said first."""
        if self._next is None or not _goes_on(self._next, frame):
            yield from self.rest()
            self._mono = Mono(self._rate or frame.sample_rate)
            yield spelled(replace(frame, audio=b"", sample_rate=self._mono.sample_rate, channels=1))
        self._next = _after(frame)
        yield from _binary(self._mono.push(frame))

    def rest(self) -> Iterator[bytes]:
        """Return what was withheld."""
        return _binary(self._mono.flush())

    def forget(self) -> None:
        """Begin anew, without what was withheld."""
        self._mono.flush()
        self._next = None


def _binary(pcm: bytes) -> Iterator[bytes]:
    return (BinaryMessage(pcm[at : at + _PIECE_BYTES]) for at in range(0, len(pcm), _PIECE_BYTES))


def _after(frame: AudioFrame) -> AudioFrame:
    return replace(frame, audio=b"", position_ms=frame.position_ms + frame.duration_ms)


def _goes_on(expected: AudioFrame, frame: AudioFrame) -> bool:
    in_place = abs(frame.position_ms - expected.position_ms) < _SAME_MS
    return in_place and replace(frame, audio=b"", position_ms=expected.position_ms) == expected
