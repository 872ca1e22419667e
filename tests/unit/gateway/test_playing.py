import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.dialect import JSONClient
from tests.support.hosted import HostedLink
from tests.support.links import MS, PlainLink, said, types

from s2s.commands import (
    AddItem,
    AppendAudio,
    Cancel,
    Command,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.errors import ProviderError, S2SError
from s2s.events import (
    AudioOutput,
    Event,
    GoingAway,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    Transcript,
    Usage,
)
from s2s.gateway.playing import Playing
from s2s.items import Call, Message
from s2s.links import Link
from s2s.patience import Patience
from s2s.providers.script import Reply, ScriptEngine, tone
from s2s.testing.clock import run
from s2s.wire import Send

SPEECH = SpeechStarted("user-1", 0.0)
SPOKEN = said("r1", "one", "two", "three")
"""300 ms of audio."""


class Ear:
    """Reads a link and notes when it tells what."""

    def __init__(self, link: Link) -> None:
        self._told = Patience(aiter(link))
        self.told: list[tuple[float, Event]] = []

    async def hear(self, quiet_s: float) -> list[Event]:
        """Return what is told until it is quiet for so long, or the end."""
        began = len(self.told)
        try:
            while (event := await self._told.next(quiet_s)) is not None:
                assert not isinstance(event, Send)
                self.told.append((now_ms(), event))
        except StopAsyncIteration:
            pass
        return [event for _, event in self.told[began:]]

    def when_ms(self, kind: type[Event]) -> list[float]:
        """Return at what times something of this kind was told."""
        return [at for at, event in self.told if isinstance(event, kind)]

    async def close(self) -> None:
        await self._told.close()


def now_ms() -> float:
    return round(asyncio.get_running_loop().time() * 1000, 3)


@asynccontextmanager
async def playing(
    *events: Event, interrupts: bool = True, cuts_by_text: bool = True, longest_wait_s: float = math.inf
) -> AsyncIterator[tuple[PlainLink, Playing, Ear]]:
    """Open a link that tells this, and an ear at it."""
    inner = PlainLink(*events)
    link = Playing(inner, interrupts=interrupts, cuts_by_text=cuts_by_text, longest_wait_s=longest_wait_s)
    ear = Ear(link)
    try:
        yield inner, link, ear
    finally:
        await ear.close()
        await link.close()


def after_start(events: Sequence[Event]) -> list[str]:
    assert isinstance(events[0], SessionStarted)
    return types(events[1:])


# An answer to its end.


def test_an_answer_ends_when_it_was_played() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1", usage=Usage())) as (_, _, ear):
            await ear.hear(1)
            assert ear.told[-2:] == [
                (0.0, ResponseGenerated("r1")),
                (300.0, ResponseDone("r1", usage=Usage())),
            ]

    run(main())


def test_audio_that_comes_late_is_played_when_it_comes() -> None:
    async def main() -> None:
        async with playing(*said("r1", "one")) as (inner, _, ear):
            await ear.hear(0.5)
            inner.tell(AudioOutput(bytes(200 * MS), 24_000, "r1", "item-1", 100), ResponseDone("r1"))
            await ear.hear(1)
            assert ear.when_ms(ResponseGenerated) == [500.0]
            assert ear.when_ms(ResponseDone) == [700.0]

    run(main())


def test_an_answer_that_came_no_faster_than_it_is_heard_ends_at_once() -> None:
    async def main() -> None:
        async with playing(*said("r1", "one")) as (inner, _, ear):
            await ear.hear(0.1)
            inner.tell(ResponseDone("r1"))
            assert types(await ear.hear(1)) == ["response_generated", "response_done"]
            assert ear.when_ms(ResponseDone) == [100.0]

    run(main())


@pytest.mark.parametrize(("longest_wait_s", "done_ms"), [(0.0, 0.0), (0.2, 200.0), (9.0, 300.0)])
def test_the_wait_has_a_bound(longest_wait_s: float, done_ms: float) -> None:
    async def main() -> None:
        events = (*SPOKEN, ResponseDone("r1"))
        async with playing(*events, longest_wait_s=longest_wait_s) as (_, _, ear):
            await ear.hear(1)
            assert ear.when_ms(ResponseDone) == [done_ms]

    run(main())


CALL = ToolCall(Call("c1", "f", {}), "r1")


@pytest.mark.parametrize(
    ("events", "done"),
    [
        ([*SPOKEN, CALL], ResponseDone("r1")),
        (SPOKEN, ResponseDone("r1", "interrupted")),
        (SPOKEN, ResponseDone("r1", "failed")),
        (SPOKEN, ResponseDone("r1", "incomplete")),
        ([ResponseStarted("r1"), TextOutput("Hi", "r1", "i", form="written")], ResponseDone("r1")),
        ([ResponseStarted("r1")], ResponseDone("r1")),
        ([ResponseStarted("r1", "out_of_band"), *SPOKEN[1:]], ResponseDone("r1")),
    ],
    ids=["calls", "interrupted", "failed", "incomplete", "written", "empty", "beside the conversation"],
)
def test_what_nobody_waits_to_hear_ends_at_once(events: list[Event], done: ResponseDone) -> None:
    async def main() -> None:
        async with playing(*events, done) as (inner, _, ear):
            assert (await ear.hear(1))[1:] == [*events, done]
            assert ear.when_ms(ResponseDone) == [0.0]
            inner.tell(SPEECH)
            assert await ear.hear(1) == [SPEECH]

    run(main())


def test_a_timer_that_rings_a_little_early_rings_once() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, _, ear):
            # News at a moment that is not quite that of the end, and within the resolution of the clock.
            asyncio.get_running_loop().call_at(0.3 - 1e-10, inner.tell, GoingAway(9.0))
            assert {*types((await ear.hear(1))[-2:])} == {"response_done", "going_away"}

    run(main())


