import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from tests.support.links import PlainEngine, PlainLink
from tests.support.peers import Peer, outside
from tests.support.websockets import eventually, run, sockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from s2s.capabilities import Capabilities
from s2s.config import Config, Limits
from s2s.errors import ConfigError, ConnectError, ProviderError
from s2s.events import Event, SessionStarted
from s2s.gateway import Doors, Gateway
from s2s.links import Link
from s2s.providers.script import Reply, ScriptEngine

KEYED = Doors(keys=("sk-right", "sk-other"))


KNOCK = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def text_frame(text: bytes) -> bytes:
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def an_engine(*replies: Reply, pace: float = 0) -> ScriptEngine:
    return ScriptEngine(Config(extra={"script": list(replies), "pace": pace}))


@asynccontextmanager
async def served(doors: Doors | None = None) -> AsyncIterator[tuple[Gateway, Peer, ClientConnection]]:
    async with Gateway(an_engine(), doors or Doors()) as gateway, outside(gateway.url) as (peer, connection):
        yield gateway, peer, connection


async def refused(doors: Doors, headers: Mapping[str, str], **options: object) -> int:
    """Return the status with which a client is turned away at the door."""
    async with Gateway(an_engine(), doors) as gateway:
        with pytest.raises(InvalidStatus) as told:
            async with outside(gateway.url, additional_headers=headers, **options):
                pass
    return told.value.response.status_code


async def admitted(doors: Doors, headers: Mapping[str, str]) -> None:
    async with (
        Gateway(an_engine(), doors) as gateway,
        outside(gateway.url, additional_headers=headers) as (peer, _),
    ):
        await peer.until("session.created")


# What is served.


def test_an_engine_answers_a_client_of_the_protocol() -> None:
    async def main() -> None:
        async with served() as (gateway, peer, _):
            session = (await peer.until("session.created"))["session"]
            assert session["model"] == "script"
            await peer.ask("Hello?")
            spoken = await peer.until("response.output_audio_transcript.done")
            assert spoken["transcript"] == "You said: Hello?"
            assert gateway.sessions == 1
        await eventually(lambda: gateway.sessions == 0)
        assert gateway.failures == []

    run(main())


@pytest.mark.parametrize("path", ["/v1/realtime", "/openai/v1/realtime"])
def test_the_paths_are_those_of_the_service_and_of_azure(path: str) -> None:
    async def main() -> None:
        async with Gateway(an_engine()) as gateway:
            url = gateway.url.replace("/v1/realtime", path)
            async with outside(f"{url}?model=my-model") as (peer, _):
                assert (await peer.until("session.created"))["session"]["model"] == "my-model"

    run(main())


def test_what_is_no_websocket_is_told_so() -> None:
    async def main() -> None:
        async with Gateway(an_engine()) as gateway, ClientSession() as http:
            async with http.get(f"{gateway.base_url}/realtime") as answer:
                assert answer.status == 426
                assert (await answer.json())["error"]["code"] == "upgrade_required"
            async with http.get(f"{gateway.base_url}/models") as answer:
                assert answer.status == 404

    run(main())


def test_what_a_client_says_before_it_is_greeted_is_answered_in_order() -> None:
    async def main() -> None:
        async with served() as (_, peer, _connection):
            await peer.say("session.update", session={"type": "realtime", "output_modalities": ["text"]})
            await peer.ask(aloud=False)
            await peer.until("response.done")
            assert peer.kinds[:3] == ["session.created", "session.updated", "conversation.item.added"]

    run(main())


class Late(PlainEngine):
    """Takes its time to begin."""

    async def open(self, config: Config) -> Link:
        link = PlainLink()
        started = link._events.popleft()
        assert isinstance(started, SessionStarted)
        asyncio.get_running_loop().call_later(0.05, link.tell, started)
        return link


def test_what_comes_before_a_slow_engine_has_started_waits_for_it() -> None:
    async def main() -> None:
        async with Gateway(Late()) as gateway, outside(gateway.url) as (peer, _):
            await peer.say("session.update", session={"type": "realtime", "instructions": "Be brief."})
            await peer.until("session.updated")
            assert peer.kinds == ["session.created", "session.updated"]

    run(main())


