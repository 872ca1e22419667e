"""Connections that are opened before they are needed, and those whose time only we know."""

import asyncio

import pytest

from s2s.commands import ClearAudio, CommitAudio
from s2s.errors import ConnectError
from s2s.events import GoingAway, Reconnected, Reconnecting, ResponseDone
from s2s.lasting import Lifetime
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
LIFE = Lifetime(360, 465)


def ahead(dial_s: float = 0.0) -> ToyEngine:
    engine = ToyEngine(direct_pair, dial_s)
    engine.beforehand = True
    return engine


def polite() -> ToyWire:
    wire = ToyWire()
    wire.polite = True
    return wire


def test_a_connection_that_has_served_is_left_for_one_that_was_opened_beforehand() -> None:
    async def main() -> None:
        engine = ahead()
        async with listening(polite(), engine, life=LIFE) as (link, ear):
            await rest(359)
            assert (ear.told, engine.ends[0]._closed, len(engine.ends)) == ([], None, 1)
            await rest(1.1)
            assert ear.told == [GoingAway(105.0), PARTED, LEFT]
            assert (engine.heard(0), engine.ends[0]._closed) == ([b"bye"], (1000, ""))
            assert engine.heard() == [b"hello 2"]
            writing = asyncio.ensure_future(link.send(CommitAudio()))
            await engine.say(BACK)
            await writing
            assert (ear.told[3:], engine.heard()) == ([BACK], [*spelled(CommitAudio())])

    run(main())


def test_a_connection_that_is_left_in_time_is_no_failure_however_short_its_life() -> None:
    async def main() -> None:
        engine = ahead()
        async with listening(ToyWire(), engine, life=Lifetime(5, 100), attempts=2) as (_, ear):
            for _ in range(10):
                await rest(5.1)
                await engine.say(BACK)
            told = [each for each in ear.told if isinstance(each, GoingAway | Reconnecting | Reconnected)]
            assert told == [GoingAway(95.0), LEFT, BACK] * 10

    run(main())


def test_the_old_one_goes_on_until_the_next_is_there_and_nothing_is_under_way() -> None:
    async def main() -> None:
        engine, wire = ahead(dial_s=3), polite()
        async with listening(wire, engine, life=LIFE) as (link, ear):
            wire.idle = False
            await rest(361)
            await link.send(ClearAudio())
            await rest(1)
            wire.idle = True
            await link.send(ClearAudio())
            assert (ear.told, len(engine.ends)) == ([GoingAway(105.0)], 1)
            assert engine.heard(0) == [*spelled(ClearAudio()), *spelled(ClearAudio())]
            await rest(1.5)
            assert (ear.told[1:], engine.heard(0), engine.heard(1)) == (
                [PARTED, LEFT],
                [b"bye"],
                [b"hello 2"],
            )

    run(main())


def test_what_is_under_way_at_the_very_end_is_left_all_the_same() -> None:
    async def main() -> None:
        engine, wire = ahead(), ToyWire()
        async with listening(wire, engine, life=LIFE) as (_, ear):
            wire.idle = False
            began = asyncio.get_running_loop().time()
            await rest(470)
            assert ear.at(PARTED) - began == pytest.approx(460, abs=0.01)

    run(main())


def test_a_connection_that_waits_in_vain_is_opened_anew() -> None:
    async def main() -> None:
        engine, wire = ahead(), ToyWire()
        async with listening(wire, engine, life=LIFE) as (link, ear):
            wire.idle = False
            await rest(360 + 60)
            assert [round(at) for at in engine.dialled_at] == [0, 360, 385, 410]
            assert [each._closed for each in engine.ends] == [None, (1000, ""), (1000, ""), None]
            wire.idle = True
            await link.send(ClearAudio())
            await rest()
            assert (ear.told[1:], engine.heard()) == ([PARTED, LEFT], [b"hello 4"])

    run(main())


def test_where_none_can_be_opened_beforehand_it_is_tried_again_and_in_the_end_without() -> None:
    async def main() -> None:
        engine = ahead()
        async with listening(ToyWire(), engine, life=LIFE) as (_, ear):
            engine.refusals.extend(ConnectError("full", retryable=True) for _ in range(20))
            await rest(379)
            assert (ear.told, [round(at) for at in engine.dialled_at[1:]]) == (
                [GoingAway(105.0)],
                [360, 365, 370, 375],
            )
            await rest(81)
            assert ear.told[1:3] == [PARTED, LEFT]
            engine.refusals.clear()
            await rest(5)
            assert engine.heard()[0].startswith(b"hello")

    run(main())


def test_a_spare_is_taken_where_the_connection_breaks_before_it_is_left() -> None:
    async def main() -> None:
        engine, wire = ahead(), polite()
        async with listening(wire, engine, life=LIFE) as (_, ear):
            wire.idle = False
            await rest(361)
            await engine.ends[0].close(1006, "the cable")
            await rest()
            assert ear.told[1:] == [PARTED, Reconnecting(CABLE, 1)]
            assert (len(engine.ends), engine.heard(0)) == (2, [])
            await engine.say(BACK)
            assert ear.told[-1] == BACK

    run(main())


def test_a_spare_that_has_died_is_an_attempt_like_any_other() -> None:
    async def main() -> None:
        engine, wire = ahead(), ToyWire()
        async with listening(wire, engine, life=LIFE) as (link, ear):
            wire.idle = False
            await rest(361)
            await engine.ends[1].close(1006, "the cable")
            wire.idle = True
            await link.send(ClearAudio())
            await rest(2)
            assert ear.told[1:] == [PARTED, LEFT, Reconnecting(CABLE, 2)]
            await engine.say(BACK)
            assert ear.told[-1] == BACK

    run(main())


def test_what_holds_for_another_connection_only_does_not_go_over_a_spare() -> None:
    async def main() -> None:
        engine, wire = ahead(), ToyWire()
        async with listening(wire, engine, life=LIFE) as (link, ear):
            wire.idle = False
            await rest(361)
            wire.idle = True
            asking = asyncio.ensure_future(link.send(CHANGE))
            await rest()
            assert engine.ends[1]._closed == (1000, "")
            assert engine.heard(2) == [b"hello 3"]
            await engine.say(BACK)
            await asking
            assert ear.told[1:] == [PARTED, LEFT, BACK]

    run(main())


@pytest.mark.parametrize("at_s", [0.0, 360.5, 361.5, 390.0])
def test_closing_leaves_no_connection_and_no_task_behind(at_s: float) -> None:
    async def main() -> None:
        engine, wire = ahead(dial_s=1), polite()
        wire.idle = False
        link = lasting(wire, engine, life=LIFE)
        await link.open()
        ear = Listening(link)
        await engine.say(STARTED)
        await rest(at_s)
        await link.close()
        await ear.task
        assert engine.heard(0)[-1] == b"bye"
        assert [each._closed for each in engine.ends] == [(1000, "")] * len(engine.ends)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_without_attempts_the_end_is_told_and_awaited() -> None:
    async def main() -> None:
        engine = ahead()
        async with listening(ToyWire(), engine, life=LIFE, attempts=0) as (_, ear):
            await rest(479)
            assert (ear.told, len(engine.ends)) == ([GoingAway(105.0)], 1)

    run(main())


def test_a_connection_that_is_not_ready_is_closed_without_a_word() -> None:
    async def main() -> None:
        engine = ahead()
        link = lasting(polite(), engine)
        await link.open()
        ear = Listening(link)
        await link.close()
        await ear.task
        assert engine.heard() == [b"hello 1"]
        assert ear.told == [ResponseDone("lost")]

    run(main())
