"""Readers that come, leave and meet."""

import asyncio

import pytest

from s2s.errors import LocalProtocolError
from s2s.events import Event, GoingAway
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.support.links import types
from tests.support.sessions import plain


def test_two_loops_over_one_session_are_refused_and_nothing_hangs() -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            readers = [asyncio.ensure_future(Talk(session).rest()) for _ in range(2)]
            await asyncio.sleep(1)
            link.end()
            seen = await asyncio.gather(*readers, return_exceptions=True)
            assert [type(each) for each in seen] == [list, LocalProtocolError]

    run(main())


def test_leaving_the_loop_and_coming_back_loses_nothing() -> None:
    async def main() -> None:
        engine, link = plain(*(GoingAway(float(n)) for n in range(6)))
        link.end()
        session = await engine.start()
        events: list[Event] = []
        for _ in range(4):
            async for event in session:
                events.append(event)
                break
        async for event in session.recv():
            events.append(event)
        assert types(events) == ["session_started", *["going_away"] * 6, "session_ended"]
        assert [event async for event in session] == []

    run(main())


def test_reading_that_is_given_up_loses_nothing() -> None:
    async def main() -> None:
        engine, link = plain()
        async with engine.start() as session:
            await anext(session.recv())
            for n in range(5):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(session.recv()), 1)
                link.tell(GoingAway(float(n)))
                assert await asyncio.wait_for(anext(session.recv()), 1) == GoingAway(float(n))

    run(main())
