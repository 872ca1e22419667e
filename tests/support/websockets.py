"""Peers on the loopback: servers that others wrote, and raw sockets for what those would not do."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import ipaddress
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.server import ServerConnection, serve

T = TypeVar("T")
Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TEXT, BINARY, GO_ON, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def run(main: Coroutine[Any, Any, T], at_most_s: float = 20.0) -> T:
    """Run, bounded, and see to it that nothing is left: no task, no socket."""

    async def watched() -> T:
        before = sockets()
        async with asyncio.timeout(at_most_s):
            result = await main
        await eventually(lambda: len(asyncio.all_tasks()) == 1 and sockets() <= before)
        return result

    return asyncio.run(watched())


async def eventually(holds: Callable[[], bool], at_most_s: float = 3.0) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(at_most_s):
            while not holds():  # noqa: ASYNC110 - sockets of the system tell no event
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never: tasks {asyncio.all_tasks()}, {sockets()} sockets") from None


def sockets() -> int:
    """Count the sockets that this process has open, where the system tells."""
    fds = Path("/proc/self/fd")
    names = [os.path.realpath(fd) for fd in fds.iterdir()] if fds.exists() else []
    return sum("socket:" in name for name in names)


@asynccontextmanager
async def server(
    handler: Callable[[ServerConnection], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    **options: object,
) -> AsyncIterator[str]:
    """Serve with the websockets library; yields the URL."""
    async with serve(handler, "127.0.0.1", 0, ssl=tls, **options) as serving:  # type: ignore[arg-type]
        port = next(iter(serving.sockets)).getsockname()[1]
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/"


@asynccontextmanager
async def http_server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Serve with aiohttp; yields the URL."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"ws://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Let a script loose on each accepted socket; yields the URL."""
    running: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            running.discard(task)
            writer.close()

    serving = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"ws://127.0.0.1:{serving.sockets[0].getsockname()[1]}/"
    finally:
        # A connection that is being accepted while its server closes is leaked by asyncio.
        await asyncio.sleep(0.01)
        serving.close()
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, more: str = "") -> bytes:
    """Read the request, answer as a WebSocket server must, and return the request."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
    assert found is not None
    digest = hashlib.sha1(found[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n{more}\r\n".encode()
    )
    return head


def speaking(*frames: bytes, then: Script | None = None) -> Script:
    """Accept, send frames as they are, and read to the end or do what comes then."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(b"".join(frames))
        if then is not None:
            await then(reader, writer)
        else:
            await reader.read()

    return script


def answering(status: str, body: str = "", headers: str = "") -> Script:
    """Refuse the handshake."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n{headers}\r\n{body}".encode()
        )
        await writer.drain()

    return script


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Spell a server's frame."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 2**16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + payload


async def heard_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a client's frame."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    key = (mask * (size // 4 + 1))[:size]
    return first & 0xF, (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


SIGNING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def certify(folder: Path, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """Return a server's context for `host`, and the file of the throw-away CA behind it."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "throw-away CA")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    today = datetime.datetime.now(datetime.UTC)

    def sign(name: x509.Name, public: ec.EllipticCurvePublicKey, kind: x509.ExtensionType) -> bytes:
        draft = x509.CertificateBuilder(authority, name, public, x509.random_serial_number())
        draft = draft.not_valid_before(today - datetime.timedelta(1))
        draft = draft.not_valid_after(today + datetime.timedelta(1))
        # What Python 3.13 demands of a chain.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        draft = draft.add_extension(issuer, critical=False)
        draft = draft.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        if isinstance(kind, x509.BasicConstraints):
            draft = draft.add_extension(SIGNING, critical=True)
        signed = draft.add_extension(kind, critical=True).sign(ca_key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    ca_file, cert_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(sign(authority, ca_key.public_key(), x509.BasicConstraints(True, None)))
    cert_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + sign(subject, key.public_key(), alternative)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file)
    return context, ca_file
