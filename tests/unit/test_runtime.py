"""How a session lives and ends, whatever its engine, its tools and its hooks do."""

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Awaitable, Callable

import pytest

from s2s.capabilities import Capabilities
from s2s.commands import AddItem, CommitAudio, CreateResponse
from s2s.config import Config, Limits
from s2s.errors import (
    BacklogError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    HookError,
    LocalProtocolError,
    ProviderError,
    S2SError,
    SessionClosedError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.hooks import Hooks
from s2s.items import JSON, Call, ToolResult
from s2s.links import Link, Send
from s2s.providers.script import Reply, ScriptEngine
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.tools import Tool, tool
from tests.support.links import PlainEngine, PlainLink, SilentLink, StuckLink, said, types

LOST = ConnectionLostError("the cable", code=1006)


class Slow(PlainLink):
    """Takes its time to close."""

    def __init__(self, *events: Event | Send, close_s: float) -> None:
        super().__init__(*events)
        self._close_s = close_s

    async def close(self) -> None:
        await asyncio.sleep(self._close_s)
        await super().close()


class Unclosable(PlainLink):
    async def close(self) -> None:
        raise OSError("no cable")


def engine(*events: Event | Send, **config: JSON) -> tuple[PlainEngine, PlainLink]:
    link = PlainLink(*events)
    return PlainEngine(lambda: link, config=Config(**config)), link


async def told(session: Session) -> list[Event]:
    events = await Talk(session, within_s=60).rest()
    assert violations(events) == []
    return events


# Before it is ready


def test_an_engine_that_is_never_ready_is_given_up_after_connect_s() -> None:
    async def main() -> None:
        link = SilentLink()
        silent = PlainEngine(lambda: link, config=Config(limits=Limits(connect_s=3)))
        began = asyncio.get_running_loop().time()
        with pytest.raises(ConnectError, match="not ready within 3 s: try again, or raise limits") as late:
            await silent.start()
        assert (late.value.retryable, link.closed) == (True, 1)
        assert asyncio.get_running_loop().time() - began == pytest.approx(3)

    run(main())


def test_an_engine_that_never_opens_is_given_up_after_connect_s() -> None:
    class Never(PlainEngine):
        async def open(self, config: Config) -> Link:
            await asyncio.Event().wait()
            raise AssertionError

    async def main() -> None:
        with pytest.raises(ConnectError, match="not ready within 15 s"):
            await Never().start()

    run(main())


@pytest.mark.parametrize("error", [ConnectError("refused"), TimeoutError("the socket"), ValueError("odd")])
def test_what_opening_raises_is_raised_as_it_is(error: Exception) -> None:
    class Broken(PlainEngine):
        async def open(self, config: Config) -> Link:
            raise error

    async def main() -> None:
        with pytest.raises(type(error)) as raised:
            await Broken().start()
        assert raised.value is error

    run(main())


@pytest.mark.parametrize(
    ("cause", "raised", "says"),
    [
        (None, ConnectionLostError, "the engine ended before it was ready: try again"),
        (LOST, ConnectionLostError, "the cable"),
        (ProviderError("no quota"), ProviderError, "no quota"),
        (ValueError("odd"), S2SError, "the session broke: ValueError: odd; please report this"),
    ],
)
def test_an_engine_that_ends_before_it_is_ready_says_why(
    cause: Exception | None, raised: type[Exception], says: str
) -> None:
    async def main() -> None:
        link = SilentLink()
        link.end(cause)
        with pytest.raises(raised, match=says):
            await PlainEngine(lambda: link).start()
        assert link.closed == 1

    run(main())


def test_a_fatal_error_before_it_is_ready_is_raised() -> None:
    async def main() -> None:
        link = SilentLink()
        link.tell(Error(ProviderError("no quota"), fatal=True))
        with pytest.raises(ProviderError, match="no quota"):
            await PlainEngine(lambda: link).start()

    run(main())


def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        link = SilentLink()
        starting = asyncio.ensure_future(open_(PlainEngine(lambda: link)))
        await asyncio.sleep(1)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert link.closed == 1

    run(main())


async def open_(plain: PlainEngine) -> Session:
    return await plain.start()


def test_a_format_that_cannot_be_converted_is_refused_before_the_engine_is_opened() -> None:
    class Unreachable(PlainEngine):
        async def open(self, config: Config) -> Link:
            raise AssertionError("it was opened")

    async def main() -> None:
        for can in (Capabilities(input_rates=(1,)), Capabilities(output_rates=(1,))):
            with pytest.raises(ConfigError):
                await Unreachable(capabilities=can).start()
        choice = Capabilities(input_rates=(1, 24_000), output_rates=(1, 24_000))
        async with PlainEngine(capabilities=choice).start():
            pass

    run(main())


def test_a_link_whose_rate_cannot_be_converted_is_closed() -> None:
    class Odd(PlainLink):
        input_rate = 1

    async def main() -> None:
        link = Odd()
        with pytest.raises(ConfigError):
            await PlainEngine(lambda: link).start()
        assert link.closed == 1

    run(main())


# Its end


def test_a_session_that_is_closed_ends_and_its_events_can_still_be_read() -> None:
    async def main() -> list[Event]:
        plain, link = engine(GoingAway(1.0))
        async with plain.start() as session:
            await asyncio.sleep(1)
        assert (link.closed, session.closed) == (1, True)
        return await told(session)

    assert types(run(main())) == ["session_started", "going_away", "session_ended"]


def test_a_session_closed_amid_a_response_ends_it() -> None:
    async def main() -> list[Event]:
        plain, _ = engine(*said("r", "One"))
        async with plain.start() as session:
            await asyncio.sleep(1)
        return (await told(session))[4:]

    assert run(main()) == [
        ResponseDone("r", "failed"),
        TurnEnd("", "One", "One", "failed"),
        SessionEnded("closed"),
    ]


def test_an_engine_that_ends_in_order_ends_the_session() -> None:
    async def main() -> list[Event]:
        plain, link = engine()
        link.end()
        events = await told(await plain.start())
        assert link.closed == 1
        return events[1:]

    assert run(main()) == [SessionEnded("ended_by_engine")]


@pytest.mark.parametrize("on_error", [(), (lambda error: error,)])
def test_an_engine_that_breaks_amid_a_response_ends_it_the_turn_and_the_session_in_this_order(
    on_error: tuple[Callable[[S2SError], S2SError], ...],
) -> None:
    async def main() -> list[Event]:
        plain, link = engine(*said("r", "One"), hooks=Hooks(on_error=on_error))
        link.end(LOST)
        return (await told(await plain.start()))[4:]

    assert run(main()) == [
        ResponseDone("r", "failed"),
        TurnEnd("", "One", "One", "failed"),
        Error(LOST, fatal=True),
        SessionEnded("failed"),
    ]


def test_what_the_reader_did_not_get_amid_the_break_is_still_there() -> None:
    async def main() -> str:
        plain, link = engine(*said("r", "One", "two"))
        link.end(LOST)
        talk = Talk(await plain.start())
        await talk.rest()
        return talk.text

    assert run(main()) == "One two"


def test_a_fatal_error_of_the_engine_is_delivered_once_and_last_but_one() -> None:
    async def main() -> list[Event]:
        plain, _ = engine(ResponseStarted("r"), Error(LOST, fatal=True), GoingAway(1.0))
        return (await told(await plain.start()))[1:]

    assert run(main()) == [
        ResponseStarted("r"),
        ResponseDone("r", "failed"),
        TurnEnd("", "", "", "failed"),
        Error(LOST, fatal=True),
        SessionEnded("failed"),
    ]


def test_an_error_that_is_not_fatal_leaves_the_session_alive() -> None:
    async def main() -> None:
        plain, link = engine(Error(ProviderError("again, please")))
        async with plain.start() as session:
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
        plain, link = engine(*said("r", "One"), hooks=hooks, limits=limits)
        link.end(LOST)
        events = (await told(await plain.start()))[-3:]
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
        plain, link = engine(hooks=Hooks(on_end=broken))
        link.end(LOST)
        return await told(await plain.start())

    events = run(main())
    assert types(events) == ["session_started", "error", "error", "session_ended"]
    assert [type(each.error) for each in events if isinstance(each, Error)] == [
        HookError,
        ConnectionLostError,
    ]


# Closing at odd moments


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
        plain, link = engine(*said("r", "One"), hooks=hooks)
        async with plain.start() as session:
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

        plain, link = engine(tools=[hang_up])
        async with plain.start() as session:
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


async def send(session: Session, seconds: int) -> None:
    for _ in range(seconds * 50):
        await session.send_audio(bytes(960))


def test_whoever_reads_hears_the_end_when_the_session_is_closed() -> None:
    async def main() -> list[Event]:
        plain, _ = engine()
        session = await plain.start()
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
        plain, link = engine()
        links.append(link)
        await plain.start()

    asyncio.run(main())
    assert links[0].closed == 1


# Slow people and busy engines


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
        plain, link = engine(ResponseStarted("r"), limits=limits)
        async with plain.start() as session:
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
        plain, _ = engine(*said("r", "One"))
        async with plain.start() as session:
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
        plain, link = engine(ResponseStarted("r"), limits=Limits(waiting_events=50), hooks=hooks)
        session = await plain.start()
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
        plain, link = engine(ResponseStarted("r"), limits=Limits(waiting_events=5))
        async with plain.start() as session:
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
        plain, link = engine(hooks=Hooks(on_start=slow, on_turn=slow))
        async with plain.start() as session:
            began = asyncio.get_running_loop().time()
            link.tell(*said("r", "One"), ResponseDone("r"))
            await Talk(session).until(TurnEnd)
            assert asyncio.get_running_loop().time() == began

    run(main())


def test_replies_that_a_link_owes_its_peer_go_back_through_the_writer_in_order() -> None:
    async def main() -> None:
        plain, link = engine(Send(b"pong"))
        async with plain.start() as session:
            await session.send_text("Hi")
            await asyncio.sleep(1)
        assert [type(each) for each in link.sent] == [Send, AddItem, CreateResponse]

    run(main())


def test_what_a_link_answers_at_once_is_heard() -> None:
    async def main() -> None:
        plain, link = engine()
        link.answers = lambda sent: [GoingAway(3.0)] if isinstance(sent, CommitAudio) else []
        async with plain.start() as session:
            await session.commit()
            assert await Talk(session).until(GoingAway) == GoingAway(3.0)

    run(main())


# Readers


def test_two_loops_over_one_session_are_refused_and_nothing_hangs() -> None:
    async def main() -> None:
        plain, link = engine()
        async with plain.start() as session:
            readers = [asyncio.ensure_future(Talk(session).rest()) for _ in range(2)]
            await asyncio.sleep(1)
            link.end()
            seen = await asyncio.gather(*readers, return_exceptions=True)
            assert [type(each) for each in seen] == [list, LocalProtocolError]

    run(main())


def test_leaving_the_loop_and_coming_back_loses_nothing() -> None:
    async def main() -> None:
        plain, link = engine(*(GoingAway(float(n)) for n in range(6)))
        link.end()
        session = await plain.start()
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
        plain, link = engine()
        async with plain.start() as session:
            await anext(session.recv())
            for n in range(5):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(session.recv()), 1)
                link.tell(GoingAway(float(n)))
                assert await asyncio.wait_for(anext(session.recv()), 1) == GoingAway(float(n))

    run(main())