def test_other_events_pass_in_between() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, _, ear):
            await ear.hear(0.1)
            late: list[Event] = [Transcript("Hello", "user-1", final=True), GoingAway(9.0)]
            inner.tell(*late)
            assert await ear.hear(1) == [*late, ResponseDone("r1")]
            assert [at for at, _ in ear.told[-3:]] == [100.0, 100.0, 300.0]

    run(main())


def test_replies_that_a_link_owes_its_own_peer_pass() -> None:
    async def main() -> None:
        link = Playing(PlainLink(Send(b"pong")))
        told = aiter(link)
        assert isinstance(await anext(told), SessionStarted)
        assert await anext(told) == Send(b"pong")
        assert await link.send(Send(b"pong")) == ()

    run(main())


def test_the_end_of_one_answer_comes_before_the_beginning_of_the_next() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, _, ear):
            await ear.hear(0.1)
            inner.tell(ResponseStarted("r2", "continuation"))
            assert await ear.hear(1) == [ResponseDone("r1"), ResponseStarted("r2", "continuation")]

    run(main())


def test_an_answer_is_heard_after_the_one_before_it() -> None:
    async def main() -> None:
        events = (*said("r1", "one", "two"), CALL, ResponseDone("r1"), *said("r2", "three", item_id="item-2"))
        async with playing(*events, ResponseDone("r2")) as (_, _, ear):
            await ear.hear(1)
            assert ear.told[-1] == (300.0, ResponseDone("r2"))

    run(main())


def test_a_silent_answer_does_not_wait_for_the_one_before_it() -> None:
    async def main() -> None:
        spoken = (*SPOKEN, CALL, ResponseDone("r1"))
        silent = (ResponseStarted("r2"), ResponseGenerated("r2"), ResponseDone("r2"))
        async with playing(*spoken, *silent) as (_, _, ear):
            await ear.hear(1)
            assert ear.told[-1] == (0.0, ResponseDone("r2"))

    run(main())


def test_what_is_said_beside_the_conversation_does_not_count() -> None:
    async def main() -> None:
        sound = AudioOutput(bytes(900 * MS), 24_000, "r2", "item-2")
        aside: list[Event] = [ResponseStarted("r2", "out_of_band"), sound]
        async with playing(*SPOKEN, *aside, ResponseDone("r1")) as (_, _, ear):
            await ear.hear(1)
            assert ear.told[-1] == (300.0, ResponseDone("r1"))

    run(main())


def test_an_answer_beside_the_conversation_holds_nothing_up() -> None:
    async def main() -> None:
        aside: list[Event] = [ResponseStarted("r2", "out_of_band"), ResponseDone("r2")]
        async with playing(*SPOKEN, ResponseDone("r1"), *aside) as (_, _, ear):
            assert (await ear.hear(1))[-3:] == [*aside, ResponseDone("r1")]

    run(main())


