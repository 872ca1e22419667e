"""The order of packets restored: what replaces aiortc's jitter buffer, which loses far more than the network.

With Opus one RTP packet is one frame of sound, so nothing has to be assembled: a packet that is next goes
straight through, and only a hole is waited for. Pure: what a packet causes is what `push` returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

PATIENCE = 3
"""Puts right what comes up to 60 ms out of its place; each one more holds up what follows a loss by 20 ms."""
MOST_LATE = 100
"""A packet this far behind is not late: the sender began again (RFC 3550, A.1, MAX_MISORDER)."""


class Packet(NamedTuple):
    """A packet in its place; numbers do not wrap."""

    sequence: int
    timestamp: int
    """In samples of the RTP clock."""
    payload: bytes


class Unwrapper:
    """Turns numbers of a few bits, which wrap, into numbers that do not: each is the nearest to the last."""

    def __init__(self, bits: int) -> None:
        self._span = 1 << bits
        self._last: int | None = None

    def unwrap(self, value: int) -> int:
        """Return the number that was meant; it may be negative just before the first one."""
        if self._last is None:
            self._last = value
        ahead = (value - self._last) % self._span
        self._last += ahead if 2 * ahead < self._span else ahead - self._span
        return self._last


class JitterBuffer:
    """Releases packets in order, each once; at a hole it waits for `patience` packets behind it."""

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = max(1, patience)
        self._sequences = Unwrapper(16)
        self._timestamps = Unwrapper(32)
        self._held: dict[int, Packet] = {}
        self._next: int | None = None
        self.useless = 0
        """Packets that came twice, or after their place was given up."""

    def push(self, sequence: int, timestamp: int, payload: bytes) -> list[Packet]:
        """Take a packet, its numbers as they are on the wire; return those whose turn has come, in order."""
        packet = Packet(self._sequences.unwrap(sequence), self._timestamps.unwrap(timestamp), payload)
        if self._next is None or packet.sequence < self._next - MOST_LATE:
            self._held.clear()
            self._next = packet.sequence
        if packet.sequence < self._next or packet.sequence in self._held:
            self.useless += 1
            return []
        self._held[packet.sequence] = packet
        return list(self._release(self._next))

    def _release(self, following: int) -> Iterator[Packet]:
        while self._held:
            if following not in self._held:
                if len(self._held) < self._patience:
                    break
                following = min(self._held)
            yield self._held.pop(following)
            following += 1
        self._next = following
