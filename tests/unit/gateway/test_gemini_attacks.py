"""What a hostile or broken client of Gemini Live can do to a gateway, over real sockets."""

import asyncio
import gc
import logging
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.support.links import KeptScript, PlainEngine, PlainLink, StuckLink
from tests.support.websockets import eventually, run
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from s2s.commands import Command, UpdateSession
from s2s.config import Config
from s2s.errors import ConfigError, ConnectionLostError
from s2s.events import Event
from s2s.gateway import Doors, Gateway
from s2s.items import JSON
from s2s.providers.script import Reply
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.temper import GeminiTemper
from s2s.testing import clock
from s2s.wire import Send
from s2s.wire.gemini.server import GeminiServer

MODEL = "models/gemini-3.8-live"
ALICE, MALLORY = {"x-goog-api-key": "key-of-alice"}, {"x-goog-api-key": "key-of-mallory"}
TWO_KEYS = Doors(keys=("key-of-alice", "key-of-mallory"))
NOT_FOUND = (1008, "Requested entity was not found.")


def setup(handle: str | None = None, **fields: JSON) -> JSON:
    resumption = {"sessionResumption": {} if handle is None else {"handle": handle}}
    return {"setup": {"model": MODEL, **resumption, **fields}}


class Client:
    """Says what it likes, and keeps what it is told."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    async def say(self, message: JSON) -> None:
        raw = message if isinstance(message, bytes) else msgspec.json.encode(message)
        await self.connection.send(raw, text=True)

    async def ask(self, text: str = "Hi.") -> None:
        turn = {"role": "user", "parts": [{"text": text}]}
        await self.say({"clientContent": {"turns": [turn], "turnComplete": True}})

    async def until(self, name: str, within_s: float = 5.0) -> JSON:
        """Return what the next message of this name, or with this member of serverContent, holds."""
        async with asyncio.timeout(within_s):
            while True:
                message = msgspec.json.decode(await self.connection.recv(decode=False))
                self.heard.append(message)
                members = {**message, **message.get("serverContent", {})}
                if name in members:
                    return members[name]

    async def handle(self) -> str:
        """Return the handle that comes next."""
        return str((await self.until("sessionResumptionUpdate"))["newHandle"])

    async def rest(self, within_s: float = 5.0) -> tuple[int, str]:
        """Return how it ends."""
        async with asyncio.timeout(within_s):
            try:
                while True:
                    await self.connection.recv(decode=False)
            except ConnectionClosed as closed:
                ended = closed.rcvd
                return (1006, "") if ended is None else (ended.code, ended.reason)


@asynccontextmanager
async def calling(url: str, headers: Mapping[str, str] = {}, **options: Any) -> AsyncIterator[Client]:  # noqa: ANN401
    async with connect(url, max_size=None, proxy=None, additional_headers=headers, **options) as connection:
        yield Client(connection)


def scripted(*replies: Reply, pace: float = 0) -> KeptScript:
    return KeptScript(Config(extra={"script": list(replies), "pace": pace}))


async def begun(url: str, headers: Mapping[str, str] = {}, **fields: JSON) -> str:
    """Begin a session, leave it, and return its handle."""
    async with calling(url, headers) as client:
        await client.say(setup(**fields))
        return await client.handle()


async def end_of(url: str, *messages: JSON, headers: Mapping[str, str] = {}) -> tuple[int, str]:
    """Return how a connection ends on which this is said."""
    async with calling(url, headers) as client:
        with suppress(ConnectionClosed):
            for each in messages:
                await client.say(each)
        return await client.rest()


# Sessions of others.


def test_a_handle_is_for_whoever_shows_the_key_that_it_was_given_to() -> None:
    async def main() -> None:
        async with Gateway(engine := scripted(), TWO_KEYS) as gateway:
            handle = await begun(gateway.gemini_url, ALICE)
            assert await end_of(gateway.gemini_url, setup(handle), headers=MALLORY) == NOT_FOUND
            async with calling(gateway.gemini_url, ALICE) as client:
                await client.say(setup(handle))
                await client.until("setupComplete")
            assert len(engine.links) == 1

    run(main())


def test_who_steals_a_handle_does_not_disturb_a_session_whose_client_is_there() -> None:
    async def main() -> None:
        async with (
            Gateway(scripted(Reply(says="Good day.")), TWO_KEYS) as gateway,
            calling(gateway.gemini_url, ALICE) as client,
        ):
            await client.say(setup())
            handle = await client.handle()
            assert await end_of(gateway.gemini_url, setup(handle), headers=MALLORY) == NOT_FOUND
            await client.ask()
            await client.until("turnComplete")

    run(main())


def test_a_simulator_gives_a_session_to_no_other_key_either() -> None:
    async def main() -> None:
        temper = GeminiTemper(keys=("key-of-alice", "key-of-mallory"))
        async with GeminiSimulator(temper=temper) as simulator:
            handle = await begun(simulator.url, ALICE)
            assert await end_of(simulator.url, setup(handle), headers=MALLORY) == NOT_FOUND

    run(main())


def test_where_no_key_is_asked_for_a_client_may_come_back_with_a_new_token() -> None:
    async def main() -> None:
        async with Gateway(engine := scripted()) as gateway:
            handle = await begun(f"{gateway.gemini_url}?access_token=auth_tokens/first")
            async with calling(f"{gateway.gemini_url}?access_token=auth_tokens/second") as client:
                await client.say(setup(handle))
                await client.until("setupComplete")
            assert len(engine.links) == 1

    run(main())


def test_of_two_that_come_back_at_once_one_gets_the_session() -> None:
    async def main() -> None:
        async with Gateway(engine := scripted()) as gateway:
            handle = await begun(gateway.gemini_url)

            async def back() -> str:
                async with calling(gateway.gemini_url) as client:
                    await client.say(setup(handle))
                    try:
                        await client.until("setupComplete")
                    except ConnectionClosed as closed:
                        return str(closed.rcvd and closed.rcvd.reason)
                    await asyncio.sleep(1.5)
                    return "served"

            ends = await asyncio.gather(*(back() for _ in range(8)))
            assert sorted(ends) == ["Internal error encountered."] * 7 + ["served"]
            assert len(engine.links) == 1

    run(main())


@pytest.mark.parametrize("handle", ["", "x", "A" * 43, "../../etc/passwd", "\0", "x" * 1_000_000])
def test_a_handle_cannot_be_guessed(handle: str) -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            await begun(gateway.gemini_url)
            async with calling(gateway.gemini_url) as client:
                await client.say(setup(handle))
                if handle:
                    assert await client.rest() == NOT_FOUND
                else:
                    await client.until("setupComplete")

    run(main())


# What stays when something breaks.


class Stubborn(PlainLink):
    """Breaks in a way that nobody has foreseen when it is asked to be rude."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        if isinstance(command, UpdateSession) and command.instructions == "Be rude.":
            raise RecursionError
        return await super().send(command)


