"""Conversations with Nova Sonic that outlive their streams: nothing is lost, doubled or out of order.

A stream is left in time, ended by the service in mid-word, or broken at any message of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import TypeAlias

import pytest
from msgspec.structs import replace
from tests.support.nova_callers import Caller, calling, wrong
from tests.support.nova_streams import CHUNK_MS, Parrot, tokens

from s2s.errors import ProviderError
from s2s.events import (
    Error,
    GoingAway,
    Reconnected,
    Reconnecting,
    ResponseDone,
    Transcript,
)
from s2s.items import JSON
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.clock import run

Talk: TypeAlias = Callable[[Caller], Awaitable[None]]
PLAIN = NovaTemper()
SHORT_LIVED = NovaTemper(session_s=100)
"""The service ends its streams long before we would leave them."""
DIAL_S = 0.3
LONGEST_GAP_S = 0.36
"""As long as it takes until nobody counts on the application's audio any more, and is silent in its place."""


def talked(
    talk: Talk,
    *,
    parrot: Parrot | None = None,
    temper: NovaTemper = PLAIN,
    errors: int = 0,
    **options: JSON,
) -> Caller:
    """Have a conversation that begins with question 1 and ends with 98 and 99, all of which are answered."""

    async def main() -> Caller:
        async with calling(parrot, temper, dial_s=DIAL_S, **options) as caller:
            await caller.speak(1)
            assert await caller.answered("a1")
            await talk(caller)
            await asyncio.sleep(3)
            await caller.write(98)
            assert await caller.answered("a98")
            await caller.speak(99)
            assert await caller.answered("a99")
        return caller

    caller = run(main())
    assert wrong(caller) == []
    assert len(caller.all(Error)) == errors
    return caller


def gap_s(caller: Caller) -> float:
    """Return the longest time in which nobody heard the user, between the first word and the last."""
    heard = sorted(at for each in caller.streams for at in each.audio_at)
    return max(after - before for before, after in pairwise(heard))


# Left in time.


def test_a_stream_is_left_while_nothing_is_said_and_nobody_notices() -> None:
    async def idle(caller: Caller) -> None:
        await caller.mute(355)
        await asyncio.sleep(10)

    caller = talked(idle)
    assert caller.at(GoingAway) == pytest.approx(360.3, abs=0.2)
    assert caller.at(Reconnected) == caller.at(Reconnecting) == pytest.approx(360.6, abs=0.2)
    assert len(caller.streams) == 2
    assert caller.minds[1].told == [("user", "q1"), ("assistant", "a1 is the answer.")]


def test_the_next_stream_is_open_before_the_old_one_is_left_and_no_audio_is_late() -> None:
    async def idle(caller: Caller) -> None:
        await caller.mute(355)
        await asyncio.sleep(10)

    caller = talked(idle)
    first, second = caller.streams
    assert first.closed_at is not None
    assert second.opened_at <= first.closed_at
    assert first.closed_at - first.audio_at[-1] <= CHUNK_MS / 1000
    assert gap_s(caller) <= LONGEST_GAP_S
    assert second.audio_at[0] - first.audio_at[-1] == pytest.approx(CHUNK_MS / 1000, abs=0.001)


def test_whoever_speaks_is_heard_to_the_end_before_the_stream_is_left() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(350)
        await caller.speak(2, 20_000)
        await caller.answered("a2")

    caller = talked(across)
    assert caller.minds[0].understood == [1, 2]
    assert caller.at(Reconnected) > 371


def test_whoever_speaks_without_end_is_heard_once_more_from_ten_seconds_before_the_change() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(355)
        await caller.speak(2, 110_000)
        await caller.answered("a2")

    caller = talked(across, errors=1)
    assert caller.at(Reconnecting) == pytest.approx(460.3, abs=0.1)
    assert caller.minds[1].heard[2] == pytest.approx(10_000 + (465 - 460.3) * 1000, abs=200)
    assert gap_s(caller) <= LONGEST_GAP_S


def test_an_answer_is_heard_to_its_end_before_the_stream_is_left() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(355)
        await caller.write(2)
        await caller.answered("a2")

    caller = talked(across, parrot=Parrot(q2="long"))
    assert caller.to("a2")[0].status == "completed"
    assert caller.at(Reconnected) > 365