# Nothing is left


def test_a_thousand_sessions_leave_no_task_no_thread_and_no_file_behind() -> None:
    def now() -> str:
        return "noon"

    def held() -> tuple[int, int, int]:
        # Idle threads of the local engine's pool, from tests before this one, may end meanwhile.
        threads = [each for each in threading.enumerate() if not each.name.startswith("s2s-pool")]
        return len(asyncio.all_tasks()), len(threads), len(os.listdir("/dev/fd"))

    async def cycle() -> None:
        call = Call("c", "now")
        script = [Reply(says="One", calls=(call,)), Reply(says="Noon it is.")]
        async with ScriptEngine(Config(extra={"script": script}, tools=[tool(now)])).start() as session:
            await session.send_text("What time is it?")
            async for event in session:
                if isinstance(event, TurnEnd):
                    break

    async def main() -> None:
        for n in range(1000):
            await cycle()
            if n == 10:
                before = held()
        assert held() == before

    asyncio.run(main())


def test_sessions_of_one_engine_do_not_hear_each_other() -> None:
    async def main() -> None:
        script = ScriptEngine()
        async with script.start() as one, script.start() as two:
            talks = [Talk(one), Talk(two)]
            await one.send_text("one")
            await two.send_text("two")
            for talk in talks:
                await talk.until(TurnEnd)
            assert [talk.text for talk in talks] == ["You said: one", "You said: two"]

    run(main())


def test_a_tool_that_is_taken_away_while_it_is_called_still_answers() -> None:
    async def main() -> None:
        def now() -> str:
            return "noon"

        can = Capabilities(updates=True)
        link = PlainLink(capabilities=can)
        async with PlainEngine(lambda: link, can, Config(tools=[now])).start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "now"), "r"))
            await talk.until(ToolCall)
            await session.update(tools=[Tool(name="later")])
            await asyncio.sleep(1)
            assert session.history[-1] == ToolResult("c", "noon")

    run(main())
