import asyncio
import importlib.util
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import cast

import msgspec
import pytest

from s2s.errors import (
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
)
from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.providers.local import chat
from s2s.providers.local.brains.chat import ChatBrain, messages
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Brain, Prompt, Thought
from s2s.tools import ToolSpec

KEY = "sk-canary-0123456789"
PROMPT = Prompt((Message("user", "Hello"),))
DONE = "data: [DONE]\n\n"


class Request(msgspec.Struct):
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, JSON]:
        return cast("dict[str, JSON]", msgspec.json.decode(self.body))


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A chat endpoint on the loopback: one script for each request, the last for all that follow."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[Request] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                request = await read_request(reader)
                if request.line.startswith("HEAD"):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.requests.append(request)
                await (self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0])(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Request(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


def chunked(piece: str | bytes) -> bytes:
    data = piece.encode() if isinstance(piece, str) else piece
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def streams(*pieces: str | bytes, end: bytes = b"0\r\n\r\n") -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        for piece in pieces:
            writer.write(chunked(piece))
            await writer.drain()
        writer.write(end)
        if not end:
            writer.close()

    return script


def responds(status: int, body: str, *headers: str, kind: str = "application/json") -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (
            f"HTTP/1.1 {status} Whatever",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body.encode())}",
        )
        writer.write(("\r\n".join((*lines, *headers)) + "\r\n\r\n" + body).encode())

    return script


def event(**delta: JSON) -> str:
    return finished(None, **delta)


def finished(reason: str | None, **delta: JSON) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return (
        f"data: {msgspec.json.encode({'object': 'chat.completion.chunk', 'choices': [choice]}).decode()}\n\n"
    )


def call(
    index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> JSON:
    fields = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in fields.items() if value is not None}


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[Server]:
    endpoint = Server(*scripts)
    async with await asyncio.start_server(endpoint.serve, "127.0.0.1", 0) as server:
        endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield endpoint


@asynccontextmanager
async def asking(server: Server, **options: JSON) -> AsyncIterator[ChatBrain]:
    brain = ChatBrain(Pool(), **{"model": "tiny", "base_url": server.url, **options})
    try:
        yield brain
    finally:
        await brain.close()


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


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        (
            [[call(0, "a", "move", "")], [call(0, arguments='{"x"')], [call(0, arguments=": 1}")]],
            [Call("a", "move", {"x": 1}, '{"x": 1}')],
        ),
        (
            [
                [call(0, "a", "one"), call(1, "b", "two")],
                [call(1, arguments='{"y": 2}'), call(0, arguments='{"x":')],
                [call(0, arguments=" 1}")],
            ],
            [Call("a", "one", {"x": 1}, '{"x": 1}'), Call("b", "two", {"y": 2}, '{"y": 2}')],
        ),
        (
            [[call(0, "a", "one", "{}")], [call(0, "b", "two", "{}")]],
            [Call("a", "one"), Call("b", "two")],
        ),
        (
            [[call(None, "a", "one", "{}"), call(None, "b", "two", "{}")]],
            [Call("a", "one"), Call("b", "two")],
        ),
        ([[call(0, None, "one", "{}")]], [Call("call_1_0", "one")]),
        ([[call(0, "a", "one")]], [Call("a", "one")]),
        ([[call(0, "a", "one", '{"x": ')]], [Call("a", "one", {}, '{"x": ')]),
        ([[call(0, "a", "one", "[1]")]], [Call("a", "one", {}, "[1]")]),
    ],
)
def test_calls_are_put_together_from_their_deltas(deltas: list[list[JSON]], calls: list[Call]) -> None:
    pieces = [event(content="Let me see."), *(event(tool_calls=delta) for delta in deltas)]
    assert answers(streams(*pieces, finished("tool_calls"), DONE)) == ["Let me see.", *calls]
    assert answers(streams(*pieces, DONE)) == ["Let me see.", *calls]


def test_the_request_says_all_that_the_prompt_says() -> None:
    spec = ToolSpec("move", "Move it.", {"type": "object", "properties": {"x": {"type": "integer"}}})
    prompt = Prompt((Message("user", "Go"),), "Be brief.", (spec,), temperature=0.5, max_output_tokens=50)
    request = asked(prompt)
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.fields == {
        "model": "tiny",
        "stream": True,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Go"}],
        "tools": [{"type": "function", "function": msgspec.to_builtins(spec)}],
        "temperature": 0.5,
        "max_tokens": 50,
    }


def test_the_request_says_no_more_than_that() -> None:
    assert set(asked().fields) == {"model", "stream", "messages"}


