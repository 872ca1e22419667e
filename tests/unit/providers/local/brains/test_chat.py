import asyncio
import gc
import importlib.util
import logging
import sys
import warnings
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import pytest
from tests.support.chatserver import (
    DONE,
    STREAM,
    Request,
    Script,
    Server,
    chunked,
    event,
    finished,
    responds,
    serving,
    streams,
)

from s2s.errors import (
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
)
from s2s.items import JSON, Message
from s2s.providers.local.brains import chat
from s2s.providers.local.brains.chat import ChatBrain
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Brain, Prompt, SessionAware, Thought

KEY = "sk-canary-0123456789"
PROMPT = Prompt((Message("user", "Hello"),))
HELLO = streams(event(content="Hi"), finished("stop"), DONE)


def brain_for(server: Server, **options: JSON) -> ChatBrain:
    return ChatBrain(Pool(), **{"model": "tiny", "base_url": server.url, **options})


@asynccontextmanager
async def asking(server: Server, **options: JSON) -> AsyncIterator[ChatBrain]:
    brain = brain_for(server, **options)
    await brain.session_opened()
    try:
        yield brain
    finally:
        await brain.session_closed()


async def told(brain: Brain, prompt: Prompt = PROMPT) -> list[Thought]:
    return [thought async for thought in brain.respond(prompt)]


def answers(*scripts: Script, prompt: Prompt = PROMPT, **options: JSON) -> list[Thought]:
    async def main() -> list[Thought]:
        async with serving(*scripts) as server, asking(server, **options) as brain:
            return await asyncio.wait_for(told(brain, prompt), 10)

    return asyncio.run(main())


def asked(prompt: Prompt = PROMPT, **options: JSON) -> Request:
    async def main() -> Request:
        async with serving(streams(DONE)) as server, asking(server, **options) as brain:
            await told(brain, prompt)
            return server.requests[0]

    return asyncio.run(main())


def test_text_comes_as_it_streams() -> None:
    hello = (
        event(role="assistant", content=""),
        event(content="Hel"),
        event(content="lo."),
        finished("stop"),
    )
    assert answers(streams(*hello, DONE)) == ["Hel", "lo."]


@pytest.mark.parametrize(
    "pieces",
    [
        (": ping\n\n", event(content="Hi"), DONE),
        (event(content="Hi").replace("\n", "\r\n"), DONE.replace("\n", "\r\n")),
        tuple(bytes([byte]) for byte in (event(content="Hi") + DONE).encode()),
        (event(content="Hi"), finished("stop")),
        (event(content="Hi"), 'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n', DONE),
        (event(content="Hi").replace("data: ", "data:"), "event: end\ndata:[DONE]\n\n"),
        ('data: {"choices": [{"delta": null}]}\n\n', event(content="Hi", tool_calls=None), DONE),
        (event(reasoning_content="hm"), event(content="Hi", role=None), DONE),
    ],
)
def test_streams_are_read_however_servers_write_them(pieces: tuple[str | bytes, ...]) -> None:
    assert answers(streams(*pieces)) == ["Hi"]


def test_a_line_separator_in_the_text_is_text() -> None:
    raw = 'data: {"choices": [{"delta": {"content": "a\u2028b\u0085c"}}]}\n\n'
    assert answers(streams(raw, DONE)) == ["a\u2028b\u0085c"]


def test_the_request_goes_to_the_completions_of_the_address() -> None:
    request = asked(body={"keep_alive": "10m"})
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.fields == {
        "model": "tiny",
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
        "keep_alive": "10m",
    }


def test_a_key_goes_only_where_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    bare = asked()
    assert "authorization" not in bare.headers
    assert KEY not in str(bare)
    assert asked(api_key=KEY).headers["authorization"] == f"Bearer {KEY}"
    assert asked(headers={"X-Org": "ours"}).headers["x-org"] == "ours"


def failure(*scripts: Script, **options: JSON) -> S2SError:
    with pytest.raises(S2SError) as failed:
        answers(*scripts, **options)
    return failed.value


