"""Closing at odd moments."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from s2s.config import Config, Limits
from s2s.errors import ProviderError, SessionClosedError
from s2s.events import (
    Error,
    Event,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.hooks import Hooks
from s2s.items import Call
from s2s.session import Session
from s2s.testing.clock import run
from tests.support.lasting import STARTED
from tests.support.links import PlainEngine, PlainLink, StuckLink, said, types
from tests.support.sessions import LOST, Slow, plain, send, told


def test_closing_twice_at_once_is_closing_once() -> None:
    async def main() -> None:
        ended: list[SessionEnded] = []
        link = Slow(close_s=2)
        hooks = Hooks(on_end=ended.append)
        session = await PlainEngine(lambda: link, config=Config(hooks=hooks)).start()
        first = asyncio.ensure_future(session.close())
        await asyncio.sleep(1)
        await asyncio.gather(first, session.close(), session.close())
        await session.close()
        assert (link.closed, ended) == (1, [SessionEnded("closed")])
        assert types(await told(session)) == ["session_started", "session_ended"]

    run(main())


def test_closing_while_it_ends_by_itself_waits_for_the_end() -> None:
    async def main() -> None:
        link = Slow(close_s=2)
        session = await PlainEngine(lambda: link).start()
        link.end(LOST)
        await asyncio.sleep(1)
        await session.close()
        assert link.closed == 1
        assert types(await told(session)) == ["session_started", "error", "session_ended"]

    run(main())


@pytest.mark.parametrize(
    "name", ["on_start", "on_turn", "on_tool_call", "on_interrupt", "on_error", "on_end"]
)
def test_any_hook_may_close_the_session(name: str) -> None:
    async def main() -> None:
        sessions: asyncio.Queue[Session] = asyncio.Queue()

        async def close(_: object) -> None:
            await (await sessions.get()).close()

        hooks = Hooks(**{name: close})
        call = ToolCall(Call("c", "look_up"), "r")
        engine, link = plain(*said("r", "One"), hooks=hooks)
        async with engine.start() as session:
            sessions.put_nowait(session)
            await asyncio.sleep(1)
            link.tell(call, Error(ProviderError("again")))
            await asyncio.sleep(1)
            await session.interrupt()
            link.tell(ResponseDone("r"))
            await asyncio.sleep(1)
            if name == "on_end":
                link.end()
            assert (await told(session))[-1].type == "session_ended"
        assert link.closed == 1

    run(main())


def test_a_tool_may_close_the_session() -> None:
    async def main() -> None:
        sessions: list[Session] = []

        async def hang_up() -> None:
            await sessions[0].close()

        engine, link = plain(tools=[hang_up])
        async with engine.start() as session:
            sessions.append(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "hang_up"), "r"))
            events = await told(session)
        assert events[-3:] == [
            TurnEnd("", "", "", "failed", tool_calls=(Call("c", "hang_up"),)),
            ToolCallCancelled(("c",)),
            SessionEnded("closed"),
        ]

    run(main())


def test_whoever_waits_for_room_is_told_when_the_session_is_closed() -> None:
    async def main() -> None:
        session = await PlainEngine(StuckLink, config=Config(limits=Limits(input_audio_s=1))).start()
        sending = asyncio.ensure_future(send(session, 3))
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await session.close()
        with pytest.raises(SessionClosedError):
            await sending
        assert asyncio.get_running_loop().time() == began

    run(main())


def test_whoever_reads_hears_the_end_when_the_session_is_closed() -> None:
    async def main() -> list[Event]:
        engine, _ = plain()
        session = await engine.start()
        reading = asyncio.ensure_future(told(session))
        await asyncio.sleep(1)
        await session.close()
        return await reading

    assert types(run(main())) == ["session_started", "session_ended"]


def test_closing_may_be_cancelled_and_goes_on() -> None:
    async def main() -> None:
        link = Slow(close_s=2)
        session = await PlainEngine(lambda: link).start()
        closing = asyncio.ensure_future(session.close())
        await asyncio.sleep(1)
        closing.cancel()
        await told(session)
        assert link.closed == 1

    run(main())


def test_the_end_of_the_program_closes_a_session_that_nobody_closed() -> None:
    links: list[PlainLink] = []

    async def main() -> None:
        engine, link = plain()
        links.append(link)
        await engine.start()

    asyncio.run(main())
    assert links[0].closed == 1


def test_a_last_hook_that_waits_for_what_is_cancelled_takes_no_word_away() -> None:
    async def wait_for_the_cancelled(_: object) -> None:
        gone = asyncio.ensure_future(asyncio.sleep(9))
        gone.cancel()
        await gone

    async def main() -> list[Event]:
        seen: list[SessionEnded] = []
        engine, link = plain(hooks=Hooks(on_end=(wait_for_the_cancelled, seen.append)))
        async with engine.start() as session:
            pass
        assert (seen, link.closed) == ([SessionEnded("closed")], 1)
        return await told(session)

    assert types(run(main())) == ["session_started", "error", "session_ended"]


def test_a_tool_that_ignores_its_cancellation_is_left_behind() -> None:
    async def main() -> None:
        async def stubborn() -> str:
            until = asyncio.get_running_loop().time() + 100
            while (left := until - asyncio.get_running_loop().time()) > 0:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(left)
            return "at last"

        link = PlainLink()
        engine = PlainEngine(lambda: link, config=Config(tools=[stubborn], limits=Limits(close_s=1)))
        session = await engine.start()
        link.tell(ResponseStarted("r"), ToolCall(Call("c", "stubborn"), "r"), ResponseDone("r"))
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await session.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(3)
        *_, error, last = await told(session)
        assert isinstance(error, Error)
        assert "let CancelledError through" in str(error.error)
        assert last == SessionEnded("closed")
        with pytest.raises(SessionClosedError):
            await session.send_text("Hello?")
        await asyncio.sleep(100)
        assert [each async for each in session] == []

    run(main())


class Impatient(PlainLink):
    """A link that stops waiting when it is told to, and waits anew."""

    limit: asyncio.Timeout

    async def __aiter__(self) -> AsyncIterator[Event]:
        yield STARTED
        while not self.closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1e6) as self.limit:
                    await asyncio.sleep(1e7)


def test_closing_just_when_the_link_stops_waiting_is_closing() -> None:
    async def main() -> None:
        loop, link = asyncio.get_running_loop(), Impatient()
        session = await PlainEngine(lambda: link).start()
        await asyncio.sleep(1)
        began = loop.time()
        link.limit.reschedule(began)
        await asyncio.sleep(0)
        await session.close()
        assert (loop.time(), types(await told(session))) == (began, ["session_started", "session_ended"])

    run(main())
