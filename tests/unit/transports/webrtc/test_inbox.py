import asyncio

import pytest

from s2s.errors import BacklogError, ConnectionLostError
from s2s.testing.clock import run
from s2s.transports.webrtc.inbox import Arrival, Inbox, Sound

FRAME = bytes(960)


async def all_of(inbox: Inbox, got: list[Arrival] | None = None) -> list[Arrival]:
    got = [] if got is None else got
    while (arrival := await inbox.get()) is not None:
        got.append(arrival)
    return got


def test_messages_and_sound_come_out_in_order_of_arrival() -> None:
    async def main() -> None:
        inbox = Inbox(1.0)
        arrivals: list[bytes | Sound] = [b"1", Sound(FRAME, 0.0), b"2", Sound(FRAME, 20.0)]
        for each in arrivals:
            inbox.put(each)
        inbox.end()
        assert await all_of(inbox) == arrivals

    run(main())


def test_whoever_waits_is_woken_by_an_arrival_and_by_the_end() -> None:
    async def main() -> None:
        inbox = Inbox(1.0)
        reading = asyncio.ensure_future(all_of(inbox))
        await asyncio.sleep(1)
        inbox.put(b"1")
        await asyncio.sleep(1)
        inbox.end()
        assert await reading == [b"1"]

    run(main())


def test_sound_that_nobody_reads_is_dropped_and_its_place_says_how_much() -> None:
    async def main() -> None:
        inbox = Inbox(0.1)
        for n in range(10):
            inbox.put(Sound(FRAME, 20.0 * n))
        inbox.put(b"1")
        inbox.put(Sound(FRAME, 200.0))
        inbox.end()
        *kept, dropped, message, dropped_too = await all_of(inbox)
        assert kept == [Sound(FRAME, 20.0 * n) for n in range(5)]
        assert isinstance(dropped, BacklogError)
        assert isinstance(dropped_too, BacklogError)
        assert (dropped.lost_ms, message, dropped_too.lost_ms) == (100, b"1", 20)
        assert str(dropped) == "100 ms of sound were dropped because nobody read them: read as it comes"

    run(main())


def test_reading_makes_room() -> None:
    async def main() -> None:
        inbox = Inbox(0.02)
        for n in range(5):
            inbox.put(Sound(FRAME, 20.0 * n))
            assert await inbox.get() == Sound(FRAME, 20.0 * n)

    run(main())


def test_too_many_unread_messages_end_the_call() -> None:
    async def main() -> None:
        inbox = Inbox(1.0, most_message_bytes=10)
        for _ in range(5):
            inbox.put(b"1234")
        got: list[Arrival] = []
        with pytest.raises(ConnectionLostError, match="8 bytes of messages wait unread: keep one loop"):
            await all_of(inbox, got)
        assert got == [b"1234", b"1234"]

    run(main())


def test_only_the_first_end_counts_and_nothing_comes_after_it() -> None:
    async def main() -> None:
        inbox = Inbox(1.0)
        inbox.end()
        inbox.end(ConnectionLostError("gone"))
        inbox.put(b"1")
        assert await all_of(inbox) == []

    run(main())
