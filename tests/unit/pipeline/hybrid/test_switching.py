"""Switches that the application asks for, or a policy."""

import asyncio

import pytest

from s2s.commands import AppendAudio, AppendImage, Cancel, CreateResponse, Truncate
from s2s.config import Limits
from s2s.errors import ConfigError, ConnectError
from s2s.events import (
    AudioOutput,
    Error,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.items import Call, Message, ToolResult
from s2s.pipeline.hybrid import OnToolOverload, PipelineState, Side, Stay
from s2s.testing.clock import run
from tests.support.hybrid import CABLE, SideEngine, hybrid, started
from tests.support.links import said

ASKED = "the application asked for it"


def test_a_switch_comes_at_once_where_nothing_is_under_way() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            assert talk.pipeline.switch("cascade") == 1
            await talk.rest_a_little()
            assert talk.events[1:] == [
                Reconnecting(f"switching to cascade: {ASKED}", 1),
                Reconnected("replayed"),
            ]
            assert talk.side == "cascade"
            assert talk.s2s.closed

    run(main())


def test_a_switch_waits_for_the_end_of_the_turn() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(*said("r1", "Good", "day"))
            assert talk.pipeline.switch("cascade") == 1
            await talk.rest_a_little()
            assert (talk.side, len(talk.sides["cascade"].links)) == ("s2s", 1)
            await talk.hears(*said("r1", "sir", item_id="i2")[1:], ResponseDone("r1"))
            assert talk.side == "cascade"
            assert talk.kinds[-5:] == [
                "audio_output",
                "response_done",
                "turn_end",
                "reconnecting",
                "reconnected",
            ]
            assert [each.status for each in talk.all(ResponseDone)] == ["completed"]

    run(main())


@pytest.mark.parametrize("under_way", ["speaks", "has spoken", "has asked", "calls"])
def test_a_switch_waits_while_the_user_speaks_or_waits_for_an_answer(under_way: str) -> None:
    async def main() -> None:
        async with hybrid(policy=Stay()) as talk:
            match under_way:
                case "speaks":
                    await talk.hears(SpeechStarted("u1", 0.0))
                case "has spoken":
                    await talk.asked_aloud("What?")
                case "has asked":
                    await talk.session.send_text("What?")
                case _:
                    calls = ToolCall(Call("c1", "look"), "r1")
                    await talk.hears(started(), calls, ResponseDone("r1"))
            assert talk.pipeline.switch("cascade") == 1
            await talk.listen(5)
            assert talk.side == "s2s"

    run(main())


def test_who_gets_no_answer_does_not_hold_up_a_switch_for_ever() -> None:
    async def main() -> None:
        async with hybrid(policy=Stay()) as talk:
            await talk.asked_aloud("What?")
            talk.pipeline.switch("cascade")
            await talk.listen(40)
            assert talk.side == "cascade"

    run(main())


def test_noise_that_is_no_word_holds_up_nothing() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.asked_aloud(" ")
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert talk.side == "cascade"

    run(main())


def test_now_cuts_the_answer_off() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(*said("r1", "Good", "day", "sir"))
            talk.session.playhead.played(100)
            assert talk.pipeline.switch("cascade", when="now") == 1
            await talk.rest_a_little()
            assert talk.side == "cascade"
            (cut,) = talk.all(Interrupted)
            assert (cut.heard_ms, cut.cause, cut.confirmation) == (100, "application", "server_confirmed")
            assert talk.all(ResponseDone) == [ResponseDone("r1", "interrupted")]
            order = ["interrupted", "response_done", "turn_end", "reconnecting", "reconnected"]
            assert talk.kinds[-5:] == order
            assert talk.s2s.commands[-2:] == [Cancel("r1"), Truncate("item-1", 100)]
            assert talk.cascade.knows[-1] == Message(
                "assistant", "Good day sir", "hy_item-1", heard_text="Good"
            )

    run(main())


def test_what_a_side_tells_after_it_was_left_is_not_heard() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            talk.pipeline.switch("cascade", when="now")
            await talk.rest_a_little()
            count = len(talk.events)
            talk.s2s.tell(*said("r1", "day")[1:], ResponseDone("r1"))
            await talk.listen(1)
            assert len(talk.events) == count

    run(main())


def test_the_side_goes_on_while_the_other_one_is_opened() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.opens_in_s = 3.0
        async with hybrid(cascade=cascade) as talk:
            talk.pipeline.switch("cascade", when="now")
            await talk.listen(1)
            await talk.session.send_text("Hello")
            await talk.answered("Good day")
            assert talk.s2s.asked == [CreateResponse()]
            await talk.listen(3)
            assert talk.side == "cascade"
            assert [each.text for each in talk.cascade.knows if isinstance(each, Message)] == [
                "Hello",
                "Good day",
            ]

    run(main())


def test_a_side_that_cannot_be_opened_leaves_the_session_where_it_is() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.fails.append(ConnectError("nobody is there: try again"))
        async with hybrid(cascade=cascade) as talk:
            assert talk.pipeline.switch("cascade") == 1
            await talk.rest_a_little()
            assert "cascade cannot take over, s2s goes on: nobody is there: try again" in str(talk.errors[0])
            assert (talk.side, talk.kinds) == ("s2s", ["error"])
            await talk.session.send_text("Hello")
            await talk.answered("Good day")
            assert talk.kinds[-1] == "turn_end"

    run(main())


def test_a_side_has_a_deadline() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.opens_in_s = 1e6
        async with hybrid(cascade=cascade, limits=Limits(connect_s=4)) as talk:
            talk.pipeline.switch("cascade")
            await talk.listen(3.9)
            assert talk.errors == []
            await talk.listen(0.2)
            assert "cascade was not ready within 4 s" in str(talk.errors[0])

    run(main())


def test_a_side_that_ends_while_it_waits_leaves_the_session_where_it_is() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            talk.cascade.end(CABLE)
            await talk.rest_a_little()
            assert "cascade cannot take over, s2s goes on: the cable" in str(talk.errors[0])
            await talk.hears(ResponseDone("r1"))
            assert talk.side == "s2s"

    run(main())


def test_asking_for_the_side_of_the_moment_takes_a_switch_back() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good"))
            assert talk.pipeline.switch("cascade") == 1
            await talk.rest_a_little()
            assert talk.pipeline.switch("s2s") == 0
            await talk.hears(ResponseDone("r1"))
            assert (talk.side, talk.cascade.closed) == ("s2s", 1)

    run(main())


def test_a_switch_is_for_one_session_or_for_all() -> None:
    async def main() -> None:
        async with hybrid() as talk, talk.pipeline.start() as another:
            assert talk.pipeline.switch("cascade", "nobody") == 0
            assert talk.pipeline.switch("cascade") == 2
            await asyncio.sleep(0.1)
            assert talk.pipeline.switch("cascade") == 0
            assert another.id == talk.session.id
        assert talk.pipeline.switch("s2s") == 0

    run(main())


def test_a_side_or_a_moment_that_does_not_exist_is_refused() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            with pytest.raises(ConfigError, match="there is no side 'both': use s2s or cascade"):
                talk.pipeline.switch("both")  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match="use turn or now"):
                talk.pipeline.switch("cascade", when="soon")  # type: ignore[arg-type]

    run(main())


