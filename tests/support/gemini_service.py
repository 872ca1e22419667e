"""A service that says what a test has it say, over connections in memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from pybase64 import b64encode_as_string

import s2s
from s2s.items import JSON
from s2s.providers.gemini import GeminiEngine
from s2s.transports import Transport
from s2s.transports.memory import MemoryTransport, pair

Greeting: TypeAlias = Callable[[MemoryTransport], Awaitable[None]]
READY: JSON = {"setupComplete": {}}
OVER: JSON = {"serverContent": {"turnComplete": True}}


class Service:
    """Is dialled, and keeps its end of each connection; `greetings` begin them, and `ready` those after."""

    def __init__(self, *greetings: Greeting) -> None:
        self.urls: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.ends: list[MemoryTransport] = []
        self._greetings = deque(greetings)
        self._messages: list[AsyncIterator[bytes]] = []

    async def connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        """Open a connection; what `extra["connect"]` wants."""
        self.urls.append(url)
        self.headers.append(headers)
        near, far = pair()
        greet = self._greetings.popleft() if self._greetings else ready
        await greet(far)
        self.ends.append(far)
        self._messages.append(aiter(far))
        return near

    async def heard(self) -> JSON:
        """Return the next message over the newest connection."""
        return json.loads(await anext(self._messages[-1]))

    async def heard_until(self, name: str) -> JSON:
        """Read on to the first message of this name over the newest connection, and return what it holds."""
        while name not in (message := await self.heard()):
            pass
        return message[name]

    async def says(self, *messages: JSON) -> None:
        """Say these over the newest connection."""
        for each in messages:
            await self.ends[-1].send(each if isinstance(each, bytes) else msgspec.json.encode(each))

    async def closes(self, code: int = 1006, reason: str = "") -> None:
        """End the newest connection."""
        await self.ends[-1].close(code, reason)

    def engine(self, extra: Mapping[str, JSON] = {}, **fields: JSON) -> GeminiEngine:
        """Return an engine that dials this service."""
        return GeminiEngine(s2s.Config(extra={"connect": self.connect, **extra}, **fields))


async def ready(end: MemoryTransport) -> None:
    """Take the setup."""
    await end.send(msgspec.json.encode(READY))


async def silent(end: MemoryTransport) -> None:
    """Say nothing."""


def shut(code: int, reason: str = "") -> Greeting:
    """Refuse the setup."""

    async def greet(end: MemoryTransport) -> None:
        await end.close(code, reason)

    return greet


def unreachable(error: Exception) -> Greeting:
    """Be no service at all."""

    async def greet(end: MemoryTransport) -> None:
        raise error

    return greet


def saying(*messages: JSON) -> Greeting:
    """Take the setup, and say something at once."""

    async def greet(end: MemoryTransport) -> None:
        for each in (READY, *messages):
            await end.send(msgspec.json.encode(each))

    return greet


def audio(pcm: bytes, mime_type: str = "audio/pcm;rate=24000") -> JSON:
    """Spell audio of an answer."""
    return sound(b64encode_as_string(pcm), mime_type)


def sound(data: str, mime_type: str = "audio/pcm;rate=24000") -> JSON:
    """Spell audio of an answer, in this Base64."""
    blob = {"mimeType": mime_type, "data": data}
    return {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}


def words(text: str) -> JSON:
    """Spell the words of an answer."""
    return {"serverContent": {"outputTranscription": {"text": text}}}


def handle(name: str) -> JSON:
    """Spell that the conversation can be taken up by this handle."""
    return {"sessionResumptionUpdate": {"newHandle": name, "resumable": True}}


def calls(name: str, call_id: str = "fc_1", **arguments: JSON) -> JSON:
    """Spell that a tool is called."""
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": arguments}]}}