def test_an_answer_without_end_is_cut_off_and_not_given_again() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(357)
        await caller.speak(2, 99_000)
        await caller.answered("a2")

    caller = talked(across, parrot=Parrot(pace=1, q2="long"))
    (answer,) = caller.to("a2")
    assert answer.status == "interrupted"
    assert answer.done_at == pytest.approx(460.3, abs=0.1)
    assert tokens(caller.minds[1].told[-1][1]) == ["a2"]


@pytest.mark.parametrize(("asked_at", "tool_s"), [(355.0, 10.0), (445.0, 25.0)])
def test_what_a_tool_returns_to_a_later_stream_is_answered_there_once(asked_at: float, tool_s: float) -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(355)
        if asked_at > 360:
            await caller.speak(7, int(asked_at - 357) * 1000)
        await caller.write(5)
        await caller.answered("b5")

    caller = talked(across, parrot=Parrot(q5="tool"), tool_s=tool_s)
    left_in_time = asked_at < 360
    assert [mind.results for mind in caller.minds] == ([["r5"], []] if left_in_time else [[], []])
    told = 'The result of look_up({"n":5}): r5'
    assert (told in caller.minds[1].asked) is not left_in_time


def test_what_was_asked_in_writing_just_before_the_change_is_asked_again() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(359)
        await caller.speak(7, 100_000)
        await asyncio.sleep(460.25 - caller.now())
        await caller.write(2)
        await caller.answered("a2", "a7")

    caller = talked(across)
    assert [mind.asked[:1] for mind in caller.minds] == [["q2"], ["q2"]]


# Ended by the service, without a warning.


def test_a_word_in_the_middle_of_which_the_service_ends_the_stream_is_heard_whole() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(97)
        await caller.speak(2, 6000)
        await caller.answered("a2")

    caller = talked(across, temper=SHORT_LIVED)
    first, second = caller.minds
    assert first.heard[2] == pytest.approx(3300, abs=100)
    assert second.heard[2] == 6000
    assert [each.text for each in caller.all(Transcript) if each.final] == ["q1", "q2", "q99"]


def test_what_was_said_and_not_understood_before_the_end_is_heard_again() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(99)
        await caller.speak(2, 600)
        await asyncio.sleep(0.3)
        await caller.answered("a2")

    caller = talked(across, temper=NovaTemper(session_s=99.8))
    assert [mind.understood for mind in caller.minds] == [[1], [2, 99]]


def test_what_was_understood_and_not_answered_is_asked_again_in_words() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(99)
        await caller.speak(2, 600)
        await caller.answered("a2")

    slow = Parrot(pace=0.5)
    caller = talked(across, parrot=slow, temper=NovaTemper(session_s=100))
    assert [mind.understood for mind in caller.minds] == [[1, 2], [99]]
    assert caller.minds[1].asked == ["q2", "q98"]


def test_an_answer_in_the_middle_of_which_the_service_ends_the_stream_is_not_given_again() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(95)
        await caller.speak(2)
        await caller.answered("a2")

    caller = talked(across, parrot=Parrot(pace=1, q2="long"), temper=SHORT_LIVED)
    assert [each.status for each in caller.to("a2")] == ["interrupted"]


def test_a_tool_that_works_while_the_service_ends_the_stream_is_not_cancelled() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(95)
        await caller.write(5)
        await caller.answered("b5")

    caller = talked(across, parrot=Parrot(q5="tool"), temper=SHORT_LIVED, tool_s=10)
    told = caller.minds[1].told[-1]
    assert told == ("user", 'q5\nlook_up({"n":5}) was called and has not returned.')
    assert caller.minds[1].asked[0] == 'The result of look_up({"n":5}): r5'


def test_a_question_in_writing_that_nobody_has_answered_is_asked_again() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(100.25)
        await caller.write(2)
        await caller.answered("a2")

    caller = talked(across, temper=SHORT_LIVED)
    assert [mind.asked[:1] for mind in caller.minds] == [["q2"], ["q2"]]


