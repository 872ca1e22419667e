"""Connections that are left before they end, because the engine says that they will."""

import asyncio

import pytest

from s2s.commands import ClearAudio, CommitAudio
from s2s.events import Event, GoingAway, IdleTimeout, Reconnecting, ResponseDone
from s2s.testing.clock import run
from s2s.transports.memory import direct_pair
from tests.support.lasting import (
    BACK,
    CABLE,
    CHANGE,
    PARTED,
    SOON,
    STARTED,
    Listening,
    ToyEngine,
    ToyWire,
    lasting,
    listening,
    rest,
    spelled,
)

LEFT = Reconnecting(SOON, 1)


@pytest.mark.parametrize("connection", [None, direct_pair])
def test_a_connection_that_will_end_is_left_at_once_where_nothing_is_under_way(connection: object) -> None:
    async def main() -> None:
        engine = ToyEngine() if connection is None else ToyEngine(direct_pair)
        async with listening(ToyWire(), engine) as (link, ear):
            await engine.say(GoingAway(50))
            assert ear.told == [GoingAway(50), PARTED, LEFT]
            assert (engine.ends[0]._closed, engine.heard()) == ((1000, ""), [b"hello 2"])
            writing = asyncio.ensure_future(link.send(CommitAudio()))
            await engine.say(BACK)
            await writing
            assert (ear.told[3:], engine.heard()) == ([BACK], [*spelled(CommitAudio())])

    run(main())


@pytest.mark.parametrize("noticed", ["message", "command"])
def test_it_is_left_as_soon_as_nothing_is_under_way(noticed: str) -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (link, ear):
            wire.idle = False
            await engine.say(GoingAway(50), ResponseDone("r"))
            await link.send(ClearAudio())
            await rest(20)
            assert ear.told == [GoingAway(50), ResponseDone("r")]
            wire.idle = True
            if noticed == "command":
                await link.send(ClearAudio())
                await rest()
            else:
                await engine.say(ResponseDone("r"))
            assert ear.told[-2:] == [PARTED, LEFT]

    run(main())


def test_audio_that_is_written_at_once_may_be_what_shows_that_nothing_is_under_way() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(direct_pair), ToyWire()
        async with listening(wire, engine) as (link, ear):
            wire.idle = False
            await engine.say(GoingAway(50))
            assert link.append(b"1") is None
            await rest()
            before = [*ear.told]
            wire.idle = True
            assert link.append(b"2") is None
            await rest()
            assert (before, ear.told[1:]) == ([GoingAway(50)], [PARTED, LEFT])

    run(main())


@pytest.mark.parametrize(("time_left_s", "left_at_s"), [(50, 45), (10, 5), (4, 2), (0, 0)])
def test_it_is_left_in_time_whatever_is_under_way(time_left_s: float, left_at_s: float) -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (_, ear):
            wire.idle = False
            began = asyncio.get_running_loop().time()
            await engine.say(GoingAway(time_left_s))
            await rest(46)
            assert ear.at(PARTED) - began == pytest.approx(left_at_s, abs=0.01)
            assert ear.told == [GoingAway(time_left_s), PARTED, LEFT, *ear.told[3:]]

    run(main())


def test_the_nearest_of_two_ends_counts() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (_, ear):
            wire.idle = False
            await engine.say(GoingAway(50), GoingAway(20), GoingAway(90))
            await rest(16)
            assert ear.at(PARTED) == pytest.approx(15, abs=0.01)

    run(main())


def test_a_connection_that_will_end_before_it_is_ready_is_left_once_it_is() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        link = lasting(wire, engine, first_s=1)
        await link.open()
        ear = Listening(link)
        await engine.say(GoingAway(2))
        await rest(3)
        await engine.say(STARTED)
        assert ear.told == [GoingAway(2), STARTED, PARTED, LEFT]
        await engine.say(GoingAway(2))
        await rest(3)
        await engine.say(BACK)
        assert ear.told[4:] == [GoingAway(2), BACK, ResponseDone("parted from 2"), Reconnecting(SOON, 2)]
        await link.close()
        await ear.task

    run(main())


def test_an_engine_that_always_goes_away_is_followed_ever_more_slowly_and_not_for_ever() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, attempts=3, first_s=2, most_s=9) as (_, ear):
            for _ in range(4):
                await engine.say(GoingAway(50))
                await rest(5)
                await engine.say(BACK)
            attempts = [each for each in ear.told if isinstance(each, Reconnecting)]
            assert attempts == [Reconnecting(SOON, n) for n in (1, 2, 3)]
            assert [round(at) for at in engine.dialled_at[1:]] == [0, 7, 14]
            await rest(60)
            assert ear.told[-1] == BACK

    run(main())


def test_a_connection_that_has_held_may_be_left_whatever_was_before() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine, attempts=1, stable_s=30) as (_, ear):
            await engine.cut()
            await engine.say(BACK)
            await rest(31)
            await engine.say(GoingAway(50))
            assert ear.told[-1] == LEFT

    run(main())


def test_a_connection_that_holds_until_it_is_left_begins_to_count_anew() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine, stable_s=30) as (_, ear):
            await engine.cut()
            await engine.say(BACK)
            wire.idle = False
            await engine.say(GoingAway(50))
            await rest(46)
            assert ear.told[-1] == LEFT

    run(main())


def test_without_attempts_a_connection_is_not_left() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, attempts=0) as (_, ear):
            await engine.say(GoingAway(5))
            await rest(100)
            assert ear.told == [GoingAway(5)]

    run(main())


def test_a_connection_that_is_lost_before_it_is_left_counts_as_lost() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (_, ear):
            wire.idle = False
            await engine.say(GoingAway(50))
            await engine.cut()
            await engine.say(BACK)
            await rest(100)
            assert ear.told == [GoingAway(50), PARTED, Reconnecting(CABLE, 1), BACK]

    run(main())


def test_a_connection_that_ends_as_it_is_left_is_left() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.survivable = lambda failure: False
        async with listening(wire, engine) as (_, ear):
            await engine.end.send(b'{"type":"going_away","time_left_s":9}')
            await engine.cut()
            await engine.say(BACK)
            assert ear.told == [GoingAway(9), PARTED, LEFT, BACK]

    run(main())


def test_what_a_left_connection_has_said_before_is_heard() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (_, ear):
            for each in (b'{"type":"going_away","time_left_s":9}', b'{"type":"idle_timeout","idle_s":1}'):
                await engine.end.send(each)
            await rest()
            assert ear.told == [GoingAway(9), IdleTimeout(1), PARTED, LEFT]

    run(main())


def test_a_change_that_waits_and_an_end_that_comes_are_one_replacement() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (link, ear):
            wire.idle = False
            await link.send(CHANGE)
            await engine.say(GoingAway(20))
            await rest(16)
            await engine.say(BACK)
            await rest(100)
            told: list[Event] = [GoingAway(20), PARTED, Reconnecting("changed", 1), BACK]
            assert ear.told == told

    run(main())
