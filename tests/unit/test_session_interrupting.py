"""Interruptions, by the application and by the user."""

import asyncio
from collections.abc import Sequence

import pytest

from s2s.capabilities import Capabilities
from s2s.commands import Cancel, Truncate
from s2s.errors import UnsupportedError
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    TextOutput,
    TurnEnd,
)
from s2s.items import Message
from s2s.providers.script import Reply
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from tests.support.links import types
from tests.support.sessions import able, finished, loud, script


def test_an_interruption_says_by_the_clock_what_was_heard() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three four five"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.listen(0.5)
            cut = await session.interrupt()
            assert cut == Interrupted("response-1", "item-2", 500.0, "application", "server_confirmed")
            after = await talk.listen(5)
            assert after == [
                cut,
                ResponseDone("response-1", "interrupted"),
                TurnEnd("Count.", "one two three", "one two", "interrupted", timings=turn_of(after).timings),
            ]
            assert session.history[-1] == Message("assistant", "one two three", "item-2", "one two")
            await finished(session, talk.events)

    run(main())


def turn_of(events: Sequence[Event]) -> TurnEnd:
    return next(each for each in events if isinstance(each, TurnEnd))


def test_an_interruption_says_by_the_sink_what_was_heard() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three four five"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.listen(0.5)
            session.playhead.played(210)
            cut = await session.interrupt()
            assert cut is not None
            assert cut.heard_ms == 210.0
            assert turn_of(await talk.listen(5)).heard_text == "one"

    run(main())


def test_no_audio_of_the_response_is_delivered_after_an_interruption() -> None:
    async def main() -> None:
        engine, link = able(Capabilities(interrupt="local_only"))
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), AudioOutput(loud(100), 24_000, "r", "i"))
            await talk.until(AudioOutput)
            link.tell(AudioOutput(loud(100), 24_000, "r", "i", 100), AudioOutput(loud(9), 24_000, "r", "j"))
            await asyncio.sleep(0.05)
            assert await session.interrupt() == Interrupted("r", "i", 50.0, "application", "local_only")
            link.tell(AudioOutput(loud(100), 24_000, "r", "i", 200), TextOutput("late", "r", "i"))
            link.tell(ResponseDone("r"), ResponseStarted("s"), AudioOutput(loud(1), 24_000, "s", "k"))
            after = await talk.listen(1)
            assert types(after) == [
                "interrupted",
                "response_done",
                "turn_end",
                "response_started",
                "audio_output",
            ]
            await finished(session, talk.events)

    run(main())


def test_converted_audio_that_waits_in_a_filter_is_not_delivered_after_an_interruption() -> None:
    async def main() -> None:
        engine, link = able(sample_rate=16_000)
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), AudioOutput(loud(100), 24_000, "r", "i"))
            await talk.until(AudioOutput)
            await session.interrupt()
            link.tell(ResponseDone("r"))
            assert types(await talk.listen(1)) == ["interrupted", "response_done", "turn_end"]

    run(main())


def test_what_was_said_and_not_heard_can_still_be_cut_off() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three")).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.until(TurnEnd)
            await asyncio.sleep(0.3)
            cut = await session.interrupt()
            assert cut == Interrupted("response-1", "item-2", 300.0, "application", "requested")
            assert session.history[-1] == Message("assistant", "one two three", "item-2", "one")
            assert await session.interrupt() is None
            assert await talk.listen(1) == [cut]

    run(main())


@pytest.mark.parametrize("later_s", [0.61, 60])
def test_where_all_was_heard_there_is_nothing_to_interrupt(later_s: float) -> None:
    async def main() -> None:
        async with script(Reply(says="one two three")).start() as session:
            talk = Talk(session)
            assert await session.interrupt() is None
            await session.send_text("Count.")
            await talk.until(TurnEnd)
            await asyncio.sleep(later_s)
            assert await session.interrupt() is None
            assert await talk.listen(1) == []

    run(main())


def test_an_answer_that_was_asked_for_and_has_not_begun_ends_as_it_begins() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three"), Reply(says="four"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            assert await session.interrupt() is None
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert talk.audio == b""
            await session.send_text("Count on.")
            assert (await talk.until(TurnEnd)).agent_text == "four"

    run(main())


@pytest.mark.parametrize("at_s", [0.0, 0.1, 0.2, 0.3999999, 0.4, 0.4000001, 0.5, 0.79, 0.8, 0.81])
@pytest.mark.parametrize("first", ["the interruption", "the engine"])
def test_an_interruption_as_a_response_ends_cuts_off_the_one_that_it_names(first: str, at_s: float) -> None:
    async def main() -> None:
        engine = script(Reply(says="one two"), Reply(says="three four"), pace=1)
        async with engine.start() as session:
            talk = Talk(session)
            if first == "the interruption":
                interrupting = asyncio.ensure_future(interrupted(session, at_s))
            await session.send_text("Count.")
            await session.send_text("Count on.")
            if first == "the engine":
                interrupting = asyncio.ensure_future(interrupted(session, at_s))
            await talk.listen(5)
            cut = await interrupting
            done = [e.response_id for e in talk.all(ResponseDone) if e.status == "interrupted"]
            if cut is None:
                assert len(done) <= 1  # the one that was asked for and had not begun
            else:
                assert done == [cut.response_id]
            assert len(talk.all(TurnEnd)) == 2
            await finished(session, talk.events)

    run(main())


