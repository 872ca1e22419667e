"""Connections that are lost, and the attempts at the next one."""

import pytest

from s2s.errors import ConnectError, RemoteProtocolError, S2SError
from s2s.events import Event, Reconnecting, ResponseDone
from s2s.testing.clock import run
from s2s.transports.memory import MemoryTransport, pair
from tests.support.lasting import (
    BACK,
    CABLE,
    LOST,
    PARTED,
    STARTED,
    Listening,
    ToyEngine,
    ToyWire,
    lasting,
    listening,
    rest,
)

BUSY = ConnectError("busy", retryable=True)
ENDED = "the engine ended the connection"
LATE = "the engine was not ready within 10 s: try again"


def attempts(ear: Listening) -> list[tuple[float, int, str]]:
    """When which attempt was told, and why."""
    told = zip(ear.told, ear.told_at, strict=True)
    return [(round(at), e.attempt, e.cause) for e, at in told if isinstance(e, Reconnecting)]


@pytest.mark.parametrize("code", [1000, 1006])
def test_the_first_connection_is_not_tried_again_before_it_is_ready(code: int) -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        link = lasting(wire, engine)
        await link.open()
        ear = Listening(link)
        await engine.cut(code)
        if code == 1000:
            await ear.task
        else:
            with pytest.raises(S2SError, match="explained: the connection closed with code 1006"):
                await ear.task
        assert (ear.told, wire.asked, len(engine.ends)) == ([LOST], [], 1)
        await link.close()

    run(main())


def test_a_lost_connection_is_replaced_at_once() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (_, ear):
            await rest(50)
            await engine.cut()
            assert (engine.dialled_at[1], engine.heard()) == (ear.at(PARTED), [b"hello 2"])
            await engine.say(BACK, ResponseDone("r"))
            assert ear.told == [PARTED, Reconnecting(CABLE, 1), BACK, ResponseDone("r")]

    run(main())


def test_a_connection_that_ends_in_order_is_replaced_too() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (_, ear):
            await engine.cut(1000)
            assert ear.told == [PARTED, Reconnecting(ENDED, 1)]
            assert wire.asked == [None]

    run(main())


def test_an_end_in_order_that_is_for_good_ends_the_link_in_order() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.survivable = lambda failure: failure is not None
        async with listening(wire, engine) as (_, ear):
            await engine.cut(1000)
            await ear.task
            assert ear.told == [LOST]

    run(main())


def test_an_end_in_order_that_is_for_good_is_that_after_any_attempts() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.survivable = lambda failure: failure is not None
        async with listening(wire, engine) as (_, ear):
            await engine.cut()
            await engine.say(BACK)
            await engine.cut(1000)
            await ear.task
            assert ear.told == [PARTED, Reconnecting(CABLE, 1), BACK, LOST]

    run(main())


def test_a_loss_that_is_for_good_is_explained() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.survivable = lambda failure: False
        async with listening(wire, engine) as (_, ear):
            await engine.cut()
            with pytest.raises(S2SError, match="explained: the connection closed"):
                await ear.task
            assert (ear.told, len(engine.ends)) == ([LOST], 1)

    run(main())


@pytest.mark.parametrize("code", [1000, 1006])
def test_without_attempts_every_end_is_the_end(code: int) -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, attempts=0) as (_, ear):
            await engine.cut(code)
            if code == 1000:
                await ear.task
            else:
                with pytest.raises(S2SError, match="explained: the connection closed"):
                    await ear.task
            assert (ear.told, len(engine.ends)) == ([LOST], 1)

    run(main())


@pytest.mark.parametrize("goes_on", [True, False])
def test_after_a_message_that_cannot_be_read_the_wire_says_whether_it_goes_on(goes_on: bool) -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.survivable = lambda failure: goes_on
        async with listening(wire, engine) as (_, ear):
            await engine.say(b"{nonsense")
            assert isinstance(wire.asked[0], RemoteProtocolError)
            if goes_on:
                await engine.say(BACK)
                assert ear.told[-1] == BACK
            else:
                with pytest.raises(S2SError, match="explained: not a message of this dialect"):
                    await ear.task
                assert ear.told == [LOST]

    run(main())


def test_attempts_wait_longer_and_longer_until_there_are_no_more() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, attempts=6, first_s=2, most_s=10) as (_, ear):
            await rest(100)
            engine.refusals.extend([BUSY] * 6)
            await engine.cut()
            with pytest.raises(S2SError, match="explained: busy"):
                await ear.task
            # Each is told before its wait.
            assert attempts(ear) == [
                (100, 1, CABLE),
                (100, 2, "busy"),
                (102, 3, "busy"),
                (106, 4, "busy"),
                (114, 5, "busy"),
                (124, 6, "busy"),
            ]
            assert [round(at) for at in engine.dialled_at[1:]] == [100, 102, 106, 114, 124, 134]
            assert (ear.told[0], ear.told[-1], len(engine.ends)) == (PARTED, LOST, 1)

    run(main())


