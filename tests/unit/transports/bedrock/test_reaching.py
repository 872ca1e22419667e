import asyncio
import gc
import socket
import ssl
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from h2.exceptions import ProtocolError
from msgspec import structs

from s2s.errors import AuthError, ConfigError, ConnectError, ConnectionLostError
from s2s.transports.bedrock import ConnectionLimits, Credentials, connect
from s2s.transports.bedrock.connection import BedrockTransport
from s2s.transports.bedrock.opening import request
from s2s.transports.bedrock.reaching import Way
from s2s.transports.bedrock.reaching import opened as reach
from s2s.transports.bedrock.refusal import Place
from s2s.transports.bedrock.signing import EXAMPLE
from tests.support.bedrock import ACCEPTED, PATH, Peer, said, service
from tests.support.websockets import Script, certify, eventually, raw_server, run, sockets

CANARY = Credentials("AKIACANARY", "canary-secret-key", "canary-session-token")
QUICK = ConnectionLimits(open_s=1, close_s=0.5)


async def polite(peer: Peer) -> None:
    peer.accept()
    await peer.until(lambda: peer.end == "END_STREAM")
    peer.finish()


async def opened(
    url: str, ca: Path | None = None, proxy: str | None = None, tls: ssl.SSLContext | None = None
) -> BedrockTransport:
    return await connect(
        url, credentials=EXAMPLE, region="us-east-1", ca=ca, proxy=proxy, tls=tls, limits=QUICK
    )


async def worked(url: str, ca: Path | None = None, proxy: str | None = None) -> None:
    """Open a stream, use it and close it."""
    transport = await opened(url, ca, proxy)
    await transport.send(b"{}")
    assert await anext(transport) == ACCEPTED
    await transport.close()


async def refused(
    url: str, ca: Path | None = None, proxy: str | None = None, limits: ConnectionLimits = QUICK
) -> ConnectError:
    """Return the error of a stream that cannot be opened, which shows no secret."""
    with pytest.raises(ConnectError) as refusal:
        await connect(
            f"{url}?key=canary-in-the-query",
            credentials=CANARY,
            region="us-east-1",
            ca=ca,
            proxy=proxy,
            limits=limits,
            provider="nova",
        )
    assert "canary" not in "".join(traceback.format_exception(refusal.value))
    assert refusal.value.provider == "nova"
    return refusal.value


def with_alpn(context: ssl.SSLContext, *protocols: str) -> ssl.SSLContext:
    context.set_alpn_protocols(list(protocols))
    return context


# --- TLS


def test_tls_is_verified_against_the_given_ca_and_carries_http2(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with service(polite, tls=with_alpn(context, "h2")) as url:
            await worked(url, ca)

    run(main())


def test_a_context_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        mine = ssl.create_default_context(cafile=str(ca))
        async with service(polite, tls=with_alpn(context, "h2", "http/1.1")) as url:
            with pytest.raises(ConnectError, match=r"chose nothing\).*set_alpn_protocols\(\['h2'\]\)"):
                await opened(url, tls=mine)
            mine.set_alpn_protocols(["h2"])
            transport = await opened(url, tls=mine)
            await transport.close()

    run(main())


@pytest.mark.parametrize("spoken", [(), ("http/1.1",)])
def test_a_server_without_http2_is_refused(tmp_path: Path, spoken: tuple[str, ...]) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with service(polite, tls=with_alpn(context, *spoken) if spoken else context) as url:
            error = await refused(url, ca)
            assert "does not speak HTTP/2" in str(error)
            assert not error.retryable

    run(main())


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        context, _ = certify(tmp_path)
        async with service(polite, tls=with_alpn(context, "h2")) as url:
            error = await refused(url)
            assert "is not trusted" in str(error)
            assert "as ca=" in str(error)
            assert not error.retryable

    run(main())


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path, "127.0.0.2")
        async with service(polite, tls=with_alpn(context, "h2")) as url:
            assert "check the host name" in str(await refused(url, ca))

    run(main())


async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_tls_with_a_server_that_has_none_fails(tmp_path: Path) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with raw_server(no_tls) as url:
            assert "TLS with" in str(await refused(f"https://{urlsplit(url).netloc}{PATH}", ca))

    run(main())


def test_a_server_that_wants_tls_does_not_understand_the_request(tmp_path: Path) -> None:
    async def main() -> None:
        context, _ = certify(tmp_path)
        async with service(polite, tls=context) as url:
            transport = await opened(url.replace("https:", "http:"))
            with pytest.raises((ConnectError, ConnectionError)):
                await anext(transport)
            await transport.close()

    run(main())


# --- Nobody there


