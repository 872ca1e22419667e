"""What is said to the service, in real time."""

from __future__ import annotations

import asyncio
import math
import wave
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

SAID_HZ, HEARD_HZ = 16_000, 24_000
FRAME_S = 0.032
FRAME_BYTES = int(SAID_HZ * FRAME_S) * 2


def tone(ms: int, hz: int = 440) -> bytes:
    """Return what is loud enough to be taken for speech."""
    count = SAID_HZ * ms // 1000
    return array("h", (int(8000 * math.sin(2 * math.pi * hz * n / SAID_HZ)) for n in range(count))).tobytes()


def read(place: Path) -> bytes:
    """Return the samples of a file."""
    with wave.open(str(place), "rb") as file:
        return file.readframes(file.getnframes())


def keep(place: Path, pcm: bytes) -> str:
    """Write what was heard to a file, and return its name."""
    with wave.open(str(place), "wb") as file:
        file.setparams((1, 2, HEARD_HZ, 0, "NONE", ""))
        file.writeframes(pcm)
    return str(place)


class Microphone:
    """Sends a frame of 32 ms every 32 ms: silence, unless there is something to say."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._waiting = bytearray()
        self._quiet = asyncio.Event()
        self._on = asyncio.create_task(self._run())

    async def say(self, pcm: bytes) -> None:
        """Say this, and return when it is said."""
        self._waiting += pcm
        self._quiet.clear()
        await self._quiet.wait()

    async def off(self) -> None:
        """Send nothing from now on. Raises what went wrong with it."""
        self._on.cancel()
        await asyncio.gather(self._on, return_exceptions=True)
        if not self._on.cancelled():
            self._on.result()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            frame = bytes(self._waiting[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
            del self._waiting[:FRAME_BYTES]
            await self._send(frame)
            if not self._waiting:
                self._quiet.set()
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))