def test_the_first_attempt_that_succeeds_is_the_last() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (_, ear):
            engine.refusals.extend([BUSY] * 2)
            await engine.cut()
            await rest(10)
            await engine.say(BACK)
            assert ear.told[1:] == [
                Reconnecting(CABLE, 1),
                Reconnecting("busy", 2),
                Reconnecting("busy", 3),
                BACK,
            ]

    run(main())


def test_an_attempt_that_cannot_be_repeated_is_the_last() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (_, ear):
            engine.refusals.append(ConnectError("no such model"))
            await engine.cut()
            with pytest.raises(S2SError, match="explained: no such model"):
                await ear.task
            assert (ear.told[-1], len(engine.ends)) == (LOST, 1)

    run(main())


@pytest.mark.parametrize("why", ["it says nothing", "dialling takes for ever", "it takes nothing"])
def test_an_engine_that_is_not_ready_in_time_is_tried_again(why: str) -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (_, ear):
            match why:
                case "dialling takes for ever":
                    engine.dial_s = 1000
                case "it takes nothing":
                    engine.connection = lambda: pair(room=0)
                case _:
                    pass
            await engine.cut()
            await rest(9.9)
            engine.dial_s, engine.connection = 0, pair
            await rest(5)
            assert attempts(ear) == [(0, 1, CABLE), (10, 2, LATE)]
            await engine.say(BACK)
            assert ear.told == [PARTED, Reconnecting(CABLE, 1), Reconnecting(LATE, 2), BACK]
            await rest(100)
            assert ear.told[-1] == BACK

    run(main())


def test_a_connection_that_ends_before_it_is_ready_asks_the_wire_again() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.survivable = lambda failure: "refused" not in str(failure)
        async with listening(wire, engine) as (_, ear):
            await engine.cut()
            await engine.cut()
            await rest(1)
            await engine.cut(1008, "refused")
            with pytest.raises(S2SError, match=r"explained: .*refused"):
                await ear.task
            assert ear.told == [PARTED, Reconnecting(CABLE, 1), Reconnecting(CABLE, 2), LOST]
            assert (len(wire.asked), wire.opened) == (3, 3)

    run(main())


def test_a_connection_that_breaks_as_it_is_told_what_it_begins_with_is_tried_again() -> None:
    def broken() -> tuple[MemoryTransport, MemoryTransport]:
        near, far = pair()
        near._closed = far._closed = (1011, "no")
        return near, far

    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (_, ear):
            engine.connection = broken
            await engine.cut()
            engine.connection = pair
            await rest(1)
            await engine.say(BACK)
            assert [type(each) for each in ear.told[1:]] == [Reconnecting, Reconnecting, type(BACK)]

    run(main())


def test_a_connection_that_does_not_hold_counts_on_and_one_that_holds_begins_anew() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, attempts=3, first_s=1, stable_s=30) as (_, ear):
            for held_s in (29, 31, 29, 29, 29):
                await rest(held_s)
                await engine.cut()
                if not ear.task.done():
                    await rest(5)
                    await engine.say(BACK)
            numbers = [number for _, number, _ in attempts(ear)]
            assert numbers == [1, 1, 2, 3]
            with pytest.raises(S2SError, match="explained: the connection closed"):
                await ear.task

    run(main())


def test_an_engine_that_ends_every_connection_in_order_is_given_up() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, attempts=2) as (_, ear):
            for _ in range(3):
                await engine.cut(1000)
                await rest(1)
            with pytest.raises(S2SError, match=r"explained: .* one connection after the other, 2 in a row"):
                await ear.task
            assert ear.told[1:] == [Reconnecting(ENDED, 1), Reconnecting(ENDED, 2), LOST]

    run(main())


def test_a_connection_that_ends_as_it_becomes_ready_was_ready() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        link = lasting(wire, engine)
        await link.open()
        ear = Listening(link)
        await engine.say(STARTED)
        await engine.cut()
        await engine.end.send(b'{"type":"reconnected","restored":"full"}')
        await engine.cut()
        told: list[Event] = [STARTED, PARTED, Reconnecting(CABLE, 1), BACK, ResponseDone("parted from 2")]
        assert ear.told == [*told, Reconnecting(CABLE, 2)]
        await link.close()
        await ear.task

    run(main())
