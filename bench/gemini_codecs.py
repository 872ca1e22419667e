"""Reading and writing Gemini Live without a network: our wire, the SDK of Google, and the least.

The least cuts audio out of the bytes at a known place, and decodes the JSON of anything else.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from importlib.util import find_spec
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec
from pybase64 import b64decode, b64encode

from bench import gemini_says as service
from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.events import AudioOutput, Event, ResponseDone, TextOutput, ToolCall
from s2s.wire.gemini.client import GeminiClient, Opening

if TYPE_CHECKING:
    from google.genai._api_client import BaseApiClient
    from google.genai.live import AsyncSession

ROUNDS = 30
SESSIONS = 20
DIFFERENT = 16
"""Messages of one kind, so that none is always in the cache."""
HEARD_BYTES_PER_MS = 32
HEAD, TAIL = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"', b'"}}}'
S2S, SDK, SDK_DATA, FLOOR = "s2s", "google-genai", "with .data", "floor"

Work: TypeAlias = Callable[[], Awaitable[None]]
"""Reads or writes all messages in all sessions."""


class Down(NamedTuple):
    """Messages that come to sessions, each of which has heard something before."""

    messages: Sequence[bytes]
    kind: type[Event]
    """What must be told of each."""
    before: Sequence[bytes] = (service.audio(40),)


class Row(NamedTuple):
    """One thing to do, and who does it."""

    messages: int
    entrants: Mapping[str, Callable[[], Work]]


def rows() -> dict[str, Row]:
    """Return what is to be measured, by name; without the SDK where that is not installed."""
    named: dict[str, Row] = {}
    for ms in (40, 100, 200, 240):
        named[f"audio {ms} ms"] = _row(Down([service.audio(ms) for _ in range(DIFFERENT)], AudioOutput))
    bundles = [service.audio(200, " of words") for _ in range(DIFFERENT)]
    named["audio 200 ms + words"] = _row(Down(bundles, AudioOutput))
    named["words"] = _row(Down([service.words(" of words")] * DIFFERENT, TextOutput))
    named["end of turn, usage"] = _row(Down([service.COMPLETE], ResponseDone))
    named["tool call"] = _row(Down([service.CALL], ToolCall, ()))
    for ms in (20, 40, 100):
        chunks = [random.randbytes(HEARD_BYTES_PER_MS * ms) for _ in range(DIFFERENT)]
        named[f"chunk up {ms} ms"] = Row(DIFFERENT, _writers(chunks))
    return named


async def measured(named: Mapping[str, Row]) -> dict[str, dict[str, list[float]]]:
    """Return CPU in us per message, by round, of everybody in every row; they take turns."""
    took: dict[str, dict[str, list[float]]] = {
        name: {who: [] for who in row.entrants} for name, row in named.items()
    }
    for _ in range(ROUNDS):
        for name, row in named.items():
            for who, entrant in row.entrants.items():
                work = entrant()
                gc.collect()
                before = time.thread_time()
                await work()
                used_s = time.thread_time() - before
                took[name][who].append(used_s / (row.messages * SESSIONS) * 1e6)
    return took


def _row(down: Down) -> Row:
    _require_told(down)
    readers: dict[str, Callable[[], Work]] = {FLOOR: partial(_cut, down), S2S: partial(_ours, down)}
    if find_spec("google.genai"):
        readers[SDK] = partial(_received, down)
        if down.kind is AudioOutput:
            readers[SDK_DATA] = partial(_received_as_bytes, down)
    return Row(len(down.messages), readers)


def _writers(chunks: Sequence[bytes]) -> dict[str, Callable[[], Work]]:
    writers: dict[str, Callable[[], Work]] = {FLOOR: partial(_pasted, chunks), S2S: partial(_spelled, chunks)}
    if find_spec("google.genai"):
        writers[SDK] = partial(_sent, chunks)
    return writers


# The least.


def _cut(down: Down) -> Work:
    start = down.messages[0].find(b'"data": "') + 9
    end = down.messages[0].find(b'"', start) - len(down.messages[0])

    async def work() -> None:
        for message in down.messages:
            for _ in range(SESSIONS):
                if down.kind is AudioOutput:
                    b64decode(message[start:end], None, True)
                else:
                    msgspec.json.decode(message)

    return work


def _pasted(chunks: Sequence[bytes]) -> Work:
    async def work() -> None:
        for chunk in chunks:
            for _ in range(SESSIONS):
                HEAD + b64encode(chunk) + TAIL

    return work


# Ours.


def _clients(before: Sequence[bytes]) -> list[GeminiClient]:
    opening = Opening(config=Config(), capabilities=Capabilities())
    clients = [GeminiClient(opening) for _ in range(SESSIONS)]
    for each in clients:
        each.open()
        for message in (service.SETUP_COMPLETE, *before):
            each.receive(message)
    return clients


def _ours(down: Down) -> Work:
    clients = _clients(down.before)

    async def work() -> None:
        for message in down.messages:
            for client in clients:
                client.receive(message)

    return work


def _spelled(chunks: Sequence[bytes]) -> Work:
    clients = _clients(())

    async def work() -> None:
        for chunk in chunks:
            for client in clients:
                client.append(chunk)

    return work


def _require_told(down: Down) -> None:
    client, *_ = _clients(down.before)
    for message in down.messages:
        assert down.kind in map(type, client.receive(message)), message


# The SDK.


class _Socket:
    """Stands for the connection of the SDK, which waits for nothing here."""

    def __init__(self, messages: Sequence[bytes] = ()) -> None:
        self._messages = cycle(messages)

    async def recv(self, *, decode: bool) -> bytes:
        return next(self._messages)

    async def send(self, message: str) -> None:
        pass


@cache
def _api() -> BaseApiClient:
    from google import genai

    return genai.Client(api_key="none")._api_client


def _sessions(messages: Sequence[bytes] = ()) -> list[AsyncSession]:
    from google.genai.live import AsyncSession

    return [AsyncSession(_api(), _Socket(messages)) for _ in range(SESSIONS)]  # type: ignore[arg-type]


def _received(down: Down) -> Work:
    sessions = _sessions(down.messages)

    async def work() -> None:
        for _ in down.messages:
            for session in sessions:
                await session._receive()

    return work


def _received_as_bytes(down: Down) -> Work:
    sessions = _sessions(down.messages)

    async def work() -> None:
        for _ in down.messages:
            for session in sessions:
                (await session._receive()).data  # noqa: B018

    return work


def _sent(chunks: Sequence[bytes]) -> Work:
    from google.genai.types import Blob

    sessions = _sessions()

    async def work() -> None:
        for chunk in chunks:
            for session in sessions:
                await session.send_realtime_input(audio=Blob(data=chunk, mime_type="audio/pcm;rate=16000"))

    return work