@pytest.mark.parametrize(
    ("script", "kind", "match"),
    [
        (responds(404, '{"detail": "no such model"}'), ProviderError, r"\(404\): no such model; check"),
        (responds(301, ""), ProviderError, r"\(301\)"),
        (responds(200, '{"choices": []}'), RemoteProtocolError, "no event stream"),
        (streams('data: {"error": {"message": "out of memory"}}\n\n'), ProviderError, "out of memory"),
        (streams("data: {oops\n\n"), RemoteProtocolError, "no chunk of a chat completion"),
        (streams(f"data: {'[' * 100_000}\n\n"), RemoteProtocolError, "no chunk of a chat completion"),
        (streams(event(content="Hi")), RemoteProtocolError, "in the middle of an answer"),
        (streams(event(content="Hi"), end=b""), RemoteProtocolError, "broke the rules of HTTP"),
    ],
)
def test_trouble_has_a_name_and_advice(script: Script, kind: type[S2SError], match: str) -> None:
    error = failure(script)
    assert type(error) is kind
    with pytest.raises(kind, match=match):
        raise error
    assert len(str(error)) < 600


def test_a_pause_that_the_endpoint_asks_for_is_passed_on() -> None:
    limited = failure(responds(429, "", "Retry-After: 7.5"))
    assert isinstance(limited, RateLimitError)
    assert limited.retry_after_s == 7.5


def test_a_long_refusal_is_shortened_and_not_read_to_its_end() -> None:
    assert len(str(failure(responds(400, "x" * 500_000)))) < 500


def test_malformed_data_is_kept_shortened() -> None:
    error = failure(streams("data: " + "x" * 5_000 + "\n\n"))
    assert isinstance(error, RemoteProtocolError)
    assert error.received == b"x" * 300


@pytest.mark.parametrize(
    "script",
    [
        responds(401, f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'),
        responds(500, f"Authorization: Bearer {KEY}", kind="text/plain"),
        responds(200, f"Authorization: Bearer {KEY}", kind="text/plain"),
        streams(f"data: Bearer {KEY}\n\n"),
        streams(f'data: {{"error": {{"message": "{KEY}"}}}}\n\n'),
    ],
)
def test_the_key_shows_nowhere(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error: BaseException | None = failure(script, api_key=KEY)
    while error is not None:
        assert KEY not in f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__
    brain = ChatBrain(Pool(), model="tiny", api_key=KEY)
    assert KEY not in f"{brain!r} {vars(brain)} {caplog.text}"
    assert "tiny" in repr(brain)


async def free_port() -> int:
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as server:
        return int(server.sockets[0].getsockname()[1])


def test_where_nobody_answers_it_says_what_to_start() -> None:
    async def main() -> None:
        brain = ChatBrain(Pool(), model="tiny", base_url=f"http://127.0.0.1:{await free_port()}/v1")
        for ask in (lambda: told(brain), brain.warm):
            with pytest.raises(ConnectError, match=r"cannot connect to http://127.*`ollama serve`") as failed:
                await ask()
            assert failed.value.retryable

    asyncio.run(main())


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def silent_after_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM + chunked(event(content="Hi")))
    await reader.read()


@pytest.mark.parametrize(
    ("script", "options"), [(silent, {"first_token_s": 0.05}), (silent_after_one, {"timeout_s": 0.05})]
)
def test_silence_has_a_bound(script: Script, options: dict[str, float]) -> None:
    error = failure(script, **options)
    assert isinstance(error, ProviderError)
    assert (error.code, error.retryable) == ("timeout", True)


@pytest.mark.parametrize("way", ["cancel", "close"])
def test_barge_in_ends_the_generation_at_once(way: str) -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(STREAM + chunked(event(content="Once upon a time")))
            assert await reader.read() == b""
            gone.set()

        async with serving(endless) as server, asking(server) as brain:
            heard = asyncio.Event()

            async def listen() -> None:
                async for _ in brain.respond(PROMPT):
                    heard.set()

            if way == "cancel":
                task = asyncio.create_task(listen())
                await asyncio.wait_for(heard.wait(), 5)
                task.cancel()
                await asyncio.wait({task}, timeout=5)
                assert task.cancelled()
            else:
                answer = cast("AsyncGenerator[Thought, None]", brain.respond(PROMPT))
                async with aclosing(answer):
                    assert await anext(answer) == "Once upon a time"
            await asyncio.wait_for(gone.wait(), 5)

    asyncio.run(main())


def test_one_connection_serves_the_whole_conversation() -> None:
    async def main() -> None:
        async with (
            serving(streams(event(content="Hi"), finished("stop"), DONE)) as server,
            asking(server) as brain,
        ):
            await brain.warm()
            for _ in range(3):
                assert await told(brain) == ["Hi"]
            assert (server.connections, len(server.requests)) == (1, 3)

    asyncio.run(main())


def test_a_server_that_leaves_the_stream_open_does_not_hold_the_answer() -> None:
    async def open_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunked(event(content="Hi") + DONE))
        await reader.read()

    assert answers(open_end, timeout_s=60) == ["Hi"]


