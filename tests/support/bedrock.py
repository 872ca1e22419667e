"""A service of Bedrock over h2 that does as its script says, right or wrong, and verifies what it hears."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from time import time
from typing import TypeAlias, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from s2s.transports.bedrock.eventstream import Decoder, HeaderValue, encode
from s2s.transports.bedrock.signing import EXAMPLE, Credentials
from s2s.transports.bedrock.verifying import Verifier, verified

PATH = "/model/amazon.nova-2-5-sonic/invoke-with-bidirectional-stream"
CHUNK = ((":message-type", "event"), (":event-type", "chunk"), (":content-type", "application/json"))
ACCEPTED = b'{"response":{"requestId":"request-1"}}'


def said(document: bytes, headers: Sequence[tuple[str, HeaderValue]] = CHUNK, **more: str) -> bytes:
    """Return the message that tells a document."""
    payload = {"bytes": base64.b64encode(document).decode(), **more}
    return encode(headers, json.dumps(payload, separators=(",", ":")).encode())


def trouble(kind: str, payload: bytes) -> bytes:
    """Return the message of an exception."""
    headers = (
        (":message-type", "exception"),
        (":exception-type", kind),
        (":content-type", "application/json"),
    )
    return encode(headers, payload)


class Peer:
    """One stream, as the service has it."""

    def __init__(self, service: Service, number: int, head: dict[str, str]) -> None:
        self.head = head
        self.heard: list[bytes] = []
        """The documents that came, each with its signature in order."""
        self.end = ""
        """END_STREAM once that came, or the name of what came in its place."""
        self.terminated = False
        """Whether the signed end came."""
        self.credits = True
        """Whether the client may send on for what came."""
        self.uncredited_bytes = 0
        self.unsent = bytearray()
        self.service = service
        self.number = number
        found = verified("POST", head[":path"], head, self._find, int(time() * 1000), region="us-east-1")
        assert isinstance(found, Verifier), found
        self._verifier = found
        self._decoder = Decoder()
        self._change = asyncio.Event()

    def accept(self, **more: str) -> None:
        """Answer with 200."""
        head = {"content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "request-1"}
        self.answer(200, {**head, **more})

    def answer(self, status: int, head: dict[str, str], body: bytes = b"") -> None:
        """Answer with any status, and end with the body if there is one."""
        pairs = [(":status", str(status)), *head.items()]
        self.service.h2.send_headers(self.number, pairs)
        self.service.flush()
        if body:
            self.say(body)
            self.finish()

    def say(self, data: bytes) -> None:
        """Send bytes, as the client allows."""
        self.unsent += data
        self.pump()

    def pump(self) -> None:
        """Send what waits."""
        h2 = self.service.h2
        with suppress(H2Error):
            while self.unsent and (
                size := min(h2.local_flow_control_window(self.number), h2.max_outbound_frame_size)
            ):
                h2.send_data(self.number, bytes(self.unsent[:size]))
                del self.unsent[:size]
                self.service.flush()
        self._change.set()

    def finish(self) -> None:
        """End our side, whether or not the client is still there."""
        with suppress(H2Error):
            self.service.h2.end_stream(self.number)
        self.service.flush()

    def reset(self, code: int) -> None:
        """Reset the stream."""
        self.service.h2.reset_stream(self.number, code)
        self.service.flush()

    def go_away(self, code: int) -> None:
        """Send GOAWAY, after which nothing is heard."""
        self.service.away = True
        self.service.h2.close_connection(code)
        self.service.flush()

    def credit(self, size: int) -> None:
        """Let the client send that much more."""
        self.uncredited_bytes -= size
        with suppress(H2Error, KeyError):  # it may be gone
            self.service.h2.increment_flow_control_window(size)
            self.service.h2.increment_flow_control_window(size, self.number)
        self.service.flush()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that changes with what comes."""
        async with asyncio.timeout(5):
            while not holds():
                self._change.clear()
                await self._change.wait()

    def take(self, data: bytes, size: int) -> None:
        """Verify what came."""
        self.uncredited_bytes += size
        if self.credits and self.uncredited_bytes:
            self.credit(self.uncredited_bytes)
        for message in self._decoder.push(data):
            inner = self._verifier.check(message)
            assert isinstance(inner, bytes), inner
            assert not self.terminated
            if not inner:
                self.terminated = True
                continue
            (told,) = Decoder().push(inner)
            assert told.headers == dict(CHUNK)
            self.heard.append(base64.b64decode(json.loads(told.payload)["bytes"]))
        self._change.set()

    def ended(self, how: str) -> None:
        """Note the end."""
        assert how != "END_STREAM" or not self._decoder.amid
        self.end = self.end or how
        self._change.set()

    def _find(self, access_key: str) -> Credentials | None:
        return self.service.credentials if access_key == self.service.credentials.access_key else None


Script: TypeAlias = Callable[[Peer], Awaitable[None]]


class Service(asyncio.Protocol):
    """One connection; what goes wrong in a script or a signature ends up in `failures`."""

    tcp: asyncio.Transport

    def __init__(
        self,
        script: Script,
        failures: list[BaseException],
        credentials: Credentials,
        open_: list[Service],
    ) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.credentials = credentials
        self.pings = 0
        self.answers_pings = True
        self.away = False
        self._script = script
        self._open = open_
        self._failures = failures
        self._peers: dict[int, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.tcp = cast(asyncio.Transport, transport)
        self._open.append(self)
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self.away:
            return
        try:
            if data[3:4] == b"\x06" and len(data) == 17:
                self.pings += 1
                if not self.answers_pings:
                    return
            for event in self.h2.receive_data(data):
                self._take(event)
            self.flush()
        except BaseException as failed:  # noqa: BLE001 - it is for the test to raise
            self._failures.append(failed)
            self.tcp.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for peer in self._peers.values():
            peer.ended("lost")

    def flush(self) -> None:
        if (said := self.h2.data_to_send()) and not self.tcp.is_closing():
            self.tcp.write(said)

    async def gone(self) -> None:
        """Wait for the scripts."""
        await asyncio.gather(*self._tasks)

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=number, headers=headers):
                peer = self._peers[number] = Peer(self, number, {str(name): str(it) for name, it in headers})
                task = asyncio.create_task(self._run(peer), name="script")
                self._tasks.add(task)
            case DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                self._peers[number].take(data, size)
            case StreamEnded(stream_id=number):
                self._peers[number].ended("END_STREAM")
            case StreamReset(stream_id=number, error_code=code):
                self._peers[number].ended(f"RST_STREAM {code!r}")
            case ConnectionTerminated():
                pass
            case _:
                for peer in self._peers.values():
                    peer.pump()

    async def _run(self, peer: Peer) -> None:
        try:
            await self._script(peer)
        except BaseException as failed:  # noqa: BLE001 - it is for the test to raise
            self._failures.append(failed)


@asynccontextmanager
async def service(
    script: Script,
    tls: ssl.SSLContext | None = None,
    credentials: Credentials = EXAMPLE,
) -> AsyncIterator[str]:
    """Serve each stream by the script; yields the URL, and raises what the service objects to."""
    failures: list[BaseException] = []
    services: list[Service] = []
    server = await asyncio.get_running_loop().create_server(
        lambda: Service(script, failures, credentials, services), "127.0.0.1", 0, ssl=tls
    )
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}{PATH}"
        async with asyncio.timeout(5):
            for each in services:
                await each.gone()
    finally:
        server.close()
        for each in services:
            each.tcp.abort()
        await server.wait_closed()
        await asyncio.sleep(0)
    if failures:
        raise failures[0]
