"""Moments in between: while the other side is opened, takes over, or an answer is cut off."""

import asyncio

import pytest

from s2s.commands import CreateResponse, SendToolResult
from s2s.config import Config, Limits
from s2s.errors import ConnectError, HookError
from s2s.events import (
    Error,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    SessionEnded,
    SpeechStarted,
    ToolCall,
)
from s2s.items import Call, Message, ToolResult
from s2s.links import Link
from s2s.pipeline.hybrid import Either, OnFailure, OnToolOverload, PipelineState, Side
from s2s.testing.clock import run
from tests.support.hybrid import CABLE, Hybrid, SideEngine, SideLink, hybrid, started
from tests.support.links import said


class Wanting:
    """Wants what a test wants."""

    def __init__(self) -> None:
        self.side: Side | None = None

    def decide(self, state: PipelineState) -> Side | None:
        return self.side


def slow(seconds: float = 3.0) -> SideEngine:
    engine = SideEngine()
    engine.opens_in_s = seconds
    return engine


async def calls(talk: Hybrid, *names: str) -> None:
    await talk.hears(started(), *(ToolCall(Call(each, "look"), "r1") for each in names), ResponseDone("r1"))


def test_a_session_on_its_way_says_where_it_goes() -> None:
    async def main() -> None:
        async with hybrid(cascade=slow()) as talk:
            talk.link.end(CABLE)
            await talk.rest_a_little()
            assert talk.pipeline.switch("cascade") == 1
            assert talk.pipeline.switch("s2s") == 0
            await talk.listen(4)
            assert talk.side == "cascade"
            talk.cascade.end(CABLE)
            await talk.rest_a_little()
            assert talk.side == "s2s"
            await talk.listen(61)
            assert talk.side == "s2s"

    run(main())


def test_a_session_that_takes_over_or_is_over_says_so_too() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.pipeline.switch("cascade")
            await talk.listen(0)
            for _ in range(20):
                await asyncio.sleep(0)
                assert (talk.pipeline.switch("cascade"), talk.pipeline.switch("cascade", "nobody")) in (
                    (0, 0),
                    (1, 0),
                )
            await talk.rest_a_little()
            await talk.hears(*said("r1", "Good"))
            talk.pipeline.switch("s2s", when="now")
            await talk.rest_a_little()
            assert talk.side == "s2s"
            await talk.session.close()
            assert talk.pipeline.switch("cascade") == 0

    run(main())


def test_an_answer_that_is_being_cut_off_is_cut_off_for_good() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            talk.s2s.stuck = asyncio.Event()
            talk.pipeline.switch("cascade", when="now")
            await talk.rest_a_little()
            assert (len(talk.all(Interrupted)), talk.side) == (1, "s2s")
            assert (talk.pipeline.switch("s2s"), talk.pipeline.switch("cascade")) == (0, 1)
            talk.s2s.stuck.set()
            await talk.rest_a_little()
            assert talk.side == "cascade"

    run(main())


def test_a_side_that_takes_no_word_of_being_cut_off_is_broken() -> None:
    async def main() -> None:
        async with hybrid(limits=Limits(send_s=4)) as talk:
            await talk.hears(*said("r1", "Good"))
            talk.s2s.stuck = asyncio.Event()
            talk.pipeline.switch("cascade", when="now")
            await talk.listen(3.5)
            assert talk.side == "s2s"
            await talk.listen(2)
            assert talk.side == "cascade"
            assert talk.all(Reconnecting)[0].cause == "switching to cascade: s2s took nothing for 4 s"
            assert talk.all(ResponseDone)[0].status == "interrupted"

    run(main())


def test_a_side_that_is_slow_each_time_is_not_stuck() -> None:
    async def main() -> None:
        async with hybrid(limits=Limits(send_s=4)) as talk:
            await talk.hears(*said("r1", "Good"))
            talk.pipeline.switch("cascade")
            for _ in range(3):
                talk.s2s.stuck = asyncio.Event()
                await talk.session.send_audio(bytes(960))
                await talk.listen(3)
                talk.s2s.stuck.set()
                await talk.rest_a_little()
            assert talk.side == "s2s"
            await talk.hears(ResponseDone("r1"))
            assert talk.all(Reconnecting)[0].cause == "switching to cascade: the application asked for it"

    run(main())


