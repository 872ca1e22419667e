import asyncio

import pytest

from s2s.commands import AppendAudio, Command, CommitAudio
from s2s.config import Limits
from s2s.errors import BacklogError, LocalProtocolError
from s2s.events import AudioOutput, Error, Event, SessionEnded, SpeechStarted
from s2s.items import JSON
from s2s.queues import Inbox, Outbox
from s2s.testing.clock import run
from s2s.wire import Send
from tests.support.links import types

MS = 48


def audio(ms: int, item_id: str = "i") -> AudioOutput:
    return AudioOutput(bytes(ms * MS), 24_000, "r", item_id)


def text(n: int) -> SpeechStarted:
    return SpeechStarted(f"u{n}", float(n))


def inbox(taken: list[AudioOutput] | None = None, **limits: JSON) -> Inbox:
    heard: list[AudioOutput] = [] if taken is None else taken
    return Inbox(Limits(**limits), MS, heard.append)


async def rest(box: Inbox) -> list[Event]:
    box.end()
    return await read(box)


async def read(box: Inbox) -> list[Event]:
    found: list[Event] = []
    while (event := await box.get()) is not None:
        found.append(event)
    return found


def test_the_outbox_keeps_its_order_whatever_it_holds() -> None:
    async def main() -> None:
        box = Outbox(10)
        items: list[Command | Send] = [CommitAudio(), AppendAudio(b"ab"), Send(b"c"), AppendAudio(b"d")]
        for each in items:
            box.put(each)
        assert [await box.get() for _ in items] == items

    run(main())


def test_room_is_what_audio_leaves() -> None:
    async def main() -> None:
        box = Outbox(4)
        box.put(CommitAudio())
        box.put(AppendAudio(b"abc"))
        assert box.has_room
        await box.room()
        box.put(AppendAudio(b"abc"))
        waiting = asyncio.ensure_future(box.room())
        await asyncio.sleep(1)
        assert not waiting.done()
        await box.get()
        await box.get()
        await waiting

    run(main())


def test_whoever_waits_for_room_is_woken_at_the_end() -> None:
    async def main() -> None:
        box = Outbox(1)
        box.put(AppendAudio(b"ab"))
        waiting = asyncio.ensure_future(box.room())
        await asyncio.sleep(0)
        box.end()
        await waiting

    run(main())


def test_the_writer_waits_for_what_comes() -> None:
    async def main() -> None:
        box = Outbox(1)
        waiting = asyncio.ensure_future(box.get())
        await asyncio.sleep(1)
        box.put(CommitAudio())
        assert await waiting == CommitAudio()

    run(main())


def test_audio_goes_at_once_where_the_writer_has_nothing_to_do_and_else_waits_its_turn() -> None:
    async def main() -> None:
        gone: list[bytes] = []
        late: list[Send | None] = [None, None, Send(b"spelled")]

        def at_once(audio: bytes) -> Send | None:
            gone.append(audio)
            return late.pop(0)

        box = Outbox(10, at_once)
        box.put_audio(b"a")
        assert (await box.get(), gone) == (AppendAudio(b"a"), [])
        writing = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        for audio in (b"b", b"c"):
            box.put_audio(audio)
        assert gone == [b"b", b"c"]
        box.put_audio(b"d")
        box.put_audio(b"e")
        assert (await writing, await box.get(), gone) == (
            Send(b"spelled"),
            AppendAudio(b"e"),
            [b"b", b"c", b"d"],
        )

    run(main())


def test_the_inbox_keeps_its_order_and_reports_audio_as_it_is_taken() -> None:
    async def main() -> None:
        taken: list[AudioOutput] = []
        box = inbox(taken)
        events: list[Event] = [text(1), audio(1, "a"), text(2), audio(2, "b")]
        for each in events:
            box.put(each)
        assert [await box.get(), await box.get()] == events[:2]
        assert taken == events[1:2]
        assert await rest(box) == events[2:]
        assert taken == [events[1], events[3]]

    run(main())


def test_audio_beyond_the_bound_is_counted_and_not_kept() -> None:
    async def main() -> None:
        box = inbox(output_audio_s=0.1)
        for event in (audio(100), audio(40), audio(2), text(1), audio(20)):
            box.put(event)
        events = await rest(box)
        assert types(events) == ["audio_output", "error", "speech_started", "error"]
        assert lost(events) == [42.0, 20.0]
        assert "42 ms of audio were dropped because nobody read them" in str(errors(events)[0])

    run(main())