def test_fields_of_the_body_option_come_last() -> None:
    fields = asked(
        Prompt(PROMPT.history, max_output_tokens=50),
        body={"max_tokens": None, "max_completion_tokens": 60, "keep_alive": "10m"},
    ).fields
    assert "max_tokens" not in fields
    assert (fields["max_completion_tokens"], fields["keep_alive"]) == (60, "10m")


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
        (responds(401, '{"error": {"message": "wrong key"}}'), AuthError, r"\(401\): wrong key; set api_key"),
        (responds(403, '{"error": "not allowed"}'), AuthError, r"\(403\): not allowed"),
        (responds(429, '{"message": "slow down"}', "Retry-After: 7"), RateLimitError, r"\(429\): slow down"),
        (responds(404, '{"detail": "no such model"}'), ProviderError, r"\(404\): no such model; check"),
        (responds(400, '[{"error": {"message": "bad"}}]'), ProviderError, r"\(400\): bad; check"),
        (
            responds(500, "<h1>oh\n no</h1>", kind="text/html"),
            ProviderError,
            r"\(500\): <h1>oh no</h1>; ask again",
        ),
        (responds(301, ""), ProviderError, r"\(301\)"),
        (responds(200, '{"choices": []}'), RemoteProtocolError, "no event stream"),
        (streams('data: {"error": {"message": "out of memory"}}\n\n'), ProviderError, "out of memory"),
        (streams("data: {oops\n\n"), RemoteProtocolError, "no chunk of a chat completion"),
        (streams('data: {"choices": 5}\n\n'), RemoteProtocolError, "no chunk of a chat completion"),
        (streams(f"data: {'[' * 100_000}\n\n"), RemoteProtocolError, "no chunk of a chat completion"),
        (streams(event(content="Hi")), RemoteProtocolError, "in the middle of an answer"),
        (streams(event(content="Hi"), end=b""), RemoteProtocolError, "broke the rules of HTTP"),
        (streams(event(tool_calls=[call(0, "a")]), DONE), RemoteProtocolError, "without a name"),
        (streams(finished("content_filter")), ProviderError, "filtered"),
    ],
)
def test_trouble_has_a_name_and_advice(script: Script, kind: type[S2SError], match: str) -> None:
    error = failure(script)
    assert type(error) is kind
    with pytest.raises(kind, match=match):
        raise error
    assert len(str(error)) < 600


def test_what_may_be_tried_again_is_said() -> None:
    limited = failure(responds(429, "", "Retry-After: 7.5"))
    assert isinstance(limited, RateLimitError)
    assert (limited.retry_after_s, limited.retryable) == (7.5, True)
    later = failure(responds(429, "", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"))
    assert isinstance(later, RateLimitError)
    assert later.retry_after_s is None
    for status, retryable in ((500, True), (503, True), (408, True), (400, False), (404, False)):
        refused = failure(responds(status, ""))
        assert isinstance(refused, ProviderError)
        assert (refused.code, refused.retryable) == (str(status), retryable)


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
        await brain.close()

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


def test_one_brain_serves_several_loops() -> None:
    brain = ChatBrain(Pool(), model="tiny", base_url="http://127.0.0.1:1/v1")

    async def main() -> None:
        with pytest.raises(ConnectError):
            await told(brain)
        await brain.close()
        await brain.close()

    asyncio.run(main())
    asyncio.run(main())


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


def function(id: str, name: str = "move", arguments: str = "{}") -> JSON:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id: str, content: str) -> JSON:
    return {"role": "tool", "tool_call_id": id, "content": content}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ((), []),
        (
            (Message("user", "Hi"), Message("assistant", "Hello! How are you?", heard_text="Hello!")),
            [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
        ),
        (
            (Message("user", "Hi"), Message("assistant", "Hello!", heard_text=""), Message("user", "Stop")),
            [{"role": "user", "content": "Hi\nStop"}],
        ),
        (
            (
                Message("assistant", "I go."),
                Call("a", "move", {}, "{}"),
                Call("b", "turn"),
                ToolResult("b", "2"),
            ),
            [
                {
                    "role": "assistant",
                    "content": "I go.",
                    "tool_calls": [function("a"), function("b", "turn")],
                },
                result("a", "Error: the tool has not answered"),
                result("b", "2"),
            ],
        ),
        (
            (
                *(Call("a", "move"), ToolResult("a", "1")),
                *(Call("b", "move", {}, "{oops"), ToolResult("b", "stuck", is_error=True)),
                Message("assistant", "Done."),
            ),
            [
                {"role": "assistant", "content": None, "tool_calls": [function("a")]},
                result("a", "1"),
                {"role": "assistant", "content": None, "tool_calls": [function("b", arguments="{oops")]},
                result("b", "Error: stuck"),
                {"role": "assistant", "content": "Done."},
            ],
        ),
        (
            (Call("a", "move"), Message("user", "And?"), ToolResult("a", "late")),
            [
                {"role": "assistant", "content": None, "tool_calls": [function("a")]},
                result("a", "late"),
                {"role": "user", "content": "And?"},
            ],
        ),
        (
            (ToolResult("gone", "42"), Message("user", " ")),
            [{"role": "system", "content": "The result of a tool: 42"}],
        ),
        (
            (Message("system", "In French."), Message("user", "Hi")),
            [{"role": "system", "content": "In French."}, {"role": "user", "content": "Hi"}],
        ),
    ],
)
def test_the_history_is_told_as_the_endpoint_wants_it(
    history: tuple[Item, ...], expected: list[JSON]
) -> None:
    assert messages(Prompt(history)) == expected


def test_instructions_and_system_messages_become_one() -> None:
    told = messages(Prompt((Message("system", "In French."),), instructions="Be brief."))
    assert told == [{"role": "system", "content": "Be brief.\nIn French."}]
