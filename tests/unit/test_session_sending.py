"""What an application sends arrives."""

import asyncio
from array import array
from collections.abc import Sequence

import pytest

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
)
from s2s.errors import AudioFormatError, LocalProtocolError
from s2s.events import Error, Event, TurnEnd
from s2s.formats import AudioFormat
from s2s.items import JSON, Message
from s2s.providers.script import ScriptEngine
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from s2s.wire import Send
from tests.support.links import PlainEngine, PlainLink
from tests.support.sessions import able, loud


def test_what_is_sent_arrives_as_commands_in_order() -> None:
    async def main() -> None:
        engine, link = able()
        async with engine.start() as session:
            await session.send_audio(b"\1\2")
            await session.commit()
            await session.clear()
            await session.send_image(b"png", "image/png")
            await session.respond("Be kind.", metadata={"a": "b"})
            await session.send_text("Hi", respond=False)
            await session.send_text("Be brief.", role="system")
            await asyncio.sleep(1)
        texts = [each.item for each in link.sent if isinstance(each, AddItem)]
        assert [(each.role, each.text) for each in texts if isinstance(each, Message)] == [
            ("user", "Hi"),
            ("system", "Be brief."),
        ]
        assert [each for each in link.sent if not isinstance(each, AddItem)] == [
            AppendAudio(b"\1\2"),
            CommitAudio(),
            ClearAudio(),
            AppendImage(b"png", "image/png"),
            CreateResponse("Be kind.", {"a": "b"}),
            CreateResponse(),
        ]

    run(main())


def heard(link: PlainLink) -> bytes:
    return b"".join(each.audio for each in link.sent if isinstance(each, AppendAudio))


@pytest.mark.parametrize("sizes", [[1, 1, 1, 1], [3, 1], [1, 3], [0, 4], [4]])
def test_chunks_of_any_length_are_one_stream(sizes: list[int]) -> None:
    async def main() -> None:
        engine, link = able()
        async with engine.start() as session:
            at = 0
            for size in sizes:
                await session.send_audio(b"\1\2\3\4"[at : at + size])
                at += size
            await asyncio.sleep(1)
        assert heard(link) == b"\1\2\3\4"
        assert all(len(each.audio) % 2 == 0 for each in link.sent if isinstance(each, AppendAudio))

    run(main())


@pytest.mark.parametrize(
    "chunk", [bytearray(b"\1\2"), memoryview(b"\1\2"), array("h", [513]), memoryview(array("h", [513]))]
)
def test_whatever_holds_samples_can_be_sent(chunk: JSON) -> None:
    async def main() -> None:
        engine, link = able()
        async with engine.start() as session:
            await session.send_audio(chunk)
            await asyncio.sleep(1)
        assert heard(link) == b"\1\2"

    run(main())


def test_what_is_no_audio_is_refused_and_the_session_goes_on() -> None:
    async def main() -> None:
        engine, link = able()
        async with engine.start() as session:
            with pytest.raises(AudioFormatError):
                await session.send_audio(array("d", [0.5]).tolist())  # type: ignore[arg-type]
            await session.send_audio(b"\1\2")
            await asyncio.sleep(1)
        assert heard(link) == b"\1\2"

    run(main())


@pytest.mark.parametrize(
    ("config", "sent", "arrives_ms"),
    [
        ({"sample_rate": 16_000}, bytes(32 * 100), 100),
        ({"input_format": AudioFormat("g711_ulaw", 8_000)}, b"\xff" * 800, 100),
        ({"input_format": AudioFormat(sample_rate=48_000, channels=2)}, bytes(192 * 100), 100),
    ],
)
def test_audio_of_another_format_arrives_as_the_engine_hears(
    config: dict[str, JSON], sent: bytes, arrives_ms: int
) -> None:
    async def main() -> None:
        engine, link = able(**config)
        async with engine.start() as session:
            for start in range(0, len(sent), 333):
                await session.send_audio(sent[start : start + 333])
            await asyncio.sleep(1)
        assert len(heard(link)) == pytest.approx(arrives_ms * 48, abs=3 * 48)

    run(main())


def test_a_long_chunk_is_sent_whole() -> None:
    async def main() -> None:
        engine, link = able()
        async with engine.start() as session:
            await session.send_audio(loud(25_000))
            await asyncio.sleep(1)
        assert heard(link) == loud(25_000)

    run(main())


def test_half_of_a_character_becomes_a_question_mark() -> None:
    async def main() -> None:
        async with ScriptEngine().start(instructions="Be \udc00 brief.") as session:
            assert session.config.instructions == "Be ? brief."
            talk = Talk(session)
            await session.send_text("hello \ud83d there")
            assert (await talk.until(TurnEnd)).agent_text == "You said: hello ? there"

    run(main())


class Picky(PlainLink):
    """Refuses what it is shown."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        if isinstance(command, AppendImage):
            raise LocalProtocolError("too large a picture: show a smaller one")
        return await super().send(command)


def test_what_a_link_refuses_is_an_error_and_the_session_lives() -> None:
    async def main() -> None:
        link = Picky(capabilities=Capabilities(images=True))
        async with PlainEngine(lambda: link, Capabilities(images=True)).start() as session:
            talk = Talk(session)
            await session.send_image(b"x")
            error = await talk.until(Error)
            assert "too large" in str(error.error)
            assert not error.fatal
            await session.send_text("Still here.", respond=False)
            await asyncio.sleep(1)
            assert not session.closed

    run(main())
