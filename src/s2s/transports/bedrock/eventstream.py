"""Event streams of AWS: messages of headers and a payload, in a stream of bytes, pure.

Source: the event stream encoding as AWS documents it for Amazon Transcribe, and botocore 1.44 (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct, error, pack
from typing import TypeAlias
from uuid import UUID
from zlib import crc32

import msgspec

from s2s.errors import LocalProtocolError, RemoteProtocolError


class Timestamp(int):
    """Milliseconds since 1970 began, UTC."""


HeaderValue: TypeAlias = bool | int | bytes | str | Timestamp | UUID
"""What a header may hold; a plain int is written in the fewest of 1, 2, 4 or 8 bytes that hold it."""

Headers: TypeAlias = Mapping[str, HeaderValue]

MOST_HEADER_BYTES = 128 * 1024
MOST_PAYLOAD_BYTES = 16 * 2**20
_MOST_VALUE_BYTES = 32_767
_MOST_NAME_BYTES = 255

_PRELUDE = Struct(">III")
_LENGTHS = Struct(">II")
_CRC = Struct(">I")
_SHORT = Struct(">H")
_FRAME_BYTES = _PRELUDE.size + _CRC.size
_NUMBERS = {2: Struct(">b"), 3: Struct(">h"), 4: Struct(">i"), 5: Struct(">q"), 8: Struct(">q")}
_WHAT_TO_DO = "open another connection, and report it if that happens again"


class Message(msgspec.Struct, frozen=True):
    """One message; its headers may be shared with others."""

    headers: Headers
    payload: bytes


def encode(headers: Sequence[tuple[str, HeaderValue]], payload: bytes) -> bytes:
    """Return a whole message. Raises LocalProtocolError for what is too long."""
    return framed(header_block(headers), payload)


def header_block(headers: Sequence[tuple[str, HeaderValue]]) -> bytes:
    """Return headers as they stand in a message. Raises LocalProtocolError for what is too long."""
    return b"".join([_name(name) + _value(name, value) for name, value in headers])


def framed(block: bytes, payload: bytes) -> bytes:
    """Return a whole message with encoded headers. Raises LocalProtocolError for what is too long."""
    if len(block) > MOST_HEADER_BYTES or len(payload) > MOST_PAYLOAD_BYTES:
        raise LocalProtocolError(
            f"a message with {len(block)} bytes of headers and {len(payload)} of payload is too long: "
            f"send at most {MOST_HEADER_BYTES} and {MOST_PAYLOAD_BYTES}"
        )
    lengths = _LENGTHS.pack(_FRAME_BYTES + len(block) + len(payload), len(block))
    head = b"".join((lengths, _CRC.pack(crc32(lengths)), block))
    return b"".join((head, payload, _CRC.pack(crc32(payload, crc32(head)))))


def _name(name: str) -> bytes:
    encoded = name.encode()
    if not 0 < len(encoded) <= _MOST_NAME_BYTES:
        raise LocalProtocolError(f"the name of a header has {len(encoded)} bytes: give it 1 to 255")
    return bytes((len(encoded),)) + encoded


def _value(name: str, value: HeaderValue) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case Timestamp():
            return pack(">Bq", 8, value)
        case int():
            return _number(name, value)
        case bytes():
            return b"\x06" + _measured(name, value)
        case str():
            return b"\x07" + _measured(name, value.encode())
        case UUID():
            return b"\x09" + value.bytes


def _number(name: str, value: int) -> bytes:
    for kind in (2, 3, 4, 5):
        try:
            return bytes((kind,)) + _NUMBERS[kind].pack(value)
        except error:
            continue
    raise LocalProtocolError(f"{value} as header {name} is too large: give one that fits into 64 bits")


def _measured(name: str, value: bytes) -> bytes:
    if len(value) > _MOST_VALUE_BYTES:
        raise LocalProtocolError(f"header {name} has {len(value)} bytes: give at most {_MOST_VALUE_BYTES}")
    return _SHORT.pack(len(value)) + value


class Decoder:
    """Finds the messages in a stream of bytes, however it is cut.

    What it refuses stays where it is: every later call raises the same.
    """

    def __init__(self, most_payload_bytes: int = MOST_PAYLOAD_BYTES) -> None:
        self._most_payload_bytes = most_payload_bytes
        self._buffer = bytearray()
        self._wanted_bytes = _PRELUDE.size
        # A service says the same headers again and again.
        self._block = b""
        self._headers: Headers = {}

    @property
    def amid(self) -> bool:
        """Tell whether a message has begun and not ended."""
        return bool(self._buffer)

    def push(self, data: bytes) -> Iterator[Message]:
        """Add bytes, and return the messages that are whole by now. Raises RemoteProtocolError, by turns."""
        self._buffer += data
        return self._messages()

    def _messages(self) -> Iterator[Message]:
        while len(self._buffer) >= self._wanted_bytes:
            if self._wanted_bytes == _PRELUDE.size:
                self._wanted_bytes = _total(self._buffer, self._most_payload_bytes)
                continue
            message = self._message(self._wanted_bytes)
            del self._buffer[: self._wanted_bytes]
            self._wanted_bytes = _PRELUDE.size
            yield message

    def _message(self, total: int) -> Message:
        with memoryview(self._buffer) as view, view[: total - _CRC.size] as checked:
            if crc32(checked) != _CRC.unpack_from(view, total - _CRC.size)[0]:
                raise _broken("its checksum is wrong")
            middle = _PRELUDE.size + _LENGTHS.unpack_from(view)[1]
            block, payload = bytes(checked[_PRELUDE.size : middle]), bytes(checked[middle:])
        if block != self._block:
            self._headers, self._block = _parsed(block), block
        return Message(self._headers, payload)


def _total(buffer: bytearray, most_payload_bytes: int) -> int:
    """Return the length of the message that begins here."""
    total, headers, checksum = _PRELUDE.unpack_from(buffer)
    if crc32(buffer[: _LENGTHS.size]) != checksum:
        raise _broken("the checksum of its lengths is wrong")
    payload = total - headers - _FRAME_BYTES
    if payload < 0:
        raise _broken(f"{headers} bytes of headers do not fit into its {total} bytes")
    if headers > MOST_HEADER_BYTES or payload > most_payload_bytes:
        raise _broken(f"{headers} bytes of headers and {payload} of payload are more than is allowed")
    return int(total)


def _parsed(block: bytes) -> Headers:
    headers: dict[str, HeaderValue] = {}
    at = 0
    while at < len(block):
        try:
            name, at = _taken(block, at + 1, block[at])
            named = name.decode()
            value, at = _read(block, at + 1, block[at])
        except (IndexError, error, UnicodeDecodeError):
            raise _broken("its headers are cut off or no UTF-8") from None
        if not named or named in headers:
            raise _broken(f"a header has no name, or one that is there already ({named!r})")
        headers[named] = value
    return headers


def _read(block: bytes, at: int, kind: int) -> tuple[HeaderValue, int]:
    """Return the value of this type that begins here, and where it ends."""
    match kind:
        case 0 | 1:
            return kind == 0, at
        case 2 | 3 | 4 | 5 | 8:
            number = _NUMBERS[kind]
            (value,) = number.unpack_from(block, at)
            return (Timestamp(value) if kind == 8 else value), at + number.size
        case 6 | 7:
            content, end = _taken(block, at + _SHORT.size, _SHORT.unpack_from(block, at)[0])
            return (content if kind == 6 else content.decode()), end
        case 9:
            content, end = _taken(block, at, 16)
            return UUID(bytes=content), end
        case _:
            raise _broken(f"a header is of type {kind}, which is unknown")


def _taken(block: bytes, at: int, size: int) -> tuple[bytes, int]:
    end = at + size
    if end > len(block):
        raise IndexError
    return block[at:end], end


def _broken(how: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"a message of the event stream is broken ({how}): {_WHAT_TO_DO}")
