"""What all stages behind HTTP do alike, asked of each of them."""

import asyncio
import importlib.util
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from tests.support.chatserver import DONE, STREAM, Script, Server, event, responds, serving, streams
from tests.support.speechserver import hangs_up, head, resets, silent, sounds

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
from s2s.items import JSON, Message
from s2s.providers.local.brains.chat import ChatBrain
from s2s.providers.local.endpoints import stage
from s2s.providers.local.endpoints.speech import SpeechTTS
from s2s.providers.local.endpoints.stage import HTTPStage
from s2s.providers.local.endpoints.transcription import TranscriptionSTT
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Prompt, SessionAware

KEY = "sk-canary-0123456789"
SECOND = bytes(32_000)


class Subject(NamedTuple):
    """A kind of stage, how to ask it, and a good answer, whole and begun."""

    make: Callable[..., HTTPStage]
    ask: Callable[[HTTPStage], Awaitable[str]]
    answer: Script
    said: str
    begun: bytes
    path: str
    wait: str = "timeout_s"


async def transcribed(stage: HTTPStage) -> str:
    assert isinstance(stage, TranscriptionSTT)
    return await stage.transcribe(SECOND)


async def spoken(stage: HTTPStage) -> str:
    assert isinstance(stage, SpeechTTS)
    return b"".join([piece async for piece in stage.speak("Hello.")]).decode()


async def thought(stage: HTTPStage) -> str:
    assert isinstance(stage, ChatBrain)
    return "".join([str(each) async for each in stage.respond(Prompt((Message("user", "Hello"),)))])


JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n"
EARS = Subject(
    TranscriptionSTT,
    transcribed,
    responds(200, '{"text": "Hi"}'),
    "Hi",
    JSON_HEAD + b'{"te',
    "/v1/audio/transcriptions",
)
VOICE = Subject(
    SpeechTTS, spoken, sounds(b"Hiya"), "Hiya", head() + b"400\r\n" + bytes(1_000), "/v1/audio/speech"
)
BRAIN = Subject(
    ChatBrain,
    thought,
    streams(event(content="Hi"), DONE),
    "Hi",
    STREAM + b"400\r\n" + event(content="Hi").encode(),
    "/v1/chat/completions",
    "first_token_s",
)
every = pytest.mark.parametrize("subject", [EARS, VOICE, BRAIN], ids=["ears", "voice", "brain"])
speech = pytest.mark.parametrize("subject", [EARS, VOICE], ids=["ears", "voice"])


@asynccontextmanager
async def asking(subject: Subject, server: Server, **options: JSON) -> AsyncIterator[HTTPStage]:
    stage = subject.make(Pool(1), **{"model": "tiny", "base_url": server.url, **options})
    await stage.session_opened()
    try:
        yield stage
    finally:
        await stage.session_closed()
        await server.deserted()


def answers(subject: Subject, *scripts: Script, **options: JSON) -> str:
    async def main() -> str:
        async with serving(*scripts) as server, asking(subject, server, **options) as stage:
            return await asyncio.wait_for(subject.ask(stage), 10)

    return asyncio.run(main())


def failure(subject: Subject, *scripts: Script, **options: JSON) -> S2SError:
    with pytest.raises(S2SError) as failed:
        answers(subject, *scripts, **options)
    return failed.value


@every
def test_it_asks_at_its_path(subject: Subject) -> None:
    async def main() -> None:
        async with serving(subject.answer) as server, asking(subject, server) as stage:
            assert await subject.ask(stage) == subject.said
        assert server.requests[0].line == f"POST {subject.path} HTTP/1.1"

    asyncio.run(main())