def test_what_was_lost_is_counted_once_however_it_is_read() -> None:
    async def main() -> None:
        box = inbox(output_audio_s=0.1)
        for event in (audio(100), audio(10), text(1), audio(20)):
            box.put(event)
        await box.get()
        box.put(audio(100))
        first = await box.get()
        box.put(audio(5))
        assert first is not None
        assert lost([first, *await rest(box)]) == [10.0, 20.0, 5.0]

    run(main())


def test_there_is_room_again_for_audio_once_some_was_read_or_purged() -> None:
    async def main() -> None:
        box = inbox(output_audio_s=0.1)
        box.put(audio(100))
        await box.get()
        box.put(audio(90))
        box.put(text(1))
        box.purge_audio()
        box.put(audio(100, "later"))
        assert await rest(box) == [text(1), audio(100, "later")]

    run(main())


def test_a_reader_that_is_cancelled_has_taken_nothing() -> None:
    async def main() -> None:
        box = inbox()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(box.get(), 1)
        waiting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        box.put(text(1))
        waiting.cancel()
        assert await box.get() == text(1)

    run(main())


def test_a_second_reader_at_the_same_time_is_refused_and_the_first_goes_on() -> None:
    async def main() -> None:
        box = inbox()
        first = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        with pytest.raises(LocalProtocolError, match="somebody else already reads this session"):
            await box.get()
        box.put(text(1))
        assert await first == text(1)

    run(main())


def test_of_two_readers_that_race_one_is_refused_and_nothing_hangs() -> None:
    async def main() -> None:
        box = inbox()
        first, second = asyncio.ensure_future(read(box)), asyncio.ensure_future(read(box))
        for n in range(5):
            await asyncio.sleep(0)
            box.put(text(n))
        box.end()
        seen = await asyncio.gather(first, second, return_exceptions=True)
        refused = [each for each in seen if isinstance(each, LocalProtocolError)]
        assert (len(refused), [text(n) for n in range(5)]) == (
            1,
            next(e for e in seen if isinstance(e, list)),
        )

    run(main())


def test_a_reader_takes_the_place_of_one_that_is_woken_and_has_not_run() -> None:
    async def main() -> None:
        box = inbox()
        slow = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        box.put(text(1))
        assert await box.get() == text(1)
        quick = asyncio.ensure_future(box.get())
        box.put(text(2))
        box.put(text(3))
        assert {await slow, await quick} == {text(2), text(3)}

    run(main())


def test_nobody_reads_where_too_many_events_wait() -> None:
    async def main() -> None:
        box = inbox(waiting_events=2)
        seen = []
        for n in range(3):
            box.put(text(n))
            seen.append(box.stalled)
        await box.get()
        assert [*seen, box.stalled] == [False, False, True, False]

    run(main())


def test_after_the_end_there_is_what_waits_and_then_nothing() -> None:
    async def main() -> None:
        box = inbox()
        waiting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        box.put(SessionEnded("closed"))
        box.end()
        assert await waiting == SessionEnded("closed")
        assert [await box.get(), await box.get()] == [None, None]

    run(main())


def test_a_waiting_reader_hears_of_the_end() -> None:
    async def main() -> Event | None:
        box = inbox()
        waiting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        box.end()
        return await waiting

    assert run(main()) is None


def errors(events: list[Event]) -> list[BacklogError]:
    return [e.error for e in events if isinstance(e, Error) and isinstance(e.error, BacklogError)]


def lost(events: list[Event]) -> list[float]:
    return [each.lost_ms for each in errors(events)]


def test_audio_of_a_spared_response_stays_when_the_rest_is_taken_back() -> None:
    async def main() -> None:
        box = inbox(output_audio_s=0.02)
        spared = AudioOutput(bytes(10 * MS), 24_000, "aside", "j")
        for event in (audio(10), text(1), spared):
            box.put(event)
        box.purge_audio({"aside"})
        box.put(audio(10))
        box.put(audio(1))
        assert types(await rest(box)) == ["speech_started", "audio_output", "audio_output", "error"]

    run(main())