def test_it_goes_there_and_back_and_every_name_is_unique() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for side in ("cascade", "s2s", "cascade"):
                await talk.session.send_text("Hello")
                await talk.hears(*said("r1", "Good", "day"), ResponseDone("r1"))
                talk.pipeline.switch(side)
                await talk.rest_a_little()
                assert talk.side == side
            names = [each.response_id for each in talk.all(ResponseStarted)]
            assert names == ["r1", "cascade2_r1", "s2s3_r1"]
            assert [each.agent_text for each in talk.all(TurnEnd)] == ["Good day"] * 3
            assert [each.item_id for each in talk.session.history if isinstance(each, Message)][1::2] == [
                "item-1",
                "cascade2_item-1",
                "s2s3_item-1",
            ]

    run(main())


def test_only_one_start_is_told() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            (begun,) = talk.all(SessionStarted)
            assert (begun.provider, begun.model) == ("hybrid", "s2s: plain plain")
            assert begun.capabilities == talk.pipeline.capabilities

    run(main())


def test_no_audio_is_heard_twice_or_by_nobody_where_a_switch_was_planned() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            chunks = [bytes([n]) * 960 for n in range(60)]
            for n, chunk in enumerate(chunks):
                await talk.session.send_audio(chunk)
                if n == 30:
                    talk.pipeline.switch("cascade")
                if n % 7 == 0:
                    await asyncio.sleep(0)
            await talk.rest_a_little()
            assert talk.cascade.audio
            assert talk.s2s.audio + talk.cascade.audio == b"".join(chunks)

    run(main())


