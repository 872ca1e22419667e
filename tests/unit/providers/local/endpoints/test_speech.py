import asyncio
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing
from io import BytesIO

import pytest
from tests.support.chatserver import Script, chunked, responds, serving
from tests.support.speechserver import head, sounds, speech_server
from tests.support.stages import ToneTTS

from s2s.audio.wav import write_wav
from s2s.errors import ProviderError, RemoteProtocolError, S2SError
from s2s.items import JSON
from s2s.providers.local.brains.chat import ChatBrain
from s2s.providers.local.endpoints.speech import SpeechTTS
from s2s.providers.local.pool import Pool
from s2s.providers.local.seats import seated

RAMP = array("h", range(-2_000, 2_000)).tobytes()


def voice_for(url: str, **options: JSON) -> SpeechTTS:
    return SpeechTTS(Pool(1), **{"model": "tiny", "base_url": url, **options})


def heard(script: Script, text: str = "Hello.", **options: JSON) -> list[bytes]:
    async def main() -> list[bytes]:
        async with serving(script) as server, asyncio.timeout(10):
            return [pcm async for pcm in voice_for(server.url, **options).speak(text)]

    return asyncio.run(main())


async def spoken_until(kind: type[S2SError], url: str, **options: JSON) -> tuple[bytes, S2SError]:
    """Return what was heard before this error, and the error."""
    heard = b""
    try:
        async for pcm in voice_for(url, **options).speak("Hello."):
            heard += pcm
    except kind as failed:
        return heard, failed
    raise AssertionError(f"no {kind.__name__} after {len(heard)} bytes")


def asked(wanted: str | None = None, **options: JSON) -> dict[str, JSON]:
    async def main() -> dict[str, JSON]:
        async with serving(sounds(RAMP)) as server:
            async for _ in voice_for(server.url, **options).speak("Hello.", voice=wanted):
                pass
            return server.requests[0].fields

    return asyncio.run(main())


def wav(rate: int) -> bytes:
    file = BytesIO()
    write_wav(file, RAMP, rate)
    return file.getvalue()


def test_a_text_becomes_sound() -> None:
    async def main() -> bytes:
        async with speech_server() as server:
            spoken = b"".join([pcm async for pcm in voice_for(server.url).speak("hello there")])
            assert [each["input"] for each in server.texts] == ["hello there"]
            return spoken

    async def itself() -> bytes:
        return b"".join([pcm async for pcm in ToneTTS().speak("hello there")])

    assert asyncio.run(main()) == asyncio.run(itself())


def test_the_request_says_what_to_say_and_how() -> None:
    plain = {"model": "tiny", "input": "Hello.", "voice": "alloy", "response_format": "pcm"}
    assert asked() == plain
    assert asked("coral", voice="sage") == {**plain, "voice": "coral"}
    assert asked(voice="sage", instructions="Whisper.", speed=1.2) == {
        **plain,
        "voice": "sage",
        "instructions": "Whisper.",
        "speed": 1.2,
    }
    assert asked(body={"response_format": "wav", "voice": None, "lang_code": "a"}) == {
        "model": "tiny",
        "input": "Hello.",
        "response_format": "wav",
        "lang_code": "a",
    }


def test_samples_that_were_cut_in_two_are_put_together() -> None:
    pieces = heard(sounds(RAMP[:1], RAMP[1:2], RAMP[2:7], RAMP[7:4_001], RAMP[4_001:]))
    assert b"".join(pieces) == RAMP
    assert [len(each) % 2 for each in pieces] == [0] * len(pieces)


def test_the_first_sound_is_there_before_the_last_is_made() -> None:
    async def main() -> None:
        heard_first = asyncio.Event()

        async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head() + chunked(RAMP[:1_000]))
            await asyncio.wait_for(heard_first.wait(), 5)
            writer.write(chunked(RAMP[1_000:]) + b"0\r\n\r\n")

        async with serving(patient) as server, asyncio.timeout(10):
            spoken = b""
            async for pcm in voice_for(server.url).speak("Hello."):
                heard_first.set()
                spoken += pcm
        assert spoken == RAMP

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["audio/pcm", "application/octet-stream", "audio/L16;rate=24000", ""])
def test_servers_call_it_by_many_names(kind: str) -> None:
    assert b"".join(heard(sounds(RAMP, kind=kind))) == RAMP


