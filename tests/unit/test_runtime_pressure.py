"""Slow people and busy engines."""

import asyncio
import gc
import weakref

import pytest

from s2s.commands import AddItem, CommitAudio, CreateResponse
from s2s.config import Config, Limits
from s2s.errors import BacklogError, SessionClosedError
from s2s.events import AudioOutput, GoingAway, ResponseDone, ResponseStarted, TurnEnd
from s2s.hooks import Hooks
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from s2s.wire import Send
from tests.support.links import PlainEngine, StuckLink, said, types
from tests.support.sessions import plain, send, told


def test_an_engine_that_takes_no_audio_is_told_to_the_sender_after_send_s() -> None:
    async def main() -> None:
        limits = Limits(input_audio_s=1, send_s=2)
        async with PlainEngine(StuckLink, config=Config(limits=limits)).start() as session:
            await send(session, 1)
            began = asyncio.get_running_loop().time()
            says = "the engine is 1 s of audio behind and took none for 2 s"
            for _ in range(2):
                with pytest.raises(BacklogError, match=says):
                    await send(session, 1)
            assert asyncio.get_running_loop().time() - began == pytest.approx(4)
            await session.commit()

    run(main())


def test_audio_that_nobody_reads_is_counted_and_its_memory_bounded() -> None:
    async def main() -> None:
        limits = Limits(output_audio_s=1)
        engine, link = plain(ResponseStarted("r"), limits=limits)
        async with engine.start() as session:
            for n in range(3000):
                link.tell(AudioOutput(bytes(4800), 24_000, "r", "i", n * 100))
            link.tell(ResponseDone("r"))
            await asyncio.sleep(1)
            held = [await anext(session.recv()) for _ in range(12)]
            assert len([each for each in held if isinstance(each, AudioOutput)]) == 10
            talk = Talk(session)
            await talk.until(TurnEnd)
            lost = [e.lost_ms for e in talk.errors if isinstance(e, BacklogError)]
            assert lost == [299_000.0]

    run(main())


def test_a_burst_beyond_all_bounds_is_not_lost_on_who_reads() -> None:
    async def main() -> None:
        limits = Limits(output_audio_s=10, waiting_events=100)
        script = ScriptEngine(Config(extra={"script": [Reply(says="word " * 2000)]}, limits=limits))
        async with script.start() as session:
            talk = Talk(session)
            await session.send_text("Read the book.")
            await talk.until(TurnEnd)
            assert (len(talk.audio), talk.errors) == (2000 * 200 * 48, [])

    run(main())


def test_a_session_that_is_over_is_forgotten() -> None:
    async def main() -> None:
        engine, _ = plain(*said("r", "One"))
        async with engine.start() as session:
            await asyncio.sleep(1)
            await session.interrupt()
        events = await told(session)
        gone = weakref.ref(session)
        del session, events
        await asyncio.sleep(1)
        gc.collect()
        assert gone() is None

    run(main())


@pytest.mark.parametrize("hooks", [Hooks(), Hooks(on_error=lambda error: error)])
def test_a_flood_of_events_that_nobody_reads_ends_the_session_in_order(hooks: Hooks) -> None:
    async def main() -> None:
        engine, link = plain(ResponseStarted("r"), limits=Limits(waiting_events=50), hooks=hooks)
        session = await engine.start()
        link.tell(*(GoingAway(float(n)) for n in range(500)))
        await asyncio.sleep(1)
        assert (session.closed, link.closed) == (True, 1)
        events = await told(session)
        assert types(events[-4:]) == ["response_done", "turn_end", "error", "session_ended"]
        assert "the application has stopped reading events" in str(events[-2])
        with pytest.raises(SessionClosedError) as closed:
            await session.commit()
        assert isinstance(closed.value.__cause__, BacklogError)

    run(main())


def test_an_interruption_amid_the_flood_raises_nothing() -> None:
    async def main() -> None:
        engine, link = plain(ResponseStarted("r"), limits=Limits(waiting_events=5))
        async with engine.start() as session:
            link.tell(*(GoingAway(float(n)) for n in range(3)))
            await asyncio.sleep(1)
            assert await session.interrupt() is not None
            assert [type(each).__name__ for each in link.sent] == []
            await asyncio.sleep(1)
            assert [type(each).__name__ for each in link.sent] == ["Cancel"]

    run(main())


def test_the_reader_never_waits_for_a_slow_hook() -> None:
    async def slow(_: object) -> None:
        await asyncio.sleep(4)

    async def main() -> None:
        engine, link = plain(hooks=Hooks(on_start=slow, on_turn=slow))
        async with engine.start() as session:
            began = asyncio.get_running_loop().time()
            link.tell(*said("r", "One"), ResponseDone("r"))
            await Talk(session).until(TurnEnd)
            assert asyncio.get_running_loop().time() == began

    run(main())


def test_replies_that_a_link_owes_its_peer_go_back_through_the_writer_in_order() -> None:
    async def main() -> None:
        engine, link = plain(Send(b"pong"))
        async with engine.start() as session:
            await session.send_text("Hi")
            await asyncio.sleep(1)
        assert [type(each) for each in link.sent] == [Send, AddItem, CreateResponse]

    run(main())


def test_what_a_link_answers_at_once_is_heard() -> None:
    async def main() -> None:
        engine, link = plain()
        link.answers = lambda sent: [GoingAway(3.0)] if isinstance(sent, CommitAudio) else []
        async with engine.start() as session:
            await session.commit()
            assert await Talk(session).until(GoingAway) == GoingAway(3.0)

    run(main())
