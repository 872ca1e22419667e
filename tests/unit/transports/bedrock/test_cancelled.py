"""Whoever is cancelled, at whichever moment, leaves nothing behind and breaks nothing."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from s2s.transports.bedrock import ConnectionLimits, connect
from s2s.transports.bedrock.connection import BedrockTransport
from s2s.transports.bedrock.signing import EXAMPLE
from tests.support.bedrock import ACCEPTED, Peer, Script, service
from tests.support.cancelling import cancelled_at, cancelled_everywhere
from tests.support.websockets import certify, eventually, raw_server, run, sockets

QUICK = ConnectionLimits(open_s=2, send_s=0.3, close_s=0.05)
AUDIO = b'{"event":{"audioInput":{"content":"' + b"A" * 1366 + b'"}}}'


async def polite(peer: Peer) -> None:
    peer.accept()
    await peer.until(lambda: bool(peer.end))
    peer.finish()


async def deaf(peer: Peer) -> None:
    peer.accept()
    peer.credits = False
    await peer.until(lambda: bool(peer.end))


async def opened(url: str, ca: Path | None = None, proxy: str | None = None) -> BedrockTransport:
    return await connect(url, credentials=EXAMPLE, region="us-east-1", ca=ca, proxy=proxy, limits=QUICK)


@asynccontextmanager
async def relay(target: str, tls: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Lead whoever asks by CONNECT or SOCKS 5 to the target."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        finally:
            writer.close()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) == b"\x05":
            await reader.readexactly(2)
            writer.write(b"\x05\x00")
            await reader.readexactly(10)
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        there = urlsplit(target)
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    async with raw_server(script, tls) as url:
        yield urlsplit(url).netloc


def again(folder: Path) -> ssl.SSLContext:
    """Return another context with the same certificate, for HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.set_alpn_protocols(["h2"])
    return context


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("scheme", [None, "http", "https", "socks5"])
def test_connecting_leaves_no_socket(tmp_path: Path, secure: bool, scheme: str | None) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with (
            service(polite, tls=again(tmp_path) if secure else None) as url,
            relay(url, context if scheme == "https" else None) as way,
        ):
            trusted = ca if secure or scheme == "https" else None
            before = sockets()

            async def dial() -> None:
                (await opened(url, trusted, scheme and f"{scheme}://{way}")).abort()

            assert await cancelled_everywhere(dial) >= 3
            await eventually(lambda: sockets() == before)

    run(main())
    gc.collect()


async def closed_at(nth: int, url: str, ca: Path | None, writes: int) -> bool:
    """Have a stream closed, cancelled at the n-th wait of that, and return whether it came so far."""
    transport = await opened(url, ca)
    assert await anext(transport) == ACCEPTED
    for _ in range(writes):
        transport.write(AUDIO)
        await asyncio.sleep(0)
    cancelled = await cancelled_at(nth, transport.close())
    assert not transport.write(AUDIO)
    return cancelled


@pytest.mark.parametrize(("far", "writes"), [(polite, 1), (deaf, 200)])
@pytest.mark.parametrize("secure", [True, False])
def test_closing_leaves_no_socket(tmp_path: Path, far: Script, writes: int, secure: bool) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with service(far, tls=again(tmp_path) if secure else None) as url:
            before, nth = sockets(), 1
            while await closed_at(nth, url, ca if secure else None, writes):
                nth += 1
            assert nth >= 2
            await eventually(lambda: sockets() == before)

    run(main())
    gc.collect()