def test_a_binary_message_is_refused_and_the_session_goes_on() -> None:
    async def main() -> None:
        async with served() as (_, peer, connection):
            await connection.send(b'{"type":"response.create"}')
            error = (await peer.until("error"))["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_event")
            await peer.ask()
            await peer.until("response.done")

    run(main())


@pytest.mark.parametrize("nonsense", ["}", "", "[1]", "\N{SNOWMAN}"])
def test_nonsense_is_refused_and_the_session_goes_on(nonsense: str) -> None:
    async def main() -> None:
        async with served() as (_, peer, connection):
            await connection.send(nonsense)
            assert (await peer.until("error"))["error"]["code"] == "invalid_json"
            await peer.ask()
            await peer.until("response.done")

    run(main())


def test_fifteen_megabytes_of_audio_are_taken_and_no_more() -> None:
    async def main() -> None:
        async with served() as (_, peer, _connection):
            await peer.say(
                "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            )
            await peer.say("input_audio_buffer.append", audio="AAAA" * (5 * 1024 * 1024))
            await peer.say("input_audio_buffer.append", audio="AAAA" * (5 * 1024 * 1024 + 1))
            error = (await peer.until("error"))["error"]
            assert (error["code"], error["param"]) == ("invalid_value", "audio")
            await peer.say("input_audio_buffer.commit")
            await peer.until("input_audio_buffer.committed")

    run(main())


def test_a_message_beyond_all_bounds_ends_the_session() -> None:
    async def main() -> None:
        async with served(Doors(max_message_bytes=1000)) as (gateway, peer, _):
            await peer.say("input_audio_buffer.append", audio="A" * 2000)
            assert (await peer.rest())[0] == 1009
        await eventually(lambda: gateway.sessions == 0)
        assert len(gateway.failures) == 1

    run(main())


def test_a_client_that_never_reads_is_given_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Gateway(an_engine(Reply(says="word " * 6000), pace=1000)) as gateway:
            where = urlsplit(gateway.url)
            with socket.socket() as mute:
                mute.setblocking(False)
                await loop.sock_connect(mute, (where.hostname, where.port))
                await loop.sock_sendall(mute, KNOCK + text_frame(b'{"type":"response.create"}'))
                await eventually(lambda: gateway.failures != [], at_most_s=20)
                assert "the client has stopped reading" in str(gateway.failures[0])
            await eventually(lambda: gateway.sessions == 0)

    run(main(), 30)


def test_many_sessions_come_and_go_and_leave_nothing() -> None:
    async def main() -> None:
        async with Gateway(an_engine()) as gateway:
            for again in range(60):
                async with outside(gateway.url) as (peer, connection):
                    await peer.until("session.created")
                    if again % 3 == 1:
                        connection.transport.abort()
                    elif again % 3 == 2:
                        await peer.ask()
            await eventually(lambda: gateway.sessions == 0)
            assert sockets() < 20

    run(main())


def test_many_talk_at_once() -> None:
    async def main() -> None:
        async def one(number: int) -> None:
            async with outside(gateway.url) as (peer, _):
                await peer.ask(f"I am {number}.", aloud=False)
                done = await peer.until("response.output_text.done")
                assert done["text"] == f"You said: I am {number}."

        async with Gateway(an_engine()) as gateway:
            await asyncio.gather(*map(one, range(40)))

    run(main())


# How it ends.


def test_leaving_it_tells_every_client_that_it_goes_away() -> None:
    async def main() -> None:
        async with Gateway(an_engine()) as gateway:
            talking = outside(gateway.url)
            peer, _ = await talking.__aenter__()
            await peer.until("session.created")
            ending = asyncio.ensure_future(peer.rest())
            await asyncio.sleep(0)
        assert (await ending)[0] == 1001
        await talking.__aexit__(None, None, None)

    run(main())


class Broken(PlainEngine):
    """Cannot be opened."""

    async def open(self, config: Config) -> Link:
        raise ConnectError("the line is dead: try again")


def test_an_engine_that_cannot_be_opened_is_told_and_kept() -> None:
    async def main() -> None:
        async with Gateway(Broken()) as gateway, outside(gateway.url) as (peer, _):
            error = (await peer.until("error"))["error"]
            assert (error["type"], error["message"]) == ("server_error", "the line is dead: try again")
            assert await peer.rest() == (1011, "server_error.server_error")
            assert [str(each) for each in gateway.failures] == ["the line is dead: try again"]

    run(main())


def test_an_engine_that_breaks_is_told_and_kept() -> None:
    link = PlainLink()
    link.end(ProviderError("no quota", code="insufficient_quota"))

    async def main() -> None:
        async with Gateway(PlainEngine(lambda: link)) as gateway, outside(gateway.url) as (peer, _):
            assert (await peer.until("error"))["error"]["code"] == "insufficient_quota"
            assert await peer.rest() == (1011, "ProviderError")
            await eventually(lambda: len(gateway.failures) == 1)
        assert link.closed == 1

    run(main())


def test_an_engine_that_is_through_ends_the_session_in_order() -> None:
    link = PlainLink()
    link.end()

    async def main() -> None:
        async with Gateway(PlainEngine(lambda: link)) as gateway, outside(gateway.url) as (peer, _):
            assert await peer.rest() == (1000, "")
            assert gateway.failures == []

    run(main())


def test_what_an_engine_cannot_be_asked_is_an_error_before_it_is_asked() -> None:
    engine = PlainEngine(PlainLink, Capabilities(), Config())

    async def main() -> None:
        async with Gateway(engine) as gateway, outside(gateway.url) as (peer, _):
            await peer.say("response.create", response={"conversation": "none"})
            error = (await peer.until("error"))["error"]
            assert error["param"] == "response.conversation"

    run(main())


def test_what_the_engines_tell_can_be_watched() -> None:
    seen: list[tuple[int, Event]] = []

    async def main() -> None:
        async with (
            Gateway(an_engine(), watch=lambda number, event: seen.append((number, event))) as gateway,
            outside(gateway.url) as (peer, _),
        ):
            await peer.ask()
            await peer.until("response.done")

    run(main())
    assert (seen[0][0], seen[0][1].type) == (1, "session_started")


# The doors.


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk-right"},
        {"Authorization": "Bearer sk-other"},
        {"api-key": "sk-right"},
    ],
)
def test_a_key_opens_the_door(headers: dict[str, str]) -> None:
    run(admitted(KEYED, headers))


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-wrong"}, {"api-key": ""}])
def test_without_a_key_the_door_stays_shut(headers: dict[str, str]) -> None:
    assert run(refused(KEYED, headers)) == 401


