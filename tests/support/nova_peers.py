"""A client of Nova Sonic inside this process that says just what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec

from s2s.errors import ConnectionLostError
from s2s.items import JSON
from s2s.simulators.nova import NovaSimulator
from s2s.transports import Transport
from tests.support.nova_server import (
    PROMPT_END,
    SESSION_END,
    audio,
    audio_start,
    content,
    end,
    prompt_start,
    result_start,
    session_start,
    text_block,
)

URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/invoke-with-bidirectional-stream"
CHUNK_MS, HZ = 100, 24_000


def spoken(pcm: bytes) -> list[bytes]:
    """Return audio of the engine's own rate, in chunks."""
    size = CHUNK_MS * HZ * 2 // 1000
    return [audio(pcm[at : at + size]) for at in range(0, len(pcm), size)]


def opening(*, tools: Sequence[JSON] = ()) -> list[bytes]:
    """Return all that comes before the audio, and its beginning."""
    instructions = text_block("SYSTEM", "Be brief.", "system")
    return [session_start(), prompt_start(tools=tools), *instructions, audio_start(sampleRateHertz=HZ)]


def closing() -> list[bytes]:
    """Return all that comes after the audio."""
    return [end("a"), PROMPT_END, SESSION_END]


def written(text: str) -> list[bytes]:
    """Return a question in writing."""
    return text_block("USER", text, str(uuid4()), interactive=True)


def result(call_id: str, document: str = '{"result":"It rains."}') -> list[bytes]:
    """Return what a tool returned."""
    name = str(uuid4())
    return [result_start(call_id, name), content("toolResult", document, name), end(name)]


class Peer:
    """One stream; how it ended is a code and a reason."""

    def __init__(self, transport: Transport) -> None:
        self.heard: list[dict[str, Any]] = []
        self.ended: tuple[int, str] | None = None
        self._transport = transport
        self._messages = aiter(transport)

    async def say(self, *messages: bytes) -> None:
        """Send messages."""
        for each in messages:
            await self._transport.send(each)

    async def leave(self, code: int = 1000) -> None:
        """Close, and wait until the other side has noticed."""
        await self._transport.close(code)
        await asyncio.sleep(0.1)

    async def raw(self, within_s: float = 10.0) -> bytes | None:
        """Return the next message as it is; None where the stream has ended."""
        async with asyncio.timeout(within_s):
            try:
                return await anext(self._messages)
            except StopAsyncIteration:
                self.ended = 1000, ""
            except ConnectionLostError as lost:
                self.ended = lost.code or 0, lost.reason
        return None

    async def until(self, name: str, within_s: float = 10.0) -> dict[str, Any]:
        """Read on and return the next event of this name, which may be contentEnd.AUDIO or the like."""
        while True:
            raw = await self.raw(within_s)
            assert raw is not None, f"{self.ended} before {name}, after {self.names}"
            self.heard.append(msgspec.json.decode(raw))
            if name in (self.names[-1], self.names[-1].partition(".")[0]):
                return next(iter(self.heard[-1].get("event", self.heard[-1]).values()))

    async def rest(self, within_s: float = 10.0) -> tuple[int, str]:
        """Read to the end and return how it came."""
        while (raw := await self.raw(within_s)) is not None:
            with suppress(msgspec.DecodeError):
                self.heard.append(msgspec.json.decode(raw))
        assert self.ended is not None
        return self.ended

    @property
    def names(self) -> list[str]:
        """The names of all that came, with their type where it has one."""
        return [_name(each) for each in self.heard]

    def all(self, name: str) -> list[dict[str, Any]]:
        """Return the bodies of all events of this name."""
        return [each["event"][name] for each in self.heard if name in each.get("event", {})]

    def texts(self, stage: str) -> list[tuple[str, str]]:
        """Return roles and texts of a stage of generation, in order."""
        staged = [each["contentId"] for each in self.all("contentStart") if stage in str(each)]
        return [
            (each["role"], each["content"]) for each in self.all("textOutput") if each["contentId"] in staged
        ]


def _name(message: dict[str, Any]) -> str:
    ((name, body),) = message.get("event", message).items()
    return f"{name}.{body['type']}" if "type" in body else name


async def peer_of(simulator: NovaSimulator, model: str = "amazon.nova-2-5-sonic") -> Peer:
    """Return a client of a simulator."""
    return Peer(await simulator.connect(URL.format(model=model)))


async def set_up(simulator: NovaSimulator, *, tools: Sequence[JSON] = ()) -> Peer:
    """Return a client whose audio is open."""
    peer = await peer_of(simulator)
    await peer.say(*opening(tools=tools))
    return peer