def test_a_session_that_breaks_as_it_is_taken_up_does_not_stay_taken_for_ever() -> None:
    async def main() -> None:
        link = Stubborn()
        async with Gateway(PlainEngine(lambda: link)) as gateway:
            handle = await begun(gateway.gemini_url)
            other = {"systemInstruction": {"parts": [{"text": "Be rude."}]}}
            assert (await end_of(gateway.gemini_url, setup(handle, **other)))[0] == 1006
            async with calling(gateway.gemini_url) as client:
                await client.say(setup(handle))
                await client.until("setupComplete")
        assert link.closed == 1

    run(main())


def test_an_engine_that_hears_a_rate_which_nothing_can_be_made_into_is_closed() -> None:
    link = PlainLink()
    link.input_rate = 191_999

    async def main() -> None:
        async with Gateway(PlainEngine(lambda: link)) as gateway:
            assert (await end_of(gateway.gemini_url, setup()))[0] == 1007
            await eventually(lambda: len(gateway.failures) == 1)
            assert link.closed == 1

    run(main())


def test_failures_hold_nothing_of_the_sessions_that_they_ended() -> None:
    async def main() -> None:
        async with Gateway(PlainEngine(StuckLink)) as gateway:
            for _ in range(5):
                secret = f"{gateway.gemini_url}?key=canary-{'x' * 20}"
                async with calling(secret) as client:
                    await client.say({"setup": {"model": MODEL, "labels": {"canary": "y" * 100_000}}})
                    await client.until("setupComplete")
                    client.connection.transport.abort()
            await eventually(lambda: len(gateway.failures) == 5)
            gc.collect()
            assert [each for each in gc.get_objects() if isinstance(each, GeminiServer)] == []
            for each in gateway.failures:
                told = "".join(
                    traceback.TracebackException.from_exception(each, capture_locals=True).format()
                )
                assert "canary" not in told
                assert "ServedWebSocket" not in told

    run(main())


