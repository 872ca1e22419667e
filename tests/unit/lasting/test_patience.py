"""What happens when the peer owes something and says nothing."""

import asyncio

from s2s.commands import AppendAudio, CommitAudio
from s2s.events import GoingAway, ResponseDone
from s2s.testing.clock import run
from s2s.transports.memory import direct_pair
from s2s.wire import Send
from tests.support.lasting import (
    BACK,
    PARTED,
    Listening,
    ToyEngine,
    ToyWire,
    lasting,
    listening,
    rest,
)

SETTLED = [Send(b"settled"), ResponseDone("settled")]


def test_a_peer_that_says_nothing_for_too_long_is_waited_for_no_more() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (link, ear):
            wire.patience_s = 3
            await link.send(CommitAudio())
            await rest(2.9)
            assert ear.told == []
            wire.patience_s = 5
            await rest(2)
            assert ear.told == []
            await rest(0.2)
            assert ear.told == SETTLED
            await rest(5)
            assert ear.told == 2 * SETTLED
            wire.patience_s = None
            await rest(100)
            assert ear.told == 2 * SETTLED

    run(main())


def test_every_message_is_a_new_beginning_and_every_command_that_is_no_audio() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(direct_pair), ToyWire()
        async with listening(wire, engine) as (link, ear):
            wire.patience_s = 3
            await link.send(CommitAudio())
            await rest(2)
            await engine.say(ResponseDone("r"))
            await rest(2)
            await link.send(CommitAudio())
            for _ in range(14):
                await rest(0.2)
                link.append(b"a")
                await link.send(AppendAudio(b"a"))
            assert ear.told == [ResponseDone("r")]
            await rest(0.3)
            assert ear.told == [ResponseDone("r"), *SETTLED]

    run(main())


def test_patience_that_a_message_shortens_ends_sooner() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (link, ear):
            wire.patience_s = 30
            await link.send(CommitAudio())
            wire.patience_s = 3
            await engine.say(ResponseDone("r"))
            await rest(3.1)
            assert ear.told == [ResponseDone("r"), *SETTLED]

    run(main())


def test_what_is_settled_may_let_the_connection_be_left() -> None:
    class Settling(ToyWire):
        def settle(self) -> list[Send | ResponseDone]:  # type: ignore[override]
            self.idle, self.patience_s = True, None
            return [ResponseDone("settled")]

    async def main() -> None:
        engine, wire = ToyEngine(), Settling()
        async with listening(wire, engine) as (_, ear):
            wire.idle, wire.patience_s = False, 2
            await engine.say(GoingAway(50))
            await rest(3)
            assert ear.told[:3] == [GoingAway(50), ResponseDone("settled"), PARTED]

    run(main())


def test_a_peer_that_is_not_ready_owes_nothing() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine) as (_, ear):
            wire.patience_s = 1
            await engine.cut()
            await rest(5)
            await engine.say(BACK)
            assert ear.told[-1] == BACK
            await rest(1)
            assert ear.told[-2:] == SETTLED

    run(main())


def test_patience_begins_with_the_connection() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        wire.patience_s = 3
        link = lasting(wire, engine)
        await rest(100)
        await link.open()
        ear = Listening(link)
        await rest(2.9)
        assert ear.told == []
        await rest(0.2)
        assert ear.told == SETTLED
        await link.close()
        await ear.task

    run(main())


def test_messages_that_come_in_time_set_no_timers() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(direct_pair), ToyWire()
        async with listening(wire, engine) as (_, ear):
            wire.patience_s = 1000
            await engine.say(ResponseDone("r"))
            timers: list[object] = vars(asyncio.get_running_loop())["_scheduled"]
            before = len(timers)
            for _ in range(100):
                await engine.end.send(b'{"type":"response_done","response_id":"r"}')
                for _ in range(5):
                    await asyncio.sleep(0)
            assert (len(ear.told), len(timers)) == (101, before)

    run(main())
