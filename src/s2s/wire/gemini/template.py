"""The short way to the audio in a message: by comparing bytes with the message before it.

A message that differs from that one in anything but its audio takes the long way, which is a decoder of JSON;
both ways give the same answer.
"""

from __future__ import annotations

import binascii
import re
from typing import Generic, TypeVar

from pybase64 import b64decode

T = TypeVar("T")
_VALUE = re.compile(rb'"data": ?"')
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LONGEST_BYTES = 1024


class Template(Generic[T]):
    """What stands around the audio, and what it means for the audio."""

    def __init__(self) -> None:
        self._before = b""
        self._after = b""
        self._around = 0
        self._meaning: T | None = None

    def learn(self, message: bytes, meaning: T) -> None:
        """Remember a message that took the long way and turned out to be audio and nothing else."""
        value = _VALUE.search(message)
        end = -1 if value is None else message.find(b'"', value.end())
        if value is None or end < 0 or value.end() > _LONGEST_BYTES or len(message) - end > _LONGEST_BYTES:
            return
        self._before, self._after = message[: value.end()], message[end:]
        self._around = len(self._before) + len(self._after)
        self._meaning = meaning
        if self.match(message) is None:
            self.forget()

    def match(self, message: bytes) -> tuple[T, bytes] | None:
        """Return the meaning and the audio of a message of the same form, None for all others.

        No more than base64 of either alphabet passes, in which no string can end and nothing is escaped.
        """
        meaning = self._meaning
        if meaning is None or len(message) < self._around:
            return None
        if not message.startswith(self._before) or not message.endswith(self._after):
            return None
        data = message[len(self._before) : -len(self._after)]
        try:
            return meaning, b64decode(data, None, True)
        except binascii.Error:
            pass
        try:
            return meaning, b64decode(data.translate(_STANDARD), None, True)
        except binascii.Error:
            return None

    def forget(self) -> None:
        """Take the long way next time."""
        self._meaning = None


def decoded(data: str) -> bytes:
    """Decode base64 of either alphabet, padded or not. Raises ValueError for what is none."""
    padded = data + "=" * (-len(data) % 4)
    return b64decode(padded.encode().translate(_STANDARD), None, True)