async def slams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close on data that was not read, as who understands none of it."""
    await asyncio.sleep(0.05)
    writer.transport.abort()


def test_a_server_that_hangs_up_on_tls_may_not_speak_it(tmp_path: Path) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with raw_server(slams) as url:
            error = await refused(f"https://{urlsplit(url).netloc}{PATH}", ca)
            assert "hung up on TLS: check the port, and whether it is https:// or http://" in str(error)
            assert error.retryable

    run(main())


def test_a_server_that_hangs_up_on_http2_without_a_word_may_want_tls() -> None:
    async def main() -> None:
        async with raw_server(slams) as url:
            transport = await opened(f"http://{urlsplit(url).netloc}{PATH}")
            with pytest.raises(ConnectionLostError, match="check the port, and whether it is https:// or"):
                await anext(transport)
            await transport.close()

    run(main())


def test_a_port_that_nobody_listens_on_and_a_name_that_does_not_exist_are_connect_errors() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        gone = await refused(f"http://127.0.0.1:{port}{PATH}")
        assert (gone.retryable, "Connection refused" in str(gone)) == (True, True)
        unknown = await refused(f"https://nowhere.invalid{PATH}")
        assert "was not found: check the name" in str(unknown)

    run(main())


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    await asyncio.sleep(30)


def test_a_server_that_does_not_shake_hands_is_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with raw_server(silence) as url:
            place = f"https://{urlsplit(url).netloc}{PATH}"
            with pytest.raises(ConnectError, match=r"did not answer within 0.2 s: try again") as refusal:
                await connect(
                    place, credentials=EXAMPLE, region="us-east-1", ca=ca, limits=ConnectionLimits(open_s=0.2)
                )
            assert refusal.value.retryable

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.05])
def test_a_cancelled_connect_leaves_nothing_behind(tmp_path: Path, scheme: str, after_s: float) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with raw_server(silence) as url:
            place = f"{scheme}://{urlsplit(url).netloc}{PATH}"
            connecting = asyncio.ensure_future(opened(place, ca))
            await asyncio.sleep(after_s)
            connecting.cancel()
            with suppress(asyncio.CancelledError):
                await (await connecting).close()

    run(main())
    gc.collect()


# --- Proxies


@asynccontextmanager
async def relay(
    target: str, tls: ssl.SSLContext | None = None, status: str = "200 OK"
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Lead whoever asks by CONNECT or SOCKS 5 to the target; yields where, and what was asked."""
    asked: list[bytes] = []
    there = urlsplit(target)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x05":
            await reader.readexactly(2)
            writer.write(b"\x05\x00")
            asked.append(await reader.readexactly(10))
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
        else:
            asked.append(first + await reader.readuntil(b"\r\n\r\n"))
            writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
            if status != "200 OK":
                writer.close()
                return
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(script(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
        await asyncio.gather(*tasks)
    finally:
        server.close()


@pytest.mark.parametrize(("scheme", "asks"), [("http", b"CONNECT %b HTTP/1.1\r\n"), ("socks5", b"")])
@pytest.mark.parametrize("secure", [True, False])
def test_a_proxy_leads_to_the_service(tmp_path: Path, scheme: str, asks: bytes, secure: bool) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with (
            service(polite, tls=with_alpn(context, "h2") if secure else None) as url,
            relay(url) as (proxy, asked),
        ):
            await worked(url, ca if secure else None, f"{scheme}://{proxy}")
            assert len(asked) == 1
            assert asked[0].startswith(asks.replace(b"%b", urlsplit(url).netloc.encode()))

    run(main())


def again(folder: Path) -> ssl.SSLContext:
    """Return another context with the same certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


@pytest.mark.parametrize("secure", [True, False])
def test_a_proxy_may_itself_be_talked_to_in_tls(tmp_path: Path, secure: bool) -> None:
    big = b'"' + b"x" * (2 * 2**20) + b'"'

    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: bool(peer.heard or peer.end))
        if peer.heard:
            peer.say(said(peer.heard[0]))
            await peer.until(lambda: peer.end == "END_STREAM")
            peer.finish()

    async def main() -> None:
        context, ca = certify(tmp_path)
        async with (
            service(script, tls=with_alpn(again(tmp_path), "h2") if secure else None) as url,
            relay(url, tls=context) as (proxy, asked),
        ):
            transport = await opened(url, ca, f"https://user:p%40ss@{proxy}")
            gc.collect()
            await transport.send(big)
            assert [await anext(transport), await anext(transport)] == [ACCEPTED, big]
            await transport.close()
            aborted = await opened(url, ca, f"https://{proxy}")
            aborted.abort()
            assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in asked[0]
            assert b"Authorization" not in asked[1]

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_a_proxy_that_refuses_is_told_apart_from_the_service(
    tmp_path: Path, status: str, scheme: str
) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with relay("", context if scheme == "https" else None, status) as (proxy, _):
            error = await refused(f"https://example.invalid{PATH}", ca, f"{scheme}://user:canary@{proxy}")
            assert "the proxy on the way to https://example.invalid/" in str(error)
            assert status[:3] in str(error)

    run(main())


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


@pytest.mark.parametrize("script", [hangs_up, silence])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_proxy_that_says_nothing_is_given_up(script: Script, scheme: str) -> None:
    async def main() -> None:
        async with raw_server(script) as proxy:
            place = urlsplit(proxy).netloc
            limits = ConnectionLimits(open_s=0.2, close_s=0.2)
            error = await refused(f"https://example.invalid{PATH}", None, f"{scheme}://{place}", limits)
            assert error.retryable

    run(main())


def test_a_tunnel_that_leads_to_something_without_tls_is_closed(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)

        async with raw_server(no_tls) as url, relay(url, tls=context) as (proxy, _):
            place = f"https://127.0.0.1:{urlsplit(url).port}{PATH}"
            assert "TLS with" in str(await refused(place, ca, f"https://{proxy}"))

    run(main())


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://host/a", "http://user:canary@/"),
        ("https://host/a", "http://host"),
        ("https://host/a", "ftp://canary@host:1"),
        ("https://host/a", "host:1"),
        ("https://host/a", "https://user:canary@"),
        ("https://host/a", "https://host:canary"),
    ],
)
def test_a_proxy_that_cannot_work_is_refused_at_once(url: str, proxy: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        asyncio.run(opened(url, proxy=proxy))
    assert "canary" not in "".join(traceback.format_exception(refusal.value))


# --- What it needs


def test_one_session_is_one_connection_without_delay(tmp_path: Path) -> None:
    async def main() -> None:
        async with service(polite) as url:
            transport = await opened(url)
            near = transport.protocol.tcp.get_extra_info("socket")
            assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            other = await opened(url)
            assert other.protocol.tcp.get_extra_info("sockname") != near.getsockname()
            await asyncio.gather(transport.close(), other.close())

    run(main())


def test_connecting_returns_before_the_service_has_answered() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def script(peer: Peer) -> None:
            await gate.wait()
            await polite(peer)

        async with service(script) as url:
            transport = await opened(url)
            gate.set()
            assert await anext(transport) == ACCEPTED
            await transport.close()

    run(main())


@pytest.mark.parametrize("secure", [True, False])
def test_a_server_that_speaks_first_is_not_answered_before_the_request(tmp_path: Path, secure: bool) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with service(polite, tls=with_alpn(context, "h2") if secure else None) as url:
            way = Way.to(url, None, ca if secure else None, None, QUICK)
            asked = request(url, EXAMPLE, "us-east-1", {})
            transport = BedrockTransport(Place(url, "", str), QUICK)
            await way.lead(transport.protocol)
            await asyncio.sleep(0.02)
            transport.begin(asked.head, asked.chain)
            assert await anext(transport) == ACCEPTED
            await transport.close()

    run(main())


def test_a_request_that_cannot_be_sent_leaves_no_socket_behind() -> None:
    async def main() -> None:
        async with service(polite) as url:
            way = Way.to(url, None, None, None, QUICK)
            asked = structs.replace(request(url, EXAMPLE, "us-east-1", {}), head=[("Upper-Case", "x")])
            before = sockets()
            with pytest.raises(ProtocolError):
                await reach(way, asked, "nova")
            await eventually(lambda: sockets() == before)

    run(main())


def test_a_wrong_secret_is_an_auth_error_once_the_answer_is_read() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(403, {"x-amzn-errortype": "InvalidSignatureException"}, b'{"message":"no match"}')

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            with pytest.raises(AuthError, match="check the secret key"):
                await anext(transport)
            await transport.close()

    run(main())


def in_a_new_process(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    ).stdout


def test_nothing_of_the_network_is_loaded_before_it_is_needed() -> None:
    code = """
import sys, s2s, s2s.transports.bedrock
s2s.new("nova")
print([each for each in ("h2", "picows", "python_socks", "botocore") if each in sys.modules])
"""
    assert in_a_new_process(code).strip() == "[]"


def test_without_h2_it_is_said_how_to_get_it() -> None:
    code = """
import asyncio, sys
sys.modules["h2"] = None
from s2s.errors import ConfigError
from s2s.transports.bedrock import EXAMPLE, connect
try:
    asyncio.run(connect("https://host/a", credentials=EXAMPLE, region="us-east-1"))
except ConfigError as error:
    print(error)
"""
    assert "pip install 'voice-s2s[nova]'" in in_a_new_process(code)