# How many there are.


def test_a_session_that_waits_for_its_client_gives_way_to_one_that_is_there() -> None:
    async def main() -> None:
        async with Gateway(engine := scripted(), Doors(max_sessions=3)) as gateway:
            handles = [await begun(gateway.gemini_url) for _ in range(3)]
            await eventually(lambda: gateway.sessions == 0)
            async with calling(gateway.gemini_url) as first:
                await first.say(setup(handles[2]))
                await first.until("setupComplete")
                async with calling(gateway.url):
                    await eventually(lambda: engine.links[0]._closed is True)
                    assert [each._closed for each in engine.links] == [True, None, None, None]

    run(main())


def test_sessions_that_wait_do_not_keep_anybody_out() -> None:
    async def main() -> None:
        async with Gateway(engine := scripted(), Doors(max_sessions=1)) as gateway:
            for _ in range(5):
                await begun(gateway.gemini_url)
                await eventually(lambda: gateway.sessions == 0)
            assert [each._closed for each in engine.links] == [True] * 4 + [None]

    run(main())


# The doors.


@pytest.mark.parametrize("key", ["", " ", "\t"])
def test_a_key_that_is_empty_is_none(key: str) -> None:
    with pytest.raises(ConfigError, match="a key that is empty lets everybody in"):
        Doors(host="0.0.0.0", keys=("sk-right", key))
    with pytest.raises(ConfigError, match=r"serving on 0\.0\.0\.0 lets everybody in"):
        GeminiSimulator(temper=GeminiTemper(keys=(key,)), host="0.0.0.0")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("?key=wrong", {}),
        ("?key=key-of-alice%00", {}),
        ("?KEY=key-of-alice", {}),
        ("?access_token=", {}),
        ("", {"x-goog-api-key": "wrong"}),
        ("", {"authorization": "Basic key-of-alice"}),
        ("?key=key-of-alice", {"x-goog-api-key": "wrong"}),
    ],
)
def test_without_the_right_key_nothing_is_upgraded(query: str, headers: Mapping[str, str]) -> None:
    async def main() -> None:
        async with Gateway(scripted(), TWO_KEYS) as gateway:
            with pytest.raises(InvalidStatus) as told:
                async with calling(f"{gateway.gemini_url}{query}", headers):
                    pass
            assert told.value.response.status_code == 401

    run(main())


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1@evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_no_page_of_another_host_comes_in_by_the_paths_of_google(headers: Mapping[str, str]) -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            where = urlsplit(gateway.gemini_url)
            assert (await knocked(where.port or 0, where.path, headers)).startswith(b"HTTP/1.1 403")

    run(main())


async def knocked(port: int, path: str, headers: Mapping[str, str] = {}) -> bytes:
    """Return the first line with which a request is answered."""
    named = {"Host": "127.0.0.1", **headers}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(5):
            return await reader.readline()
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("//ws//google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", 101),
        ("/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", 101),
        ("/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained", 101),
        ("/ws/x.BidiGenerateContent/", 404),
        ("/ws/x.BidiGenerateContentX", 404),
        ("/ws/x.BidiGenerateContent%0a", 404),
        ("/ws/x%0a.BidiGenerateContent", 404),
        ("/v1/realtime/", 404),
        ("/v1/models", 404),
        ("/", 404),
    ],
)
def test_paths_are_what_they_are(path: str, status: int) -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            told = await knocked(urlsplit(gateway.url).port or 0, path)
            assert told.startswith(b"HTTP/1.1 %d" % status)

    run(main())


