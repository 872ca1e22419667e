"""Frames of HTTP/2, as far as they are cut here, and written at a client with a single stream; pure.

Source: RFC 9113.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client says before its first frame."""
STREAM = 1
"""The stream of the first request on a connection, and the last one here."""

_NUMBER = STREAM.to_bytes(4)
_DATA, _GOAWAY, _WINDOW_UPDATE = 0, 7, 8
_LAST, _PADDED = 1, 8
_HEAD_BYTES = 9
_LONGEST_BYTES = 16_384
_BATCH_BYTES = 64 * 1024
"""One write takes no more, so that a socket that is slow is noticed."""


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a DATA frame holds, and what it takes of the windows."""

    data: bytes
    taken_bytes: int
    last: bool


class Broken(Exception):
    """The peer does not keep to HTTP/2."""


class OldHTTP(Broken):
    """It does not speak it at all."""


class Frames:
    """Cuts what has come into frames, however it came."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Return the frames that are whole by now. Raises Broken for one that is too long, by turns."""
        if not self._buffer and _size(data) == len(data):
            return iter((data,))
        self._buffer += data
        return self._cut()

    def _cut(self) -> Iterator[bytes]:
        buffer = self._buffer
        while len(buffer) >= _HEAD_BYTES and (size := self._size()) <= len(buffer):
            frame = bytes(buffer[:size])
            del buffer[:size]
            yield frame

    def _size(self) -> int:
        size = _size(self._buffer)
        if size > _LONGEST_BYTES + _HEAD_BYTES:
            # Read as the head of a frame, that promises millions of bytes.
            raise OldHTTP if self._buffer.startswith(b"HTTP/1") else Broken("a frame is too long")
        return size


def _size(data: bytes | bytearray) -> int:
    return int.from_bytes(data[:3]) + _HEAD_BYTES


def content(frame: bytes) -> Content | None:
    """Return what a frame holds; None where it is no DATA of our stream, or is not valid."""
    taken, flags = len(frame) - _HEAD_BYTES, frame[4]
    if frame[3] != _DATA or frame[5:_HEAD_BYTES] != _NUMBER or taken > _LONGEST_BYTES:
        return None
    start, end = _HEAD_BYTES, len(frame)
    if flags & _PADDED:
        if taken == 0 or frame[_HEAD_BYTES] >= taken:
            return None
        start, end = start + 1, end - frame[_HEAD_BYTES]
    return Content(frame[start:end], taken, bool(flags & _LAST))


def goodbye(frame: bytes) -> bool:
    """Tell whether a frame says in order that the connection takes no other streams, and ours goes on."""
    last_stream, code = int.from_bytes(frame[9:13]) & 0x7FFF_FFFF, frame[13:17]
    return frame[3] == _GOAWAY and last_stream >= STREAM and code == bytes(4)


def batch(waiting: bytearray, window_bytes: int, longest_bytes: int) -> tuple[bytes, int]:
    """Return DATA frames with what may be sent now of what waits, and how much of it that is."""
    most = max(min(len(waiting), window_bytes, _BATCH_BYTES), 0)
    parts: list[bytes | bytearray] = []
    for start in range(0, most, longest_bytes):
        part = waiting[start : min(start + longest_bytes, most)]
        parts += (len(part).to_bytes(3), b"\x00\x00", _NUMBER, part)
    return b"".join(parts), most


def named(code: int | None) -> str:
    """Return what a code is called with which a stream or a connection ends."""
    return getattr(code, "name", None) or f"{code or 0:#x}"


def last() -> bytes:
    """Return the DATA frame that ends the stream and holds nothing."""
    return bytes((0, 0, 0, _DATA, _LAST)) + _NUMBER


def window_update(number: int, size: int) -> bytes:
    """Return the frame that lets the peer send more, on a stream or on the connection (0)."""
    return bytes((0, 0, 4, _WINDOW_UPDATE, 0)) + number.to_bytes(4) + size.to_bytes(4)
