"""What is sent over a link while its connections come and go."""

import asyncio

import pytest

from s2s.commands import AppendAudio, ClearAudio, CommitAudio
from s2s.errors import ConnectError, ConnectionLostError, S2SError
from s2s.events import GoingAway, Reconnecting, ResponseDone
from s2s.testing.clock import run
from s2s.transports.memory import direct_pair
from s2s.wire import Send
from tests.support.lasting import (
    ASK,
    BACK,
    CABLE,
    CHANGE,
    LOST,
    PARTED,
    RESET,
    STARTED,
    Listening,
    ToyEngine,
    ToyWire,
    lasting,
    listening,
    rest,
    spelled,
)


def test_before_the_engine_is_ready_everything_passes_straight() -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair)
        link = lasting(ToyWire(), engine)
        await link.open()
        ear = Listening(link)
        assert link.append(b"a") is None
        assert await link.send(CommitAudio()) == []
        await engine.say(b"answer so")
        assert ear.told == [Send(b"so")]
        await link.send(Send(b"so"))
        assert engine.heard() == [b"hello 1", b"audio a", *spelled(CommitAudio()), b"so"]
        await link.close()
        await ear.task

    run(main())


def test_a_command_is_all_its_messages_and_events() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, _):
            assert await link.send(ASK) == [ResponseDone("asked")]
            assert engine.heard() == [b"ask 1", b"ask 2"]

    run(main())


def test_audio_is_written_at_once_or_left_to_the_writer() -> None:
    async def main() -> None:
        engine, wire = ToyEngine(lambda: direct_pair(room=2)), ToyWire()
        async with listening(wire, engine) as (link, _):
            wire.most_bytes = 100
            assert link.append(b"a") is None
            assert link.append(b"b" * 101) == AppendAudio(b"b" * 101)
            assert link.append(b"c") is None
            late = link.append(b"d")
            assert isinstance(late, Send)
            writing = asyncio.ensure_future(link.send(late))
            await rest()
            assert not writing.done()
            assert engine.heard() == [b"audio a", b"audio c"]
            await writing
            assert engine.heard() == [b"audio d"]
            await link.send(AppendAudio(b"b" * 101))
            assert engine.heard() == [b"audio " + b"b" * 100, b"audio b"]

    run(main())


def test_a_transport_that_only_iterates_leaves_audio_to_the_writer() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, _):
            late = link.append(b"a")
            assert isinstance(late, Send)
            await link.send(late)
            assert engine.heard() == [b"audio a"]

    run(main())


def test_while_there_is_no_connection_commands_wait_and_arrive_in_order_over_the_next() -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair)
        async with listening(ToyWire(), engine) as (link, _):
            await engine.cut()
            assert link.append(b"a") == AppendAudio(b"a")

            async def write() -> None:
                for command in (AppendAudio(b"a"), CommitAudio(), AppendAudio(b"b")):
                    await link.send(command)

            writing = asyncio.ensure_future(write())
            await rest(5)
            assert (engine.heard(), link.append(b"b")) == ([b"hello 2"], AppendAudio(b"b"))
            await engine.say(BACK)
            await writing
            assert engine.heard() == [b"audio a", *spelled(CommitAudio()), b"audio b"]
            assert link.append(b"c") is None

    run(main())


def test_what_was_asked_as_the_connection_broke_is_left_to_the_wire() -> None:
    async def main() -> None:
        engine = ToyEngine(lambda: direct_pair(room=1))
        async with listening(ToyWire(), engine) as (link, _):
            writing = asyncio.ensure_future(link.send(ASK))
            await rest()
            await engine.cut()
            assert await writing == [ResponseDone("asked")]
            assert (engine.heard(0), engine.heard(1)) == ([b"ask 1"], [b"hello 2"])
            await engine.say(b"catch-up question")
            await rest()
            assert engine.heard(1) == [b"question"]

    run(main())


@pytest.mark.parametrize("direct", [True, False])
def test_so_is_audio_that_was_being_written(direct: bool) -> None:
    async def main() -> None:
        engine = ToyEngine(lambda: direct_pair(room=1))
        async with listening(ToyWire(), engine) as (link, _):
            assert link.append(b"1") is None
            late = link.append(b"2") if direct else AppendAudio(b"2")
            assert late is not None
            writing = asyncio.ensure_future(link.send(late))
            await rest()
            await engine.cut()
            assert await writing in ((), [])
            assert (engine.heard(0), engine.heard(1)) == ([b"audio 1"], [b"hello 2"])
            await engine.say(b"catch-up sound")
            await rest()
            assert engine.heard(1) == [b"sound"]

    run(main())


def test_a_question_that_could_not_be_written_is_asked_once() -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair)
        async with listening(ToyWire(), engine) as (link, _):
            await engine.end.close(1006)
            assert await link.send(ASK) == [ResponseDone("asked")]
            await rest()
            await engine.say(b"catch-up question")
            await link.send(CommitAudio())
            assert engine.heard() == [b"hello 2", b"question", *spelled(CommitAudio())]

    run(main())


