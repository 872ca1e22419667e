import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from s2s.errors import ConnectionLostError
from s2s.transports.served import ServedWebSocket
from s2s.wire import BinaryMessage
from tests.support.websockets import eventually, http_server, run


@asynccontextmanager
async def serving(
    conversation: Callable[[ServedWebSocket], Awaitable[None]],
    send_s: float = 10.0,
    close_s: float = 2.0,
    **options: object,
) -> AsyncIterator[tuple[str, list[BaseException | None]]]:
    """Serve one conversation per client; yields the URL and how they ended."""
    ended: list[BaseException | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(compress=False, **options)  # type: ignore[arg-type]
        await response.prepare(request)
        served = ServedWebSocket(request, response, send_s=send_s, close_s=close_s)
        try:
            await conversation(served)
        except (ConnectionLostError, AssertionError) as error:
            ended.append(error)
        else:
            ended.append(None)
        finally:
            await served.close()
        return response

    async with http_server(handler) as url:
        yield url, ended


async def echo(served: ServedWebSocket) -> None:
    async for message in served:
        await served.send(message)


@pytest.mark.parametrize("decode_text", [True, False])
def test_messages_go_both_ways(decode_text: bool) -> None:
    async def main() -> None:
        async with serving(echo, decode_text=decode_text) as (url, ended):
            async with connect(url) as client:
                for message in ("", "{}", "\u00e4\u20ac", "x" * 200_000):
                    await client.send(message)
                    assert await client.recv() == message
                await client.send(["in ", "pieces"])
                assert await client.recv() == "in pieces"
            await eventually(lambda: ended == [None])

    run(main())


def test_a_binary_message_can_be_told_from_text() -> None:
    got: list[bytes] = []

    async def conversation(served: ServedWebSocket) -> None:
        async for message in served:
            got.append(message)

    async def main() -> None:
        async with serving(conversation) as (url, ended):
            async with connect(url) as client:
                await client.send(b"\xff")
                await client.send("{}")
            await eventually(lambda: ended == [None])
        assert [(type(each), each) for each in got] == [(BinaryMessage, b"\xff"), (bytes, b"{}")]

    run(main())


def test_a_binary_message_goes_out_as_binary() -> None:
    async def main() -> None:
        async with serving(echo) as (url, ended):
            async with connect(url) as client:
                for message in (b"\xff", "{}", b""):
                    await client.send(message)
                    assert await client.recv() == message
            await eventually(lambda: ended == [None])

    run(main())


@pytest.mark.parametrize(
    ("code", "wanted"), [(1000, True), (1001, True), (1011, False), (3000, False), (4000, False)]
)
def test_a_client_that_goes_in_order_is_no_error(code: int, wanted: bool) -> None:
    async def main() -> None:
        async with serving(echo) as (url, ended):
            async with connect(url) as client:
                await client.send("last")
                await client.close(code, "that was it")
            await eventually(lambda: len(ended) == 1)
            if wanted:
                assert ended == [None]
            else:
                assert isinstance(ended[0], ConnectionLostError)
                assert (ended[0].code, ended[0].reason) == (code, "that was it")

    run(main())


@pytest.mark.parametrize("farewell", [b"\x88\x80mask", b""])
def test_a_close_without_a_code_is_in_order_and_a_lost_connection_is_not(farewell: bytes) -> None:
    async def main() -> None:
        async with serving(echo) as (url, ended):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
            writer.write(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" + farewell
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            await eventually(lambda: len(ended) == 1)
            code = None if ended[0] is None else getattr(ended[0], "code", ended[0])
            assert code == (None if farewell else 1006)

    run(main())


def test_what_was_received_before_the_end_is_read_and_sending_fails_afterwards() -> None:
    got: list[bytes] = []

    async def conversation(served: ServedWebSocket) -> None:
        await asyncio.sleep(0.05)
        async for message in served:
            got.append(message)
        with pytest.raises(ConnectionLostError, match="code 1000"):
            await served.send(b"{}")

    async def main() -> None:
        async with serving(conversation) as (url, ended):
            async with connect(url) as client:
                await client.send("1")
                await client.send("2")
            await eventually(lambda: ended == [None])
        assert got == [b"1", b"2"]

    run(main())


def test_we_close_with_a_code_and_a_reason_cut_to_what_fits() -> None:
    async def conversation(served: ServedWebSocket) -> None:
        reading = asyncio.ensure_future(anext(aiter(served), None))
        await asyncio.sleep(0)
        await asyncio.gather(served.close(4002, "\u00e4" * 100), served.close())
        assert await reading is None

    async def main() -> None:
        async with serving(conversation) as (url, ended), connect(url) as client:
            with pytest.raises(ConnectionClosedError) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4002, "\u00e4" * 61)
            await eventually(lambda: ended == [None])

    run(main())


def test_a_client_that_ignores_our_close_is_dropped_in_time() -> None:
    took_s: list[float] = []

    async def conversation(served: ServedWebSocket) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        await served.close()
        took_s.append(now() - began)

    async def main() -> None:
        async with serving(conversation, close_s=0.2) as (url, ended), deaf_client(url):
            await eventually(lambda: ended == [None])
        assert 0.1 < took_s[0] < 1.5

    run(main())


def test_abort_drops_the_connection_without_a_goodbye() -> None:
    async def conversation(served: ServedWebSocket) -> None:
        await anext(aiter(served))
        served.abort()
        assert [each async for each in served] == []
        with pytest.raises(ConnectionLostError):
            await served.send(b"{}")

    async def main() -> None:
        async with serving(conversation) as (url, ended), connect(url) as client:
            await client.send("now")
            with pytest.raises(ConnectionClosedError) as closed:
                await client.recv()
            assert closed.value.rcvd is None
            await eventually(lambda: ended == [None])

    run(main())


@asynccontextmanager
async def deaf_client(url: str) -> AsyncIterator[None]:
    """Connect, and never read again."""
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        client.send(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        yield


@pytest.mark.parametrize("size", [1_300, 1_000_000])
def test_a_client_that_never_reads_is_an_error_and_not_memory(size: int) -> None:
    waiting_bytes: list[int] = []

    async def conversation(served: ServedWebSocket) -> None:
        reading = asyncio.ensure_future(anext(aiter(served), None))
        assert served._tcp is not None
        try:
            while True:
                await served.send(b"x" * size)
                waiting_bytes.append(served._tcp.get_write_buffer_size())
        finally:
            with pytest.raises(ConnectionLostError, match="took nothing"):
                await reading

    async def main() -> None:
        async with serving(conversation, send_s=0.2, close_s=0.2) as (url, ended):
            async with deaf_client(url):
                await eventually(lambda: len(ended) == 1, 10)
            assert isinstance(ended[0], ConnectionLostError)
            assert str(ended[0]) == (
                "the connection closed with code 1006 (the client took nothing for 0.2 s): open another one"
            )
        assert max(waiting_bytes) < 300_000 + size

    run(main())


def test_a_message_above_the_response_s_limit_is_1009() -> None:
    async def main() -> None:
        async with serving(echo, max_msg_size=1000) as (url, ended), connect(url) as client:
            await client.send("x" * 2000)
            with pytest.raises(ConnectionClosedError) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
            await eventually(lambda: len(ended) == 1)
            assert isinstance(ended[0], ConnectionLostError)
            assert ended[0].code == 1009

    run(main())


def test_a_client_that_answers_no_ping_is_lost() -> None:
    async def main() -> None:
        async with serving(echo, heartbeat=0.1, close_s=0.2) as (url, ended):
            async with deaf_client(url):
                await eventually(lambda: len(ended) == 1)
            assert isinstance(ended[0], ConnectionLostError)
            assert (ended[0].code, ended[0].resumable) == (1006, True)

    run(main())


def test_100_clients_leave_nothing_behind() -> None:
    async def main() -> None:
        async with serving(echo) as (url, ended):
            for _ in range(100):
                async with connect(url) as client:
                    await client.send("{}")
                    assert await client.recv() == "{}"
            await eventually(lambda: ended == [None] * 100)

    run(main(), 40)
