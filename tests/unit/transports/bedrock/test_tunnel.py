import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from s2s.transports.bedrock.tunnel import SecureProxy, Tunnel
from tests.support.cancelling import cancelled_everywhere
from tests.support.websockets import Script, certify, eventually, raw_server, run, sockets

AGREED = b"HTTP/1.1 200 OK\r\nvia: x\r\n\r\n"


def saying(*words: bytes) -> Script:
    """Answer whoever asks for a tunnel with these words, and echo all that follows."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for each in words:
            writer.write(each)
            await asyncio.sleep(0)
        while data := await reader.read(65_536):
            writer.write(data)

    return script


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(AGREED + b"last words")


def proxy_at(url: str, ca: Path) -> SecureProxy:
    return SecureProxy.at(f"https://{urlsplit(url).netloc}", ssl.create_default_context(cafile=str(ca)))


async def through(proxy: SecureProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    near = await proxy.connect("far", 443, handshake_s=2, close_s=0.2)
    return await asyncio.open_connection(sock=near)


@pytest.mark.parametrize("words", [(AGREED,), (AGREED[:5], AGREED[5:])])
def test_what_the_far_side_says_at_once_is_heard(tmp_path: Path, words: tuple[bytes, ...]) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with raw_server(saying(*words[:-1], words[-1] + b"I speak", b" first"), context) as url:
            reader, writer = await through(proxy_at(url, ca))
            async with asyncio.timeout(2):
                assert await reader.readexactly(13) == b"I speak first"
                writer.write(b"and so do I")
                assert await reader.readexactly(11) == b"and so do I"
            writer.close()

    run(main())


def test_a_proxy_that_agrees_and_hangs_up_is_not_waited_for() -> None:
    async def main() -> None:
        async with raw_server(hangs_up) as url:
            port = urlsplit(url).port or 0
            _, tunnel = await asyncio.get_running_loop().create_connection(Tunnel, "127.0.0.1", port)
            await tunnel.dig(b"CONNECT far:443 HTTP/1.1\r\n\r\n")
            await eventually(lambda: tunnel.tcp.is_closing())
            reader, writer = await asyncio.open_connection(sock=await tunnel.lead_out())
            async with asyncio.timeout(2):
                assert await reader.read() == b"last words"
            writer.close()

    run(main())


def test_a_tunnel_that_is_cancelled_leaves_no_socket_behind(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with raw_server(saying(AGREED), context) as url:
            proxy, before = proxy_at(url, ca), sockets()

            async def dug() -> None:
                (await proxy.connect("far", 443, handshake_s=2, close_s=0.2)).close()

            assert await cancelled_everywhere(dug) >= 3
            await eventually(lambda: sockets() == before)

    run(main())


@pytest.mark.parametrize("shown", [repr, str, lambda it: str(list(it.__rich_repr__()))])
def test_the_password_of_a_proxy_is_not_shown(shown: Callable[[object], str]) -> None:
    proxy = SecureProxy.at("https://user:canary@host:1", ssl.create_default_context())
    assert proxy.credentials == "user:canary"
    assert "canary" not in shown(proxy)
    assert "host" in shown(proxy)