def test_a_side_that_is_lost_while_an_answer_is_cut_off_for_it_is_told_of() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            talk.s2s.stuck = asyncio.Event()
            talk.pipeline.switch("cascade", when="now")
            await talk.rest_a_little()
            talk.cascade.end(CABLE)
            await talk.rest_a_little()
            talk.s2s.stuck.set()
            await talk.rest_a_little()
            assert "cascade cannot take over, s2s goes on: the cable" in str(talk.errors[0])
            await talk.hears(ResponseDone("r1", "interrupted"))
            await talk.session.send_text("Hello")
            await talk.answered("Good day", "r2", "i2")
            assert (talk.side, talk.kinds[-1]) == ("s2s", "turn_end")

    run(main())


def test_a_side_that_breaks_while_its_answer_is_cut_off_is_left_at_once() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            talk.s2s.stuck = asyncio.Event()
            talk.pipeline.switch("cascade", when="now")
            await talk.rest_a_little()
            talk.s2s.end(CABLE)
            await talk.rest_a_little()
            assert (talk.side, len(talk.sides["cascade"].links)) == ("cascade", 1)
            assert talk.kinds[-5:] == [
                "interrupted",
                "response_done",
                "turn_end",
                "reconnecting",
                "reconnected",
            ]

    run(main())


def test_what_is_cut_off_may_change_what_was_told_and_then_it_is_told_anew() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(*said("r1", "Good", "day", "sir"), ResponseDone("r1"))
            await talk.hears(*said("r2", "And", item_id="item-2"))
            talk.session.playhead.played(100, "item-1")
            talk.pipeline.switch("cascade", when="now")
            await talk.rest_a_little()
            assert (talk.side, len(talk.sides["cascade"].links)) == ("cascade", 2)
            words = [(e.text, e.heard_text) for e in talk.cascade.knows if isinstance(e, Message)]
            assert words == [("Hello", None), ("Good day sir", "Good")]
            assert [each.status for each in talk.all(ResponseDone)] == ["completed", "interrupted"]

    run(main())


def test_who_breaks_while_the_other_waits_is_left_for_it_at_once() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            talk.s2s.end(CABLE)
            await talk.rest_a_little()
            assert (talk.side, len(talk.sides["cascade"].links)) == ("cascade", 1)
            assert talk.all(Reconnecting) == [Reconnecting("switching to cascade: the cable", 1)]
            await talk.listen(100)
            assert talk.side == "cascade"

    run(main())


def test_who_breaks_while_the_other_is_opened_is_left_for_it_once_that_is_done() -> None:
    async def main() -> None:
        async with hybrid(cascade=slow(3)) as talk:
            talk.pipeline.switch("cascade")
            await talk.listen(2)
            talk.s2s.end(CABLE)
            await talk.listen(1.5)
            assert (talk.side, len(talk.sides["cascade"].links)) == ("cascade", 1)

    run(main())


def test_too_many_calls_do_not_wait_for_the_end_of_a_turn_that_the_application_waits_for() -> None:
    async def main() -> None:
        async with hybrid(policy=OnToolOverload(0)) as talk:
            await talk.hears(started())
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            await talk.hears(ToolCall(Call("c1", "look"), "r1"), ResponseDone("r1"))
            assert talk.side == "cascade"
            assert talk.all(Reconnecting)[0].cause == "switching to cascade: the application asked for it"
            await talk.session.send_tool_result(ToolResult("c1", "x"))
            await talk.hears(started("r2", "application"), ResponseDone("r2"))
            await talk.listen(10)
            assert talk.side == "cascade"

    run(main())


def test_commands_that_waited_go_on_where_the_policy_changes_its_mind() -> None:
    async def main() -> None:
        policy = Wanting()
        async with hybrid(cascade=slow(100), policy=policy, limits=Limits(connect_s=200)) as talk:
            policy.side = "cascade"
            await calls(talk, "c1")
            await talk.session.send_tool_result(ToolResult("c1", "x"))
            await talk.listen(3)
            assert talk.s2s.asked == []
            policy.side = None
            await talk.listen(2)
            assert talk.s2s.asked == [SendToolResult("c1", "x")]

    run(main())