def test_whatever_else_is_in_a_path_the_protocol_is_the_one_that_it_ends_with() -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            for path in ("/v1/realtime/BidiGenerateContent", "/v1/realtime/../x.BidiGenerateContent"):
                async with connect(gateway.url.replace("/v1/realtime", path), proxy=None) as connection:
                    client = Client(connection)
                    await client.say(setup())
                    await client.until("setupComplete")

    run(main())


# Frames that break the rules, and clients that do not read.


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """Spell a frame of a client; the first byte says what it is."""
    n = len(payload)
    length = (
        bytes([0x80 | n]) if n < 126 else b"\xfe" + n.to_bytes(2) if n < 65536 else b"\xff" + n.to_bytes(8)
    )
    return bytes([first]) + length + bytes(4) + payload


SETUP = frame(msgspec.json.encode(setup()))
KNOCK = (
    b"GET /ws/x.BidiGenerateContent HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


@asynccontextmanager
async def raw(gateway: Gateway, *, small: bool = False) -> AsyncIterator[socket.socket]:
    """Yield a socket over which a WebSocket was opened; a `small` one takes next to nothing unread."""
    loop, where = asyncio.get_running_loop(), urlsplit(gateway.url)
    with socket.socket() as made:
        if small:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.setblocking(False)
        await loop.sock_connect(made, (where.hostname, where.port))
        await loop.sock_sendall(made, KNOCK)
        yield made


async def code_of(gateway: Gateway, *frames: bytes) -> int:
    """Return the code with which a connection is closed on which these come."""
    loop, got = asyncio.get_running_loop(), b""
    async with raw(gateway) as client, asyncio.timeout(5):
        for each in frames:
            await loop.sock_sendall(client, each)
        while len(got.partition(b"\x88")[2]) < 3 and (piece := await loop.sock_recv(client, 65536)):
            got += piece
    return int.from_bytes(got.partition(b"\x88")[2][1:3])


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([frame(b"{}", 0xC1)], 1002),  # compressed, though nobody agreed to that
        ([frame(b"x" * 126, 0x89)], 1002),
        ([frame(b"x", 0x83)], 1002),
        ([frame(b"x", 0x80)], 1002),
        ([frame(b"x", 0x88)], 1002),
        ([frame((999).to_bytes(2), 0x88)], 1002),
        ([frame(b'{"setup":{"model":"\xff"}}')], 1007),
        ([frame(b"")], 1007),
        ([frame(b"", 0x82)], 1007),
        ([frame(b"[]")], 1007),
        ([frame(b"null")], 1007),
        ([frame(b'{"setup":null}')], 1007),
        ([frame(b'{"setup":{"model":7}}')], 1007),
        ([frame(b'{"realtimeInput":{"text":"Hi."}}')], 1007),
        ([frame(b'{"setup":{"model":"%s"}}' % (b"x" * 5_000_000))], 1007),
        ([SETUP, SETUP], 1007),
        ([SETUP, frame(b'{"realtimeInput":{"text":"\xff"}}')], 1007),
        ([SETUP, frame(b'{"toolResponse":' + b"[" * 100_000)], 1007),
        ([SETUP, frame(b'{"realtimeInput":{"text":"%s"}}' % (b"x" * 21_000_000))], 1007),
    ],
)
def test_what_breaks_the_rules_ends_the_connection_with_a_code(frames: list[bytes], code: int) -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            assert await code_of(gateway, *frames) == code
            await eventually(lambda: gateway.sessions == 0)

    run(main())