def test_an_engine_that_knows_when_it_was_played_is_not_repeated() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseGenerated("r1")) as (inner, _, ear):
            await ear.hear(0.25)
            inner.tell(ResponseDone("r1"))
            await ear.hear(1)
            assert ear.told[-2:] == [(0.0, ResponseGenerated("r1")), (300.0, ResponseDone("r1"))]

    run(main())


@pytest.mark.parametrize("failure", [None, ProviderError("no quota")])
def test_an_end_that_was_held_back_is_not_lost_with_the_engine(failure: S2SError | None) -> None:
    async def main() -> None:
        inner = PlainLink(*SPOKEN, ResponseDone("r1"))
        inner.end(failure)
        told: list[Event | Send] = []
        with pytest.raises(type(failure)) if failure else nullcontext():
            async for each in Playing(inner):
                told.append(each)
        assert told[-2:] == [ResponseGenerated("r1"), ResponseDone("r1")]
        assert now_ms() == 0.0

    run(main())


def test_what_is_not_of_the_house_breaks_it_too() -> None:
    async def main() -> None:
        inner = PlainLink()
        inner.end(TimeoutError("theirs"))
        with pytest.raises(TimeoutError, match="theirs"):
            async for _ in Playing(inner):
                pass

    run(main())


# The user's speech.


def test_speech_cuts_off_an_answer_that_is_still_being_played() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1", usage=Usage())) as (inner, _, ear):
            await ear.hear(0.12)
            inner.tell(SPEECH)
            assert await ear.hear(1) == [
                SPEECH,
                Interrupted("r1", "item-1", 120.0, "user_speech", "server_confirmed"),
                ResponseDone("r1", "interrupted", Usage()),
            ]
            inner.tell(SPEECH)
            assert await ear.hear(1) == [SPEECH]

    run(main())


def test_the_item_that_is_being_heard_is_named() -> None:
    async def main() -> None:
        second = said("r1", "three", "four", item_id="item-2")[1:]
        events = [*said("r1", "one", "two"), *second, ResponseDone("r1"), SPEECH]
        async with playing(*events[:-1]) as (inner, _, ear):
            await ear.hear(0.25)
            inner.tell(SPEECH)
            cut = (await ear.hear(1))[1]
            assert cut == Interrupted("r1", "item-2", 50.0, "user_speech", "server_confirmed")

    run(main())


def test_an_answer_that_is_still_generated_is_ended_by_its_engine() -> None:
    async def main() -> None:
        async with playing(*SPOKEN) as (inner, _, ear):
            await ear.hear(0.1)
            inner.tell(SPEECH)
            cut = Interrupted("r1", "item-1", 100.0, "user_speech", "server_confirmed")
            assert await ear.hear(1) == [SPEECH, cut]
            inner.tell(SPEECH, ResponseDone("r1", "interrupted"))
            assert await ear.hear(1) == [SPEECH, ResponseDone("r1", "interrupted")]

    run(main())


def test_an_engine_that_had_ended_when_it_was_cut_off_has_not_completed() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, SPEECH, ResponseDone("r1")) as (_, _, ear):
            assert (await ear.hear(1))[-1] == ResponseDone("r1", "interrupted")
            assert ear.when_ms(ResponseGenerated) == []

    run(main())


def test_all_was_heard_of_an_answer_that_falters() -> None:
    async def main() -> None:
        async with playing(*SPOKEN) as (inner, _, ear):
            await ear.hear(5)
            inner.tell(SPEECH)
            cut = Interrupted("r1", "item-1", 300.0, "user_speech", "server_confirmed")
            assert await ear.hear(1) == [SPEECH, cut]

    run(main())


@pytest.mark.parametrize(
    ("events", "item_id"),
    [
        ([ResponseStarted("r1")], ""),
        ([ResponseStarted("r1"), TextOutput("Hi", "r1", "item-1", form="written")], "item-1"),
    ],
)
def test_nothing_was_heard_of_an_answer_without_sound(events: list[Event], item_id: str) -> None:
    async def main() -> None:
        async with playing(*events, SPEECH) as (_, _, ear):
            cut = Interrupted("r1", item_id, 0.0, "user_speech", "server_confirmed")
            assert (await ear.hear(1))[-1] == cut

    run(main())


LATE = AudioOutput(bytes(500 * MS), 24_000, "r1", "item-1", 300)


