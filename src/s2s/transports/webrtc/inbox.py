"""What came from the far end, in order of arrival, bounded in audio and in bytes of messages."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from s2s.errors import BacklogError, ConnectionLostError

OUTPUT_HZ = 24_000
MOST_MESSAGE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of what the far end says: PCM16 mono at 24,000 Hz, mostly 20 ms."""

    pcm: bytes
    position_ms: float
    """Where it begins, by the sender's clock; it begins where the last one ended, but for pauses."""
    concealed: bool = False
    """Whether it was made up because a packet did not come."""


Arrival: TypeAlias = bytes | Sound | BacklogError
"""A message, sound, or the place where sound was dropped because nobody read it."""


class Inbox:
    """First in, first out, for one reader. Sound beyond the bound is dropped, a BacklogError in its place."""

    def __init__(self, most_audio_s: float, most_message_bytes: int = MOST_MESSAGE_BYTES) -> None:
        self._most_audio_bytes = most_audio_s * OUTPUT_HZ * 2
        self._most_message_bytes = most_message_bytes
        self._arrivals: deque[Arrival] = deque()
        self._audio_bytes = 0
        self._message_bytes = 0
        self._change = asyncio.Event()
        self.failure: ConnectionLostError | None = None
        """What ended it, if that was not in order."""
        self.ended = False
        """Whether nothing more will come."""

    def put(self, arrival: bytes | Sound) -> None:
        """Append, unless it is all over. No message can be dropped, so too many of them are the end."""
        if self.ended:
            return
        if isinstance(arrival, bytes):
            self._put_message(arrival)
        elif self._audio_bytes + len(arrival.pcm) > self._most_audio_bytes:
            self._drop(arrival.pcm)
        else:
            self._audio_bytes += len(arrival.pcm)
            self._arrivals.append(arrival)
        self._change.set()

    def end(self, failure: ConnectionLostError | None = None) -> None:
        """Let the reader have what is here, then end or raise; only the first end counts."""
        if not self.ended:
            self.ended, self.failure = True, failure
            self._change.set()

    async def get(self) -> Arrival | None:
        """Take the oldest; None after the last. Raises ConnectionLostError where it ended badly."""
        while not self._arrivals:
            if self.failure is not None:
                raise self.failure
            if self.ended:
                return None
            self._change.clear()
            await self._change.wait()
        arrival = self._arrivals.popleft()
        match arrival:
            case Sound(pcm=pcm):
                self._audio_bytes -= len(pcm)
            case bytes():
                self._message_bytes -= len(arrival)
            case BacklogError():
                pass
        return arrival

    def _put_message(self, message: bytes) -> None:
        if self._message_bytes + len(message) <= self._most_message_bytes:
            self._message_bytes += len(message)
            self._arrivals.append(message)
            return
        self.end(
            ConnectionLostError(
                f"{self._message_bytes} bytes of messages wait unread: keep one loop over the peer",
                reason="nobody reads",
            )
        )

    def _drop(self, pcm: bytes) -> None:
        lost_ms = len(pcm) * 1000 / (2 * OUTPUT_HZ)
        if self._arrivals and isinstance(last := self._arrivals[-1], BacklogError):
            lost_ms += last.lost_ms
            self._arrivals.pop()
        said = f"{lost_ms:.0f} ms of sound were dropped because nobody read them: read as it comes"
        self._arrivals.append(BacklogError(said, lost_ms=lost_ms))
