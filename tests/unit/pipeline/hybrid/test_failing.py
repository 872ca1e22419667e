"""Sides that break, and what the other one makes of it."""

import asyncio

import pytest

from s2s.commands import AppendAudio, ClearAudio, CommitAudio, CreateResponse, SendToolResult
from s2s.config import Config, Limits, Reconnect, TurnDetection
from s2s.errors import AuthError, ConnectError, ConnectionLostError, LocalProtocolError, S2SError
from s2s.events import (
    Error,
    Event,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
)
from s2s.items import Call, Message, ToolResult
from s2s.links import Link
from s2s.pipeline.hybrid import HybridPipeline, OnFailure, OnToolOverload, Stay
from s2s.testing.clock import run
from s2s.wire import Send
from tests.support.hybrid import CABLE, Hybrid, SideEngine, SideLink, hybrid, started
from tests.support.links import said

MS = 48


def loud(n: int, ms: int = 20) -> bytes:
    """Return audio that is like no other."""
    return n.to_bytes(2, "little") * (ms * MS // 2)


async def lose(talk: Hybrid) -> None:
    talk.link.end(CABLE)
    await talk.rest_a_little()


def test_a_side_that_breaks_is_left_for_the_other_one() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.answered("Good day")
            await lose(talk)
            assert talk.events[-2:] == [
                Reconnecting("switching to cascade: the cable", 1),
                Reconnected("replayed"),
            ]
            assert [each.text for each in talk.cascade.knows if isinstance(each, Message)] == [
                "Hello",
                "Good day",
            ]
            assert (talk.cascade.asked, talk.s2s.closed) == ([], 1)

    run(main())


def test_a_side_that_ends_in_order_or_says_something_fatal_is_broken_too() -> None:
    async def main(end: Event | None) -> None:
        async with hybrid() as talk:
            if end is None:
                talk.link.end()
            else:
                talk.link.tell(end)
            await talk.rest_a_little()
            assert talk.side == "cascade"
            assert talk.errors == []

    run(main(None))
    run(main(Error(CABLE, fatal=True)))


def test_an_engine_that_raises_something_of_its_own_is_broken() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.link.breaks = ValueError("oops")
            await talk.session.send_text("Hello")
            await talk.rest_a_little()
            assert "s2s broke: ValueError: oops" in talk.all(Reconnecting)[0].cause
            assert talk.cascade.asked == [CreateResponse()]
            talk.link.end(KeyError("what"))
            await talk.rest_a_little()
            assert "cascade broke: KeyError: 'what'" in talk.all(Reconnecting)[1].cause

    run(main())


def test_an_answer_under_way_ends_as_failed_and_is_not_begun_anew() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(*said("r1", "Good", "day"))
            await lose(talk)
            assert talk.all(ResponseDone) == [ResponseDone("r1", "failed")]
            assert talk.kinds[-4:] == ["response_done", "turn_end", "reconnecting", "reconnected"]
            assert talk.cascade.asked == []
            assert talk.cascade.knows[-1] == Message("assistant", "Good day", "hy_item-1")

    run(main())


def test_a_question_in_writing_is_asked_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.session.respond("Be brief.", metadata={"k": "v"})
            await lose(talk)
            assert talk.cascade.asked == [CreateResponse(), CreateResponse("Be brief.", {"k": "v"})]
            assert [each.text for each in talk.cascade.knows if isinstance(each, Message)] == ["Hello"]
            await talk.hears(started(origin="application"), *said("r1", "Good")[1:], ResponseDone("r1"))
            assert talk.all(ResponseStarted)[0].origin == "application"

    run(main())


def test_a_question_whose_answer_began_and_said_nothing_is_asked_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(started(origin="application"))
            await lose(talk)
            assert talk.cascade.asked == [CreateResponse()]
            assert talk.all(ResponseDone) == [ResponseDone("r1", "failed")]

    run(main())


def test_a_question_whose_answer_was_empty_is_not_asked_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.hears(started(origin="application"), ResponseDone("r1"))
            await lose(talk)
            assert talk.cascade.asked == []

    run(main())


def test_a_question_that_nobody_wants_answered_any_more_is_not_asked_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            await talk.session.interrupt()
            await talk.rest_a_little()
            await lose(talk)
            assert talk.cascade.asked == []

    run(main())


def test_several_questions_are_asked_again_in_their_order() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for text in ("one", "two"):
                await talk.session.send_text(text)
            await lose(talk)
            sent = [getattr(getattr(each, "item", None), "text", "?") for each in talk.cascade.sent]
            assert [getattr(each, "text", "") for each in talk.cascade.config.history] == ["one"]
            assert sent == ["?", "two", "?"]

    run(main())


def test_what_is_said_in_the_middle_of_a_turn_is_heard_again_and_stays_one_item() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for n in range(100):
                await talk.session.send_audio(loud(n))
            await talk.hears(SpeechStarted("u1", 1800.0), Transcript("What is", "u1"))
            await lose(talk)
            assert talk.cascade.audio == b"".join(loud(n) for n in range(70, 100))
            await talk.session.send_audio(loud(500))
            await talk.hears(SpeechStarted("x", 400.0), SpeechStopped("x", 620.0))
            await talk.hears(Transcript("What is that?", "x", final=True))
            assert talk.all(SpeechStarted) == [SpeechStarted("u1", 1800.0)]
            assert talk.all(SpeechStopped) == [SpeechStopped("u1", 2020.0)]
            assert talk.session.history == (Message("user", "What is that?", "u1"),)
            assert talk.cascade.knows == []

    run(main())


def test_what_was_said_and_not_understood_is_heard_again_to_its_end() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for n in range(50):
                await talk.session.send_audio(loud(n))
            await talk.hears(SpeechStarted("u1", 600.0), SpeechStopped("u1", 800.0))
            await lose(talk)
            assert talk.cascade.audio == b"".join(loud(n) for n in range(10, 50))
            await talk.hears(SpeechStarted("x", 400.0), SpeechStopped("x", 600.0))
            await talk.hears(Transcript("Hello", "x", final=True))
            assert len(talk.all(SpeechStarted)) == len(talk.all(SpeechStopped)) == 1
            await talk.answered("Good day")
            (turn,) = talk.all(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello", "Good day")

    run(main())


def test_what_was_understood_is_asked_in_words_and_not_heard_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for n in range(50):
                await talk.session.send_audio(loud(n))
            await talk.hears(SpeechStarted("u1", 200.0), SpeechStopped("u1", 700.0))
            await talk.hears(Transcript("Hello", "u1", final=True))
            await lose(talk)
            assert talk.cascade.config.history == (Message("user", "Hello", "hy_u1"),)
            assert talk.cascade.asked == [CreateResponse()]
            assert talk.cascade.audio == b"".join(loud(n) for n in range(35, 50))
            await talk.hears(started(origin="application"), *said("r1", "Good")[1:])
            assert talk.all(ResponseStarted)[-1].origin == "user_turn"
            await lose(talk)
            assert [each for each in talk.s2s.asked if isinstance(each, CreateResponse)] == []

    run(main())


def test_what_nobody_was_to_answer_is_not_asked() -> None:
    async def main() -> None:
        turns = TurnDetection(create_response=False)
        async with hybrid(turn_detection=turns) as talk:
            await talk.asked_aloud("Hello")
            await lose(talk)
            assert (talk.cascade.asked, talk.cascade.config.history) == (
                [],
                (Message("user", "Hello", "hy_u1"),),
            )

    run(main())


def test_of_silence_a_second_is_heard_again_where_the_side_would_have_noticed_more() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.asked_aloud("Hello")
            await talk.answered("Good day")
            for n in range(100):
                await talk.session.send_audio(loud(n))
            await talk.rest_a_little()
            await lose(talk)
            assert talk.cascade.audio == b"".join(loud(n) for n in range(50, 100))

    run(main())


def test_of_a_side_that_notices_nobody_all_is_heard_again_since_the_last_answer() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for n in range(100):
                await talk.session.send_audio(loud(n))
            await talk.hears(*said("r1", "Good"), ResponseDone("r1"))
            for n in range(100, 200):
                await talk.session.send_audio(loud(n))
            await talk.rest_a_little()
            await lose(talk)
            assert talk.cascade.audio == b"".join(loud(n) for n in range(100, 200))

    run(main())


def test_no_more_than_half_a_minute_is_heard_again() -> None:
    async def main() -> None:
        async with hybrid(limits=Limits(input_audio_s=100)) as talk:
            await talk.session.send_audio(bytes(40_000 * MS))
            await talk.rest_a_little()
            await lose(talk)
            assert len(talk.cascade.audio) == 30_000 * MS

    run(main())


def test_a_turn_that_was_declared_over_is_declared_over_again_in_its_place() -> None:
    async def main() -> None:
        async with hybrid(turn_detection="manual") as talk:
            await talk.session.send_audio(loud(1))
            await talk.session.commit()
            await talk.session.send_audio(loud(2))
            await talk.rest_a_little()
            await lose(talk)
            assert talk.cascade.sent == [AppendAudio(loud(1)), CommitAudio(), AppendAudio(loud(2))]
            await talk.hears(SpeechStopped("x", 20.0), *said("r1", "Good"))
            await lose(talk)
            assert talk.s2s.sent == [AppendAudio(loud(2))]

    run(main())


def test_audio_that_was_cleared_is_not_heard_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_audio(loud(1))
            await talk.hears(SpeechStarted("u1", 0.0))
            await talk.session.clear()
            await talk.session.send_audio(loud(2))
            await talk.rest_a_little()
            assert ClearAudio() in talk.s2s.sent
            await lose(talk)
            assert talk.cascade.sent == [AppendAudio(loud(2))]

    run(main())


def test_a_command_that_fails_is_done_by_the_other_side() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.link.breaks = CABLE
            await talk.session.send_audio(loud(1))
            await talk.session.send_audio(loud(2))
            await talk.rest_a_little()
            assert talk.cascade.audio == loud(1) + loud(2)

    run(main())


def test_commands_wait_in_their_order_while_the_other_side_is_opened() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.opens_in_s = 3.0
        async with hybrid(cascade=cascade) as talk:
            await lose(talk)
            await talk.session.send_audio(loud(1))
            await talk.session.send_text("Hello")
            await talk.session.send_audio(loud(2))
            await talk.listen(2)
            assert talk.kinds == ["reconnecting"]
            await talk.listen(2)
            first, typed, asked, last = talk.cascade.sent
            assert (first, asked, last) == (AppendAudio(loud(1)), CreateResponse(), AppendAudio(loud(2)))
            assert getattr(typed, "item").text == "Hello"  # noqa: B009

    run(main())


def test_what_is_refused_is_an_error_and_no_failure() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.link.breaks = LocalProtocolError("not now")
            await talk.session.send_text("Hello")
            await talk.rest_a_little()
            assert (talk.side, [str(each) for each in talk.errors]) == ("s2s", ["not now", "not now"])
            talk.link.breaks = None
            await lose(talk)
            assert talk.cascade.asked == []

    run(main())


def test_where_the_next_side_refuses_what_passed_it_is_lost() -> None:
    class Refusing(SideEngine):
        async def open(self, config: Config) -> Link:
            link = await super().open(config)
            assert isinstance(link, SideLink)
            link.answers = lambda _: (Error(LocalProtocolError("no text")),)
            return link

    async def main() -> None:
        async with hybrid(cascade=Refusing()) as talk:
            await talk.session.send_text("Hello")
            await lose(talk)
            assert talk.all(Reconnected) == [Reconnected("lost")]
            assert talk.kinds[-2:] == ["reconnected", "error"]

    run(main())


@pytest.mark.parametrize("policy", [Stay(), OnToolOverload()])
def test_without_a_policy_for_it_a_failure_ends_the_session(policy: Stay | OnToolOverload) -> None:
    async def main() -> None:
        async with hybrid(policy=policy) as talk:
            talk.link.end(CABLE)
            assert (await talk.rest())[-2:] == [Error(CABLE, fatal=True), SessionEnded("failed")]
            assert talk.all(Reconnecting) == []
        async with hybrid(policy=policy) as talk:
            talk.link.end()
            assert (await talk.rest())[-1] == SessionEnded("ended_by_engine")

    run(main())


def test_no_reconnects_means_none() -> None:
    async def main() -> None:
        async with hybrid(reconnect=Reconnect(attempts=0)) as talk:
            talk.link.end(CABLE)
            assert (await talk.rest())[-2:] == [Error(CABLE, fatal=True), SessionEnded("failed")]

    run(main())


def test_where_neither_side_works_the_error_names_both() -> None:
    async def main() -> None:
        cascade = SideEngine()
        cascade.fails.append(ConnectError("nobody is there"))
        async with hybrid(cascade=cascade) as talk:
            await talk.hears(*said("r1", "Good"))
            talk.link.end(CABLE)
            await talk.session.send_text("Hello")
            *_, wrong, ended = await talk.rest()
            assert isinstance(wrong, Error)
            assert wrong.fatal
            assert str(wrong.error) == "no side is left: s2s: the cable; cascade: nobody is there"
            assert ended == SessionEnded("failed")

    run(main())


def test_sides_that_break_one_after_the_other_are_given_up() -> None:
    async def main() -> None:
        async with hybrid(reconnect=Reconnect(attempts=3)) as talk:
            for _ in range(3):
                await lose(talk)
            assert [each.attempt for each in talk.all(Reconnecting)] == [1, 2, 3]
            talk.link.end(CABLE)
            *_, wrong, _ = await talk.rest()
            assert isinstance(wrong, Error)
            assert "the sides broke one after the other, cascade last: the cable" in str(wrong.error)

    run(main())


def test_a_side_that_has_held_is_no_attempt_more() -> None:
    async def main() -> None:
        async with hybrid(reconnect=Reconnect(attempts=2, stable_s=5), policy=OnFailure(1e6)) as talk:
            for _ in range(4):
                await talk.listen(6)
                await lose(talk)
            assert [each.attempt for each in talk.all(Reconnecting)] == [1, 1, 1, 1]

    run(main())


def test_a_side_that_breaks_while_it_is_told_what_passed_is_left_too() -> None:
    async def main() -> None:
        class Breaking(SideEngine):
            async def open(self, config: Config) -> Link:
                link = await super().open(config)
                assert isinstance(link, SideLink)
                link.breaks = CABLE
                return link

        async with hybrid(cascade=Breaking()) as talk:
            await talk.session.send_audio(loud(1))
            await talk.session.send_text("Hello")
            await lose(talk)
            assert talk.side == "s2s"
            assert talk.kinds == ["reconnecting", "reconnecting", "reconnected"]
            assert (talk.s2s.audio, talk.s2s.asked) == (loud(1), [CreateResponse()])

    run(main())


def test_the_conversation_comes_back_after_a_while() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await lose(talk)
            assert talk.side == "cascade"
            await talk.listen(58)
            await talk.hears(*said("r1", "Good"))
            await talk.listen(5)
            assert talk.side == "cascade"
            await talk.hears(ResponseDone("r1"))
            assert talk.side == "s2s"
            assert talk.all(Reconnecting)[1] == Reconnecting("switching to s2s: OnFailure", 1)

    run(main())


def test_a_side_that_is_still_broken_is_tried_again_later() -> None:
    async def main() -> None:
        s2s = SideEngine()
        async with hybrid(s2s=s2s) as talk:
            s2s.fails.extend([CABLE] * 2)
            await lose(talk)
            await talk.listen(130)
            assert (talk.side, len(talk.errors)) == ("cascade", 2)
            await talk.listen(60)
            assert talk.side == "s2s"

    run(main())


def test_what_the_application_wants_is_not_undone_by_a_policy() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            talk.pipeline.switch("cascade")
            await talk.listen(300)
            assert talk.side == "cascade"

    run(main())


def test_calls_that_are_open_are_answered_by_the_other_side() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Bonn?")
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"), ResponseDone("r1"))
            await lose(talk)
            assert [type(each) for each in talk.cascade.knows] == [Message]
            await talk.session.send_tool_result(ToolResult("c1", "a city"))
            await talk.rest_a_little()
            assert talk.cascade.knows[1:] == [Call("hy_c1", "look"), ToolResult("hy_c1", "a city")]
            assert talk.cascade.asked == [CreateResponse()]
            assert talk.all(ToolCallCancelled) == []

    run(main())


def test_a_call_of_an_answer_that_broke_is_answered_and_so_is_its_question() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Bonn?")
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"))
            await talk.session.send_tool_result(ToolResult("c1", "a city"))
            await talk.rest_a_little()
            assert all(not isinstance(each, SendToolResult) for each in talk.s2s.sent)
            await lose(talk)
            assert talk.cascade.knows[1:] == [Call("hy_c1", "look"), ToolResult("hy_c1", "a city")]
            assert talk.cascade.asked == [CreateResponse()]

    run(main())


def test_results_that_were_told_and_not_answered_are_told_and_asked_about_again() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Bonn?")
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"), ResponseDone("r1"))
            await talk.session.send_tool_result(ToolResult("c1", "a city"))
            await talk.rest_a_little()
            assert talk.s2s.asked == [CreateResponse(), SendToolResult("c1", "a city")]
            await lose(talk)
            assert talk.cascade.config.history[1:] == (Call("hy_c1", "look"), ToolResult("hy_c1", "a city"))
            assert talk.cascade.asked == [CreateResponse()]
            await talk.hears(started("r2", "application"), ResponseDone("r2"))
            assert [each.origin for each in talk.all(ResponseStarted)] == ["user_turn", "tool_result"]
            assert len(talk.all(TurnEnd)) == 1

    run(main())


def test_both_sides_may_call_their_calls_the_same() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            for n in range(3):
                await talk.session.send_text("Bonn?")
                await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"), ResponseDone("r1"))
                call = talk.all(ToolCall)[-1].call
                await talk.session.send_tool_result(ToolResult(call.id, "a city"))
                await talk.hears(started("r2", "tool_result"), *said("r2", "Yes")[1:], ResponseDone("r2"))
                assert SendToolResult("c1", "a city") in talk.link.sent
                if n < 2:
                    await lose(talk)
            assert [each.call.id for each in talk.all(ToolCall)] == ["c1", "cascade2_c1", "s2s3_c1"]
            known = [each.id for each in talk.link.knows if isinstance(each, Call)]
            assert known == ["hy_c1", "hy_cascade2_c1"]

    run(main())


def test_a_call_that_the_engine_takes_back_is_not_told_to_the_next_side() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(started(), ToolCall(Call("c1", "look"), "r1"), ToolCallCancelled(("c1",)))
            await talk.hears(ResponseDone("r1"))
            await lose(talk)
            assert talk.cascade.knows == []

    run(main())


def test_where_s2s_cannot_be_opened_the_cascade_begins() -> None:
    async def main() -> None:
        s2s = SideEngine()
        s2s.fails.append(AuthError("the key is wrong"))
        async with hybrid(s2s=s2s) as talk:
            assert talk.side == "cascade"
            assert talk.kinds == ["error"]
            assert "s2s could not be opened, cascade begins: the key is wrong" in str(talk.errors[0])
            assert talk.all(SessionStarted)[0].model == "cascade: plain plain"
            await talk.listen(61)
            assert talk.side == "s2s"

    run(main())


def test_an_s2s_that_is_silent_leaves_time_for_the_cascade() -> None:
    async def main() -> None:
        s2s = SideEngine()
        s2s.opens_in_s = 1e6
        async with hybrid(s2s=s2s, limits=Limits(connect_s=10)) as talk:
            assert talk.side == "cascade"
            assert asyncio.get_running_loop().time() < 6

    run(main())


def test_where_neither_can_be_opened_there_is_no_session() -> None:
    async def main() -> None:
        s2s, cascade = SideEngine(), SideEngine()
        s2s.fails.append(CABLE)
        cascade.fails.append(ConnectError("nobody is there"))
        with pytest.raises(ConnectError, match="s2s: the cable; cascade: nobody is there"):
            await HybridPipeline(s2s=s2s, cascade=cascade).start()
        s2s.fails.append(CABLE)
        with pytest.raises(ConnectionLostError, match="the cable"):
            await HybridPipeline(s2s=s2s, cascade=cascade, policy=Stay()).start()

    run(main())


def test_a_side_that_ends_before_it_is_ready_could_not_be_opened() -> None:
    class Mute(SideEngine):
        async def open(self, config: Config) -> Link:
            link = await super().open(config)
            assert isinstance(link, SideLink)
            link._events.clear()
            link.end()
            return link

    class Short(SideEngine):
        async def open(self, config: Config) -> Link:
            link = await super().open(config)
            assert isinstance(link, SideLink)
            link.end(CABLE)
            return link

    async def main(s2s: SideEngine, why: str) -> None:
        async with hybrid(s2s=s2s) as talk:
            assert talk.side == "cascade"
            assert why in str(talk.errors[0])
            assert s2s.link.closed

    run(main(Mute(), "s2s ended the conversation"))
    run(main(Short(), "the cable"))


class Owing(SideLink):
    """Owes its peer something before it is ready, and after."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, SideEngine().capabilities)
        self._events.appendleft(Send(b"hello"))


class OwingEngine(SideEngine):
    async def open(self, config: Config) -> Link:
        self.links.append(Owing(config))
        return self.links[-1]


def test_what_a_link_owes_its_peer_is_written_to_it_and_to_no_other() -> None:
    async def main() -> None:
        async with hybrid(s2s=OwingEngine(), cascade=OwingEngine()) as talk:
            assert talk.s2s.sent == [Send(b"hello")]
            talk.link.tell(Send(b"pong"))
            await talk.rest_a_little()
            assert talk.s2s.sent == [Send(b"hello"), Send(b"pong")]
            await talk.hears(*said("r1", "Good"))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            talk.cascade.tell(Send(b"while it waits"))
            await talk.rest_a_little()
            assert talk.cascade.sent == [Send(b"hello"), Send(b"while it waits")]
            talk.s2s.stuck = asyncio.Event()
            talk.s2s.tell(Send(b"late"))
            await talk.rest_a_little()
            talk.s2s.end(CABLE)
            await talk.rest_a_little()
            assert talk.side == "cascade"
            assert Send(b"late") not in talk.cascade.sent

    run(main())


def test_a_link_that_cannot_be_closed_is_told_of() -> None:
    class Sticky(SideLink):
        async def close(self) -> None:
            await super().close()
            raise S2SError("stuck")

    class StickyEngine(SideEngine):
        async def open(self, config: Config) -> Link:
            self.links.append(Sticky(config, self.capabilities))
            return self.links[-1]

    async def main() -> None:
        async with hybrid(s2s=StickyEngine()) as talk:
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert "s2s could not be closed: S2SError: stuck" in str(talk.errors[0])

    run(main())


def test_an_s2s_that_nobody_would_leave_gets_all_the_time() -> None:
    async def main() -> None:
        s2s = SideEngine()
        s2s.opens_in_s = 9.0
        async with hybrid(s2s=s2s, policy=Stay(), limits=Limits(connect_s=10)) as talk:
            assert talk.side == "s2s"

    run(main())


def test_words_that_a_side_has_yet_to_tell_are_waited_for_but_not_for_ever() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.hears(SpeechStarted("u1", 0.0), SpeechStopped("u1", 0.0))
            await talk.hears(*said("r1", "Good"), ResponseDone("r1"))
            talk.pipeline.switch("cascade")
            await talk.listen(0.5)
            assert talk.side == "s2s"
            await talk.hears(Transcript("Hello", "u1", final=True))
            assert talk.side == "cascade"
            assert [each.text for each in talk.cascade.knows if isinstance(each, Message)] == [
                "Hello",
                "Good",
            ]
            await talk.hears(SpeechStarted("u1", 0.0), SpeechStopped("u1", 0.0))
            await talk.hears(*said("r1", "Good"), ResponseDone("r1"))
            talk.pipeline.switch("s2s")
            await talk.listen(4)
            assert talk.side == "s2s"
        async with hybrid(transcription=False) as talk:
            await talk.hears(SpeechStarted("u1", 0.0), SpeechStopped("u1", 0.0))
            await talk.hears(*said("r1", "Good"), ResponseDone("r1"))
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            assert talk.side == "cascade"

    run(main())
