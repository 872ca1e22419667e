"""Two ends of a connection inside one process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from s2s.errors import ConnectionLostError

NORMAL = 1000
ABNORMAL = 1006


class MemoryTransport:
    """One end; `pair()` makes two that hear each other, in order, `room` messages deep each way."""

    def __init__(self, room: int = 1024) -> None:
        self._peer = self
        self._room = room
        self._messages: deque[bytes] = deque()
        self._change = asyncio.Event()
        self._closed: tuple[int, str] | None = None

    async def send(self, message: bytes) -> None:
        """Queue a message at the peer, waiting while it is `room` behind."""
        peer = self._peer
        while len(peer._messages) >= peer._room and self._closed is None:
            peer._change.clear()
            await peer._change.wait()
        if self._closed is not None:
            raise self._lost(*self._closed)
        peer._messages.append(message)
        peer._change.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what the peer sent, even after it closed; then end, or raise if it closed badly."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._change.set()
                yield message
            if self._closed is not None:
                break
            self._change.clear()
            await self._change.wait()
        if self._closed[0] != NORMAL:
            raise self._lost(*self._closed)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """End both directions; what was sent before can still be read."""
        for end in (self, self._peer):
            end._closed = end._closed or (code, reason)
            end._change.set()

    def _lost(self, code: int, reason: str) -> ConnectionLostError:
        said = f" ({reason})" if reason else ""
        return ConnectionLostError(
            f"the connection closed with code {code}{said}: open another one", code=code, reason=reason
        )


class DirectMemory(MemoryTransport):
    """One end that takes messages at once while there is room, and has its reader take what comes."""

    def write(self, message: bytes) -> bool:
        """Queue a message where there is room."""
        peer = self._peer
        if self._closed is not None or len(peer._messages) >= peer._room:
            return False
        peer._messages.append(message)
        peer._change.set()
        return True

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Iterate."""
        async for message in self:
            take(message)


def pair(room: int = 1024) -> tuple[MemoryTransport, MemoryTransport]:
    """Return the two ends of a new connection."""
    return _joined(MemoryTransport(room), MemoryTransport(room))


def direct_pair(room: int = 1024) -> tuple[MemoryTransport, MemoryTransport]:
    """Return the two ends of a new connection that needs no tasks on the near side."""
    return _joined(DirectMemory(room), MemoryTransport(room))


def _joined(near: MemoryTransport, far: MemoryTransport) -> tuple[MemoryTransport, MemoryTransport]:
    near._peer, far._peer = far, near
    return near, far