def test_a_browser_shows_its_key_as_a_subprotocol_and_gets_none_of_it_back() -> None:
    async def main() -> None:
        async with Gateway(an_engine(), KEYED) as gateway:
            offered = ["realtime", "openai-insecure-api-key.sk-right", "openai-agents-sdk.0.1"]
            async with outside(gateway.url, subprotocols=offered) as (peer, connection):
                await peer.until("session.created")
                assert connection.subprotocol == "realtime"
                assert connection.response is not None
                assert connection.response.headers.get_all("Sec-WebSocket-Protocol") == ["realtime"]

    run(main())


def test_a_wrong_key_in_a_subprotocol_is_a_wrong_key() -> None:
    offered = ["realtime", "openai-insecure-api-key.sk-wrong"]
    assert run(refused(KEYED, {}, subprotocols=offered)) == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "https://127.0.0.1.evil.example", "null"])
def test_a_page_of_another_host_is_turned_away(origin: str) -> None:
    assert run(refused(Doors(), {"Origin": origin})) == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "https://example.org"])
def test_a_page_of_this_host_or_one_that_is_named_may_come_in(origin: str) -> None:
    run(admitted(Doors(origins=("https://example.org",)), {"Origin": origin}))


def test_a_name_that_others_gave_this_machine_is_turned_away() -> None:
    async def main() -> None:
        async with (
            Gateway(an_engine()) as gateway,
            ClientSession() as http,
            http.get(f"{gateway.base_url}/realtime", headers={"Host": "evil.example"}) as answer,
        ):
            assert answer.status == 403
            assert (await answer.json())["error"]["code"] == "host_not_allowed"

    run(main())


