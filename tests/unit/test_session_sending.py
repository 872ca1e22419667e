"""What an application sends arrives."""

import asyncio
from array import array

import pytest

from s2s.commands import AddItem, AppendAudio, AppendImage, ClearAudio, CommitAudio, CreateResponse
from s2s.errors import AudioFormatError
from s2s.formats import AudioFormat
from s2s.items import JSON, Message
from s2s.testing.clock import run
from tests.support.links import PlainLink
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