@every
def test_a_key_goes_only_where_it_was_given(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    async def headers(**options: JSON) -> dict[str, str]:
        async with serving(subject.answer) as server, asking(subject, server, **options) as stage:
            await subject.ask(stage)
        return server.requests[0].headers

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert KEY not in str(asyncio.run(headers()))
    assert asyncio.run(headers(api_key=KEY))["authorization"] == f"Bearer {KEY}"
    assert asyncio.run(headers(headers={"X-Org": "ours"}))["x-org"] == "ours"


@every
def test_a_proxy_is_not_asked_about_this_machine(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert answers(subject, subject.answer) == subject.said


@every
def test_a_redirection_is_refused_and_the_key_stays(subject: Subject) -> None:
    async def main() -> None:
        async with serving(subject.answer) as other:
            for status in (301, 302, 307, 308):
                moved = responds(status, "", f"Location: {other.url}")
                async with serving(moved) as server, asking(subject, server, api_key=KEY) as stage:
                    with pytest.raises(ProviderError, match=rf"refused \({status}\)"):
                        await subject.ask(stage)
        assert (other.connections, other.requests) == (0, [])

    asyncio.run(main())


@every
@pytest.mark.parametrize(
    ("script", "kind", "match"),
    [
        (responds(401, '{"error": {"message": "wrong key"}}'), AuthError, r"\(401\): wrong key; set api_key"),
        (responds(404, '{"detail": "no such model"}'), ProviderError, r"\(404\): no such model; check"),
        (responds(500, "<h1>oops</h1>", kind="text/html"), ProviderError, r"\(500\): <h1>oops</h1>; ask"),
        (responds(200, "<h1>Hi</h1>", kind="text/html"), RemoteProtocolError, "but .200.: <h1>Hi</h1>"),
        (responds(200, '{"error": {"message": "busy"}}'), RemoteProtocolError, r"but \(200\): busy"),
        (responds(200, "", kind="application/json"), RemoteProtocolError, r"but \(200\): :"),
        (responds(200, "IDv3", kind="audio/mpeg"), RemoteProtocolError, r"but \(200\): audio/mpeg"),
        (sounds(kind="text/html", end=b"oops\r\n"), RemoteProtocolError, "broke the rules of HTTP"),
    ],
)
def test_trouble_has_a_name_and_advice(
    subject: Subject, script: Script, kind: type[S2SError], match: str
) -> None:
    error = failure(subject, script)
    assert type(error) is kind
    with pytest.raises(kind, match=match):
        raise error
    assert len(str(error)) < 600


@every
def test_a_pause_that_the_endpoint_asks_for_is_passed_on(subject: Subject) -> None:
    limited = failure(subject, responds(429, "", "Retry-After: 7.5"))
    assert isinstance(limited, RateLimitError)
    assert limited.retry_after_s == 7.5


@every
def test_a_long_refusal_is_shortened_and_not_read_to_its_end(subject: Subject) -> None:
    assert len(str(failure(subject, responds(400, "x" * 500_000)))) < 500


@every
@pytest.mark.parametrize(
    "script",
    [
        responds(401, f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'),
        responds(500, f"Authorization: Bearer {KEY}", kind="text/plain"),
        responds(200, f"Authorization: Bearer {KEY}", kind="text/html"),
        responds(200, f'{{"error": {{"message": "{KEY}"}}}}'),
        sounds(f"data: {KEY}\n\n".encode(), kind="text/event-stream", end=b"oops\r\n"),
    ],
)
def test_the_key_shows_nowhere(subject: Subject, script: Script, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error: BaseException | None = failure(subject, script, api_key=KEY)
    while error is not None:
        assert KEY not in f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__
    made = subject.make(Pool(1), model="tiny", api_key=KEY)
    assert KEY not in f"{made!r} {vars(made)} {caplog.text}"
    assert "tiny" in repr(made)


@every
def test_where_nobody_answers_it_says_what_to_do(subject: Subject) -> None:
    async def main() -> None:
        async with serving(subject.answer) as server:
            stage = subject.make(Pool(1), model="tiny", base_url=server.url)
        for ask in (lambda: subject.ask(stage), stage.warm):
            with pytest.raises(ConnectError, match=r"cannot connect to http://127.*base_url") as failed:
                await ask()
            assert failed.value.retryable

    asyncio.run(main())


def begins(subject: Subject) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(subject.begun)
        await reader.read()

    return script


@every
def test_silence_has_a_bound(subject: Subject) -> None:
    for script, wait in ((silent, subject.wait), (begins(subject), "timeout_s")):
        error = failure(subject, script, **{wait: 0.05})
        assert isinstance(error, ProviderError)
        assert (error.code, error.retryable) == ("timeout", True)
        assert wait in str(error)


@every
def test_an_answer_that_breaks_off_is_lost_and_not_asked_for_again(subject: Subject) -> None:
    async def main() -> None:
        async with serving(resets(subject.begun)) as server, asking(subject, server) as stage:
            with pytest.raises(ConnectionLostError, match="was lost"):
                await asyncio.wait_for(subject.ask(stage), 10)
            assert len(server.requests) == 1

    asyncio.run(main())


@every
def test_an_answer_that_ends_too_soon_is_none(subject: Subject) -> None:
    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(subject.begun)
        writer.close()

    assert isinstance(failure(subject, closes), RemoteProtocolError)


@every
@pytest.mark.parametrize("leaving", [hangs_up, resets(b"")], ids=["closed", "reset"])
def test_a_connection_that_the_server_gave_up_is_replaced_once(subject: Subject, leaving: Script) -> None:
    assert answers(subject, leaving, subject.answer) == subject.said
    assert isinstance(failure(subject, leaving), RemoteProtocolError | ConnectionLostError)


@every
@pytest.mark.parametrize("begun", [False, True])
def test_who_cancels_ends_the_request(subject: Subject, begun: bool) -> None:
    async def main() -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            writer.write(subject.begun if begun else b"")
            assert await reader.read() == b""
            gone.set()

        async with serving(waits) as server, asking(subject, server) as stage:
            task = asyncio.ensure_future(subject.ask(stage))
            await asyncio.wait_for(asked.wait(), 5)
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait({task}, timeout=5)
            assert task.cancelled()
            await asyncio.wait_for(gone.wait(), 5)

    asyncio.run(main())


@every
def test_one_connection_serves_the_whole_conversation(subject: Subject) -> None:
    async def main() -> None:
        async with serving(subject.answer) as server, asking(subject, server) as stage:
            await stage.warm()
            for _ in range(3):
                assert await subject.ask(stage) == subject.said
            assert (server.connections, len(server.requests)) == (1, 3)

    asyncio.run(main())


@every
def test_connections_are_kept_until_the_last_session_leaves(subject: Subject) -> None:
    async def main() -> None:
        async with serving(subject.answer) as server:
            stage = subject.make(Pool(1), model="tiny", base_url=server.url)
            assert isinstance(stage, SessionAware)
            await stage.session_opened()
            await stage.session_opened()
            assert await subject.ask(stage) == subject.said
            await stage.session_closed()
            assert await subject.ask(stage) == subject.said
            assert server.connections == 1
            await stage.session_closed()
            await server.deserted()
            assert await subject.ask(stage) == subject.said
            await server.deserted()
            assert server.connections == 2

    asyncio.run(main())


@every
def test_several_questions_may_be_asked_at_once(subject: Subject) -> None:
    async def main() -> None:
        async with serving(subject.answer) as server, asking(subject, server) as stage:
            said = await asyncio.gather(*(subject.ask(stage) for _ in range(4)))
            assert said == [subject.said] * 4

    asyncio.run(main())


@speech
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "needs a model: set .*_options="),
        ({"model": "m", "base_url": "127.0.0.1:8000"}, "base_url must be like"),
        ({"model": "m", "base_url": f"http://me:{KEY}@host/v1"}, "base_url must be like"),
        ({"model": "m", "api_key": f"{KEY}\n"}, "header 'Authorization' cannot be sent"),
        ({"model": "m", "headers": {"a b": "c"}}, "header 'a b' cannot be sent"),
        ({"model": "m", "timeout_s": 0}, "above 0"),
        ({"model": "m", "sample_rate": 0}, "sample_rate of pcm16 cannot be 0"),
    ],
)
def test_options_that_cannot_work_are_refused_without_telling_secrets(
    subject: Subject, options: dict[str, JSON], match: str
) -> None:
    with pytest.raises(ConfigError, match=match) as refused:
        subject.make(Pool(1), **options)
    assert KEY not in str(refused.value)


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    spec = importlib.util.spec_from_file_location("stage_again", stage.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[chat\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