def test_a_command_on_its_way_is_waited_for() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.s2s.stuck = asyncio.Event()
            await talk.session.send_audio(bytes(960))
            await talk.rest_a_little()
            talk.pipeline.switch("cascade")
            await talk.listen(5)
            assert talk.side == "s2s"
            talk.s2s.stuck.set()
            await talk.rest_a_little()
            assert (talk.side, len(talk.s2s.audio), talk.cascade.audio) == ("cascade", 960, b"")

    run(main())


def test_a_side_that_takes_nothing_is_broken() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.s2s.stuck = asyncio.Event()
            await talk.session.send_audio(bytes(960))
            await talk.rest_a_little()
            talk.pipeline.switch("cascade")
            await talk.listen(12)
            assert talk.all(Reconnecting)[0].cause == "switching to cascade: s2s took nothing for 10 s"
            assert len(talk.cascade.audio) == 960

    run(main())


def test_a_picture_that_nobody_has_asked_about_is_shown_to_the_next_side() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_image(b"a picture")
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert talk.cascade.commands == [AppendImage(b"a picture")]

    run(main())


def test_too_many_calls_bring_the_cascade_and_its_turn_brings_s2s_back() -> None:
    async def main() -> None:
        async with hybrid(policy=OnToolOverload(most_calls=1)) as talk:
            await talk.session.send_text("Compare Bonn and Rome")
            calls = [ToolCall(Call(f"c{n}", "look"), "r1") for n in range(2)]
            await talk.hears(started(origin="application"), *calls)
            assert talk.side == "s2s"
            await talk.hears(ResponseDone("r1"))
            assert talk.side == "cascade"
            assert talk.all(Reconnecting)[0].cause == "switching to cascade: OnToolOverload"
            assert [getattr(each, "text", "") for each in talk.cascade.knows] == ["Compare Bonn and Rome"]
            for each in calls:
                await talk.session.send_tool_result(ToolResult(each.call.id, "a city"))
            await talk.rest_a_little()
            assert talk.cascade.knows[1:] == [
                Call("hy_c0", "look"),
                ToolResult("hy_c0", "a city", respond=False),
                Call("hy_c1", "look"),
                ToolResult("hy_c1", "a city"),
            ]
            assert talk.cascade.asked == [CreateResponse()]
            await talk.hears(started(origin="application"), *said("r1", "Both")[1:], ResponseDone("r1"))
            assert talk.side == "s2s"
            assert [each.origin for each in talk.all(ResponseStarted)] == ["application", "tool_result"]
            assert len(talk.all(TurnEnd)) == 1

    run(main())


def test_results_wait_for_a_cascade_that_is_not_ready_yet() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.opens_in_s = 2.0
        async with hybrid(cascade=cascade, policy=OnToolOverload(most_calls=0)) as talk:
            await talk.session.send_text("Bonn?")
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"), ResponseDone("r1"))
            await talk.session.send_tool_result(ToolResult("c1", "a city"))
            await talk.session.send_audio(bytes(960))
            await talk.listen(1)
            assert (talk.side, talk.s2s.sent[2:]) == ("s2s", [])
            await talk.listen(2)
            assert talk.cascade.asked == [CreateResponse()]
            assert talk.cascade.sent[-1] == AppendAudio(bytes(960))

    run(main())