async def answered(doors: Doors, knock: bytes) -> bytes:
    """Return the first line of the answer to these very bytes."""
    async with Gateway(an_engine(), doors) as gateway:
        where = urlsplit(gateway.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(knock)
        line = await reader.readline()
        writer.close()
    return line


@pytest.mark.parametrize(
    ("doors", "odd", "status"),
    [
        (KEYED, b"Authorization: Bearer \xff\xfe\r\n", b"401"),
        (KEYED, b"api-key: \xe1\r\n", b"401"),
        (Doors(), b"Origin: http://[\r\n", b"403"),
        (Doors(host="0.0.0.0", keys=("k",)), b"api-key: k\r\nOrigin: http://[\r\n", b"403"),
    ],
)
def test_a_header_that_is_odd_is_turned_away(doors: Doors, odd: bytes, status: bytes) -> None:
    assert status in run(answered(doors, KNOCK[:-2] + odd + b"\r\n"))


@pytest.mark.parametrize("doors", [Doors(), Doors(host="0.0.0.0", keys=("k",))])
def test_a_host_that_is_none_is_turned_away(doors: Doors) -> None:
    knock = KNOCK.replace(b"Host: 127.0.0.1", b"api-key: k\r\nHost: [")
    assert b"403" in run(answered(doors, knock))


def test_a_key_may_be_of_any_bytes() -> None:
    doors = Doors(keys=(b"sk-\xff".decode(errors="surrogateescape"),))
    assert b"101" in run(answered(doors, KNOCK[:-2] + b"Authorization: Bearer sk-\xff\r\n\r\n"))


def test_when_all_places_are_taken_who_comes_is_turned_away_until_somebody_goes() -> None:
    async def main() -> None:
        async with Gateway(an_engine(), Doors(max_sessions=1)) as gateway:
            async with outside(gateway.url) as (peer, _):
                await peer.until("session.created")
                with pytest.raises(InvalidStatus) as told:
                    async with outside(gateway.url):
                        pass
                assert told.value.response.status_code == 503
            await eventually(lambda: gateway.sessions == 0)
            async with outside(gateway.url) as (peer, _):
                await peer.until("session.created")

    run(main())


def test_serving_others_needs_a_key() -> None:
    with pytest.raises(ConfigError, match="lets everybody in: give a key"):
        Doors(host="0.0.0.0")
    assert Doors(host="0.0.0.0", keys=("k",)).host == Doors(host="0.0.0.0", guarded=True).host


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(
                ConfigError, match=f"cannot serve on 127.0.0.1:{port}: .* choose another port"
            ):
                async with Gateway(an_engine(), Doors(port=port)):
                    pass

    run(main())


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_there_is_not_is_said_so(port: int) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=f"there is no port {port}: choose one up to 65535"):
            async with Gateway(an_engine(), Doors(port=port)):
                pass

    run(main())


class Sleeper(PlainEngine):
    """Never opens."""

    async def open(self, config: Config) -> Link:
        await asyncio.sleep(3600)
        raise AssertionError


def test_an_engine_that_does_not_open_is_given_up_and_the_client_told() -> None:
    async def main() -> None:
        sleeper = Sleeper(config=Config(limits=Limits(connect_s=0.1)))
        async with Gateway(sleeper) as gateway:
            async with outside(gateway.url) as (peer, _):
                error = await peer.until("error")
                assert "not ready within 0.1 s" in error["error"]["message"]
            assert isinstance(gateway.failures[0], ConnectError)

    run(main())
