"""The stock Python SDK of Google talks for longer than a connection lasts, and turn after turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google import genai
from google.genai import types
from msgspec.structs import replace

from s2s.config import Config
from s2s.gateway import Doors, Gateway, Lifetime
from s2s.items import JSON, Call
from s2s.providers.script import WORD_MS, Reply, ScriptEngine
from s2s.simulators.gemini import GeminiSimulator
from tests.support.genai import SECRET, Line, connected, refused, speech
from tests.support.generations import QUICK, Who, every, simulated
from tests.support.websockets import eventually, run

DEADLINE = "Deadline expired before operation could complete."
NO_ENTITY = "Requested entity was not found."
STILL_OPEN = "Internal error encountered."
FIRST, SECOND, THIRD = (Reply(says=each) for each in ("One.", "Two.", "Three."))
STORY = Reply(says="word " * 60)
SHORT = replace(QUICK, session_s=1.0, notice_s=0.5)


def resuming(handle: str | None = None) -> dict[str, JSON]:
    return {"session_resumption": {"handle": handle}}


async def handle_of(line: Line) -> str:
    """Return the next handle."""
    message = await line.until("session_resumption_update", _is_good)
    update = message.session_resumption_update
    assert update is not None
    assert update.new_handle is not None
    return update.new_handle


def _is_good(message: types.LiveServerMessage) -> object:
    update = message.session_resumption_update
    return update is not None and update.resumable and update.new_handle


async def asks(line: Line, text: str = "Go on.") -> str:
    """Return the answer to this."""
    await line.write(text)
    return (await line.turn()).words


def test_a_client_is_warned_and_takes_the_conversation_to_another_connection() -> None:
    async def main() -> None:
        async with simulated([FIRST, SECOND, THIRD], SHORT) as base_url:
            async with connected(base_url, **resuming()) as line:
                assert await asks(line) == "One."
                handle = await handle_of(line)
                away = (await line.until("go_away")).go_away
                assert away is not None
                assert away.time_left == "0.5s"
            async with connected(base_url, **resuming(handle)) as line:
                assert await asks(line) == "Two."
                handle = await handle_of(line)
                with refused(1011, DEADLINE):
                    await line.until("turn_complete")
            async with connected(base_url, **resuming(handle)) as line:
                assert await asks(line) == "Three."

    run(main())


def test_a_gateway_does_so_too_where_connections_are_to_be_short() -> None:
    async def main() -> None:
        engine = ScriptEngine(Config(extra={"script": [FIRST, SECOND]}))
        async with Gateway(engine, Doors(tls=SECRET), lifetime=Lifetime(1.0, 0.5)) as served:
            async with connected(served.gemini_base_url, **resuming()) as line:
                assert await asks(line) == "One."
                handle = await handle_of(line)
                await line.until("go_away")
            async with connected(served.gemini_base_url, **resuming(handle)) as line:
                assert await asks(line) == "Two."

    run(main())


def test_a_handle_is_good_only_after_its_connection_has_ended() -> None:
    async def main() -> None:
        async with GeminiSimulator([FIRST], temper=QUICK, tls=SECRET) as served:
            async with connected(served.base_url, **resuming()) as line:
                handle = await handle_of(line)
                with refused(1011, STILL_OPEN):
                    await connected(served.base_url, **resuming(handle)).__aenter__()
                assert await asks(line) == "One."
            with refused(1008, NO_ENTITY):
                await connected(served.base_url, **resuming("another")).__aenter__()

    run(main())


def test_an_answer_that_a_connection_did_not_outlive_is_not_gone_on_with() -> None:
    async def main() -> None:
        async with simulated([STORY, FIRST]) as base_url:
            async with connected(base_url, **resuming()) as line:
                await line.write("Tell me a story.")
                handle = await handle_of(line)
                await line.until("model_turn")
            async with connected(base_url, **resuming(handle)) as line:
                assert await asks(line) == "One."

    run(main())


@pytest.mark.parametrize("failed", [True, False])
def test_a_call_that_a_connection_did_not_outlive_can_still_be_answered(failed: bool) -> None:
    async def main() -> None:
        call = Reply(calls=(Call("call-1", "look_up", {"city": "Bonn"}),))
        tools: list[JSON] = [{"function_declarations": [{"name": "look_up"}]}]
        async with simulated([call, FIRST, SECOND]) as base_url:
            async with connected(base_url, tools=tools, **resuming()) as line:
                await line.write("Look it up.")
                (asked,) = await line.calls()
                handle = await handle_of(line)
            async with connected(base_url, tools=tools, **resuming(handle)) as line:
                given = {"error": "lost"} if failed else {"output": "A city."}
                response = types.FunctionResponse(id=asked.id, name=asked.name, response=given)
                await line.on.send_tool_response(function_responses=response)
                assert (await line.turn()).words == ("" if failed else "One.")
                assert await asks(line) == ("One." if failed else "Two.")

    run(main())


def test_no_handle_is_given_where_none_is_wanted() -> None:
    async def main() -> None:
        async with simulated([FIRST, SECOND]) as base_url, connected(base_url) as line:
            assert [await asks(line), await asks(line)] == ["One.", "Two."]
            assert not [each for turn in line.turns for each in turn.members if "resumption" in each]

    run(main())


# As frameworks do: one task sends what a microphone hears, one receives, and both go on for ever.


async def microphone(line: Line, waiting: deque[bytes]) -> None:
    while True:
        heard = waiting.popleft() if waiting else bytes(3200)
        chunk = types.Blob(data=heard, mime_type="audio/pcm;rate=16000")
        await line.on.send_realtime_input(audio=chunk)
        await asyncio.sleep(0.01)


async def receive(line: Line) -> None:
    while True:
        async for message in line.receive():
            for each in (message.tool_call and message.tool_call.function_calls) or ():
                await line.answer(each, "A city.")


def chunks(words: str) -> list[bytes]:
    loud = speech(words)
    return [loud[start : start + 3200] for start in range(0, len(loud), 3200)]


@every
def test_a_loop_that_never_ends_hears_every_turn(who: Who) -> None:
    script = [
        replace(FIRST, hears="One?"),
        Reply(calls=(Call("call-1", "look_up", {"city": "Bonn"}),)),
        SECOND,
        STORY,
        replace(THIRD, hears="Three?"),
    ]

    async def talk(line: Line, waiting: deque[bytes]) -> None:
        def says(words: str) -> Callable[[], bool]:
            return lambda: "".join(each.words for each in line.turns[:-1]).endswith(words)

        waiting += chunks("One?")
        await eventually(says("One."))
        await line.write("Look it up.")
        await eventually(says("Two."))
        await line.write("Tell me a story.")
        await eventually(lambda: "word word" in line.turns[-1].words)
        waiting += chunks("Three?")
        await eventually(says("Three."))

    async def main() -> None:
        async with who.serve(script) as base_url, who.connect(base_url, tools=[who.tool()]) as line:
            waiting: deque[bytes] = deque()
            tasks = [asyncio.create_task(each) for each in (microphone(line, waiting), receive(line))]
            try:
                await talk(line, waiting)
            finally:
                for each in tasks:
                    each.cancel()
                await asyncio.wait(tasks)
        assert [each.heard.strip() for each in line.turns if each.heard] == ["One?", "Three?"]
        assert [each.name for turn in line.turns for each in turn.calls] == ["look_up"]
        assert sum("interrupted" in each.members for each in line.turns) == 1

    run(main())


def test_a_server_that_goes_away_ends_the_loop() -> None:
    async def main() -> None:
        served = await GeminiSimulator([FIRST], temper=QUICK, tls=SECRET).__aenter__()
        async with connected(served.base_url) as line:
            assert await asks(line) == "One."
            await served.__aexit__(None, None, None)
            with refused(1001, ""):
                await receive(line)

    run(main())


def test_it_trusts_what_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SECRET.write(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def main() -> None:
        async with GeminiSimulator([FIRST], temper=QUICK, tls=SECRET) as served:
            client = genai.Client(vertexai=False, api_key="any", http_options={"base_url": served.base_url})
            async with client.aio.live.connect(model="gemini-3.8-live") as session:
                await session.send_realtime_input(text="Hello?")
                audio = b"".join([each.data or b"" async for each in session.receive()])
                assert len(audio) == WORD_MS * 48
            await client.aio.aclose()
            client.close()

    run(main())
