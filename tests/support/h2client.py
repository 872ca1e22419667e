"""A client of Bedrock over h2 that does as it is told, right or wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import time
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from s2s.transports.bedrock.eventstream import Decoder, Message, encode
from s2s.transports.bedrock.signing import EXAMPLE, Chain, Credentials, signed_headers

REGION = "us-east-1"
MODEL = "amazon.nova-2-5-sonic"
INNER = ((":message-type", "event"), (":event-type", "chunk"), (":content-type", "application/json"))


def path_of(model: str = MODEL) -> str:
    """Return the path of the operation."""
    return f"/model/{quote(model, safe='')}/invoke-with-bidirectional-stream"


def chunk(document: bytes) -> bytes:
    """Return an unsigned message around a document."""
    return encode(INNER, json.dumps({"bytes": base64.b64encode(document).decode()}).encode())


def request(
    authority: str,
    path: str,
    credentials: Credentials = EXAMPLE,
    *,
    region: str = REGION,
    date_ms: int | None = None,
    extra: Mapping[str, str] = {},
) -> tuple[list[tuple[str, str]], str]:
    """Return the headers of a request, and its signature."""
    date_ms = int(time() * 1000) if date_ms is None else date_ms
    headers, seed = signed_headers(credentials, region, authority, path, date_ms, extra)
    pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", authority), (":path", path)]
    return [*pseudo, *headers.items()], seed


class Call:
    """One stream of a client."""

    def __init__(self, client: Client, number: int, chain: Chain) -> None:
        self.number = number
        self.chain = chain
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.messages: list[Message] = []
        self.end = ""
        """How it ended: END_STREAM, or a name of an error; empty while it has not."""
        self._client = client
        self._decoder = Decoder()

    def sign(self, document: bytes, date_ms: int | None = None) -> bytes:
        """Return the next message, signed."""
        return self.chain.sign(int(time() * 1000) if date_ms is None else date_ms, chunk(document))

    async def say(self, *documents: bytes) -> None:
        """Send events in order."""
        await self.send(b"".join(self.sign(each) for each in documents))

    async def finish(self) -> None:
        """End in order."""
        await self.send(self.chain.end(int(time() * 1000)), end=True)

    async def send(self, data: bytes, *, end: bool = False) -> None:
        """Send bytes as they are, as fast as the server allows."""
        h2 = self._client.h2
        while data:
            room = min(h2.local_flow_control_window(self.number), h2.max_outbound_frame_size, len(data))
            if room > 0:
                h2.send_data(self.number, data[:room])
                data = data[room:]
                await self._client.flush()
            else:
                await self._client.change()
        if end:
            h2.end_stream(self.number)
        await self._client.flush()

    async def reset(self, code: ErrorCodes = ErrorCodes.CANCEL) -> None:
        """Give up."""
        self._client.h2.reset_stream(self.number, code)
        await self._client.flush()

    async def message(self, nth: int = 1) -> Message:
        """Return the n-th message of the answer."""
        while len(self.messages) < nth:
            assert not self.end, f"it ended: {self.end}"
            await self._client.change()
        return self.messages[nth - 1]

    async def document(self, nth: int = 1) -> bytes:
        """Return the JSON in the n-th message of the answer."""
        return base64.b64decode(json.loads((await self.message(nth)).payload)["bytes"])

    async def accepted(self) -> Call:
        """Wait for the head of the answer."""
        while not self.status:
            assert not self.end, f"it ended: {self.end}"
            await self._client.change()
        return self

    async def ended(self) -> str:
        """Wait for the end, and return how it came."""
        while not self.end:
            await self._client.change()
        return self.end

    def take(self, event: Event) -> int:
        """Note what came, and return how many bytes were read."""
        match event:
            case ResponseReceived(headers=headers):
                self.headers = {name.decode(): value.decode() for name, value in headers}
                self.status = int(self.headers[":status"])
            case DataReceived(data=data, flow_controlled_length=n_bytes):
                self.body += data
                if self.status == 200:
                    self.messages += self._decoder.push(data)
                return n_bytes
            case StreamEnded():
                amid = " amid a message" if self._decoder.amid else ""
                self.end = self.end or f"END_STREAM{amid}"
            case StreamReset(error_code=code):
                self.end = self.end or f"RST_STREAM {getattr(code, 'name', code)}"
            case _:
                pass
        return 0


class Client:
    """A connection; `deaf` ones do not let the server send more than it may from the start."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, *, deaf: bool
    ) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.writer = writer
        self.authority = authority
        self.end = ""
        self.events: list[Event] = []
        self._reader = reader
        self._deaf = deaf
        self._calls: dict[int, Call] = {}
        self._changed = asyncio.Event()

    async def call(
        self,
        model: str = MODEL,
        credentials: Credentials = EXAMPLE,
        *,
        path: str = "",
        region: str = REGION,
        date_ms: int | None = None,
        extra: Mapping[str, str] = {},
        instead: Mapping[str, str] = {},
        end: bool = False,
    ) -> Call:
        """Ask for a stream; `instead` changes headers after they were signed, and "" drops one."""
        path = path or path_of(model)
        headers, seed = request(
            self.authority, path, credentials, region=region, date_ms=date_ms, extra=extra
        )
        told = {name: value for name, value in {**dict(headers), **instead}.items() if value}
        return await self.ask(list(told.items()), Chain(credentials, region, seed), end=end)

    async def ask(
        self, headers: Sequence[tuple[str, str]], chain: Chain | None = None, *, end: bool = False
    ) -> Call:
        """Send a request as it is."""
        number = self.h2.get_next_available_stream_id()
        call = self._calls[number] = Call(self, number, chain or Chain(EXAMPLE, REGION, "0" * 64))
        self.h2.send_headers(number, headers, end_stream=end)
        await self.flush()
        return call

    async def flush(self) -> None:
        """Write what HTTP/2 has to say."""
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def change(self) -> None:
        """Wait for anything to come."""
        assert not self.end, f"the connection ended: {self.end}"
        self._changed.clear()
        await self._changed.wait()

    async def ended(self) -> str:
        """Wait for the end of the connection, and return how it came."""
        while not self.end:
            await self.change()
        return self.end

    async def read(self) -> None:
        """Read to the end."""
        try:
            while data := await self._reader.read(65_536):
                self._hear(data)
            self._over("EOF")
        except ConnectionError:
            self._over("dropped")

    def _hear(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if isinstance(event, ConnectionTerminated):
                self._over(f"GOAWAY {getattr(event.error_code, 'name', event.error_code)}")
                return
            number = getattr(event, "stream_id", 0)
            if call := self._calls.get(number or 0):
                n_bytes = call.take(event)
                if n_bytes and not self._deaf:
                    self.h2.acknowledge_received_data(n_bytes, call.number)
        self.writer.write(self.h2.data_to_send())
        self._changed.set()

    def _over(self, how: str) -> None:
        self.end = self.end or how
        for each in self._calls.values():
            each.end = each.end or how
        self._changed.set()


@asynccontextmanager
async def connected(
    port: int, tls: ssl.SSLContext | None = None, *, deaf: bool = False, window: int | None = None
) -> AsyncIterator[Client]:
    """Connect to the loopback, with the preface said."""
    if tls is not None:
        tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    client = Client(reader, writer, f"127.0.0.1:{port}", deaf=deaf)
    if window is not None:
        client.h2.local_settings.initial_window_size = window
    client.h2.initiate_connection()
    await client.flush()
    reading = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.transport.abort()
