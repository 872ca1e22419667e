"""The short way to the audio in a message: by comparing bytes with the message before it.

A message that differs from that one in anything but its audio takes the long way, which is a decoder of JSON;
both ways give the same answer.
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

import msgspec
from pybase64 import b64decode

T = TypeVar("T")
_VALUE = re.compile(rb'"data": ?"')
_WORDS = re.compile(rb'"text": ?"')
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
        place = _place_in(message)
        if place is None:
            return
        self._before, self._after = message[: place.start], message[place.stop :]
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
        try:
            return meaning, _bytes_of(message[len(self._before) : -len(self._after)])
        except ValueError:
            return None

    def forget(self) -> None:
        """Take the long way next time."""
        self._meaning = None


class Bundle(Generic[T]):
    """The same for audio and, behind it, its words."""

    def __init__(self) -> None:
        self._before = self._between = self._after = b""
        self._meaning: T | None = None

    def learn(self, message: bytes, meaning: T, words: str) -> None:
        """Remember a message that took the long way and turned out to be audio and these words."""
        place = _place_in(message)
        text = None if place is None else _WORDS.search(message, place.stop)
        if place is None or text is None:
            return
        self._before, self._between = message[: place.start], message[place.stop : text.end()]
        self._after = message[message.rfind(b'"') :]
        self._meaning = meaning
        found = self.match(message)
        if found is None or found[2] != words:
            self._meaning = None

    def match(self, message: bytes) -> tuple[T, bytes, str] | None:
        """Return the meaning, the audio and the words of a message of the same form, None for all others."""
        meaning, start = self._meaning, len(self._before)
        if meaning is None or not message.startswith(self._before) or not message.endswith(self._after):
            return None
        end = message.find(b'"', start)
        words, over = end + len(self._between), len(message) - len(self._after)
        if end < 0 or words > over or not message.startswith(self._between, end):
            return None
        try:
            return meaning, _bytes_of(message[start:end]), _text(b'"' + message[words:over] + b'"')
        except (ValueError, msgspec.MsgspecError):
            return None


def decoded(data: str) -> bytes:
    """Decode base64 of either alphabet, padded or not. Raises ValueError for what is none."""
    return _bytes_of((data + "=" * (-len(data) % 4)).encode())


_text = msgspec.json.Decoder(str).decode
"""Passes one string, in which none can end and another begin."""


def _place_in(message: bytes) -> slice | None:
    """Return where the audio is, None where that may be elsewhere or there is much around it."""
    value = _VALUE.search(message)
    if value is None or message.count(b'"data"') > 1:
        return None
    end = message.find(b'"', value.end())
    near = end >= 0 and max(value.end(), len(message) - end) <= _LONGEST_BYTES
    return slice(value.end(), end) if near else None


def _bytes_of(data: bytes) -> bytes:
    try:
        return b64decode(data, None, True)
    except ValueError:
        return b64decode(data.translate(_STANDARD), None, True)