@pytest.mark.parametrize(
    "ends",
    [
        (ResponseDone("r1"), SPEECH),
        (SPEECH, LATE, ResponseDone("r1")),
        (SPEECH, LATE, ResponseDone("r1", "interrupted")),
        (ResponseDone("r1", "interrupted"),),
    ],
    ids=["held", "late", "late and interrupted", "by the engine alone"],
)
def test_what_follows_a_cut_is_heard_at_once(ends: Sequence[Event]) -> None:
    async def main() -> None:
        answer = (*said("r2", "four", item_id="item-2"), ResponseDone("r2"))
        async with playing(*SPOKEN, *ends, *answer) as (inner, _, ear):
            await ear.hear(0.05)
            inner.tell(SPEECH)
            assert (await ear.hear(1))[1] == Interrupted(
                "r2", "item-2", 50.0, "user_speech", "server_confirmed"
            )

    run(main())


def test_nothing_was_heard_of_an_answer_while_the_one_before_it_is_heard() -> None:
    async def main() -> None:
        events = (*SPOKEN, CALL, ResponseDone("r1"), *said("r2", "four", item_id="item-2"))
        async with playing(*events) as (inner, _, ear):
            await ear.hear(0.05)
            inner.tell(SPEECH)
            assert (await ear.hear(1))[1] == Interrupted(
                "r2", "item-2", 0.0, "user_speech", "server_confirmed"
            )

    run(main())


def test_speech_after_an_answer_cuts_nothing_off() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, _, ear):
            await ear.hear(1)
            inner.tell(SPEECH)
            assert await ear.hear(1) == [SPEECH]

    run(main())


@pytest.mark.parametrize("at_first", [True, False])
def test_speech_cuts_off_only_while_turn_detection_says_so(at_first: bool) -> None:
    async def main() -> None:
        async with playing(interrupts=at_first) as (inner, link, ear):
            for number, interrupts in enumerate((at_first, not at_first)):
                await link.send(UpdateSession(instructions="Be brief."))
                inner.tell(*said(f"r{number}", "one"), ResponseDone(f"r{number}"), SPEECH)
                kinds = types(await ear.hear(1))[-3:]
                cut = ["speech_started", "interrupted", "response_done"]
                assert kinds == (
                    cut if interrupts else ["response_generated", "speech_started", "response_done"]
                )
                turns = TurnDetection(interrupt_response=not interrupts)
                await link.send(UpdateSession(turn_detection=turns))
            assert len(inner.sent) == 4

    run(main())


def test_an_interruption_that_the_engine_tells_says_what_was_heard() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, _, ear):
            await ear.hear(0.1)
            theirs = Interrupted("r1", "", 0.0, "application", "server_confirmed")
            inner.tell(theirs, SPEECH, theirs)
            assert await ear.hear(1) == [
                Interrupted("r1", "item-1", 100.0, "application", "server_confirmed"),
                ResponseDone("r1", "interrupted"),
                SPEECH,
            ]

    run(main())


def test_an_interruption_is_told_once_whoever_tells_it_first() -> None:
    async def main() -> None:
        theirs = Interrupted("r1", "", 0.0, "user_speech", "server_confirmed")
        async with playing(*SPOKEN, SPEECH, theirs, ResponseDone("r1", "interrupted"), theirs) as (_, _, ear):
            assert after_start(await ear.hear(1))[-3:] == ["speech_started", "interrupted", "response_done"]

    run(main())


def test_an_interruption_of_what_had_ended_passes() -> None:
    async def main() -> None:
        theirs = Interrupted("r1", "", 0.0, "user_speech", "server_confirmed")
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, _, ear):
            await ear.hear(1)
            inner.tell(theirs, theirs)
            assert await ear.hear(1) == [theirs]

    run(main())


# What the client asks.


def asked_to_stop(heard_ms: float) -> Interrupted:
    return Interrupted("r1", "item-1", heard_ms, "application", "requested")


@pytest.mark.parametrize("cancel", [Cancel(), Cancel("r1")])
def test_a_cancel_ends_what_is_still_being_played_and_the_engine_does_not_hear_of_it(cancel: Cancel) -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, link, ear):
            await ear.hear(0.1)
            assert await link.send(cancel) == ()
            assert await ear.hear(1) == [asked_to_stop(100.0), ResponseDone("r1", "interrupted")]
            assert (ear.told[-1][0], inner.sent) == (100.0, [])
            await link.send(cancel)
            assert inner.sent == [cancel]

    run(main())


def test_a_cancel_wakes_whoever_waits() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (_, link, ear):
            hearing = asyncio.ensure_future(ear.hear(1))
            await asyncio.sleep(0.1)
            await link.send(Cancel())
            assert (await hearing)[-1] == ResponseDone("r1", "interrupted")
            assert ear.told[-1][0] == 100.0

    run(main())