def test_a_message_beyond_all_bounds_ends_the_connection() -> None:
    async def main() -> None:
        async with Gateway(scripted(), Doors(max_message_bytes=1000)) as gateway:
            assert await code_of(gateway, SETUP, frame(b"x" * 1001)) == 1009

    run(main())


PINGS = frame(b"p" * 125, 0x89) * 1000


async def flooded(gateway: Gateway, client: socket.socket) -> None:
    """Ping until nothing more fits in between, and read no answer."""
    loop = asyncio.get_running_loop()
    for _ in range(100):
        await asyncio.wait_for(loop.sock_sendall(client, PINGS), 5)


def test_a_client_that_pings_and_never_reads_is_still_heard_and_costs_no_memory() -> None:
    link = PlainLink()

    async def main() -> None:
        async with Gateway(PlainEngine(lambda: link)) as gateway, raw(gateway, small=True) as client:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, SETUP)
            await flooded(gateway, client)
            await loop.sock_sendall(client, frame(b'{"realtimeInput":{"text":"Hi."}}'))
            await eventually(lambda: link.sent != [])

    run(main())


@pytest.mark.parametrize("begins", [b"", SETUP], ids=["before a setup", "after it"])
def test_a_client_that_pings_and_breaks_off_is_no_line_in_the_log(
    begins: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            async with raw(gateway, small=True) as client:
                await asyncio.get_running_loop().sock_sendall(client, begins + PINGS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(flooded(gateway, client), 0.3)
            await eventually(lambda: gateway.sessions == 0)

    run(main())
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_clients_that_break_off_as_they_are_let_in_are_no_lines_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with Gateway(scripted()) as gateway:
            for _ in range(200):
                async with raw(gateway) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await eventually(lambda: gateway.sessions == 0)

    run(main())
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


# All of it, many times.

WORDS = frame(b'{"realtimeInput":{"text":"Hi there."}}')
TURN = frame(msgspec.json.encode({"clientContent": {"turns": [{"parts": [{"text": "x" * 200_000}]}]}}))
CALLERS: tuple[tuple[bytes, ...], ...] = (
    (),
    (SETUP,),
    (SETUP[:20],),
    (WORDS,),
    (SETUP, WORDS),
    (SETUP, TURN, WORDS),
    (SETUP, *[WORDS] * 30),
    (SETUP, PINGS),
    (SETUP, frame(b"{")),
    (SETUP, frame(b"x", 0xC1)),
    (SETUP, WORDS, frame((1000).to_bytes(2), 0x88)),
)


async def rude(gateway: Gateway, number: int) -> None:
    """Call, say one thing or another, read or do not, and drop the line."""
    loop = asyncio.get_running_loop()
    async with raw(gateway, small=number % 2 == 0) as client:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(number % 7 / 50):
                for each in CALLERS[number % len(CALLERS)]:
                    await loop.sock_sendall(client, each)
                while await loop.sock_recv(client, 65536):
                    pass


def test_after_very_many_rude_clients_nothing_is_left_of_them(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Gateway(scripted(pace=4), keep_s=0.5) as gateway:
            for first in range(0, 500, 25):
                await asyncio.gather(*(rude(gateway, first + number) for number in range(25)))
            await eventually(lambda: gateway.sessions == 0 and len(gateway._garage) == 0, at_most_s=10)
            assert len(gateway.failures) <= 100
            async with calling(gateway.gemini_url) as client:
                await client.say(setup())
                await client.ask()
                await client.until("turnComplete")

    run(main(), 60)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_a_client_that_wants_nothing_is_let_go_in_time() -> None:
    async def main() -> None:
        gateway, began_at = Gateway(scripted()), asyncio.get_running_loop().time()
        transport = await gateway.connect("ws://inside/x.BidiGenerateContent")
        with pytest.raises(ConnectionLostError, match="no setup came: send it first") as lost:
            async for _ in transport:
                pass
        assert lost.value.code == 1008
        assert asyncio.get_running_loop().time() == pytest.approx(began_at + 10)
        await gateway.hang_up()

    clock.run(main())
