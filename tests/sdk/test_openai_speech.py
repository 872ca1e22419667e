"""What our stages ask of a speech endpoint is what the stock client of OpenAI's SDK asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.message import Message
from email.parser import BytesParser
from io import BytesIO
from typing import NamedTuple

import pytest

pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from openai import AsyncOpenAI
from openai.types.audio import Transcription

from s2s.audio.wav import write_wav
from s2s.items import JSON
from s2s.providers.local.endpoints.speech import SpeechTTS
from s2s.providers.local.endpoints.transcription import TranscriptionSTT
from s2s.providers.local.pool import Pool
from tests.support.chatserver import Request, Script, responds, serving
from tests.support.speechserver import sounds, speech_server
from tests.support.stages import speech, words_in

KEY = "sk-test"
HELLO = speech("hello there")
WORDS = responds(200, '{"text": "hello there"}')
THAT_MATTER = ("authorization", "accept", "content-type")
Ask = Callable[[str], Awaitable[object]]


class Part(NamedTuple):
    """One field of a form."""

    name: str
    value: bytes
    filename: str | None
    media_type: str | None


def wav() -> bytes:
    file = BytesIO()
    write_wav(file, HELLO, 16_000)
    return file.getvalue()


def sent(ask: Ask, script: Script) -> Request:
    async def main() -> Request:
        async with serving(script) as server, asyncio.timeout(20):
            await ask(server.url)
        return server.requests[0]

    return asyncio.run(main())


def headers(request: Request) -> dict[str, str]:
    return {name: request.headers[name].partition(";")[0] for name in THAT_MATTER}


def form(request: Request) -> list[Part]:
    kind = f"Content-Type: {request.headers['content-type']}\r\n\r\n"
    parts = BytesParser().parsebytes(kind.encode() + request.body).get_payload()
    assert isinstance(parts, list)
    return sorted(map(_part, parts))


def _part(part: Message | str) -> Part:
    assert isinstance(part, Message)
    name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
    assert isinstance(name, str)
    assert isinstance(value, bytes)
    kind = part.get_content_type() if "content-type" in part else None
    return Part(name, value, part.get_filename(), kind)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"language": "de", "prompt": "Grüße aus Köln"},
        {
            "response_format": "verbose_json",
            "temperature": 0.5,
            "timestamp_granularities": ["word", "segment"],
        },
        {"chunking_strategy": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300}},
    ],
)
def test_an_utterance_is_uploaded_as_the_sdk_does(options: dict[str, JSON]) -> None:
    async def theirs(url: str) -> None:
        async with AsyncOpenAI(api_key=KEY, base_url=url) as client:
            fields = {"response_format": "json", **options}
            upload = ("speech.wav", wav(), "audio/wav")
            await client.audio.transcriptions.create(file=upload, model="whisper-1", **fields)

    async def ours(url: str) -> None:
        await TranscriptionSTT(
            Pool(1), model="whisper-1", base_url=url, api_key=KEY, body=options
        ).transcribe(HELLO)

    witness, asked = sent(theirs, WORDS), sent(ours, WORDS)
    assert asked.line == witness.line
    assert headers(asked) == headers(witness)
    assert form(asked) == form(witness)
    assert ("speech.wav", "audio/wav") in [(part.filename, part.media_type) for part in form(asked)]


@pytest.mark.parametrize("options", [{}, {"instructions": "Whisper.", "speed": 1.25}, {"voice": "coral"}])
def test_a_text_is_asked_for_as_the_sdk_does(options: dict[str, JSON]) -> None:
    async def theirs(url: str) -> None:
        async with AsyncOpenAI(api_key=KEY, base_url=url) as client:
            fields = {"voice": "alloy", **options}
            await client.audio.speech.create(input="Grüße!", model="tts-1", response_format="pcm", **fields)

    async def ours(url: str) -> None:
        async for _ in SpeechTTS(Pool(1), model="tts-1", base_url=url, api_key=KEY, **options).speak(
            "Grüße!"
        ):
            pass

    witness, asked = sent(theirs, sounds(bytes(100))), sent(ours, sounds(bytes(100)))
    assert asked.line == witness.line
    assert headers(asked) == headers(witness)
    assert asked.fields == witness.fields


def test_the_server_of_our_tests_is_one_to_the_sdk() -> None:
    async def main() -> None:
        async with speech_server() as server, AsyncOpenAI(api_key=KEY, base_url=server.url) as client:
            heard = await client.audio.transcriptions.create(file=("a.wav", wav()), model="tiny")
            assert isinstance(heard, Transcription)
            assert heard.text == "hello there"
            said = await client.audio.speech.create(
                input="hello", model="tiny", voice="alloy", response_format="pcm"
            )
            assert len(await said.aread()) == 4_800
            assert [words_in(each.pcm) for each in server.uploads] == ["hello there"]

    asyncio.run(main())
