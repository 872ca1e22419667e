"""Listens in on a client that talks HTTP/2 without TLS, and returns what it has asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from hpack import Decoder
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_BYTES = 9


class Tap:
    """Passes connections on, and notes what comes from the clients."""

    def __init__(self, port: int) -> None:
        self.taken: list[bytearray] = []
        """What came, by connection."""
        self.port = 0
        self._to = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a connection on."""
        taken = bytearray()
        self.taken.append(taken)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(reader, far_writer, taken))
            both.create_task(_pass_on(far_reader, writer, bytearray()))

    @property
    def requests(self) -> list[tuple[dict[str, str], bytes]]:
        """The headers and the body of every request so far."""
        return [request for each in self.taken for request in requests(bytes(each))]


@asynccontextmanager
async def tapped(port: int) -> AsyncIterator[Tap]:
    """Listen in on whoever talks to a port of the loopback."""
    tap = Tap(port)
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    async with server:
        yield tap


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, taken: bytearray) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                taken += data
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


def requests(data: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Return the headers and the body of every request of a connection."""
    assert data.startswith(PREFACE), data[:40]
    heads: dict[int, dict[str, str]] = {}
    blocks: dict[int, bytes] = {}
    bodies: dict[int, bytearray] = {}
    decoder = Decoder()
    for frame in _frames(data[len(PREFACE) :]):
        number = frame.stream_id
        match frame:
            case HeadersFrame() | ContinuationFrame():
                blocks[number] = blocks.get(number, b"") + frame.data
                if "END_HEADERS" in frame.flags:
                    heads[number] = {str(name): str(value) for name, value in decoder.decode(blocks[number])}
                    bodies[number] = bytearray()
            case DataFrame():
                bodies[number] += frame.data
            case _:
                pass
    return [(head, bytes(bodies[number])) for number, head in heads.items()]


def _frames(data: bytes) -> list[Frame]:
    found, at = [], 0
    while at + _HEAD_BYTES <= len(data):
        frame, length = Frame.parse_frame_header(memoryview(data)[at : at + _HEAD_BYTES])
        frame.parse_body(memoryview(data)[at + _HEAD_BYTES : at + _HEAD_BYTES + length])
        found.append(frame)
        at += _HEAD_BYTES + length
    return found