def test_a_service_that_falls_silent_is_complained_of_and_left_when_it_is_time() -> None:
    async def across(caller: Caller) -> None:
        await caller.mute(300)
        await caller.write(2)
        assert await caller.until(lambda: bool(caller.all(Error)))
        assert caller.now() == pytest.approx(330, abs=0.1)
        await caller.mute(365)

    silent = Fault(does="stall", asked="textInput", nth=2)
    caller = talked(across, temper=NovaTemper(faults=(silent,)), errors=1)
    (error,) = [each.error for each in caller.all(Error)]
    assert isinstance(error, ProviderError)
    assert error.code == "no_answer"
    assert caller.minds[1].told[-1] == ("user", "q2")


def test_a_question_in_writing_waits_until_the_spoken_one_is_answered() -> None:
    async def across(caller: Caller) -> None:
        await caller.speak(2)
        await caller.until(lambda: "q2" in [each.text for each in caller.all(Transcript)])
        await asyncio.sleep(0.2)
        await caller.write(3)
        await caller.answered("a2", "a3")

    caller = talked(across, parrot=Parrot(pace=0.5))
    answers = [each.text for name in ("a2", "a3") for each in caller.to(name)]
    assert answers == ["a2 is the answer.", "a3 is the answer."]


# Idle.


@pytest.mark.parametrize("ends", ["exception", "reset"])
def test_a_stream_on_which_nothing_is_said_does_not_end_for_silence_is(ends: JSON) -> None:
    async def idle(caller: Caller) -> None:
        await caller.mute(350)

    caller = talked(idle, temper=NovaTemper(idle_ends=ends))
    assert caller.all(Reconnecting) == []
    assert gap_s(caller) <= LONGEST_GAP_S


@pytest.mark.parametrize("ends", ["exception", "reset"])
def test_where_nobody_is_silent_for_the_application_the_conversation_goes_on_over_another_stream(
    ends: JSON,
) -> None:
    async def idle(caller: Caller) -> None:
        await caller.mute(200)

    caller = talked(idle, temper=NovaTemper(idle_ends=ends), direct=False)
    assert len(caller.all(Reconnected)) == 3
    assert caller.minds[-1].told == [("user", "q1"), ("assistant", "a1 is the answer.")]


# An hour.


def test_an_hour_is_one_conversation_over_as_many_streams_as_it_takes() -> None:
    kinds = {f"q{number}": ("short", "long", "tool")[number % 3] for number in range(2, 91)}

    async def for_an_hour(caller: Caller) -> None:
        for number in range(2, 90):
            await caller.mute(40 * number)
            await (caller.write(number) if number % 2 else caller.speak(number))
            assert await caller.begun()

    caller = talked(for_an_hour, parrot=Parrot(**kinds), direct=False)  # type: ignore[arg-type]
    assert caller.now() > 3560
    assert len(caller.all(Reconnected)) >= 9
    assert {each.status for each in caller.all(ResponseDone)} == {"completed"}
    assert len(caller.minds[-1].told) > 150


# The next stream, opened beforehand.


async def _kept_busy(caller: Caller) -> None:
    """Speak over the time at which the stream would be left."""
    await caller.mute(355)
    await caller.speak(2, 70_000)
    await caller.answered("a2")


def test_a_stream_that_was_opened_in_vain_is_opened_anew_before_it_is_idle_for_too_long() -> None:
    caller = talked(_kept_busy, temper=NovaTemper(input_s=30))
    assert [round(each.opened_at) for each in caller.streams] == [0, 361, 386, 411]
    assert [each.closed_at is None for each in caller.streams] == [False] * 4
    assert [len(each.audio_at) > 0 for each in caller.streams] == [True, False, False, True]
    assert caller.at(Reconnected) == caller.at(Reconnecting)


def test_a_service_that_refuses_the_next_stream_costs_another_attempt_and_no_word() -> None:
    throttled = Fault(does="refuse", asked="request", nth=2, code=429)

    async def across(caller: Caller) -> None:
        await caller.mute(355)
        await asyncio.sleep(7)
        await caller.speak(2, 2000)
        await caller.answered("a2")

    caller = talked(across, temper=NovaTemper(faults=(throttled,)))
    assert [each.attempt for each in caller.all(Reconnecting)] == [1, 2]
    assert caller.minds[1].understood == [2, 99]


