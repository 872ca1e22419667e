"""The doors of all servers: what a client shows, which way it comes, and whether it comes in secret."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

import s2s
from s2s.certificates import Certificate, Throwaway
from s2s.config import Config
from s2s.errors import ConfigError, ConnectError
from s2s.events import TurnEnd
from s2s.gateway import Gateway
from s2s.providers.script import Reply, ScriptEngine
from s2s.serving import Doors, Knock, Listener
from s2s.simulators.openai import OpenAISimulator
from s2s.testing.talk import Talk
from s2s.transports.served import ServedWebSocket
from tests.support.peers import outside
from tests.support.websockets import eventually, run, sockets

KNOCK = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
THROWAWAY = Throwaway()
SECRET = Doors(tls=THROWAWAY)
HURRIED = Doors(tls=THROWAWAY, greeting_s=0.1)
GOOGLE = r"/ws/google.ai.generativelanguage.{version:v1\w*}.GenerativeService.Bidi"
BETA = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.Bidi"
VERTEX = "/ws/{place}/Bidi"
DEEP = "/deep/{rest:.{2}/.*}"


def trusting(tls: Throwaway = THROWAWAY) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=tls.ca_pem.decode())


def spoken(*replies: Reply) -> ScriptEngine:
    return ScriptEngine(Config(extra={"script": list(replies), "pace": 0}))


@asynccontextmanager
async def listening(doors: Doors, *paths: str) -> AsyncIterator[tuple[Listener, list[Knock]]]:
    """Let in whoever may come, and note how they knocked."""
    knocks: list[Knock] = []

    async def serve(transport: ServedWebSocket, knock: Knock) -> None:
        knocks.append(knock)
        async for _ in transport:
            pass

    async with Listener(doors, paths, serve) as listener:
        yield listener, knocks


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> object:
    """Nothing that a client does is worth a line in the log of asyncio."""
    caplog.set_level(logging.WARNING, "asyncio")
    yield
    noise = [each.getMessage() for each in caplog.get_records("call") if each.name == "asyncio"]
    assert noise == []


# The key.


@pytest.mark.parametrize(
    "knock",
    [
        Knock(headers={"authorization": "Bearer right"}),
        Knock(headers={"authorization": "bearer  right"}),
        Knock(headers={"authorization": "Token right"}),
        Knock(headers={"api-key": "right"}),
        Knock(headers={"x-goog-api-key": "right"}),
        Knock(headers={"sec-websocket-protocol": "realtime, openai-insecure-api-key.right"}),
        Knock(query={"key": "right"}),
        Knock(query={"access_token": "right"}),
        Knock(headers={"authorization": "Bearer right"}, query={"key": "wrong"}),
        Knock(headers={"authorization": "Bearer ", "api-key": "", "x-goog-api-key": "right"}),
        Knock(headers={"authorization": "Basic wrong"}, query={"key": "right"}),
    ],
)
def test_a_key_is_found_where_clients_put_it(knock: Knock) -> None:
    assert knock.key == "right"


@pytest.mark.parametrize(
    "knock",
    [
        Knock(),
        Knock(headers={"authorization": "Basic wrong"}),
        Knock(headers={"authorization": "Bearer"}),
        Knock(headers={"cookie": "key=wrong"}, query={"model": "key", "api-key": "wrong"}),
    ],
)
def test_what_is_no_key_is_not_taken_for_one(knock: Knock) -> None:
    assert knock.key == ""


@pytest.mark.parametrize("shown", [{"query": "?key=right"}, {"headers": {"X-Goog-Api-Key": "right"}}])
def test_a_key_of_googles_clients_opens_the_door(shown: dict[str, Any]) -> None:
    async def main() -> None:
        async with listening(Doors(keys=("right",)), "/v1/realtime") as (listener, knocks):
            url = f"{listener.ws}/v1/realtime{shown.get('query', '')}"
            async with outside(url, additional_headers=shown.get("headers")):
                assert [each.key for each in knocks] == ["right"]
            with pytest.raises(InvalidStatus, match="401"):
                async with outside(url.replace("right", "wrong")):
                    pass

    run(main())


# The path.


@given(st.text("/ab", max_size=12))
def test_of_slashes_in_a_row_one_is_heard(path: str) -> None:
    heard = Knock.heard(path, {}, {}).path
    assert "//" not in heard
    assert [each for each in heard.split("/") if each] == [each for each in path.split("/") if each]
    assert (heard[:1], heard[-1:]) == (path[:1], path[-1:])


def test_a_knock_hears_names_of_headers_in_lower_case() -> None:
    knock = Knock.heard("/x", {"Model": "M"}, {"X-Goog-Api-Key": "Right"})
    assert (knock.headers, knock.query) == ({"x-goog-api-key": "Right"}, {"Model": "M"})


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        ("/v1/realtime", "/v1/realtime"),
        ("//v1/realtime", "/v1/realtime"),
        ("/v1///realtime", "/v1/realtime"),
        (f"/{BETA}", BETA),
        ("//ws/cloud//Bidi", "/ws/cloud/Bidi"),
        ("//deep//xy/z//", "/deep/xy/z/"),
    ],
)
def test_slashes_may_be_several_wherever_there_is_one(asked: str, heard: str) -> None:
    async def main() -> None:
        async with (
            listening(Doors(), "/v1/realtime", GOOGLE, VERTEX, DEEP) as (listener, knocks),
            outside(f"{listener.ws}{asked}?key=a//b&model=c%2F%2Fd"),
        ):
            assert knocks[0].path == heard
            assert knocks[0].query == {"key": "a//b", "model": "c//d"}

    run(main())


@pytest.mark.parametrize(
    "path", ["/", "//", "/v1", "/v1realtime", "/v1/realtime/", "/ws//Bidi", "/ws/a/b/Bidi", "/deep/xyz"]
)
def test_what_is_served_nowhere_is_not_found(path: str) -> None:
    async def main() -> None:
        async with listening(Doors(), "/v1/realtime", GOOGLE, VERTEX, DEEP) as (listener, _):
            with pytest.raises(InvalidStatus, match="404"):
                async with outside(listener.ws + path):
                    pass

    run(main())


# In secret.


def test_a_stock_client_that_trusts_it_talks_to_an_engine() -> None:
    async def main() -> None:
        async with (
            Gateway(spoken(), SECRET) as gateway,
            outside(gateway.url, ssl=trusting()) as (peer, _),
        ):
            assert gateway.url.startswith("wss://127.0.0.1:")
            await peer.ask("Hello?", aloud=False)
            assert (await peer.until("response.output_text.done"))["text"] == "You said: Hello?"

    run(main())


def test_a_stock_client_that_does_not_is_refused_and_leaves_nothing() -> None:
    async def main() -> None:
        async with Gateway(spoken(), SECRET) as gateway:
            before = sockets()
            for stranger in (True, trusting(Throwaway())):
                with pytest.raises(ssl.SSLCertVerificationError):
                    async with outside(gateway.url, ssl=stranger):
                        pass
            await eventually(lambda: sockets() == before)
            assert (gateway.sessions, gateway.failures) == (0, [])

    run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_our_own_engine_talks_with_both_servers(host: str, tmp_path: Path) -> None:
    THROWAWAY.write(tmp_path / "ca.pem")

    async def main(served: Gateway | OpenAISimulator) -> None:
        async with served:
            where = served.base_url.replace("127.0.0.1", host)
            assert where.startswith(f"https://{host}:")
            extra = {"base_url": where, "ca": str(tmp_path / "ca.pem")}
            async with s2s.new("openai_realtime", extra=extra).start() as session:
                talk = Talk(session)
                await session.send_text("Hi.")
                assert (await talk.until(TurnEnd)).agent_text == "Good day."

    run(main(Gateway(spoken(Reply(says="Good day.")), SECRET)))
    run(main(OpenAISimulator([Reply(says="Good day.")], tls=THROWAWAY)))


def test_our_own_engine_is_told_why_it_cannot_trust() -> None:
    async def main() -> None:
        async with OpenAISimulator(tls=THROWAWAY) as simulator:
            engine = s2s.new("openai_realtime", extra={"base_url": simulator.base_url})
            with pytest.raises(ConnectError, match="certificate"):
                await engine.start()

    run(main())


def test_a_certificate_of_ones_own_is_shown(tmp_path: Path) -> None:
    import trustme

    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    trusted = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())

    async def main() -> None:
        doors = Doors(host="127.0.0.1", tls=Certificate(tmp_path / "own.pem"))
        async with (
            listening(doors, "/x") as (listener, knocks),
            outside(f"wss://localhost:{listener.port}/x", ssl=trusted),
        ):
            assert len(knocks) == 1

    run(main())


def test_a_certificate_that_is_none_is_told_before_anything_listens() -> None:
    with pytest.raises(ConfigError, match=r"no certificate can be read from nowhere\.pem"):
        Gateway(spoken(), Doors(tls=Certificate("nowhere.pem")))


def test_what_is_no_websocket_is_told_which_url_to_take() -> None:
    async def main() -> None:
        async with (
            Gateway(spoken(), SECRET) as gateway,
            ClientSession() as http,
            http.get(f"{gateway.base_url}/realtime", ssl=trusting()) as answer,
        ):
            assert answer.status == 426
            told = (await answer.json())["error"]["message"]
            assert told == f"this is a WebSocket: connect to {gateway.url.removesuffix('/v1/realtime')}"

    run(main())


# Those who come the wrong way, or do not go.


async def plainly(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def in_secret(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=trusting())


@pytest.mark.parametrize(
    ("come", "said"),
    [
        (plainly, KNOCK),
        (plainly, b"\x16\x03\x01\x00\xff\x01" + bytes(64)),
        (plainly, b""),
        (plainly, b"\x16\x03"),
        (in_secret, b""),
        (in_secret, KNOCK[:-2]),
    ],
)
def test_who_speaks_wrongly_or_not_at_all_is_let_go_in_time(
    come: Callable[[int], Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]], said: bytes
) -> None:
    async def main() -> None:
        async with listening(HURRIED, "/v1/realtime") as (listener, knocks):
            before = sockets()
            reader, writer = await come(listener.port)
            writer.write(said)
            async with asyncio.timeout(5):
                assert b"HTTP" not in await rest(reader)
            writer.close()
            await eventually(lambda: sockets() == before)
            async with outside(f"{listener.ws}/v1/realtime", ssl=trusting()):
                assert len(knocks) == 1

    run(main())


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read to the end, however it comes."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


class Mute:
    """A client that greets and knocks as it should, and then neither reads nor agrees to any end."""

    def __init__(self, port: int) -> None:
        self._up, self._down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting().wrap_bio(self._down, self._up, server_hostname="localhost")
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)

    async def greet(self) -> None:
        """Agree on TLS."""
        await self._until(self._tls.do_handshake)

    async def knock(self) -> None:
        """Be let in."""
        await self.greet()
        self._tls.write(KNOCK)
        await self._until(lambda: self._tls.read(4096))

    async def say(self, raw: bytes) -> None:
        """Send bytes as they are, past TLS."""
        await asyncio.get_running_loop().sock_sendall(self.socket, raw)

    async def write(self, plain: bytes) -> None:
        """Send bytes in secret."""
        self._tls.write(plain)
        await self.say(self._up.read())

    async def _until(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                await self.say(self._up.read())
                self._down.write(await asyncio.get_running_loop().sock_recv(self.socket, 4096))
            else:
                return await self.say(self._up.read())


def test_who_never_agrees_to_the_end_is_left_behind() -> None:
    async def main() -> None:
        before = sockets()
        async with listening(SECRET, "/v1/realtime") as (listener, knocks):
            mute = Mute(listener.port)
            await mute.knock()
            assert (listener.sessions, len(knocks)) == (1, 1)
        await eventually(lambda: sockets() == before + 1, at_most_s=1)
        mute.socket.close()

    run(main())


def test_who_says_nothing_and_does_not_agree_to_the_end_is_left_behind_in_time() -> None:
    async def main() -> None:
        before = sockets()
        async with listening(HURRIED, "/v1/realtime") as (listener, _):
            mute = Mute(listener.port)
            await mute.greet()
            assert sockets() == before + 3
            await eventually(lambda: sockets() == before + 2)
        mute.socket.close()

    run(main())


def test_who_breaks_off_in_the_middle_leaves_nothing() -> None:
    async def main() -> None:
        before = sockets()
        async with listening(SECRET, "/v1/realtime") as (listener, _):
            mute = Mute(listener.port)
            await mute.knock()
            await mute.say(b"this is not TLS any more")
            await eventually(lambda: listener.sessions == 0)
            await eventually(lambda: sockets() == before + 2)
        mute.socket.close()

    run(main())


def test_who_never_reads_is_given_up() -> None:
    ask = b'{"type":"response.create"}'

    async def main() -> None:
        long = ScriptEngine(Config(extra={"script": [Reply(says="word " * 6000)], "pace": 1000}))
        async with Gateway(long, SECRET) as gateway:
            mute = Mute(int(gateway.url.split(":")[2].split("/")[0]))
            await mute.knock()
            await mute.write(bytes([0x81, 0x80 | len(ask), 0, 0, 0, 0]) + ask)
            await eventually(lambda: gateway.failures != [], at_most_s=20)
            assert "the client has stopped reading" in str(gateway.failures[0])
            await eventually(lambda: gateway.sessions == 0)
        mute.socket.close()

    run(main(), 30)


def test_who_is_through_with_the_greeting_after_all_has_gone_is_served_no_more() -> None:
    async def main() -> None:
        async with listening(SECRET, "/v1/realtime") as (listener, knocks):
            reader, writer = await plainly(listener.port)
            await asyncio.sleep(0.01)
        await writer.start_tls(trusting(), server_hostname="localhost")
        writer.write(KNOCK)
        assert b" 503 " in await reader.readline()
        assert knocks == []
        writer.close()

    run(main())


def test_many_come_and_go_in_secret_and_leave_nothing() -> None:
    async def main() -> None:
        async with Gateway(spoken(), SECRET) as gateway:
            for again in range(40):
                async with outside(gateway.url, ssl=trusting()) as (peer, connection):
                    await peer.until("session.created")
                    if again % 3 == 1:
                        connection.transport.abort()
                    elif again % 3 == 2:
                        await peer.ask()
            await eventually(lambda: gateway.sessions == 0)
            await eventually(lambda: sockets() < 20)

    run(main())


def test_leaving_it_tells_every_client_that_it_goes_away() -> None:
    async def main() -> None:
        async with Gateway(spoken(), SECRET) as gateway:
            talking = outside(gateway.url, ssl=trusting())
            peer, _ = await talking.__aenter__()
            await peer.until("session.created")
            ending = asyncio.ensure_future(peer.rest())
            await asyncio.sleep(0)
        assert (await ending)[0] == 1001
        await talking.__aexit__(None, None, None)

    run(main())