async def interrupted(session: Session, at_s: float) -> Interrupted | None:
    await asyncio.sleep(at_s)
    return await session.interrupt()


def test_the_user_speaks_over_the_answer() -> None:
    async def main() -> None:
        async with script(Reply(says="one two three four"), pace=1).start() as session:
            talk = Talk(session)
            await session.send_text("Count.")
            await talk.listen(0.3)
            await session.send_audio(loud(20))
            cut = await talk.until(Interrupted)
            assert cut == Interrupted("response-1", "item-2", 300.0, "user_speech", "server_confirmed")
            await session.send_audio(bytes(48 * 400))
            turns = [await talk.until(TurnEnd), await talk.until(TurnEnd)]
            assert [each.status for each in turns] == ["interrupted", "completed"]
            assert turns[1].user_text == "something"
            await finished(session, talk.events)

    run(main())


def test_the_user_speaks_over_what_is_left_of_an_answer() -> None:
    async def main() -> None:
        engine, link = able(Capabilities(truncate=True))
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), AudioOutput(loud(900), 24_000, "r", "i"), ResponseDone("r"))
            await talk.until(TurnEnd)
            await asyncio.sleep(0.4)
            link.tell(SpeechStarted("u", 0))
            assert (await talk.until(Interrupted)).heard_ms == 400.0
            await asyncio.sleep(1)
        assert link.sent == [Truncate("i", 400.0)]

    run(main())


@pytest.mark.parametrize(
    ("end", "confirmation", "after_s"),
    [
        (ResponseDone("r1", "interrupted"), "server_confirmed", 1.0),
        (ResponseDone("r1", "completed"), "requested", 1.0),
        (ResponseDone("r2", "interrupted"), "requested", 3.0),
    ],
)
def test_whoever_waits_hears_whether_the_engine_has_stopped(
    end: ResponseDone, confirmation: str, after_s: float
) -> None:
    async def main() -> None:
        engine, link = able(Capabilities(interrupt="requested"))
        loop = asyncio.get_running_loop()
        async with engine.start() as session:
            link.tell(ResponseStarted("r1"), TextOutput("Well", "r1", "i1"))
            await Talk(session).until(TextOutput)
            began = loop.time()
            loop.call_later(1.0, link.tell, end)
            cut = await session.interrupt(confirm_s=3.0)
            assert cut is not None
            assert (cut.confirmation, loop.time() - began) == (confirmation, after_s)

    run(main())


def test_nobody_waits_for_an_engine_that_cannot_be_stopped() -> None:
    async def main() -> None:
        engine, link = able(Capabilities(interrupt="local_only"))
        loop = asyncio.get_running_loop()
        async with engine.start() as session:
            link.tell(ResponseStarted("r1"), TextOutput("Well", "r1", "i1"))
            await Talk(session).until(TextOutput)
            began = loop.time()
            cut = await session.interrupt(confirm_s=3.0)
            assert (cut and cut.confirmation, loop.time()) == ("local_only", began)
            assert await session.interrupt(confirm_s=3.0) is None

    run(main())


@pytest.mark.parametrize("done", [False, True])
def test_an_engine_that_is_reset_is_told_first_what_was_heard(done: bool) -> None:
    async def main() -> None:
        engine, link = able(Capabilities(interrupt="local_only", resets=True))
        async with engine.start() as session:
            link.tell(ResponseStarted("r1"), AudioOutput(bytes(48_000), 24_000, "r1", "i1"))
            talk = Talk(session)
            await talk.until(AudioOutput)
            if done:
                link.tell(ResponseDone("r1"))
                await talk.until(ResponseDone)
            session.playhead.played(400)
            cut = await session.interrupt(mode="reset", confirm_s=3.0)
            await asyncio.sleep(0.1)
            assert cut is not None
            assert (cut.confirmation, cut.heard_ms) == ("requested", 400)
            stopped = None if done else "r1"
            assert link.sent == [Truncate("i1", 400), Cancel(stopped, "reset")]

    run(main())


def test_an_engine_that_stops_need_not_be_reset() -> None:
    async def main() -> None:
        engine, link = able(Capabilities(interrupt="requested"))
        async with engine.start() as session:
            link.tell(ResponseStarted("r1"), TextOutput("Well", "r1", "i1"))
            await Talk(session).until(TextOutput)
            await session.interrupt(mode="reset")
            await asyncio.sleep(0.1)
            assert link.sent == [Cancel("r1")]

    run(main())


def test_an_engine_that_can_be_neither_stopped_nor_reset_says_so() -> None:
    async def main() -> None:
        engine, _ = able(Capabilities(interrupt="local_only"))
        async with engine.start() as session:
            with pytest.raises(UnsupportedError, match="a reset"):
                await session.interrupt(mode="reset")

    run(main())