def test_a_stream_that_breaks_while_the_next_one_is_open_goes_on_over_that_at_once() -> None:
    drop = Fault(does="abort", asked="audioInput", nth=5600)

    async def across(caller: Caller) -> None:
        await caller.mute(355)
        await caller.speak(2, 20_000)
        await caller.answered("a2")

    caller = talked(across, temper=NovaTemper(faults=(drop,)))
    assert caller.at(GoingAway) < caller.at(Reconnecting) == caller.at(Reconnected)
    assert len(caller.streams) == 2


def test_a_stream_is_left_for_one_with_new_credentials_before_they_expire() -> None:
    asked: list[float] = []

    async def lasting_five_minutes() -> JSON:
        asked.append(asyncio.get_running_loop().time())
        pair = {"aws_access_key_id": "AKIAMINE", "aws_secret_access_key": "secret"}
        return {**pair, "expires_at": time.time() + 300}

    async def idle(caller: Caller) -> None:
        await caller.mute(500)

    caller = talked(idle, extra={"credentials": lasting_five_minutes})
    assert [round(each) for each in asked] == [0, 150, 301, 451]
    assert len(caller.all(Reconnected)) == 3


# Broken at any message.


async def _chat(caller: Caller) -> None:
    """Ask aloud and in writing, interrupt an answer, use a tool, ask twice at once, pause in a question."""
    await caller.write(2)
    await caller.until(lambda: bool(caller.to("a2")), 20)
    await asyncio.sleep(0.8)
    await caller.speak(3)
    await caller.answered("a3")
    await caller.write(5)
    await caller.answered("b5")
    await caller.write(6)
    await caller.write(7)
    await caller.answered("a7")
    await caller.speak(8, 400)
    await asyncio.sleep(0.3)
    await caller.speak(9, 400)
    await caller.answered("a9")


def chatted(*faults: Fault) -> Caller:
    """Have such a conversation, in which something breaks."""
    temper = NovaTemper(faults=faults, delta_ms=400, first_delta_ms=400)

    async def main() -> Caller:
        async with calling(Parrot(q2="long", q5="tool"), temper, dial_s=0.05) as caller:
            await caller.speak(1)
            await caller.answered("a1")
            await _chat(caller)
            await caller.write(98)
            await caller.answered("a98")
            await caller.speak(99)
            await caller.answered("a99")
        return caller

    return run(main())


def places() -> list[Fault]:
    """Return a fault at every message of such a conversation but the first, which begins it."""
    (stream,) = chatted().streams
    said = [Fault(does="abort", nth=nth) for nth in range(2, stream.said_count + 1)]
    names = [next(iter(each["event"])) for each in stream.asked] + ["audioInput"] * len(stream.audio_at)
    asked = [
        Fault(does="abort", asked=name, nth=nth)
        for name in sorted(set(names))
        for nth in range(1, names.count(name) + 1)
    ]
    return [*said, *(each for each in asked if each.asked != "sessionStart")]


BREAKS = [
    Fault(does="abort"),
    Fault(does="cut"),
    Fault(does="reset", code="NO_ERROR"),
    Fault(does="goaway"),
    Fault(does="close", code=1000),
    Fault(does="fail", code="modelTimeoutException"),
    Fault(does="fail", code=503),
    Fault(does="error", code="Odd"),
]


def broken(stride: int) -> dict[str, list[str]]:
    """Break a conversation in every way, each at other messages, and return what went wrong."""
    found, everywhere, cuts = dict[str, list[str]](), places(), list[int]()
    for number, how in enumerate(BREAKS):
        for place in everywhere[number * 3 % stride :: stride]:
            fault = replace(place, does=how.does, code=how.code)
            caller = chatted(fault)
            cuts.append(len(caller.all(Reconnected)))
            if outcome := wrong(caller) + [str(each) for each in caller.all(Error)]:
                found[str(fault)] = outcome
    assert 0.9 * len(cuts) < sum(cuts) <= len(cuts), "some of the last messages are not waited for"
    return found


def test_a_stream_that_breaks_at_any_message_costs_no_word() -> None:
    assert broken(stride=16) == {}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_stream_that_breaks_at_every_message_costs_no_word() -> None:
    assert broken(stride=1) == {}