def test_whoever_waits_for_a_connection_is_told_when_there_will_be_none() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            engine.refusals.append(ConnectError("no way"))
            engine.dial_s = 5
            await engine.cut()
            writing = asyncio.ensure_future(link.send(CommitAudio()))
            with pytest.raises(S2SError, match="explained: no way"):
                await ear.task
            for sending in (writing, link.send(CommitAudio()), link.send(Send(b"so"))):
                with pytest.raises(ConnectionLostError, match="start another session"):
                    await sending
            assert ear.told == [PARTED, Reconnecting(CABLE, 1), LOST]

    run(main())


def test_an_answer_to_a_peer_that_is_gone_is_dropped_and_waits_for_nothing() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, _):
            await engine.end.close(1006)
            assert await link.send(Send(b"unnoticed")) == ()
            await rest()
            assert await link.send(Send(b"opening")) == ()
            await engine.say(BACK)
            assert await link.send(Send(b"gone")) == ()
            await engine.say(b"answer open")
            await link.send(Send(b"open"))
            assert engine.heard() == [b"hello 2", b"open"]

    run(main())


@pytest.mark.parametrize("first", [True, False])
def test_what_the_wire_owes_goes_before_all_that_it_is_asked_after_that(first: bool) -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair)
        link = lasting(ToyWire(), engine)
        await link.open()
        ear = Listening(link)
        if not first:
            await engine.say(STARTED)
        engine.heard()
        await engine.say(b"answer one two")
        assert link.append(b"a") == AppendAudio(b"a")
        assert engine.heard() == []
        await link.send(AppendAudio(b"a"))
        assert link.append(b"b") is None
        for each in ear.told[-2:]:
            assert isinstance(each, Send)
            await link.send(each)
        assert engine.heard() == [b"one", b"two", b"audio a", b"audio b"]
        await link.close()
        await ear.task

    run(main())


def test_what_the_wire_owes_is_written_in_one_piece() -> None:
    async def main() -> None:
        engine = ToyEngine(lambda: direct_pair(room=2))
        async with listening(ToyWire(), engine) as (link, _):
            await engine.say(b"answer one two three")
            replying = asyncio.ensure_future(link.send(Send(b"one")))
            await rest()
            assert link.append(b"a") == AppendAudio(b"a")
            assert engine.heard() == [b"one", b"two"]
            await replying
            await link.send(AppendAudio(b"a"))
            assert engine.heard() == [b"three", b"audio a"]

    run(main())


def test_what_the_wire_owes_a_later_connection_goes_before_all_that_waits() -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair)
        async with listening(ToyWire(), engine) as (link, ear):
            await engine.cut()
            writing = asyncio.ensure_future(link.send(CommitAudio()))
            await engine.say(b"answer history")
            assert engine.heard() == [b"hello 2", b"history"]
            await engine.say(b"answer one two", b"catch-up question")
            await writing
            assert engine.heard() == [b"one", b"two", b"question", *spelled(CommitAudio())]
            assert ear.told[2:] == [BACK]
            await engine.say(b"answer so")
            assert ear.told[3] == Send(b"so")

    run(main())


def test_a_change_for_another_connection_waits_until_it_holds() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            changing = asyncio.ensure_future(link.send(CHANGE))
            await rest(5)
            assert not changing.done()
            assert (engine.heard(0), engine.heard(1)) == ([b"change"], [b"hello 2"])
            await engine.say(BACK)
            assert await changing == [ResponseDone("changed")]
            assert ear.told == [PARTED, Reconnecting("changed", 1), BACK]

    run(main())


def test_what_a_command_causes_before_it_wants_another_connection_is_told_before_that_is_there() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            resetting = asyncio.ensure_future(link.send(RESET))
            await rest()
            assert ear.told == [ResponseDone("cut"), PARTED, Reconnecting("reset", 1)]
            await engine.say(BACK)
            assert await resetting == []
            assert ear.told[3:] == [BACK]

    run(main())


def test_what_a_command_causes_is_not_lost_with_the_last_connection() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            resetting = asyncio.ensure_future(link.send(RESET))
            await asyncio.sleep(0)
            await link.close()
            with pytest.raises(ConnectionLostError):
                await resetting
            await ear.task
            assert ear.told == [ResponseDone("cut"), LOST]

    run(main())


@pytest.mark.parametrize("noticed", ["message", "command"])
def test_a_change_for_another_connection_waits_for_what_is_under_way(noticed: str) -> None:
    async def main() -> None:
        engine, wire = ToyEngine(), ToyWire()
        async with listening(wire, engine, attempts=0) as (link, ear):
            wire.idle = False
            assert await link.send(CHANGE) == [ResponseDone("changed")]
            await rest(100)
            assert ear.told == []
            wire.idle = True
            if noticed == "command":
                await link.send(ClearAudio())
            else:
                await engine.say(GoingAway(50))
            await rest()
            assert ear.told[-2:] == [PARTED, Reconnecting("changed", 1)]
            await engine.say(BACK)
            assert ear.told[-1] == BACK

    run(main())


def test_changes_begin_to_count_anew() -> None:
    async def main() -> None:
        engine = ToyEngine()
        async with listening(ToyWire(), engine) as (link, ear):
            for _ in range(3):
                changing = asyncio.ensure_future(link.send(CHANGE))
                await rest()
                await engine.say(BACK)
                await changing
            attempts = [each for each in ear.told if isinstance(each, Reconnecting)]
            assert attempts == 3 * [Reconnecting("changed", 1)]

    run(main())
