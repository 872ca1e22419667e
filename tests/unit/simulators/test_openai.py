import asyncio

import pytest
from aiohttp import ClientSession, WSMsgType
from tests.support.peers import inside, outside
from tests.support.websockets import run as run_on_sockets
from websockets.asyncio.client import connect

import s2s
from s2s.config import Config
from s2s.errors import ConfigError
from s2s.events import Event, TurnEnd
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import Reply, ScriptEngine
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Temper
from s2s.testing.clock import run
from s2s.testing.talk import Talk

MODEL = "?model=gpt-realtime-2.1"


def test_our_own_engine_talks_with_it_without_a_network() -> None:
    async def main() -> None:
        simulator = OpenAISimulator([Reply(says="Good day.")])
        async with OpenAIEngine(Config(extra={"connect": simulator.connect})).start() as session:
            talk = Talk(session)
            await session.send_text("Hi.")
            assert (await talk.until(TurnEnd)).agent_text == "Good day."

    run(main())


def test_our_own_engine_talks_with_it_over_a_socket() -> None:
    async def main() -> None:
        async with OpenAISimulator([Reply(says="Good day.")], temper=Temper(pace=0)) as simulator:
            engine = s2s.new("openai_realtime", extra={"base_url": simulator.base_url})
            async with engine.start() as session:
                talk = Talk(session)
                await session.send_text("Hi.")
                assert (await talk.until(TurnEnd)).agent_text == "Good day."

    run_on_sockets(main())


def test_every_connection_hears_the_script_from_the_start() -> None:
    async def main() -> None:
        async with OpenAISimulator([Reply(says="First."), Reply(says="Second.")]) as simulator:
            for _ in range(2):
                async with outside(simulator.url + MODEL) as (peer, _connection):
                    await peer.ask(aloud=False)
                    assert (await peer.until("response.output_text.done"))["text"] == "First."

    run_on_sockets(main())


def test_any_engine_may_answer_in_place_of_the_script() -> None:
    async def main() -> None:
        engine = ScriptEngine(Config(instructions="Be brief.", voice="anna"))
        peer = inside(await (simulator := OpenAISimulator(engine=engine)).connect())
        session = (await peer.until("session.created"))["session"]
        assert (session["instructions"], session["audio"]["output"]["voice"]) == ("Be brief.", "anna")
        await peer.ask("Hello?", aloud=False)
        assert (await peer.until("response.output_text.done"))["text"] == "You said: Hello?"
        await simulator.__aexit__(None, None, None)
        assert (await peer.rest())[0] == 1001

    run(main())


def test_what_the_engines_tell_can_be_watched_by_session() -> None:
    seen: list[tuple[int, str]] = []

    def watch(number: int, event: Event) -> None:
        seen.append((number, event.type))

    async def main() -> None:
        simulator = OpenAISimulator(watch=watch)
        for _ in range(2):
            transport = await simulator.connect()
            peer = inside(transport)
            await peer.ask(aloud=False)
            await peer.until("response.done")
            await transport.close()

    run(main())
    assert {number for number, _ in seen} == {1, 2}
    assert seen[0] == (1, "session_started")
    assert (2, "response_done") in seen


def test_it_has_no_address_before_it_runs() -> None:
    with pytest.raises(RuntimeError, match="enter it first"):
        _ = OpenAISimulator().url


def test_with_keys_it_may_serve_others_and_refuses_wrong_ones_as_the_service_does() -> None:
    async def main() -> None:
        async with OpenAISimulator(temper=Temper(keys=("right",)), host="0.0.0.0") as simulator:
            url = simulator.url + MODEL
            async with outside(url, additional_headers={"Authorization": "Bearer wrong"}) as (peer, _):
                assert (await peer.until("error"))["error"]["code"] == "invalid_api_key"
                assert (await peer.rest())[0] == 3000
            async with outside(url, additional_headers={"Authorization": "Bearer right"}) as (peer, _):
                await peer.until("session.created")

    run_on_sockets(main())


def test_without_keys_it_serves_this_machine_alone() -> None:
    with pytest.raises(ConfigError, match="give a key, or serve on 127"):
        OpenAISimulator(host="0.0.0.0")


def test_the_silence_between_messages_is_broken_by_pings() -> None:
    async def main() -> None:
        async with (
            OpenAISimulator(temper=Temper(ping_s=0.05)) as simulator,
            ClientSession() as http,
            http.ws_connect(simulator.url + MODEL, autoping=False) as connection,
        ):
            assert (await connection.receive(2)).type is WSMsgType.TEXT
            assert (await connection.receive(2)).type is WSMsgType.PING

    run_on_sockets(main())


def test_what_breaks_a_session_is_kept() -> None:
    async def main() -> None:
        simulator = OpenAISimulator()
        transport = await simulator.connect()
        peer = inside(transport)
        await peer.until("session.created")
        await transport.close(1006, "the cable")
        await asyncio.sleep(1)
        assert [str(each) for each in simulator.failures] == [
            "the connection closed with code 1006 (the cable): open another one"
        ]

    run(main())


@pytest.mark.parametrize("pings", [1, 40])
def test_pings_are_answered_as_late_as_it_is_wanted_and_not_without_end(pings: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        temper = Temper(pong_after_s=0.3)
        async with (
            OpenAISimulator([Reply(says="Good day.")], temper=temper) as simulator,
            connect(f"{simulator.url}?model=m", ping_interval=None) as client,
        ):
            began = loop.time()
            pongs = [await client.ping() for _ in range(pings)]
            await pongs[0]
            assert loop.time() - began >= 0.3
            assert "session.created" in str(await client.recv())
            for _ in range(pings):
                await client.ping()

    run_on_sockets(main())
