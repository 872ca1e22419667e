"""A service like Nova Sonic that says what a test has it say, over connections in memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from itertools import count
from typing import TypeAlias

import msgspec
from pybase64 import b64decode, b64encode_as_string

import s2s
from s2s.items import JSON
from s2s.providers.nova import NovaEngine
from s2s.transports import Transport
from s2s.transports.memory import MemoryTransport, direct_pair

Greeting: TypeAlias = Callable[[MemoryTransport], Awaitable[None]]
_names = count()
_IDS = {"sessionId": "s", "promptName": "prompt", "completionId": "c"}


class Service:
    """Is dialled, and keeps its end of each stream; `greetings` begin them, and `accepts` those after."""

    def __init__(self, *greetings: Greeting) -> None:
        self.urls: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.ends: list[MemoryTransport] = []
        self._greetings = deque(greetings)
        self._messages: list[AsyncIterator[bytes]] = []

    async def connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        """Open a stream; what `extra["connect"]` wants."""
        self.urls.append(url)
        self.headers.append(headers)
        near, far = direct_pair(room=100_000)
        greet = self._greetings.popleft() if self._greetings else accepts
        await greet(far)
        self.ends.append(far)
        self._messages.append(aiter(far))
        return near

    async def heard(self, stream: int = -1) -> JSON:
        """Return the next event over a stream, the newest one unless another is named."""
        return json.loads(await anext(self._messages[stream]))["event"]

    async def heard_until(self, name: str, stream: int = -1) -> JSON:
        """Read on to the first event of this name, and return what it holds."""
        while name not in (event := await self.heard(stream)):
            pass
        return event[name]

    async def asked(self, text: str) -> None:
        """Read on until this is written to be answered."""
        while not (is_question(await self.heard_until("contentStart")) and await self._reads(text)):
            pass

    async def _reads(self, text: str) -> bool:
        return bool((await self.heard_until("textInput"))["content"] == text)

    async def audio(self, stream: int = -1) -> bytes:
        """Return the next audio over a stream."""
        return b64decode((await self.heard_until("audioInput", stream))["content"])

    async def says(self, *events: JSON) -> None:
        """Say these over the newest stream; lists of them are said one by one."""
        for each in events:
            for event in each if isinstance(each, list) else [each]:
                await self.ends[-1].send(_message(event))

    async def closes(self, code: int = 1006, reason: str = "") -> None:
        """End the newest stream."""
        await self.ends[-1].close(code, reason)

    def engine(self, extra: Mapping[str, JSON] = {}, **fields: JSON) -> NovaEngine:
        """Return an engine that dials this service."""
        return NovaEngine(s2s.Config(extra={"connect": self.connect, **extra}, **fields))


def is_question(start: JSON) -> bool:
    """Tell whether this is the beginning of what is to be answered."""
    return bool(start["type"] == "TEXT" and start["role"] == "USER" and start["interactive"])


async def accepts(end: MemoryTransport) -> None:
    """Answer with the head of the response."""
    await end.send(msgspec.json.encode({"response": {"requestId": f"r-{next(_names)}"}}))


async def silent(end: MemoryTransport) -> None:
    """Say nothing."""


def shut(code: int, reason: str = "") -> Greeting:
    """End the stream at once."""

    async def greet(end: MemoryTransport) -> None:
        await end.close(code, reason)

    return greet


def unreachable(error: Exception) -> Greeting:
    """Be no service at all."""

    async def greet(end: MemoryTransport) -> None:
        raise error

    return greet


def said(text: str, *, role: str = "USER", stage: str = "FINAL", stop: str = "PARTIAL_TURN") -> list[JSON]:
    """Spell a block of text: what the user said, or an answer plans to say or has said."""
    fields = json.dumps({"generationStage": stage})
    start = {"type": "TEXT", "role": role, "additionalModelFields": fields}
    return _block(start, [("textOutput", {"content": text, "role": role})], stop)


def planned(text: str) -> list[JSON]:
    """Spell what the answer is about to say."""
    return said(text, role="ASSISTANT", stage="SPECULATIVE")


def really(text: str) -> list[JSON]:
    """Spell what the answer has said."""
    return said(text, role="ASSISTANT", stop="END_TURN")


def sound(pcm: bytes, *, hz: int = 24_000, stop: str = "END_TURN") -> list[JSON]:
    """Spell a block of audio of an answer."""
    start = {"type": "AUDIO", "role": "ASSISTANT", "audioOutputConfiguration": {"sampleRateHertz": hz}}
    return _block(start, [("audioOutput", {"content": b64encode_as_string(pcm)})], stop)


def calls(name: str, call_id: str = "call-1", **arguments: JSON) -> list[JSON]:
    """Spell that a tool is called."""
    use = {"toolName": name, "toolUseId": call_id, "content": json.dumps(arguments)}
    return _block({"type": "TOOL", "role": "TOOL"}, [("toolUse", use)], "TOOL_USE")


def _block(start: JSON, filled: list[tuple[str, JSON]], stop: str) -> list[JSON]:
    ids = {**_IDS, "contentId": f"content-{next(_names)}"}
    return [
        {"contentStart": {**ids, **start}},
        *({name: {**ids, **body}} for name, body in filled),
        {"contentEnd": {**ids, "type": start["type"], "stopReason": stop}},
    ]


def _message(event: JSON) -> bytes:
    return event if isinstance(event, bytes) else msgspec.json.encode({"event": event})