def test_commands_that_waited_go_on_where_the_side_goes_on_by_itself() -> None:
    async def main() -> None:
        policy = Wanting()
        policy.side = "cascade"
        async with hybrid(cascade=slow(100), policy=policy, limits=Limits(connect_s=200)) as talk:
            await calls(talk, "c1")
            await talk.session.send_text("Hello", respond=False)
            await talk.listen(1)
            assert talk.s2s.knows == []
            await talk.hears(started("r2", "continuation"))
            assert [each.text for each in talk.s2s.knows if isinstance(each, Message)] == ["Hello"]

    run(main())


def test_who_breaks_while_its_calls_wait_for_the_other_is_left_for_it() -> None:
    async def main() -> None:
        async with hybrid(cascade=slow(3), policy=Either(OnFailure(), OnToolOverload(0))) as talk:
            await talk.session.send_text("Bonn?")
            await calls(talk, "c1")
            await talk.session.send_tool_result(ToolResult("c1", "x"))
            await talk.listen(1)
            talk.s2s.end(CABLE)
            await talk.listen(3)
            assert talk.side == "cascade"
            assert talk.cascade.asked == [CreateResponse()]
            assert [type(each) for each in talk.cascade.knows] == [Message, Call, ToolResult]

    run(main())


class Startled:
    """Has no answer where a side breaks."""

    def decide(self, state: PipelineState) -> Side | None:
        if state.side not in state.available:
            raise ValueError("oops")
        return None


def test_a_policy_that_raises_where_a_side_breaks_is_told_of_and_the_session_ends() -> None:
    async def main() -> None:
        async with hybrid(policy=Startled()) as talk:
            talk.link.end(CABLE)
            *_, wrong, fatal, ended = await talk.rest()
            assert isinstance(wrong, Error)
            assert isinstance(wrong.error, HookError)
            assert (fatal, ended) == (Error(CABLE, fatal=True), SessionEnded("failed"))

    run(main())


def test_two_sides_that_cannot_be_had_are_no_way_out() -> None:
    async def main() -> None:
        s2s, cascade = SideEngine(), SideEngine()
        async with hybrid(s2s=s2s, cascade=cascade) as talk:
            cascade.fails.extend([ConnectError("away")] * 2)
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert [str(each) for each in talk.errors] == ["cascade cannot take over, s2s goes on: away"]
            talk.s2s.end(CABLE)
            *_, wrong, _ = await talk.rest()
            assert isinstance(wrong, Error)
            assert str(wrong.error) == "no side is left: s2s: the cable; cascade: away"

    run(main())


def test_a_policy_does_not_insist_on_a_side_that_cannot_be_opened() -> None:
    async def main() -> None:
        policy, cascade = Wanting(), SideEngine()
        cascade.fails.extend([CABLE] * 100)
        async with hybrid(cascade=cascade, policy=policy) as talk:
            policy.side = "cascade"
            await talk.listen(91)
            assert 3 <= len(talk.errors) <= 4

    run(main())


@pytest.mark.parametrize("when", ["turn", "now"])
def test_closing_at_any_point_leaves_nothing_open(when: str) -> None:
    async def main(opens_in_s: float, steps: int, *, breaks: bool) -> None:
        async with hybrid(cascade=slow(opens_in_s)) as talk:
            await talk.hears(*said("r1", "Good"))
            await talk.session.send_audio(bytes(9600))
            if breaks:
                talk.link.end(CABLE)
            else:
                talk.pipeline.switch("cascade", when=when)  # type: ignore[arg-type]
            for _ in range(steps):
                await asyncio.sleep(0)
            await talk.session.close()
            assert talk.pipeline.side_of(talk.session.id) is None

    for opens_in_s in (0.0, 5.0):
        for steps in range(25):
            for breaks in (False, True):
                run(main(opens_in_s, steps, breaks=breaks))


def test_a_side_that_is_noticed_late_by_whoever_speaks_is_no_reason_to_tell_it_twice() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_audio(bytes(9600))
            await talk.hears(SpeechStarted("u1", 0.0))
            talk.link.end(CABLE)
            await talk.rest_a_little()
            assert talk.all(Reconnected) == [Reconnected("replayed")]
            await talk.hears(*said("r1", "Good"))
            await talk.hears(SpeechStarted("x", 0.0))
            assert [each.item_id for each in talk.all(SpeechStarted)] == ["u1", "u1"]
            assert len(talk.all(Interrupted)) == 1

    run(main())