def test_a_wav_file_is_an_answer_too() -> None:
    assert b"".join(heard(sounds(wav(24_000)[:20], wav(24_000)[20:99], wav(24_000)[99:]))) == RAMP
    slow = b"".join(heard(sounds(wav(12_000), kind="audio/wav")))
    assert abs(len(slow) - 2 * len(RAMP)) <= 4


@pytest.mark.parametrize(
    ("script", "match"),
    [
        (sounds(), "sent no sound"),
        (sounds(b"\1"), "sent no sound"),
        (sounds(wav(24_000)[:44]), "sent no sound"),
        (responds(200, "", kind="audio/pcm"), "sent no sound"),
        (responds(200, '{"error": {"message": "no such voice"}}'), r"sent no PCM but \(200\): no such voice"),
        (responds(200, '{"error": "no"}', kind="application/octet-stream"), "the answer is text, not PCM16"),
        (sounds(b"ID3\4", bytes(400)), "the answer is an MP3 file, not PCM16"),
        (sounds(RAMP, kind="audio/mpeg"), r"sent no PCM but \(200\): audio/mpeg"),
        (sounds(b"data: {}\n\n", kind="text/event-stream"), "sent no PCM"),
        (sounds(RAMP, kind="audio/pcm; rate=1"), "sample_rate of pcm16 cannot be 1"),
    ],
)
def test_what_is_no_sound_is_refused(script: Script, match: str) -> None:
    with pytest.raises(RemoteProtocolError, match=match):
        heard(script)


def test_what_came_before_the_trouble_was_heard() -> None:
    async def main() -> None:
        async with serving(sounds(RAMP, end=b"")) as server, asyncio.timeout(10):
            spoken, failed = await spoken_until(RemoteProtocolError, server.url)
            assert spoken == RAMP
            assert "broke the rules of HTTP" in str(failed)

    asyncio.run(main())


def test_each_piece_has_its_own_time() -> None:
    async def main() -> None:
        async def halting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head())
            for at in range(0, 4_000, 1_000):
                await asyncio.sleep(0.12)
                writer.write(chunked(RAMP[at : at + 1_000]))
            await reader.read()

        async with serving(halting) as server, asyncio.timeout(10):
            spoken, failed = await spoken_until(ProviderError, server.url, timeout_s=0.4)
            assert spoken == RAMP[:4_000]
            assert "sent nothing in time" in str(failed)

    asyncio.run(main())


def test_who_stops_listening_ends_the_speech_at_once() -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head() + chunked(RAMP))
            assert await reader.read() == b""
            gone.set()

        async with serving(endless) as server:
            tts = voice_for(server.url)
            await tts.session_opened()
            async with aclosing(tts.speak("Hello.")) as spoken:
                assert await anext(spoken)
            await asyncio.wait_for(gone.wait(), 5)
            await tts.session_closed()

    asyncio.run(main())


class Endless(ToneTTS):
    """Says the same for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
        try:
            while True:
                yield RAMP
                await asyncio.sleep(0)
        finally:
            self.ended.set()


def test_a_voice_stops_at_the_server_when_nobody_listens() -> None:
    async def main() -> None:
        endless = Endless()
        async with speech_server(tts=endless) as server, asyncio.timeout(10):
            async with aclosing(voice_for(server.url).speak("Hello.")) as spoken:
                assert await anext(spoken)
                assert not endless.ended.is_set()
            await endless.ended.wait()

    asyncio.run(main())


@pytest.mark.parametrize("text", ["", " ", "...", "\u2014", "\U0001f600!"])
def test_nothing_is_asked_where_there_is_nothing_to_say(text: str) -> None:
    async def main() -> None:
        async with serving(sounds(RAMP)) as server:
            assert [pcm async for pcm in voice_for(server.url).speak(text)] == []
            assert server.connections == 0

    asyncio.run(main())


def test_it_takes_its_seat_by_name_and_has_any_voice() -> None:
    seats = seated({"tts": "openai", "tts_options": {"model": "tiny", "sample_rate": 22_050}}, Pool(1))
    assert isinstance(seats.tts, SpeechTTS)
    assert seats.tts.sample_rate == 22_050
    seats.require(voice="whoever")


def test_the_brain_goes_by_the_same_name() -> None:
    seats = seated({"brain": "openai", "brain_options": {"model": "tiny"}}, Pool(1))
    assert isinstance(seats.brain, ChatBrain)