def test_results_go_to_s2s_after_all_where_the_cascade_cannot_be_opened() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.opens_in_s = 2.0
        cascade.fails.append(CABLE)
        async with hybrid(cascade=cascade, policy=OnToolOverload(most_calls=0)) as talk:
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"), ResponseDone("r1"))
            await talk.session.send_tool_result(ToolResult("c1", "a city"))
            await talk.listen(3)
            assert talk.side == "s2s"
            assert [each.type for each in talk.events if isinstance(each, Error)] == ["error"]
            assert [getattr(each, "call_id", "") for each in talk.s2s.asked] == ["c1"]

    run(main())


class Broken:
    """Raises whatever it is asked."""

    def decide(self, state: PipelineState) -> Side | None:
        raise ValueError("oops")


class Talkative:
    """Notes what it is asked, and decides as a test says."""

    def __init__(self) -> None:
        self.states: list[PipelineState] = []
        self.wants: Side | None = None

    def decide(self, state: PipelineState) -> Side | None:
        self.states.append(state)
        return self.wants


def test_a_policy_that_raises_is_told_of_once_and_changes_nothing() -> None:
    async def main() -> None:
        async with hybrid(policy=Broken()) as talk:
            await talk.session.send_text("Hello")
            await talk.answered("Good day")
            await talk.listen(5)
            (wrong,) = talk.errors
            assert "raised ValueError: oops" in str(wrong)
            assert talk.side == "s2s"

    run(main())


def test_a_policy_is_asked_after_what_happens_and_as_time_passes() -> None:
    async def main() -> None:
        policy = Talkative()
        async with hybrid(policy=policy) as talk:
            await talk.asked_aloud("Bonn?")
            assert policy.states[-1].user_text == "Bonn?"
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"))
            assert (policy.states[-1].calls, policy.states[-1].calls_open) == (1, 1)
            await talk.hears(Error(CABLE))
            assert policy.states[-1].errors == 1
            await talk.hears(ResponseDone("r1"))
            assert policy.states[-1].turns == 0
            await talk.session.send_tool_result(ToolResult("c1", "a city"))
            await talk.hears(started("r2", "tool_result"), ResponseDone("r2"))
            last = policy.states[-1]
            assert (last.turns, last.calls, last.calls_open, last.errors, last.side) == (1, 0, 0, 0, "s2s")
            count = len(policy.states)
            await talk.listen(10)
            assert 8 <= len(policy.states) - count <= 12
            assert policy.states[-1].seconds >= 9

    run(main())


def test_a_policy_that_changes_its_mind_lets_go_of_the_other_side() -> None:
    async def main() -> None:
        policy = Talkative()
        async with hybrid(policy=policy) as talk:
            await talk.hears(*said("r1", "Good"))
            policy.wants = "cascade"
            await talk.listen(1.5)
            assert len(talk.sides["cascade"].links) == 1
            policy.wants = None
            await talk.hears(ResponseDone("r1"))
            assert (talk.side, talk.cascade.closed) == ("s2s", 1)

    run(main())


def test_what_was_heard_of_an_answer_that_was_over_is_known_to_the_next_side() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "Good", "day", "sir"), ResponseDone("r1"))
            talk.session.playhead.played(100)
            await talk.hears(SpeechStarted("u1", 0.0))
            await talk.hears(SpeechStopped("u1", 0.0), Transcript("", "u1", final=True))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert talk.cascade.knows == [
                Message("assistant", "Good day sir", "hy_item-1", heard_text="Good")
            ]

    run(main())


def test_a_side_that_knows_another_beginning_is_opened_anew() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(*said("r1", "Good", "day", "sir"), ResponseDone("r1"))
            await talk.hears(*said("r2", "And", item_id="item-2"))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            first = talk.cascade
            await talk.session.remove("item-1")
            await talk.hears(ResponseDone("r2"))
            assert (talk.side, first.closed, len(talk.sides["cascade"].links)) == ("cascade", 1, 2)
            words = [each.text for each in talk.cascade.knows if isinstance(each, Message)]
            assert words == ["Hello", "And"]

    run(main())


def test_audio_and_words_are_told_as_they_are() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(*said("r1", "one", "two"), ResponseDone("r1"))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            await talk.hears(*said("r1", "three"), ResponseDone("r1"))
            assert [each.position_ms for each in talk.all(AudioOutput)] == [0, 100, 0]
            assert [each.text for each in talk.all(TextOutput)] == ["one", " two", "three"]

    run(main())
