import asyncio

import pytest
from tests.support.chatserver import Script, responds, serving
from tests.support.speechserver import Upload, silent, sounds, speech_server
from tests.support.stages import speech

from s2s.errors import ProviderError, RemoteProtocolError
from s2s.items import JSON
from s2s.providers.local.endpoints.transcription import TranscriptionSTT
from s2s.providers.local.pool import Pool
from s2s.providers.local.seats import seated

HELLO = speech("hello there")


def uploaded(pcm: bytes = HELLO, **options: JSON) -> Upload:
    async def main() -> Upload:
        async with speech_server() as server:
            stt = TranscriptionSTT(Pool(1), **{"model": "tiny", "base_url": server.url, **options})
            await stt.transcribe(pcm)
            return server.uploads[0]

    return asyncio.run(main())


def words(script: Script, **options: JSON) -> str:
    async def main() -> str:
        async with serving(script) as server:
            stt = TranscriptionSTT(Pool(1), **{"model": "tiny", "base_url": server.url, **options})
            return await asyncio.wait_for(stt.transcribe(HELLO), 10)

    return asyncio.run(main())


def test_what_was_said_comes_back_as_words() -> None:
    async def main() -> str:
        async with speech_server() as server:
            return await TranscriptionSTT(Pool(1), model="tiny", base_url=server.url).transcribe(HELLO)

    assert asyncio.run(main()) == "hello there"


def test_the_sound_is_uploaded_as_a_file() -> None:
    upload = uploaded()
    assert (upload.pcm, upload.sample_rate) == (HELLO, 16_000)
    assert (upload.filename, upload.media_type) == ("speech.wav", "audio/wav")
    assert sorted(upload.fields) == [("model", "tiny"), ("response_format", "json")]


def test_the_file_has_the_rate_of_the_ears() -> None:
    assert uploaded(sample_rate=8_000).sample_rate == 8_000


def test_a_sample_that_was_cut_in_two_is_left_out() -> None:
    assert uploaded(HELLO + b"\1").pcm == HELLO


def test_options_are_fields_of_the_form() -> None:
    body = {"temperature": 0.2, "response_format": "verbose_json", "model": None}
    upload = uploaded(language="de", prompt="Grüße aus Köln", body=body)
    assert dict(upload.fields) == {
        "language": "de",
        "prompt": "Grüße aus Köln",
        "temperature": "0.2",
        "response_format": "verbose_json",
    }


def test_lists_and_objects_are_spelt_as_forms_do() -> None:
    upload = uploaded(
        body={
            "include": ["logprobs", "usage"],
            "chunking_strategy": {"type": "server_vad", "threshold": 0.5},
            "hot": True,
        }
    )
    assert upload.fields[2:] == [
        ("include[]", "logprobs"),
        ("include[]", "usage"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.5"),
        ("hot", "true"),
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        ('{"text": "Hello."}', "application/json", "Hello."),
        ('{"text": " Hello. \\n"}', "application/json; charset=utf-8", "Hello."),
        ('{"text": ""}', "application/json", ""),
        ('{"task": "transcribe", "text": "Hello.", "segments": []}', "application/json", "Hello."),
        ('{"text": "Grüße"}', "Application/JSON", "Grüße"),
        ("Hello.\n", "text/plain; charset=utf-8", "Hello."),
        ("", "text/plain", ""),
        ("5", "text/plain", "5"),
        ('{"text": "Hello."}', "text/plain", "Hello."),
    ],
)
def test_answers_are_read_however_servers_write_them(answer: str, kind: str, text: str) -> None:
    assert words(responds(200, answer, kind=kind)) == text


def test_an_answer_that_does_not_say_what_it_is_is_read_too() -> None:
    assert words(sounds(b'{"te', b'xt": "Hello."}', kind="")) == "Hello."


@pytest.mark.parametrize(
    "answer",
    ['{"text": null}', '{"words": []}', '"Hello."', "[" * 100_000, '{"text": "Hel', "Hello."],
)
def test_what_is_no_transcription_is_refused(answer: str) -> None:
    with pytest.raises(RemoteProtocolError, match="sent no transcription but") as refused:
        words(responds(200, answer))
    assert len(str(refused.value)) < 500


def test_words_without_end_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 4194304 bytes"):
        words(sounds(*[b"a" * 500_000] * 10, kind="text/plain", end=b""))


def test_an_answer_that_comes_too_slowly_is_too_late() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"a")
            await asyncio.sleep(0.01)

    with pytest.raises(ProviderError, match="raise timeout_s"):
        words(trickle, timeout_s=0.08)


def test_nothing_is_asked_about_what_is_too_short() -> None:
    async def main() -> None:
        async with serving(responds(200, '{"text": "You"}')) as server:
            stt = TranscriptionSTT(Pool(1), model="tiny", base_url=server.url)
            assert await stt.transcribe(b"") == ""
            assert await stt.transcribe(bytes(3_198)) == ""
            assert server.connections == 0
            assert await stt.transcribe(bytes(3_200)) == "You"

    asyncio.run(main())


def test_guesses_are_only_made_where_they_are_wanted() -> None:
    async def main() -> None:
        async with serving(responds(200, '{"text": "Hello."}')) as server:
            thrifty = TranscriptionSTT(Pool(1), model="tiny", base_url=server.url)
            assert await thrifty.transcribe(HELLO, urgent=False) == ""
            assert server.connections == 0
            eager = TranscriptionSTT(Pool(1), model="tiny", base_url=server.url, previews=True)
            assert await eager.transcribe(HELLO, urgent=False) == "Hello."

    asyncio.run(main())


def test_a_silent_server_is_not_waited_for_for_ever() -> None:
    with pytest.raises(ProviderError, match="sent nothing in time"):
        words(silent, timeout_s=0.05)


def test_it_takes_its_seat_by_name_and_hears_any_language() -> None:
    seats = seated({"stt": "openai", "stt_options": {"model": "tiny"}}, Pool(1))
    assert isinstance(seats.stt, TranscriptionSTT)
    seats.require(language="fr-CA")
