"""A chat-completions endpoint on the loopback, which answers what a test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

import msgspec

from s2s.items import JSON

DONE = "data: [DONE]\n\n"


class Request(msgspec.Struct):
    """What was asked."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, JSON]:
        return cast("dict[str, JSON]", msgspec.json.decode(self.body))


Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """One script answers each request, the last one all that follow; HEAD is answered by itself."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[Request] = []
        self.connections = 0
        self.url = ""
        self._open = 0
        self._change = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        try:
            while not writer.is_closing():
                request = await read_request(reader)
                if request.line.startswith("HEAD"):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.requests.append(request)
                await (self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0])(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            async with self._change:
                self._open -= 1
                self._change.notify_all()

    async def deserted(self) -> None:
        """Return once no connection is open."""
        async with self._change, asyncio.timeout(10):
            await self._change.wait_for(lambda: not self._open)


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Request(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


def chunked(piece: str | bytes) -> bytes:
    data = piece.encode() if isinstance(piece, str) else piece
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def streams(*pieces: str | bytes, end: bytes = b"0\r\n\r\n") -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        for piece in pieces:
            writer.write(chunked(piece))
            await writer.drain()
        writer.write(end)
        if not end:
            writer.close()

    return script


def responds(status: int, body: str, *headers: str, kind: str = "application/json") -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (
            f"HTTP/1.1 {status} Whatever",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body.encode())}",
        )
        writer.write(("\r\n".join((*lines, *headers)) + "\r\n\r\n" + body).encode())

    return script


def event(**delta: JSON) -> str:
    return f"data: {chunk(**delta)}\n\n"


def finished(reason: str | None, **delta: JSON) -> str:
    return f"data: {chunk(reason, **delta)}\n\n"


def chunk(finish_reason: str | None = None, **delta: JSON) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return msgspec.json.encode({"object": "chat.completion.chunk", "choices": [choice]}).decode()


def call(
    index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> JSON:
    fields = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in fields.items() if value is not None}


@asynccontextmanager
async def serving(*scripts: Script, port: int = 0) -> AsyncIterator[Server]:
    endpoint = Server(*scripts)
    async with await asyncio.start_server(endpoint.serve, "127.0.0.1", port) as server:
        endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield endpoint