def test_a_connection_that_the_server_gave_up_is_replaced() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    hello = streams(event(content="Hi"), DONE)
    assert answers(hang_up, hello) == ["Hi"]
    assert isinstance(failure(hang_up), RemoteProtocolError | ConnectionLostError)


def test_connections_are_kept_until_the_last_session_leaves() -> None:
    async def main() -> None:
        async with serving(HELLO) as server:
            brain = brain_for(server)
            assert isinstance(brain, SessionAware)
            await brain.session_opened()
            await brain.session_opened()
            assert server.connections == 0
            assert await told(brain) == ["Hi"]
            await brain.session_closed()
            assert await told(brain) == ["Hi"]
            assert server.connections == 1
            await brain.session_closed()
            await server.deserted()
            await brain.session_opened()
            assert await told(brain) == ["Hi"]
            assert server.connections == 2
            await brain.session_closed()
            await server.deserted()

    asyncio.run(main())


def test_an_answer_outlives_the_session_that_asked_for_it() -> None:
    async def main() -> None:
        async with serving(HELLO) as server:
            brain = brain_for(server)
            await brain.session_opened()
            answer = cast("AsyncGenerator[Thought, None]", brain.respond(PROMPT))
            assert await anext(answer) == "Hi"
            await brain.session_closed()
            assert [thought async for thought in answer] == []
            await server.deserted()

    asyncio.run(main())


def test_without_a_session_nothing_stays_open() -> None:
    async def main() -> None:
        async with serving(HELLO) as server:
            brain = brain_for(server)
            await brain.warm()
            await server.deserted()
            assert await told(brain) == ["Hi"]
            await server.deserted()
            assert server.connections == 2

    asyncio.run(main())


def test_one_brain_serves_one_loop_after_another_and_leaves_nothing_open() -> None:
    port = asyncio.run(free_port())
    brain = ChatBrain(Pool(), model="tiny", base_url=f"http://127.0.0.1:{port}/v1")

    async def main() -> None:
        async with serving(HELLO, port=port) as server:
            await brain.session_opened()
            await brain.warm()
            assert await told(brain) == ["Hi"]
            await brain.session_closed()
            await server.deserted()
            assert server.connections == 1

    gc.collect()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(2):
            asyncio.run(main())
            gc.collect()
    assert [str(each.message) for each in warned] == []


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "needs a model"),
        ({"model": "m", "base_url": "127.0.0.1:11434"}, "base_url must be like"),
        ({"model": "m", "base_url": "ftp://host/v1"}, "base_url must be like"),
        ({"model": "m", "base_url": f"http://me:{KEY}@host/v1"}, "base_url must be like"),
        ({"model": "m", "base_url": f"http://host/v1?key={KEY}"}, "base_url must be like"),
        ({"model": "m", "api_key": f"{KEY}\n"}, "header 'Authorization' cannot be sent"),
        ({"model": "m", "api_key": f"{KEY}\u2019"}, "header 'Authorization' cannot be sent"),
        ({"model": "m", "headers": {"a b": "c"}}, "header 'a b' cannot be sent"),
        ({"model": "m", "timeout_s": 0}, "above 0"),
        ({"model": "m", "first_token_s": -1}, "above 0"),
    ],
)
def test_options_that_cannot_work_are_refused_without_telling_secrets(
    options: dict[str, JSON], match: str
) -> None:
    with pytest.raises(ConfigError, match=match) as refused:
        ChatBrain(Pool(), **options)
    assert KEY not in str(refused.value)


def test_it_may_be_asked_early_unless_that_is_not_wanted() -> None:
    assert ChatBrain(Pool(), model="m").speculative
    assert not ChatBrain(Pool(), model="m", speculative=False).speculative


@pytest.mark.parametrize("missing", ["httpx", "httpx_sse"])
def test_without_its_extra_it_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    spec = importlib.util.spec_from_file_location("chat_again", chat.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[chat\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