def test_a_cancel_that_nobody_waits_for_is_the_next_that_is_told() -> None:
    async def main() -> None:
        link = Playing(PlainLink(*SPOKEN, ResponseDone("r1")))
        told = aiter(link)
        while await anext(told) != ResponseGenerated("r1"):
            pass
        await link.send(Cancel())
        assert [await anext(told), await anext(told)] == [
            asked_to_stop(0.0),
            ResponseDone("r1", "interrupted"),
        ]
        assert now_ms() == 0.0

    run(main())


def test_a_cancel_in_the_last_moment_harms_nothing() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (_, link, ear):
            hearing = asyncio.ensure_future(ear.hear(1))
            await asyncio.sleep(0.3)
            await link.send(Cancel())
            assert types(await hearing).count("response_done") == 1

    run(main())


def test_a_cancel_of_another_response_passes() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, link, ear):
            await ear.hear(0.1)
            await link.send(Cancel("r0"))
            assert await ear.hear(1) == [ResponseDone("r1")]
            assert inner.sent == [Cancel("r0")]

    run(main())


def test_what_is_still_generated_is_cancelled_by_its_engine() -> None:
    async def main() -> None:
        async with playing(*SPOKEN) as (inner, link, ear):
            await ear.hear(0.1)
            await link.send(Cancel())
            assert inner.sent == [Cancel()]
            inner.tell(ResponseDone("r1"))
            assert await ear.hear(1) == [asked_to_stop(100.0), ResponseDone("r1", "interrupted")]
            await link.send(Cancel())
            assert await ear.hear(1) == []

    run(main())


@pytest.mark.parametrize(
    ("asked", "cuts_by_text", "done"),
    [
        (CreateResponse(), True, (100.0, ResponseDone("r1", "interrupted"))),
        (CreateResponse(), False, (300.0, ResponseDone("r1"))),
        (CreateResponse(out_of_band=True), True, (300.0, ResponseDone("r1"))),
        (AddItem(Message("user", "Hi", "u")), True, (300.0, ResponseDone("r1"))),
        (SendToolResult("c1", "ok"), True, (300.0, ResponseDone("r1"))),
        (AppendAudio(bytes(480)), True, (300.0, ResponseDone("r1"))),
    ],
)
def test_a_new_question_cuts_off_what_is_still_being_played_where_it_shall(
    asked: Command, cuts_by_text: bool, done: tuple[float, ResponseDone]
) -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1"), cuts_by_text=cuts_by_text) as (inner, link, ear):
            await ear.hear(0.1)
            await link.send(asked)
            await ear.hear(1)
            assert (ear.told[-1], inner.sent) == (done, [asked])

    run(main())


def test_a_question_leaves_what_is_still_generated_to_its_engine() -> None:
    async def main() -> None:
        async with playing(*SPOKEN) as (inner, link, ear):
            await ear.hear(0.1)
            await link.send(CreateResponse())
            inner.tell(ResponseDone("r1"))
            assert await ear.hear(1) == [ResponseGenerated("r1"), ResponseDone("r1")]
            assert ear.told[-1][0] == 300.0

    run(main())


def test_what_an_engine_answers_at_once_comes_after_the_end_that_the_question_brings_about() -> None:
    async def main() -> None:
        async with playing(*SPOKEN, ResponseDone("r1")) as (inner, link, ear):
            await ear.hear(0.1)
            hearing = asyncio.ensure_future(ear.hear(1))
            await asyncio.sleep(0)
            inner.answers = lambda _: [*said("r2", "four", item_id="item-2"), ResponseDone("r2")]
            told = await link.send(CreateResponse())
            assert types(told) == [
                "interrupted",
                "response_done",
                "response_started",
                "text_output",
                "audio_output",
                "response_generated",
            ]
            assert told[:2] == [asked_to_stop(100.0), ResponseDone("r1", "interrupted")]
            assert await hearing == [ResponseDone("r2")]
            assert ear.told[-1][0] == 200.0

    run(main())


def test_an_answer_that_an_engine_gives_at_once_ends_when_it_was_played_too() -> None:
    async def main() -> None:
        async with playing() as (inner, link, ear):
            hearing = asyncio.ensure_future(ear.hear(1))
            await asyncio.sleep(0.1)
            inner.answers = lambda _: [*SPOKEN, ResponseDone("r1")]
            await link.send(CreateResponse())
            assert (await hearing)[-1] == ResponseDone("r1")
            assert ear.told[-1][0] == 400.0

    run(main())


