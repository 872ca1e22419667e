"""Whole messages out of frames, and the rules that picows leaves to whoever uses it."""

from __future__ import annotations

from s2s.transports.ending import BAD_TEXT, BROKEN, NO_CODE, TOO_BIG, Ending, may_be_sent
from s2s.wire import BinaryMessage

CONTINUATION, TEXT = 0, 1


class Violation(Exception):
    """The peer broke the WebSocket protocol; `code` is what to close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Assembly:
    """Puts the fragments of one message at a time together, bounded in bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = self._room_bytes = most_bytes
        self._opcode: int | None = None
        self._parts = bytearray()

    def add(self, opcode: int, fin: int, payload: bytes) -> bytes | None:
        """Take a data frame and return the message that it completes. Raises Violation."""
        # picows objects to a frame that is too big and then hands it over all the same.
        if len(payload) > self._room_bytes:
            raise Violation(TOO_BIG, f"a message of more than {self._most_bytes} bytes")
        if fin and opcode and self._opcode is None:
            return payload if opcode == TEXT and payload.isascii() else _checked(opcode, payload)
        return self._collect(opcode, fin, payload)

    def _collect(self, opcode: int, fin: int, payload: bytes) -> bytes | None:
        if (opcode == CONTINUATION) != (self._opcode is not None):
            raise Violation(BROKEN, "a message within another one, or the rest of none")
        self._opcode = self._opcode or opcode
        self._parts += payload
        self._room_bytes -= len(payload)
        if not fin:
            return None
        opcode, message = self._opcode, bytes(self._parts)
        self._opcode, self._parts, self._room_bytes = None, bytearray(), self._most_bytes
        return _checked(opcode, message)


def _checked(opcode: int, message: bytes) -> bytes:
    if opcode != TEXT:
        return BinaryMessage(message)
    _text(message)
    return message


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(BAD_TEXT, "text that is not UTF-8") from None


def farewell(payload: bytes) -> Ending:
    """Read what a close frame says. Raises Violation."""
    if not payload:
        return Ending(NO_CODE, "it gave no code")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not may_be_sent(code):
        raise Violation(BROKEN, "a close frame without a valid code")
    return Ending(code, _text(payload[2:]), wanted=code == 1000)
