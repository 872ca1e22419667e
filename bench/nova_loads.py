"""What the clients of Nova Sonic do while their CPU is measured.

Only the standard library is in here: the official client runs on a Python of its own, with nothing of ours.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, Protocol, TypeAlias

HOST = "127.0.0.1"
FRAME_S = 0.032
FRAME = random.Random(1).randbytes(1024)
"""32 ms from the microphone, PCM16 at 16 kHz."""
PIECE_BYTES = 3840
"""80 ms of an answer, PCM16 at 24 kHz."""
ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
SETTLE_S = 0.05


class Load(NamedTuple):
    """What `sessions` do at the same time: `steps` times, send `up` frames and wait for `down` pieces.

    When `paced` a frame is sent every 32 ms, and nobody waits for what comes.
    """

    steps: int
    up: int = 1
    down: int = 1
    sessions: int = 20
    paced: bool = False

    @property
    def model(self) -> str:
        """What is asked for; the service reads the load from it."""
        return f"bench-{self.up}-{self.down}"

    @property
    def pieces(self) -> int:
        """How many one session gets."""
        return self.steps * self.down


class Took(NamedTuple):
    """What a load cost: CPU of the process between the first frame and the last piece."""

    cpu_s: float
    connect_ms: float
    """Until the first stream was accepted."""


class Client(Protocol):
    """One open stream."""

    async def send(self, pcm: bytes) -> None:
        """Send a frame."""
        ...

    def audio(self) -> AsyncIterator[bytes]:
        """Yield PCM, piece by piece."""
        ...

    async def close(self) -> None:
        """End the stream."""
        ...


Connect: TypeAlias = Callable[[str], Awaitable[Client]]
"""Opens a stream to a model."""


async def run(connect: Connect, load: Load) -> Took:
    """Open the streams, have them all talk, close them."""
    began = time.perf_counter()
    opened = [await connect(load.model)]
    connect_ms = (time.perf_counter() - began) * 1000
    opened += [await connect(load.model) for _ in range(load.sessions - 1)]
    await asyncio.sleep(SETTLE_S)
    before = time.process_time()
    talk = _paced if load.paced else _closed
    await asyncio.gather(*(talk(each, load) for each in opened))
    cpu_s = time.process_time() - before
    await asyncio.gather(*(each.close() for each in opened))
    return Took(cpu_s, connect_ms)


def serve_loads(connect: Connect) -> None:
    """Read loads from stdin, one a line, run each and print what it took."""
    loop = asyncio.new_event_loop()
    for line in sys.stdin:
        took = loop.run_until_complete(run(connect, Load(*json.loads(line))))
        print(json.dumps(took), flush=True)


async def _closed(client: Client, load: Load) -> None:
    for _ in range(load.up):
        await client.send(FRAME)
    got = 0
    async for _ in client.audio():
        got += 1
        if got == load.pieces:
            return
        if got % load.down == 0:
            for _ in range(load.up):
                await client.send(FRAME)


async def _paced(client: Client, load: Load) -> None:
    loop = asyncio.get_running_loop()
    heard = loop.create_task(_heard(client, load.pieces))
    due = loop.time()
    for _ in range(load.steps * load.up):
        await client.send(FRAME)
        due += FRAME_S
        await asyncio.sleep(max(0.0, due - loop.time()))
    await heard


async def _heard(client: Client, pieces: int) -> None:
    got = 0
    async for _ in client.audio():
        got += 1
        if got == pieces:
            return