# Real engines.


@pytest.mark.parametrize(("pace", "generated_ms"), [(0, 0.0), (4, 200.0)])
def test_the_answer_of_an_engine_that_is_faster_than_speech(pace: float, generated_ms: float) -> None:
    async def main() -> None:
        script = [Reply(says="one two three four")]
        inner = await ScriptEngine().open(Config(extra={"script": script, "pace": pace}))
        link = Playing(inner)
        ear = Ear(link)
        await link.send(CreateResponse())
        await ear.hear(5)
        assert ear.when_ms(ResponseGenerated) == [generated_ms]
        assert ear.when_ms(ResponseDone) == [800.0]
        await ear.close()
        await link.close()

    run(main())


@pytest.mark.parametrize("pace", [0, 4])
@pytest.mark.parametrize("at_ms", [100, 500])
def test_barge_in_of_an_engine_that_is_faster_than_speech(pace: float, at_ms: int) -> None:
    async def main() -> None:
        script = [Reply(says="one two three four"), Reply(says="five", hears="Stop")]
        link = Playing(await ScriptEngine().open(Config(extra={"script": script, "pace": pace})))
        ear = Ear(link)
        await link.send(CreateResponse())
        hearing = asyncio.ensure_future(ear.hear(5))
        await asyncio.sleep(at_ms / 1000)
        await link.send(AppendAudio(tone("stop")))
        await link.send(AppendAudio(bytes(600 * MS)))
        told = await hearing
        cuts = [each for each in told if isinstance(each, Interrupted)]
        assert [each.heard_ms for each in cuts] == [pytest.approx(at_ms, abs=1)]
        ends = [each.status for each in told if isinstance(each, ResponseDone)]
        assert ends == ["interrupted", "completed"]
        await ear.close()
        await link.close()

    run(main())


def test_it_is_served_over_a_connection() -> None:
    async def main() -> None:
        inner = await ScriptEngine().open(Config(extra={"script": [Reply(says="one two")]}))
        link = HostedLink(Playing(inner), JSONClient())
        ear = Ear(link)
        await ear.hear(0.1)
        await link.send(CreateResponse())
        await ear.hear(1)
        assert ear.when_ms(ResponseDone) == [500.0]
        await ear.close()
        await link.close()

    run(main())


# Any conversation.

STEPS = st.lists(
    st.sampled_from(["start", "audio", "call", "done", "failed", "speech", "cancel", "ask", "wait"]),
    max_size=40,
)


@given(STEPS, st.booleans(), st.booleans())
def test_every_response_has_one_end_and_at_most_one_interruption(
    steps: list[str], interrupts: bool, cuts_by_text: bool
) -> None:
    async def main() -> list[Event]:
        async with playing(interrupts=interrupts, cuts_by_text=cuts_by_text) as (inner, link, ear):
            number, under_way = 0, False
            for step in steps:
                name = f"r{number}"
                match step:
                    case "start" if not under_way:
                        number, under_way = number + 1, True
                        inner.tell(ResponseStarted(f"r{number}"))
                    case "audio" if under_way:
                        inner.tell(AudioOutput(bytes(70 * MS), 24_000, name, f"item-{number}"))
                    case "call" if under_way:
                        inner.tell(ToolCall(Call(f"c{number}", "f", {}), name))
                    case "done" | "failed" if under_way:
                        under_way = False
                        inner.tell(ResponseDone(name, "completed" if step == "done" else "failed"))
                    case "speech":
                        inner.tell(SPEECH)
                    case "cancel":
                        await link.send(Cancel())
                    case "ask":
                        await link.send(CreateResponse())
                    case _:
                        await ear.hear(0.05)
            if under_way:
                inner.tell(ResponseDone(f"r{number}", "failed"))
            await ear.hear(60)
            return [event for _, event in ear.told]

    told = run(main())
    started = [each.response_id for each in told if isinstance(each, ResponseStarted)]
    ended = [each.response_id for each in told if isinstance(each, ResponseDone)]
    cut = [each.response_id for each in told if isinstance(each, Interrupted)]
    assert started == ended
    assert len(set(cut)) == len(cut)
    frames = [each for each in told if isinstance(each, ResponseStarted | ResponseDone)]
    assert all(type(one) is not type(next_one) for one, next_one in pairwise(frames))
