"""The short way to the audio in a message: by comparing bytes with the message before it.

A message that differs from that one in anything but its event id and its audio takes the long way, which is a
decoder of JSON; both ways give the same answer.
"""

from __future__ import annotations

import binascii
import re
from typing import Generic, TypeVar

from pybase64 import b64decode

T = TypeVar("T")

_NAME = rb'"type": ?"response\.(?:output_)?audio\.delta"'
_ID = rb'"event_id": ?"[\w-]*"'
_HEAD = re.compile(rb"\{(?:%s, ?%s|%s, ?%s)" % (_NAME, _ID, _ID, _NAME))
_VALUE = re.compile(rb'"delta": ?"')


class Template(Generic[T]):
    """What stands between the event id and the audio, and whom it stands for."""

    def __init__(self) -> None:
        self._between = b""
        self._owner: T | None = None

    def learn(self, message: bytes, owner: T) -> None:
        """Remember a message that took the long way and turned out to be for this owner."""
        head = _HEAD.match(message)
        value = None if head is None else _VALUE.search(message, head.end())
        if head is not None and value is not None:
            self._between, self._owner = message[head.end() : value.end()], owner
            if self.match(message) is None:
                self.forget()

    def match(self, message: bytes) -> tuple[T, bytes] | None:
        """Return the owner and the audio of a message of the same form, None for all others.

        No more than strict base64 passes, in which no string can end and nothing is escaped.
        """
        owner = self._owner
        head = None if owner is None else _HEAD.match(message)
        if owner is None or head is None:
            return None
        start = head.end()
        if not message.startswith(self._between, start) or not message.endswith(b'"}'):
            return None
        try:
            return owner, b64decode(message[start + len(self._between) : -2], None, True)
        except binascii.Error:
            return None

    def forget(self) -> None:
        """Take the long way next time."""
        self._owner = None
