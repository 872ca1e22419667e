"""A microphone and a loudspeaker for a session, on streams as sounddevice makes them.

The streams call back on threads of their own; here that is handed over to the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, MutableSequence, Sequence
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias

from s2s.errors import S2SError

_BLOCK_MS: Final = 20
_MOST_WAITING: Final = 500


class Stream(Protocol):
    """What is used of `sounddevice.RawInputStream` and `RawOutputStream`."""

    def start(self) -> object:
        """Begin to call back."""
        ...

    def stop(self) -> object:
        """Stop after what is on its way."""
        ...

    def close(self) -> object:
        """Let go of the device."""
        ...


StreamFactory: TypeAlias = Callable[..., Stream]
"""Takes samplerate, blocksize, channels, dtype, `callback(buffer, frames, time, status)`. Raises S2SError."""


class _Device:
    def __init__(self, factory: StreamFactory, rates: Sequence[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream, self.rate = self._opened(factory, rates)

    def __enter__(self) -> Self:
        try:
            self._stream.start()
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stream.stop()
        finally:
            self._stream.close()

    def _opened(self, factory: StreamFactory, rates: Sequence[int]) -> tuple[Stream, int]:
        *first, last = rates
        for rate in first:
            try:
                return self._open(factory, rate), rate
            except S2SError:
                continue
        return self._open(factory, last), last

    def _open(self, factory: StreamFactory, rate: int) -> Stream:
        blocksize = rate * _BLOCK_MS // 1000
        return factory(
            samplerate=rate, blocksize=blocksize, channels=1, dtype="int16", callback=self._called_back
        )

    def _called_back(self, buffer: MutableSequence[int], frames: int, time: object, status: object) -> None:
        raise NotImplementedError

    def _on_loop(self, work: Callable[..., object], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *arguments)


class Microphone(_Device):
    """Iterates over what is heard: PCM16 mono at `rate`, the first of `rates` that the device has.

    What nobody takes for ten seconds is dropped, the oldest first, and counted in `lost_blocks`.
    """

    def __init__(self, factory: StreamFactory, rates: Sequence[int]) -> None:
        super().__init__(factory, rates)
        self.lost_blocks = 0
        self._waiting: deque[bytes] = deque()
        self._change = asyncio.Event()

    @property
    def lost_ms(self) -> float:
        """How much was dropped."""
        return float(self.lost_blocks * _BLOCK_MS)

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            self._change.clear()
            await self._change.wait()

    def _called_back(self, buffer: MutableSequence[int], frames: int, time: object, status: object) -> None:
        self._on_loop(self._heard, bytes(buffer))

    def _heard(self, block: bytes) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self.lost_blocks += 1
        self._waiting.append(block)
        self._change.set()


class Speaker(_Device):
    """Plays PCM16 mono at `rate`, the first of `rates` that the device has."""

    def __init__(self, factory: StreamFactory, rates: Sequence[int]) -> None:
        super().__init__(factory, rates)
        self.played: Callable[[str, float], None] = _nobody
        """Hears on the loop how many ms of an item have been played in all."""
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._n_bytes = 0
        self._ms: dict[str, float] = {}
        self._change = asyncio.Event()

    def play(self, item_id: str, pcm: bytes) -> None:
        """Play after what waits already."""
        with self._lock:
            self._waiting.append((item_id, pcm))
            self._n_bytes += len(pcm)

    def flush(self) -> None:
        """Fall silent: forget what was not played."""
        with self._lock:
            self._waiting.clear()
            self._n_bytes = 0
        self._change.set()

    async def drained(self, to_ms: float = 0.0) -> None:
        """Return when no more than this waits to be played."""
        while self._n_bytes * 500 / self.rate > to_ms:
            self._change.clear()
            await self._change.wait()

    def _called_back(self, buffer: MutableSequence[int], frames: int, time: object, status: object) -> None:
        taken = self._take(frames * 2)
        sound = b"".join(pcm for _, pcm in taken)
        buffer[: frames * 2] = sound.ljust(frames * 2, b"\0")
        self._on_loop(self._told, [(item_id, len(pcm)) for item_id, pcm in taken])

    def _take(self, n_bytes: int) -> list[tuple[str, bytes]]:
        taken: list[tuple[str, bytes]] = []
        with self._lock:
            while n_bytes and self._waiting:
                item_id, pcm = self._waiting.popleft()
                taken.append((item_id, pcm[:n_bytes]))
                if rest := pcm[n_bytes:]:
                    self._waiting.appendleft((item_id, rest))
                n_bytes -= len(taken[-1][1])
                self._n_bytes -= len(taken[-1][1])
        return taken

    def _told(self, taken: list[tuple[str, int]]) -> None:
        for item_id, n_bytes in taken:
            self._ms = {item_id: self._ms.get(item_id, 0.0) + n_bytes * 500 / self.rate}
            self.played(item_id, self._ms[item_id])
        self._change.set()


def _nobody(item_id: str, ms: float) -> None:
    """Care for nothing."""
