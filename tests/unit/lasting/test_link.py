"""How a link opens, tells what it hears, and ends."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from s2s.commands import AppendAudio, CommitAudio
from s2s.errors import ConnectError, ConnectionLostError, S2SError
from s2s.events import GoingAway, Reconnecting, ResponseDone
from s2s.links import Direct
from s2s.testing.clock import run
from s2s.transports.memory import MemoryTransport, pair
from s2s.wire import Send
from tests.support.lasting import (
    ASK,
    BACK,
    CABLE,
    LOST,
    PARTED,
    SOON,
    STARTED,
    ToyEngine,
    ToyWire,
    lasting,
    listening,
    rest,
)


def test_a_link_opens_with_what_its_conversation_begins_with() -> None:
    async def main() -> None:
        engine = ToyEngine()
        link = lasting(ToyWire(), engine)
        await link.open()
        assert (engine.heard(), link.input_rate, isinstance(link, Direct)) == ([b"hello 1"], 24_000, True)
        await link.close()

    run(main())


def test_a_link_that_cannot_be_opened_explains_why_and_keeps_nothing_open() -> None:
    async def main() -> None:
        engine = ToyEngine()
        engine.refusals.append(ConnectError("nobody is there", retryable=True))
        link = lasting(ToyWire(), engine)
        with pytest.raises(S2SError, match="explained: nobody is there"):
            await link.open()
        with pytest.raises(ConnectionLostError):
            await link.send(CommitAudio())
        await link.close()
        assert engine.ends == []

        def broken() -> tuple[MemoryTransport, MemoryTransport]:
            near, far = pair()
            near._closed = (1011, "no")
            return near, far

        engine = ToyEngine(broken)
        with pytest.raises(S2SError, match="explained: the connection closed with code 1011"):
            await lasting(ToyWire(), engine).open()
        assert engine.end._closed is not None

    run(main())


def test_opening_may_be_cancelled_and_keeps_nothing_open() -> None:
    async def main() -> None:
        engine = ToyEngine(lambda: pair(room=0))
        opening = asyncio.ensure_future(lasting(ToyWire(), engine).open())
        await rest()
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        assert engine.end._closed is not None

    run(main())


def test_a_closed_link_takes_nothing_and_closes_twice() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            await link.close()
            await link.close()
            await ear.task
            assert ear.told == [LOST]
            assert link.append(b"a") == AppendAudio(b"a")
            for each in (CommitAudio(), Send(b"so")):
                with pytest.raises(ConnectionLostError):
                    await link.send(each)
        assert engine.end._closed == (1000, "")
        unopened = lasting(ToyWire(), engine)
        await unopened.close()
        told: list[object] = []
        await unopened.listen(told.append)
        assert (told, len(engine.ends)) == ([LOST], 1)

    run(main())


def dialling(engine: ToyEngine) -> None:
    engine.dial_s = 100


def pausing(engine: ToyEngine) -> None:
    engine.refusals.extend(ConnectError("busy", retryable=True) for _ in range(4))


def opening(engine: ToyEngine) -> None:
    pass


@pytest.mark.parametrize("doing", [dialling, pausing, opening])
def test_closing_interrupts_whatever_is_waited_for(doing: Callable[[ToyEngine], None]) -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine, ready_s=200, first_s=50, most_s=50) as (link, ear):
            doing(engine)
            await engine.cut()
            writing = asyncio.ensure_future(link.send(CommitAudio()))
            await rest(10)
            before = asyncio.get_running_loop().time()
            await link.close()
            with pytest.raises(ConnectionLostError):
                await writing
            await ear.task
            assert (asyncio.get_running_loop().time(), ear.told[-1]) == (before, LOST)
        assert all(end._closed is not None for end in engine.ends)

    run(main())


@pytest.mark.parametrize("code", [1000, 1006])
def test_closing_as_the_connection_ends_is_closing(code: int) -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            await engine.end.close(code)
            await link.close()
            await ear.task
            assert (ear.told, len(engine.ends)) == ([LOST], 1)

    run(main())


def test_closing_as_the_next_connection_opens_closes_that_too() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            engine.gate.clear()
            await engine.cut()
            engine.gate.set()
            await link.close()
            await ear.task
            assert ear.told[-1] == LOST
            assert [end._closed is not None for end in engine.ends] == [True, True]

    run(main())


def test_closing_while_the_link_opens_ends_that() -> None:
    async def main() -> None:
        engine = ToyEngine(dial_s=100)
        link = lasting(ToyWire(), engine)
        opening = asyncio.ensure_future(link.open())
        await rest()
        await link.close()
        with pytest.raises(ConnectionLostError, match="while it opened"):
            await opening

    run(main())


@pytest.mark.parametrize("error", [ValueError("deaf"), ConnectionLostError("deaf"), TimeoutError("deaf")])
@pytest.mark.parametrize("moment", ["message", "parting", "settling", "end"])
def test_what_hearing_raises_ends_listening_with_that(error: Exception, moment: str) -> None:
    async def main() -> None:
        told: list[object] = []

        def hear(each: object) -> None:
            told.append(each)
            if each != STARTED:
                raise error

        engine, wire = ToyEngine(), ToyWire()
        link = lasting(wire, engine, attempts=0 if moment == "end" else 5)
        await link.open()
        hearing = asyncio.ensure_future(link.listen(hear))
        await engine.say(STARTED)
        match moment:
            case "message":
                await engine.say(GoingAway(50))
            case "settling":
                wire.patience_s = 2
                await link.send(CommitAudio())
            case _:
                await engine.cut()
        with pytest.raises(type(error), match="deaf") as raised:
            await hearing
        assert raised.value is error
        with pytest.raises(ConnectionLostError):
            await link.send(CommitAudio())
        assert (len(told), len(engine.ends)) == (2, 1)
        await link.close()

    run(main())


def test_iterating_yields_what_listening_tells() -> None:
    async def main() -> None:
        engine, told = ToyEngine(), list[object]()
        link = lasting(ToyWire(), engine, attempts=1)
        await link.open()

        async def iterate() -> None:
            async for each in link:
                told.append(each)

        iterating = asyncio.ensure_future(iterate())
        await engine.say(STARTED, GoingAway(200))
        assert told[:3] == [STARTED, GoingAway(200), PARTED]
        await engine.say(BACK)
        await engine.say(b"answer so")
        assert told[4:] == [BACK, Send(b"so")]
        await engine.cut()
        with pytest.raises(S2SError, match="explained: the conn"):
            await iterating
        assert told[6:] == [LOST]
        await link.close()

    run(main())


def test_iterating_ends_when_the_link_is_closed_and_may_be_left_and_taken_up_again() -> None:
    async def main() -> None:
        engine, told = ToyEngine(), list[object]()
        link = lasting(ToyWire(), engine)
        await link.open()
        await engine.say(STARTED, GoingAway(0))
        async for each in link:
            told.append(each)
            break

        async def close_later() -> None:
            await rest(1)
            await link.close()

        closing = asyncio.ensure_future(close_later())
        async for each in link:
            told.append(each)
        assert told == [STARTED, GoingAway(0), PARTED, Reconnecting(SOON, 1), LOST]
        await closing

    run(main())


def test_what_a_command_causes_does_not_overtake_what_was_told_before_it() -> None:
    async def main() -> None:
        engine, told = ToyEngine(), list[object]()
        link = lasting(ToyWire(), engine)
        await link.open()
        await engine.say(STARTED, b"answer one two")
        async for each in link:
            told.append(each)
            if each == Send(b"one"):
                told += await link.send(ASK)
            if each == ResponseDone("asked"):
                break
        assert told == [STARTED, Send(b"one"), Send(b"two"), ResponseDone("asked")]
        await link.close()

    run(main())


def test_a_transport_that_never_pauses_lets_others_run() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (_, ear):
            for _ in range(1000):
                await engine.end.send(b'{"type":"response_done","response_id":"r"}')
            turns = [0]
            while turns[-1] < 1000:
                await asyncio.sleep(0)
                turns.append(len(ear.told))
            assert max(b - a for a, b in pairwise(turns)) <= 64

    run(main())


def unheard_of() -> tuple[MemoryTransport, MemoryTransport]:
    raise ZeroDivisionError


def test_a_dial_that_fails_in_its_own_way_ends_listening() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            engine.connection = unheard_of
            await engine.cut()
            with pytest.raises(ZeroDivisionError):
                await ear.task
            with pytest.raises(ConnectionLostError):
                await link.send(CommitAudio())

    run(main())


def test_listening_may_be_cancelled_and_taken_up_again() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            for moment in range(3):
                ear.task.cancel()
                await asyncio.wait([ear.task])
                ear.task = asyncio.ensure_future(link.listen(ear.hear))
                await rest()
                if moment == 0:
                    engine.dial_s = 5
                    await engine.cut()
            await rest(6)
            await engine.say(BACK)
            assert ear.told == [PARTED, Reconnecting(CABLE, 1), BACK]

    run(main())
