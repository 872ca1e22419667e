import asyncio
import logging
import re
import socket
import ssl
import struct
import traceback
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from websockets.asyncio.server import ServerConnection

from s2s.errors import AuthError, ConfigError, ConnectError, ConnectionLostError, LocalProtocolError
from s2s.transports.websocket import ConnectionLimits, WebSocketTransport, connect
from s2s.wire import BinaryMessage
from tests.support.websockets import (
    CLOSE,
    GO_ON,
    PING,
    PONG,
    TEXT,
    Script,
    accept,
    answering,
    certify,
    eventually,
    frame,
    heard_frame,
    http_server,
    raw_server,
    run,
    server,
    speaking,
)

CANARY = "sk-canary-0123456789abcdef"
QUICK = ConnectionLimits(open_s=0.5, send_s=0.3, close_s=0.3)


async def echo(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and never read again."""
    await accept(reader, writer)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(30)


async def heard(transport: WebSocketTransport) -> tuple[list[bytes], ConnectionLostError | None]:
    got = []
    try:
        async for message in transport:
            got.append(message)
    except ConnectionLostError as lost:
        return got, lost
    return got, None


async def heard_from(
    script: Script, limits: ConnectionLimits = QUICK
) -> tuple[list[bytes], ConnectionLostError | None]:
    async with raw_server(script) as url:
        transport = await connect(url, limits=limits)
        try:
            return await heard(transport)
        finally:
            await transport.close()


async def refused(url: str, limits: ConnectionLimits = QUICK, ca: Path | None = None) -> ConnectError:
    with pytest.raises(ConnectError) as refusal:
        await connect(
            url + "?key=" + CANARY, headers={"Authorization": f"Bearer {CANARY}"}, ca=ca, limits=limits
        )
    assert CANARY not in "".join(traceback.format_exception(refusal.value))
    return refusal.value


# --- Messages


@pytest.mark.parametrize(
    "message", [b"", b"{}", '{"a": "\u00e4\u20ac\U0001f600"}'.encode(), b"x" * 126, b"x" * 70_000]
)
def test_messages_go_both_ways_as_text(message: bytes) -> None:
    kinds: list[type] = []

    async def handler(peer: ServerConnection) -> None:
        async for said in peer:
            kinds.append(type(said))
            await peer.send(said)

    async def main() -> None:
        async with server(handler) as url:
            transport = await connect(url)
            await transport.send(message)
            assert await anext(transport) == message
            await transport.close()
        assert kinds == [str]

    run(main())


def test_what_is_binary_goes_and_comes_as_binary() -> None:
    sent = [BinaryMessage(b"\xff\0"), b"{}", BinaryMessage(b"ascii"), BinaryMessage(b"")]

    async def main() -> None:
        async with server(echo) as url:
            transport = await connect(url)
            got = []
            for message in sent:
                await transport.send(message)
                got.append(await anext(transport))
            assert got == sent
            assert [type(each) for each in got] == [type(each) for each in sent]
            await transport.close()

    run(main())


def test_binary_and_fragmented_messages_arrive_whole() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(b"\xff\x00")
        await peer.send(["a\u00e4", "", "b", "c" * 70_000])
        await peer.send([b"\xff", b"\xfe"])

    async def main() -> None:
        async with server(handler) as url:
            transport = await connect(url)
            assert await heard(transport) == (
                [b"\xff\x00", "a\u00e4b".encode() + b"c" * 70_000, b"\xff\xfe"],
                None,
            )
            await transport.close()

    run(main())


def test_aiohttp_servers_are_understood_as_well() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        peer = web.WebSocketResponse()
        await peer.prepare(request)
        assert not peer.compress
        async for message in peer:
            assert message.type is WSMsgType.TEXT
            await peer.send_str(message.data)
            await peer.ping(b"there?")
            await peer.close(code=4000, message=b"enough")
        return peer

    async def main() -> None:
        async with http_server(handler) as url:
            transport = await connect(url)
            await transport.send(b"hello")
            got, lost = await heard(transport)
            assert lost is not None
            assert (got, lost.code, lost.reason, lost.resumable) == ([b"hello"], 4000, "enough", False)
            await transport.close()

    run(main())


def test_a_message_of_20_MB_passes_if_the_limits_allow_it() -> None:
    async def main() -> None:
        async with server(echo, max_size=None) as url:
            big = b"0123456789abcdef" * (20 * 2**16)
            transport = await connect(url, limits=ConnectionLimits(max_message_bytes=len(big)))
            await transport.send(big)
            assert await anext(transport) == big
            await transport.close()

    run(main())


def test_a_message_above_the_limit_ends_the_connection_with_1009() -> None:
    closed: list[int | None] = []

    async def handler(peer: ServerConnection) -> None:
        await peer.send("x" * 1000)
        await peer.send("x" * 1001)
        await peer.wait_closed()
        closed.append(peer.close_code)

    async def main() -> None:
        async with server(handler) as url:
            transport = await connect(url, limits=ConnectionLimits(max_message_bytes=1000))
            got, lost = await heard(transport)
            assert (len(got), lost and lost.code) == (1, 1009)
            assert str(lost).endswith("send smaller messages, or raise max_message_bytes")
            await transport.close()
        assert closed == [1009]

    run(main())


# --- Peers that break the rules


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([frame(TEXT, b"12345678", fin=False), frame(GO_ON, b"9")], 1009),
        ([frame(TEXT, b"\xff\xfe")], 1007),
        ([frame(TEXT, b"\xe2\x82", fin=False), frame(GO_ON, b"x")], 1007),
        ([frame(TEXT, b"{}", rsv=4)], 1002),
        ([frame(PING, rsv=1)], 1002),
        ([frame(3, b"{}")], 1002),
        ([frame(11)], 1002),
        ([frame(GO_ON, b"{}")], 1002),
        ([frame(TEXT, b"{", fin=False), frame(TEXT, b"}")], 1002),
        ([frame(PING, fin=False)], 1002),
        ([frame(PING, b"x" * 126)], 1002),
        ([frame(CLOSE, b"\x03")], 1002),
        ([frame(CLOSE, (1006).to_bytes(2, "big"))], 1002),
        ([frame(CLOSE, (1005).to_bytes(2, "big"))], 1002),
        ([frame(CLOSE, (999).to_bytes(2, "big"))], 1002),
        ([frame(CLOSE, (5000).to_bytes(2, "big"))], 1002),
        ([frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff")], 1007),
        ([b"\x81\x82mask{}"], 1002),
        ([b"\x81\x7e\x00\x01x"], 1002),
        ([b"\x81\x7f\xff" + bytes(7)], 1002),
    ],
)
def test_what_the_protocol_forbids_ends_the_connection(frames: list[bytes], code: int) -> None:
    told: list[tuple[int, bytes]] = []

    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await heard_frame(reader))

    async def main() -> None:
        async with raw_server(
            speaking(frame(TEXT, b"first"), *frames, frame(TEXT, b"too late"), then=then)
        ) as url:
            transport = await connect(url, limits=ConnectionLimits(max_message_bytes=8, close_s=0.3))
            got, lost = await heard(transport)
            await transport.close()
            await eventually(lambda: bool(told))
        assert lost is not None
        assert (got, lost.code, lost.resumable) == ([b"first"], code, False)
        assert [(opcode, int.from_bytes(said[:2], "big")) for opcode, said in told] == [(CLOSE, code)]

    run(main())


def test_a_million_empty_fragments_cost_nothing() -> None:
    async def main() -> None:
        endless = [frame(TEXT, fin=False)] + [frame(GO_ON, fin=False)] * 100_000
        got, lost = await heard_from(speaking(*endless, frame(GO_ON, b"{}"), frame(CLOSE, b"\x03\xe8")))
        assert (got, lost) == ([b"{}"], None)

    run(main())


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_cut_in_the_middle_of_a_message_is_1006(reset: bool) -> None:
    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        if reset:
            # Give the bytes their way before the reset overtakes them.
            await asyncio.sleep(0.05)
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def main() -> None:
        got, lost = await heard_from(speaking(frame(TEXT, b"1"), frame(TEXT, b"2" * 50)[:20], then=then))
        assert lost is not None
        assert (got, lost.code, lost.resumable) == ([b"1"], 1006, True)
        assert str(lost) == "the connection closed with code 1006 (no goodbye was said): open another one"

    run(main())


def test_pings_are_answered_but_not_piled_up_for_a_peer_that_does_not_read() -> None:
    answers: list[tuple[int, bytes]] = []

    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.append(await heard_frame(reader))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(400):
            writer.write(frame(PING, b"x" * 125) * 256)
            await writer.drain()
        writer.write(frame(TEXT, b"done"))
        await asyncio.sleep(30)

    async def main() -> None:
        async with raw_server(speaking(frame(PING, b"there?"), then=then)) as url:
            transport = await connect(url, limits=QUICK)
            assert await anext(transport) == b"done"
            assert transport._ws.underlying_transport.get_write_buffer_size() < 300_000
            await transport.close()
        assert answers == [(PONG, b"there?")]

    run(main())


# --- Ends


@pytest.mark.parametrize(
    ("code", "raised", "resumable"),
    [
        (1000, False, False),
        (1001, True, True),
        (1008, True, False),
        (1011, True, True),
        (1012, True, True),
        (1013, True, True),
        (3000, True, False),
        (4000, True, False),
    ],
)
def test_the_code_of_the_peer_says_how_a_connection_ended(code: int, raised: bool, resumable: bool) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send("last")
        await peer.close(code, "that was it")
        assert peer.protocol.close_rcvd is not None
        assert peer.protocol.close_rcvd.code == code

    async def main() -> None:
        async with server(handler) as url:
            transport = await connect(url, provider="acme")
            got, lost = await heard(transport)
            assert got == [b"last"]
            assert (lost is not None) == raised
            if lost is not None:
                assert (lost.code, lost.reason, lost.provider) == (code, "that was it", "acme")
                assert lost.resumable is resumable
                assert str(lost).startswith(f"the connection closed with code {code} (that was it): ")
            with pytest.raises(ConnectionLostError) as sent:
                await transport.send(b"{}")
            assert (sent.value.code, sent.value.reason) == (code, "that was it")
            await transport.close()

    run(main())


def test_a_peer_that_gives_no_code_is_1005_and_resumable() -> None:
    async def main() -> None:
        got, lost = await heard_from(speaking(frame(TEXT, b"1"), frame(CLOSE)))
        assert lost is not None
        assert (got, lost.code, lost.resumable) == ([b"1"], 1005, True)

    run(main())


def test_a_secret_that_the_peer_sends_back_is_not_told() -> None:
    async def main() -> None:
        async with raw_server(speaking(frame(CLOSE, b"\x03\xf0no " + CANARY.encode()))) as url:
            transport = await connect(url, subprotocols=["realtime", f"openai-insecure-api-key.{CANARY}"])
            lost = (await heard(transport))[1]
            assert lost is not None
            assert (lost.code, lost.reason) == (1008, "no ***")
            await transport.close()

    run(main())


def test_our_close_is_a_handshake_with_a_reason_cut_to_what_fits() -> None:
    closed: list[tuple[int | None, str | None]] = []

    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()
        closed.append((peer.close_code, peer.close_reason))

    async def main() -> None:
        async with server(handler) as url:
            transport = await connect(url)
            reading = asyncio.ensure_future(heard(transport))
            await asyncio.sleep(0)
            await asyncio.gather(transport.close(4001, "\u00e4" * 100), transport.close())
            await transport.close()
            assert await reading == ([], None)
            with pytest.raises(ConnectionLostError, match="code 4001"):
                await transport.send(b"{}")
        assert closed == [(4001, "\u00e4" * 61)]

    run(main())


def test_a_peer_that_ignores_our_close_is_dropped_in_time() -> None:
    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(frame(TEXT, b"still talking"))
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with raw_server(speaking(then=then)) as url:
            transport = await connect(url, limits=QUICK)
            began = asyncio.get_running_loop().time()
            await transport.close()
            assert 0.2 < asyncio.get_running_loop().time() - began < 1.5
            got, lost = await heard(transport)
            assert (set(got) <= {b"still talking"}, lost) == (True, None)

    run(main())


def test_a_cancelled_close_lets_go_of_the_socket_all_the_same() -> None:
    async def main() -> None:
        async with raw_server(deaf) as url:
            transport = await connect(url)
            closing = asyncio.ensure_future(transport.close())
            await asyncio.sleep(0.01)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing

    run(main())


def test_200_connections_leave_nothing_behind() -> None:
    async def main() -> None:
        async with server(echo) as url:
            for _ in range(200):
                transport = await connect(url)
                await transport.send(b"{}")
                assert await anext(transport) == b"{}"
                await transport.close()

    run(main(), 40)


# --- Slow sides


def test_a_reader_that_falls_behind_holds_the_peer_up_and_loses_nothing() -> None:
    sent: list[int] = []

    async def handler(peer: ServerConnection) -> None:
        for n in range(2000):
            await peer.send(f"{n:010000}")
            sent.append(n)

    async def main() -> None:
        async with server(handler, write_limit=16_384) as url:
            transport = await connect(
                url, limits=ConnectionLimits(waiting_bytes=100_000, ping_after_s=0.02, pong_within_s=0.02)
            )
            before = -1
            while len(sent) != before:
                before = len(sent)
                await asyncio.sleep(0.1)
            assert before < 1500
            assert len(transport._arrivals.messages) < 60
            got, lost = await heard(transport)
            assert ([int(each[-5:]) for each in got], lost) == (list(range(2000)), None)
            await transport.close()

    run(main())


def test_closing_does_not_wait_for_a_reader_that_never_reads() -> None:
    async def handler(peer: ServerConnection) -> None:
        for _ in range(1000):
            await peer.send("x" * 10_000)

    async def main() -> None:
        async with server(handler) as url:
            transport = await connect(url, limits=ConnectionLimits(waiting_bytes=50_000))
            await eventually(lambda: len(transport._arrivals.messages) >= 5)
            await transport.close()

    run(main())


def test_a_peer_that_never_reads_is_an_error_and_not_memory() -> None:
    async def main() -> None:
        async with raw_server(deaf) as url:
            transport = await connect(url, limits=QUICK)
            reading = asyncio.ensure_future(heard(transport))
            sent_bytes = 0
            lost: ConnectionLostError | None = None
            while lost is None:
                try:
                    await transport.send(b"x" * 10_000)
                except ConnectionLostError as error:
                    lost = error
                sent_bytes += 10_000
                assert transport._ws.underlying_transport.get_write_buffer_size() < 200_000
                assert sent_bytes < 20_000_000
            assert "the peer took nothing for 0.3 s" in str(lost)
            assert (lost.code, lost.resumable) == (1006, True)
            read_lost = (await reading)[1]
            assert read_lost is not None
            assert read_lost.code == 1006
            await transport.close()

    run(main())


def test_whoever_waits_to_send_goes_on_when_the_peer_reads_again() -> None:
    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(1000):
            await heard_frame(reader)
        writer.write(frame(TEXT, b"all"))
        await reader.read()

    async def main() -> None:
        async with raw_server(speaking(then=then)) as url:
            transport = await connect(url)
            for _ in range(1000):
                await transport.send(b"x" * 10_000)
            assert await anext(transport) == b"all"
            await transport.close()

    run(main(), 40)


def test_a_cancelled_sender_does_not_disturb_another_one() -> None:
    async def main() -> None:
        async with raw_server(deaf) as url:
            transport = await connect(url, limits=QUICK)
            while transport._writable is None:
                await transport.send(b"x" * 100_000)
            first, second = (asyncio.ensure_future(transport.send(b"{}")) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(ConnectionLostError):
                await second
            assert first.cancelled()
            await transport.close()

    run(main())


def test_a_cancelled_reader_can_read_on_and_a_second_one_is_refused() -> None:
    async def main() -> None:
        async with server(echo) as url:
            transport = await connect(url)
            reading = asyncio.ensure_future(transport.__anext__())
            await asyncio.sleep(0)
            with pytest.raises(LocalProtocolError, match="let a single one read"):
                await anext(transport)
            reading.cancel()
            await asyncio.sleep(0)
            await transport.send(b"{}")
            assert await anext(transport) == b"{}"
            await transport.close()

    run(main())


async def speak_when_spoken_to(peer: ServerConnection) -> None:
    async for message in peer:
        for n in range(int(message)):
            await peer.send(str(n))
    await peer.close(4000)


def test_a_listener_takes_what_waits_and_then_messages_as_they_arrive_up_to_the_end() -> None:
    async def main() -> None:
        async with server(speak_when_spoken_to) as url:
            transport, taken = await connect(url), list[bytes]()
            await transport.send(b"2")
            await eventually(lambda: len(transport._arrivals.messages) == 2)
            listening = asyncio.ensure_future(transport.listen(taken.append))
            await eventually(lambda: len(taken) == 2)
            assert transport.write(b"1")
            await eventually(lambda: len(taken) == 3)
            assert (taken, list(transport._arrivals.messages)) == ([b"0", b"1", b"0"], [])
            await transport.close()
            await listening
            assert not transport.write(b"1")

    run(main())


def test_a_listener_hears_how_a_connection_was_lost_and_what_it_raised_itself() -> None:
    async def goodbye(peer: ServerConnection) -> None:
        await peer.send("{}")
        await peer.close(4000, "enough")

    def refuse(message: bytes) -> None:
        raise ValueError(message)

    async def main() -> None:
        async with server(goodbye) as url:
            transport = await connect(url)
            with pytest.raises(ConnectionLostError, match="enough"):
                await transport.listen(lambda _: None)
            await transport.close()
        async with server(speak_when_spoken_to) as url:
            transport = await connect(url)
            listening = asyncio.ensure_future(transport.listen(refuse))
            await transport.send(b"3")
            with pytest.raises(ValueError, match="0"):
                await listening
            assert [await anext(transport), await anext(transport)] == [b"1", b"2"]
            await transport.close()

    run(main())


def test_a_flood_leaves_room_for_others_between_messages() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(TEXT, b"{}") * 20_000)
        await reader.read()

    async def main() -> None:
        async with raw_server(flood) as url:
            transport, taken, turns = await connect(url), list[bytes](), list[int]()
            listening = asyncio.ensure_future(transport.listen(taken.append))
            while len(taken) < 20_000:
                before = len(taken)
                await asyncio.sleep(0)
                turns.append(len(taken) - before)
            assert max(turns) <= 128
            await transport.close()
            await asyncio.wait((listening,))

    run(main())


# --- Keeping alive


def test_a_peer_that_answers_pings_is_kept_and_one_that_does_not_is_lost() -> None:
    limits = ConnectionLimits(ping_after_s=0.05, pong_within_s=0.1, close_s=0.2)

    async def main() -> None:
        async with server(echo, ping_interval=None) as url, raw_server(deaf) as dead:
            alive, lost = await connect(url, limits=limits), await connect(dead, limits=limits)
            ended = (await heard(lost))[1]
            assert ended is not None
            assert (ended.code, ended.resumable) == (1006, True)
            assert (
                str(ended) == "the connection closed with code 1006 (no pong within 0.1 s): open another one"
            )
            await asyncio.sleep(0.2)
            await alive.send(b"{}")
            assert await anext(alive) == b"{}"
            await asyncio.gather(alive.close(), lost.close())

    run(main())


def test_without_keep_alive_no_ping_is_sent() -> None:
    got: list[tuple[int, bytes]] = []

    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await heard_frame(reader))
        writer.write(frame(CLOSE, b"\x03\xe8"))

    async def main() -> None:
        async with raw_server(speaking(then=then)) as url:
            transport = await connect(url, limits=ConnectionLimits(ping_after_s=None, pong_within_s=0.01))
            await asyncio.sleep(0.1)
            await transport.close()
        assert [opcode for opcode, _ in got] == [CLOSE]

    run(main())


# --- Opening


def test_headers_and_subprotocols_reach_the_server_and_no_extension_is_offered() -> None:
    async def main() -> None:
        heads: list[bytes] = []

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await accept(reader, writer, "Sec-WebSocket-Protocol: realtime\r\n"))
            writer.write(frame(CLOSE, b"\x03\xe8"))

        async with raw_server(script) as url:
            transport = await connect(
                url + "v1?a=b", headers=[("X-One", "1")], subprotocols=["realtime", "x"]
            )
            assert transport.subprotocol == "realtime"
            await transport.close()
        lines = heads[0].decode().splitlines()
        assert lines[0] == "GET /v1?a=b HTTP/1.1"
        assert {"X-One: 1", "Sec-WebSocket-Protocol: realtime, x"} <= set(lines)
        assert not any("Extensions" in line for line in lines)

    run(main())


@pytest.mark.parametrize(
    "more", ["Sec-WebSocket-Protocol: other\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n"]
)
def test_what_was_not_offered_is_not_accepted(more: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, more)
        await reader.read()

    async def main() -> None:
        async with raw_server(script) as url:
            assert "not offered" in str(await refused(url))

    run(main())


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "said"),
    [
        (
            "401 Unauthorized",
            '{"error": {"message": "bad key ' + CANARY + '"}}',
            AuthError,
            False,
            "(bad key ***): check the key",
        ),
        (
            "403 Forbidden",
            "<html>\r\n no\t</html>",
            AuthError,
            False,
            "HTTP 403 (<html> no </html>): check the key",
        ),
        ("404 Not Found", "", ConnectError, False, "HTTP 404: check the URL and the model"),
        (
            "429 Too Many Requests",
            '{"detail": "sl\\u00f6w"}',
            ConnectError,
            True,
            "HTTP 429 (sl\u00f6w): try again later",
        ),
        ("503 Service Unavailable", "x" * 1000, ConnectError, True, "x...): try again"),
        ("302 Found", "", ConnectError, False, "give the final URL"),
        ("200 OK", "hello", ConnectError, False, "HTTP 200 (hello): check the URL"),
    ],
)
def test_a_refused_handshake_says_why(status: str, body: str, kind: type, retryable: bool, said: str) -> None:
    async def main() -> None:
        async with raw_server(answering(status, body, "Location: ws://127.0.0.1:1/\r\n")) as url:
            refusal = await refused(url)
            assert type(refusal) is kind
            assert refusal.retryable is retryable
            assert said in str(refusal)
            assert str(refusal).startswith(url)

    run(main())


def test_a_body_in_chunks_or_cut_off_is_still_read() -> None:
    body = '2a\r\n{"error": {"code": 1, "message": "no \\"luck\\""'

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n{body}".encode())

    async def main() -> None:
        async with raw_server(script) as url:
            assert '(no "luck")' in str(await refused(url))

    run(main())


@pytest.mark.parametrize(
    ("answer", "said", "retryable"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not answer as a WebSocket server", False),
        (b"x" * 20_000, "does not answer as a WebSocket server", False),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: x\r\n\r\n",
            "as a WebSocket server",
            False,
        ),
        (b"", "hung up without an answer: try again", True),
        (b"HTTP/1.1 101 Swi", "hung up without an answer: try again", True),
    ],
)
def test_who_does_not_speak_websocket_is_refused(answer: bytes, said: str, retryable: bool) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async def main() -> None:
        async with raw_server(script) as url:
            refusal = await refused(url)
            assert said in str(refusal)
            assert refusal.retryable is retryable

    run(main())


def test_a_server_that_does_not_answer_is_given_up() -> None:
    async def main() -> None:
        async with raw_server(silence) as url:
            refusal = await refused(url)
            assert (str(refusal), refusal.retryable) == (
                f"{url} did not answer within 0.5 s: try again",
                True,
            )

    run(main())


def test_a_port_that_nobody_listens_on_and_a_name_that_does_not_exist_are_connect_errors() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        refusal = await refused(f"ws://127.0.0.1:{port}/")
        assert (refusal.retryable, "Connection refused" in str(refusal)) == (True, True)
        unknown = await refused("ws://nowhere.invalid/", ConnectionLimits())
        assert "was not found: check the name" in str(unknown)

    run(main())


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1])
def test_a_cancelled_connect_leaves_nothing_behind(after_s: float) -> None:
    async def main() -> None:
        async with raw_server(silence) as url:
            connecting = asyncio.ensure_future(connect(url))
            await asyncio.sleep(after_s)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await eventually(lambda: len(asyncio.all_tasks()) <= 2)

    run(main())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://host/", "'https' is not spoken here"),
        ("host/path", "'no scheme'"),
        ("ws:///path", "lacks a host"),
        ("ws://host:port/", "this is no URL"),
        ("ws://host/a b", "blank"),
        ("ws://host/#part", "fragment"),
        (f"ws://user:{CANARY}@host/", "pass them as a header"),
    ],
)
def test_a_url_that_cannot_work_is_refused_at_once(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refusal:
        asyncio.run(connect(url))
    assert CANARY not in str(refusal.value)


def test_settings_that_cannot_work_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for settings, said in (
        ({"headers": {"Authorization": f"Bearer {CANARY}\n"}}, "header Authorization has a line break"),
        ({"headers": {"": "x"}}, "the name of a header"),
        ({"ca": tmp_path / "none.pem"}, "no CA certificate"),
        ({"ca": tmp_path / "empty.pem"}, "no CA certificate"),
        ({"ca": "x", "tls": ssl.create_default_context()}, "leave ca out"),
        ({"proxy": f"http://user:{CANARY}@/"}, "not valid"),
    ):
        with pytest.raises(ConfigError, match=said) as refusal:
            asyncio.run(connect("wss://127.0.0.1:1/", **settings))
        assert CANARY not in "".join(traceback.format_exception(refusal.value))
    with pytest.raises(ConfigError, match="send_s is 0: give more than 0"):
        ConnectionLimits(send_s=0)


# --- TLS and proxies


def test_tls_is_verified_against_the_given_ca(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)
        async with server(echo, tls=context, max_size=None) as url:
            transport = await connect(url, ca=ca)
            for message in (b"{}", b"x" * 3_000_000):
                await transport.send(message)
                assert await anext(transport) == message
            began = asyncio.get_running_loop().time()
            await transport.close()
            assert asyncio.get_running_loop().time() - began < 1

    run(main())


def test_a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def main() -> None:
        context, _ = certify(tmp_path)
        async with server(echo, tls=context) as url:
            refusal = await refused(url)
            assert re.search(
                r"is not trusted \(.*\): give the file of the CA that signed it as ca=", str(refusal)
            )
            assert not refusal.retryable

    run(main())


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path, "127.0.0.2")
        async with server(echo, tls=context) as url:
            assert "check the host name" in str(await refused(url, ca=ca))

    run(main())


def test_tls_with_a_server_that_has_none_fails(tmp_path: Path) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with raw_server(plain) as url:
            refusal = await refused(url.replace("ws:", "wss:"), ca=ca)
            assert "TLS with" in str(refusal)

    run(main())


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.1])
def test_a_cancelled_connect_over_tls_leaves_nothing_behind(tmp_path: Path, after_s: float) -> None:
    async def main() -> None:
        _, ca = certify(tmp_path)
        async with raw_server(silence) as url:
            connecting = asyncio.ensure_future(connect(url.replace("ws:", "wss:"), ca=ca))
            await asyncio.sleep(after_s)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting

    run(main())


def test_a_cancelled_connect_to_a_tls_server_that_never_upgrades_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        context, ca = certify(tmp_path)

        async def stall(peer: ServerConnection, request: object) -> None:
            await asyncio.sleep(1)

        async with server(echo, tls=context, process_request=stall) as url:
            connecting = asyncio.ensure_future(connect(url, ca=ca))
            await asyncio.sleep(0.1)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting

    run(main())


def test_a_proxy_is_used_and_its_refusal_told() -> None:
    asked: list[bytes] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await speaking(frame(TEXT, b"{}"), frame(CLOSE, b"\x03\xe8"))(reader, writer)

    async def main() -> None:
        async with raw_server(tunnel) as open_proxy, raw_server(answering("407 Auth")) as shut_proxy:
            transport = await connect("ws://example.invalid/", proxy=open_proxy.replace("ws:", "http:"))
            assert await heard(transport) == ([b"{}"], None)
            await transport.close()
            assert asked[0].startswith(b"CONNECT example.invalid:80 HTTP/1.1\r\n")
            with pytest.raises(ConnectError, match=r"the proxy .* refused .*407"):
                await connect("ws://example.invalid/", proxy=shut_proxy.replace("ws:", "http:"))

    run(main())


def test_a_socks_proxy_is_used() -> None:
    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        assert await reader.readexactly(head[4] + 2) == b"example.invalid\x00\x50"
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await speaking(frame(TEXT, b"{}"), frame(CLOSE, b"\x03\xe8"))(reader, writer)

    async def main() -> None:
        async with raw_server(tunnel) as proxy:
            transport = await connect(
                "ws://example.invalid/", proxy=proxy.replace("ws:", "socks5:").strip("/")
            )
            assert await heard(transport) == ([b"{}"], None)
            await transport.close()

    run(main())


def test_nothing_is_logged_whatever_happens(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with raw_server(speaking(frame(3))) as url, raw_server(answering("401 No", CANARY)) as shut:
            transport = await connect(url, headers={"Authorization": CANARY})
            await heard(transport)
            assert CANARY not in repr(transport)
            await transport.close()
            await refused(shut)

    with caplog.at_level(logging.DEBUG):
        run(main())
    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert CANARY not in caplog.text
