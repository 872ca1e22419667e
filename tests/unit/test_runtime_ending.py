"""How a session ends, whatever its engine, its tools and its hooks do."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from s2s.capabilities import Capabilities
from s2s.config import Config, Limits
from s2s.errors import ConnectionLostError, HookError, ProviderError, S2SError, SessionClosedError
from s2s.events import Error, Event, GoingAway, ResponseDone, ResponseStarted, SessionEnded, TurnEnd
from s2s.hooks import Hooks
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.support.links import PlainEngine, PlainLink, said, types
from tests.support.sessions import LOST, Slow, Unclosable, plain, told


def test_a_session_that_is_closed_ends_and_its_events_can_still_be_read() -> None:
    async def main() -> list[Event]:
        engine, link = plain(GoingAway(1.0))
        async with engine.start() as session:
            await asyncio.sleep(1)
        assert (link.closed, session.closed) == (1, True)
        return await told(session)

    assert types(run(main())) == ["session_started", "going_away", "session_ended"]


def test_a_session_closed_amid_a_response_ends_it() -> None:
    async def main() -> list[Event]:
        engine, _ = plain(*said("r", "One"))
        async with engine.start() as session:
            await asyncio.sleep(1)
        return (await told(session))[4:]

    assert run(main()) == [
        ResponseDone("r", "failed"),
        TurnEnd("", "One", "One", "failed"),
        SessionEnded("closed"),
    ]


def test_an_engine_that_ends_in_order_ends_the_session() -> None:
    async def main() -> list[Event]:
        engine, link = plain()
        link.end()
        events = await told(await engine.start())
        assert link.closed == 1
        return events[1:]

    assert run(main()) == [SessionEnded("ended_by_engine")]


@pytest.mark.parametrize("on_error", [(), (lambda error: error,)])
def test_an_engine_that_breaks_amid_a_response_ends_it_the_turn_and_the_session_in_this_order(
    on_error: tuple[Callable[[S2SError], S2SError], ...],
) -> None:
    async def main() -> list[Event]:
        engine, link = plain(*said("r", "One"), hooks=Hooks(on_error=on_error))
        link.end(LOST)
        return (await told(await engine.start()))[4:]

    assert run(main()) == [
        ResponseDone("r", "failed"),
        TurnEnd("", "One", "One", "failed"),
        Error(LOST, fatal=True),
        SessionEnded("failed"),
    ]


def test_what_the_reader_did_not_get_amid_the_break_is_still_there() -> None:
    async def main() -> str:
        engine, link = plain(*said("r", "One", "two"))
        link.end(LOST)
        talk = Talk(await engine.start())
        await talk.rest()
        return talk.text

    assert run(main()) == "One two"


def test_a_fatal_error_of_the_engine_is_delivered_once_and_last_but_one() -> None:
    async def main() -> list[Event]:
        engine, _ = plain(ResponseStarted("r"), Error(LOST, fatal=True), GoingAway(1.0))
        return (await told(await engine.start()))[1:]

    assert run(main()) == [
        ResponseStarted("r"),
        ResponseDone("r", "failed"),
        TurnEnd("", "", "", "failed"),
        Error(LOST, fatal=True),
        SessionEnded("failed"),
    ]


def test_an_error_that_is_not_fatal_leaves_the_session_alive() -> None:
    async def main() -> None:
        engine, link = plain(Error(ProviderError("again, please")))
        async with engine.start() as session:
            talk = Talk(session)
            await talk.until(Error)
            link.tell(GoingAway(1.0))
            await talk.until(GoingAway)

    run(main())


def test_a_writer_that_breaks_ends_the_session() -> None:
    class Deaf(PlainLink):
        async def send(self, command: object) -> list[Event]:
            raise LOST

    async def main() -> list[Event]:
        session = await PlainEngine(Deaf).start()
        await session.commit()
        return (await told(session))[1:]

    assert run(main()) == [Error(LOST, fatal=True), SessionEnded("failed")]


SENDS: list[Callable[[Session], Awaitable[None]]] = [
    lambda session: session.send_audio(bytes(480)),
    lambda session: session.send_text("Hi"),
    lambda session: session.commit(),
    lambda session: session.clear(),
    lambda session: session.respond(),
    lambda session: session.update(instructions="Be brief."),
    lambda session: session.send_image(b"png"),
]


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("cause", [None, LOST])
def test_after_the_end_every_send_is_refused_and_says_what_ended_the_session(
    send: Callable[[Session], Awaitable[None]], cause: Exception | None
) -> None:
    async def main() -> None:
        can = Capabilities(updates=True, images=True)
        link = PlainLink(capabilities=can)
        session = await PlainEngine(lambda: link, can).start()
        link.end(cause)
        await told(session)
        with pytest.raises(SessionClosedError, match="this session has ended: start another one") as closed:
            await send(session)
        assert closed.value.__cause__ is cause
        assert await session.interrupt() is None

    run(main())


def test_an_engine_that_hangs_while_it_closes_is_left_behind_and_every_word_is_still_told() -> None:
    async def main() -> list[str]:
        ended: list[SessionEnded] = []
        hooks = Hooks(on_end=ended.append)
        link = Slow(close_s=99)
        session = await PlainEngine(lambda: link, config=Config(hooks=hooks)).start()
        link.end(LOST)
        events = await told(session)
        assert ended == [SessionEnded("failed")]
        return [str(each.error) if isinstance(each, Error) else each.type for each in events]

    assert run(main()) == [
        "session_started",
        "the engine did not finish within 5 s and was left behind",
        "the cable",
        "session_ended",
    ]


def test_an_engine_that_cannot_be_closed_is_told_and_every_word_is_still_told() -> None:
    async def main() -> list[str]:
        ended: list[SessionEnded] = []
        hooks = Hooks(on_end=ended.append)
        async with PlainEngine(Unclosable, config=Config(hooks=hooks)).start() as session:
            pass
        assert ended == [SessionEnded("closed")]
        return [str(e.error) if isinstance(e, Error) else e.type for e in await told(session)]

    assert run(main()) == [
        "session_started",
        "the engine could not be closed: OSError: no cable",
        "session_ended",
    ]


def test_a_hook_that_hangs_at_the_end_takes_no_word_away() -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    async def main() -> list[str]:
        hooks = Hooks(on_turn=hang, on_error=lambda error: error)
        limits = Limits(hook_s=60, close_s=5)
        engine, link = plain(*said("r", "One"), hooks=hooks, limits=limits)
        link.end(LOST)
        events = (await told(await engine.start()))[-3:]
        return [str(each.error) if isinstance(each, Error) else each.type for each in events]

    assert run(main()) == [
        "a hook did not finish within 5 s and was left behind",
        "the cable",
        "session_ended",
    ]


def test_what_goes_wrong_in_the_last_hook_comes_before_the_fatal_error() -> None:
    def broken(_: object) -> None:
        raise ValueError("oops")

    async def main() -> list[Event]:
        engine, link = plain(hooks=Hooks(on_end=broken))
        link.end(LOST)
        return await told(await engine.start())

    events = run(main())
    assert types(events) == ["session_started", "error", "error", "session_ended"]
    assert [type(each.error) for each in events if isinstance(each, Error)] == [
        HookError,
        ConnectionLostError,
    ]
