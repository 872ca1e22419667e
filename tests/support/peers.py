"""Clients that say just what a test says, over sockets and without: JSON up, JSON down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from s2s.errors import ConnectionLostError
from s2s.items import JSON
from s2s.transports import Transport

Message = dict[str, Any]


class Peer:
    """One connection; how it ended is a code and a reason."""

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], receive: Callable[[], Awaitable[bytes | None]]
    ) -> None:
        self.heard: list[Message] = []
        self.ended: tuple[int, str] | None = None
        self._send = send
        self._receive = receive

    async def say(self, kind: str, **fields: JSON) -> None:
        """Send a message."""
        await self._send(msgspec.json.encode({"type": kind, **fields}))

    async def ask(self, text: str = "Hi.", *, aloud: bool = True) -> None:
        """Say something and ask for an answer."""
        content = [{"type": "input_text", "text": text}]
        await self.say(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}
        )
        wishes = {"output_modalities": ["audio" if aloud else "text"]}
        await self.say("response.create", response=wishes)

    async def raw(self, within_s: float = 10.0) -> bytes | None:
        """Return the next message as it is; None where the connection has ended."""
        async with asyncio.timeout(within_s):
            return await self._receive()

    async def until(self, kind: str, within_s: float = 10.0) -> Message:
        """Read on and return the next message of this type."""
        while True:
            raw = await self.raw(within_s)
            assert raw is not None, f"{self.ended} before {kind}, after {self.kinds}"
            self.heard.append(msgspec.json.decode(raw))
            if self.heard[-1]["type"] == kind:
                return self.heard[-1]

    async def rest(self, within_s: float = 10.0) -> tuple[int, str]:
        """Read to the end and return how it came."""
        while (raw := await self.raw(within_s)) is not None:
            self.heard.append(msgspec.json.decode(raw))
        assert self.ended is not None
        return self.ended

    @property
    def kinds(self) -> list[str]:
        """The types of all that came."""
        return [each["type"] for each in self.heard]


def inside(transport: Transport) -> Peer:
    """Talk over one end of a connection in this process."""
    messages = aiter(transport)

    async def receive() -> bytes | None:
        try:
            return await anext(messages)
        except StopAsyncIteration:
            peer.ended = 1000, ""
        except ConnectionLostError as lost:
            peer.ended = lost.code or 0, lost.reason
        return None

    peer = Peer(transport.send, receive)
    return peer


@asynccontextmanager
async def outside(url: str, **options: Any) -> AsyncIterator[tuple[Peer, ClientConnection]]:  # noqa: ANN401
    """Talk over a socket, by a library that others wrote."""
    async with connect(url, max_size=None, proxy=None, **options) as connection:

        async def send(message: bytes) -> None:
            await connection.send(message, text=True)

        async def receive() -> bytes | None:
            try:
                return await connection.recv(decode=False)
            except ConnectionClosed as closed:
                found = closed.rcvd
                peer.ended = (found.code, found.reason) if found is not None else (1006, "")
                return None

        peer = Peer(send, receive)
        yield peer, connection