async def over_now(talk: Hybrid) -> bytes:
    """Say 40 ms, switch, and return what the cascade has heard of it."""
    for n in range(2):
        await talk.session.send_audio(bytes([n]) * 960)
    await talk.rest_a_little()
    talk.pipeline.switch("cascade", when="now")
    await talk.rest_a_little()
    assert talk.side == "cascade"
    return talk.cascade.audio


def test_now_leaves_nobody_unheard_by_a_side_that_notices_nobody() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            assert await over_now(talk) == bytes(960) + b"\x01" * 960

    run(main())


def test_now_repeats_nothing_of_silence_and_all_of_who_is_speaking() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.asked_aloud("Hello")
            await talk.answered("Good day")
            assert await over_now(talk) == b""
        async with hybrid() as talk:
            await talk.asked_aloud("Hello")
            await talk.answered("Good day")
            await talk.session.send_audio(b"\x07" * 960)
            await talk.hears(SpeechStarted("u2", 20.0))
            assert await over_now(talk) == b"\x07" * 960 + bytes(960) + b"\x01" * 960

    run(main())


def test_what_one_side_has_heard_to_the_end_is_not_for_the_next_but_one() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.asked_aloud("Hello")
            await talk.answered("Good day")
            assert await over_now(talk) == b""
            await talk.session.send_audio(b"\x05" * 960)
            await talk.rest_a_little()
            talk.cascade.end(CABLE)
            await talk.rest_a_little()
            assert (talk.side, talk.s2s.audio) == ("s2s", b"\x05" * 960)

    run(main())


def test_only_the_turns_of_the_cascade_bring_s2s_back() -> None:
    async def main() -> None:
        async with hybrid(policy=OnToolOverload(0, turns=2)) as talk:
            for n in range(3):
                await talk.answered("Good day", f"a{n}", f"i{n}")
            await calls(talk, "c1")
            await talk.session.send_tool_result(ToolResult("c1", "x"))
            for n in range(2):
                assert talk.side == "cascade"
                await talk.hears(started(f"r{n}", "application"), ResponseDone(f"r{n}"))
            assert talk.side == "s2s"

    run(main())


def test_a_policy_is_asked_when_the_user_writes() -> None:
    async def main() -> None:
        class Quiet(Wanting):
            def decide(self, state: PipelineState) -> Side | None:
                return "cascade" if state.user_text == "the other one, please" else None

        async with hybrid(policy=Quiet()) as talk:
            await talk.session.send_text("the other one, please", respond=False)
            await talk.rest_a_little()
            assert talk.side == "cascade"

    run(main())


def test_a_call_of_an_earlier_turn_holds_up_no_command() -> None:
    async def main() -> None:
        async with hybrid(cascade=slow(3)) as talk:
            await calls(talk, "c1")
            await talk.hears(*said("r2", "Good"), ResponseDone("r2"))
            talk.pipeline.switch("cascade")
            await talk.session.send_text("Hello", respond=False)
            await talk.listen(1)
            assert [each.text for each in talk.s2s.knows if isinstance(each, Message)] == ["Hello"]
            await talk.listen(3)
            assert talk.side == "cascade"
            await talk.session.send_tool_result(ToolResult("c1", "x"))
            await talk.rest_a_little()
            assert talk.cascade.knows[-2:] == [Call("hy_c1", "look"), ToolResult("hy_c1", "x")]

    run(main())


def test_a_link_that_was_left_is_closed_by_the_time_that_the_session_is() -> None:
    class Slow(SideLink):
        over = False

        async def close(self) -> None:
            await super().close()
            await asyncio.sleep(1)
            self.over = True

    class SlowEngine(SideEngine):
        async def open(self, config: Config) -> Link:
            self.links.append(Slow(config, self.capabilities))
            return self.links[-1]

    async def main() -> None:
        async with hybrid(s2s=SlowEngine()) as talk:
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert talk.side == "cascade"
            await talk.session.close()
            assert isinstance(talk.s2s, Slow)
            assert talk.s2s.over

    run(main())
