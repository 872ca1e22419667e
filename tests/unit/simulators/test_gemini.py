"""Gemini Live on this machine, with our own engine as its client."""

import asyncio

import pytest
from tests.support.sessions import loud

import s2s
from s2s.errors import AuthError, ConfigError, ConnectionLostError, ProviderError, RemoteProtocolError
from s2s.events import (
    AudioOutput,
    Error,
    GoingAway,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseGenerated,
    SessionEnded,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
    Unrecognized,
)
from s2s.items import JSON, Call, ToolResult
from s2s.providers.script import Reply
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.temper import Fault, GeminiTemper
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk

LONG = Reply(says="word " * 50)
"""Ten seconds."""
SHORT = Reply(says="Good day to you.", hears="Hello there.")
CALL = Call("call_1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
LOOK_UP = s2s.Tool(name="look_up")
INTERRUPTED = '{"serverContent":{"interrupted":true}}'
GO_AWAY = '{"goAway":{"timeLeft":"%ds"}}'


class Conversation:
    """A session of the engine with a simulator, both in this process."""

    def __init__(self, *script: Reply, temper: GeminiTemper | None = None, **config: JSON) -> None:
        self.simulator = GeminiSimulator(script, temper=temper or GeminiTemper())
        extra = {"connect": self.simulator.connect, "profile": self.simulator.profile}
        self.engine = s2s.new("gemini_live", extra=extra, **config)

    async def __aenter__(self) -> Talk:
        self.session = await self.engine.start()
        self.talk = Talk(self.session, within_s=100)
        return self.talk

    async def __aexit__(self, *exc: object) -> None:
        await self.session.close()
        await self.simulator.hang_up()
        assert violations(await self.talk.rest(), self.session.config.spoken) == []


def faulty(*faults: Fault, **knobs: JSON) -> GeminiTemper:
    return GeminiTemper(faults=faults, **knobs)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_profile_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no profile 'best': use dev-2\.5-native"):
        GeminiSimulator(temper=GeminiTemper(profile="best"))


@pytest.mark.parametrize(("plays", "ends_s"), [(True, 10.0), (False, 2.5)])
def test_a_turn_ends_when_it_should_have_been_played(plays: bool, ends_s: float) -> None:
    async def main() -> None:
        async with Conversation(LONG, temper=GeminiTemper(plays=plays)) as talk:
            began = now()
            await talk.session.send_text("Hello?")
            await talk.until(ResponseGenerated)
            assert now() - began == pytest.approx(2.5, abs=0.1)
            await talk.until(TurnEnd)
            assert now() - began == pytest.approx(ends_s, abs=0.1)

    run(main())


@pytest.mark.parametrize(
    ("turns", "confirmation", "status"),
    [("server", "local_only", "interrupted"), ("manual", "server_confirmed", "interrupted")],
)
def test_an_interruption_says_how_far_the_service_followed(
    turns: str, confirmation: str, status: str
) -> None:
    async def main() -> None:
        async with Conversation(LONG, SHORT, turn_detection=turns) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(AudioOutput)
            cut = await talk.session.interrupt(confirm_s=3.0)
            assert cut is not None
            assert cut.confirmation == confirmation
            assert (await talk.until(TurnEnd)).status == status
            await talk.session.send_text("And now?")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."

    run(main())


def test_push_to_talk_cuts_the_answer_off_and_is_answered() -> None:
    async def main() -> None:
        async with Conversation(LONG, SHORT, turn_detection="manual") as talk:
            await talk.session.send_text("Hello?")
            await talk.until(AudioOutput)
            await talk.session.send_audio(loud(400))
            assert (await talk.until(Interrupted)).cause == "user_speech"
            assert (await talk.until(TurnEnd)).status == "interrupted"
            await talk.session.commit()
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")

    run(main())


def test_speech_does_not_interrupt_where_it_shall_not() -> None:
    async def main() -> None:
        turns = s2s.TurnDetection(interrupt_response=False)
        async with Conversation(LONG, SHORT, turn_detection=turns) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(AudioOutput)
            await talk.session.send_audio(loud(400) + bytes(48_000))
            assert (await talk.until(TurnEnd)).status == "completed"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert talk.all(Interrupted) == []

    run(main())


@pytest.mark.parametrize("profile", ["dev-2.5-native", "dev-3.8", "dev-3.8-thinking"])
def test_speech_takes_a_blocking_call_back_and_the_tool_is_cancelled(profile: str) -> None:
    async def main() -> None:
        stopped: list[str] = []

        async def look_up(city: str) -> str:
            """Look up a city."""
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                stopped.append(city)
                raise
            return "never"

        tool = s2s.tool(look_up, timeout_s=2000.0)
        temper = GeminiTemper(profile=profile)
        async with Conversation(Reply(calls=(CALL,)), SHORT, temper=temper, tools=[tool]) as talk:
            await talk.session.send_text("Look up Bonn.")
            await talk.until(ToolCall)
            await talk.session.send_audio(loud(400) + bytes(48_000))
            cancelled = await talk.until(ToolCallCancelled)
            assert cancelled.call_ids == ("call_1",)
            await talk.until(TurnEnd, lambda each: bool(each.agent_text))
            assert stopped == ["Bonn"]

    if profile == "dev-3.8-thinking":  # all of its calls are in the background
        pytest.skip("nothing blocks")
    run(main())


def test_a_background_tool_lets_the_model_talk_on() -> None:
    async def main() -> None:
        async def look_up(city: str) -> str:
            """Look up a city."""
            await asyncio.sleep(3)
            return "many bridges"

        tool = s2s.tool(look_up, policy="background")
        script = (Reply(says="One moment.", calls=(CALL,)), Reply(says="Many bridges."))
        async with Conversation(*script, tools=[tool]) as talk:
            await talk.session.send_text("Look up Bonn.")
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, len(turn.tool_calls)) == ("One moment. Many bridges.", 1)

    run(main())


# Connections that end.


def test_a_conversation_goes_on_over_every_connection() -> None:
    async def main() -> None:
        script = [Reply(says=f"Answer {n}.") for n in range(12)]
        temper = GeminiTemper(session_s=100, notice_s=60)
        async with Conversation(*script, temper=temper) as talk:
            for n in range(12):
                await asyncio.sleep(50)
                await talk.session.send_text("Hello?")
                assert (await talk.until(TurnEnd)).agent_text == f"Answer {n}."
            assert len(talk.all(GoingAway)) >= 6
            assert {each.restored for each in talk.all(Reconnected)} == {"full"}
            assert {each.status for each in talk.all(ResponseDone)} == {"completed"}

    run(main(), at_most_s=2000)


def test_an_answer_is_not_cut_off_by_a_goaway_that_leaves_time_for_it() -> None:
    async def main() -> None:
        fault = Fault(does="say", said="modelTurn", nth=3, text=GO_AWAY % 50)
        async with Conversation(LONG, SHORT, temper=faulty(fault)) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(GoingAway)
            assert (await talk.until(TurnEnd)).status == "completed"
            await talk.until(Reconnected)
            await talk.session.send_text("And?")
            assert (await talk.until(TurnEnd)).status == "completed"

    run(main())


def test_a_user_who_is_speaking_is_heard_to_the_end_before_the_connection_is_left() -> None:
    async def main() -> None:
        temper = GeminiTemper(profile="dev-2.5-native", session_s=40.0, notice_s=39.5)
        async with Conversation(SHORT, temper=temper) as talk:
            for chunk in [loud(100)] * 10 + [bytes(4800)] * 15:
                await talk.session.send_audio(chunk)
                await asyncio.sleep(0.1)
            await talk.until(GoingAway)
            assert (await talk.until(TurnEnd)).user_text == "Hello there."
            assert talk.all(Reconnecting) == []
            assert (await talk.until(Reconnected)).restored == "full"

    run(main())


@pytest.mark.parametrize("mode", ["manual", "server"])
def test_what_the_user_has_spoken_is_answered_over_another_connection(mode: JSON) -> None:
    async def main() -> None:
        fault = Fault(does="abort", said="modelTurn")
        async with Conversation(
            SHORT, SHORT, temper=faulty(fault, profile="dev-3.1"), turn_detection=mode
        ) as talk:
            for chunk in [loud(100)] * 10 + [bytes(4800)] * 15:
                await talk.session.send_audio(chunk)
            if mode == "manual":
                await talk.session.commit()
            assert (await talk.until(Reconnected)).restored == "full"
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.status) == ("Hello there.", "completed")

    run(main())


def test_a_service_that_falls_silent_after_goaway_is_left_in_time() -> None:
    async def main() -> None:
        faults = (
            Fault(does="say", said="modelTurn", nth=3, text=GO_AWAY % 12),
            Fault(does="stall", said="modelTurn", nth=4),
        )
        async with Conversation(LONG, SHORT, temper=faulty(*faults)) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(GoingAway)
            began = now()
            assert (await talk.until(ResponseDone)).status == "interrupted"
            assert now() - began == pytest.approx(7.0, abs=0.1)
            assert (await talk.until(Reconnected)).restored == "replayed"
            await talk.session.send_text("Are you there?")
            assert (await talk.until(TurnEnd)).status == "completed"

    run(main())


@pytest.mark.parametrize("does", ["abort", "cut", "close"])
@pytest.mark.parametrize("said", ["modelTurn", "turnComplete", "sessionResumptionUpdate"])
def test_a_connection_that_breaks_is_replaced_and_the_next_question_answered(does: JSON, said: str) -> None:
    async def main() -> None:
        fault = Fault(does=does, said=said, nth=1, code=1011, reason="Internal error encountered.")
        async with Conversation(LONG, SHORT, SHORT, temper=faulty(fault)) as talk:
            if said == "sessionResumptionUpdate":
                await talk.until(Reconnected)
            await talk.session.send_text("Hello?")
            await talk.until(TurnEnd)
            if not talk.all(Reconnected):
                await talk.until(Reconnected)
            await talk.session.send_text("And now?")
            assert (await talk.until(TurnEnd)).status == "completed"
            assert len(talk.all(Reconnecting)) == len(talk.all(Reconnected)) == 1

    run(main())


@pytest.mark.parametrize("does", ["abort", "cut", "close"])
def test_a_connection_that_breaks_before_it_is_ready_is_an_error_of_start(does: JSON) -> None:
    async def main() -> None:
        fault = Fault(does=does, said="setupComplete", code=1011, reason="Internal error encountered.")
        conversation = Conversation(SHORT, temper=faulty(fault))
        with pytest.raises(ConnectionLostError if does == "close" else s2s.S2SError):
            await conversation.engine.start()
        await conversation.simulator.hang_up()

    run(main())


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (1007, "Request contains an invalid argument.", ProviderError),
        (1008, "Operation is not implemented, or supported, or enabled.", ProviderError),
        (1011, "You exceeded your current quota.", s2s.RateLimitError),
        (1007, "API key not valid. Please pass a valid API key.", AuthError),
    ],
)
def test_a_no_amid_a_conversation_is_final(code: int, reason: str, error: type[Exception]) -> None:
    async def main() -> None:
        fault = Fault(does="close", said="modelTurn", nth=3, code=code, reason=reason)
        async with Conversation(LONG, temper=faulty(fault)) as talk:
            await talk.session.send_text("Hello?")
            ended = await talk.until(SessionEnded)
            assert ended.reason == "failed"
            assert isinstance(talk.errors[-1], error)
            assert reason.rstrip(".") in str(talk.errors[-1])
            assert talk.all(Reconnecting) == []

    run(main())


def test_a_connection_that_closes_during_a_call_takes_the_call_along() -> None:
    async def main() -> None:
        fault = Fault(does="close", said="turnComplete", nth=1, code=1011)
        async with Conversation(Reply(calls=(CALL,)), SHORT, temper=faulty(fault), tools=[LOOK_UP]) as talk:
            await talk.session.send_text("Look up Bonn.")
            await talk.until(ToolCall)
            assert (await talk.until(ToolCallCancelled)).call_ids == ("call_1",)
            await talk.until(Reconnected)
            with pytest.raises(s2s.LocalProtocolError):
                await talk.session.send_tool_result(ToolResult("call_1", "too late"))
            await talk.session.send_text("Hello?")
            assert (await talk.until(TurnEnd, lambda each: bool(each.agent_text))).status == "completed"

    run(main())


def test_a_question_that_was_lost_with_its_connection_is_asked_again() -> None:
    async def main() -> None:
        fault = Fault(does="refuse", asked="clientContent", nth=1, code=1011)
        async with Conversation(SHORT, temper=faulty(fault)) as talk:
            await talk.session.send_text("Hello?")
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello?", "Good day to you.")
            assert len(talk.all(Reconnected)) == 1

    run(main())


def test_audio_that_is_sent_in_the_gap_is_heard_after_it() -> None:
    async def main() -> None:
        fault = Fault(does="abort", said="sessionResumptionUpdate", nth=1)
        async with Conversation(SHORT, temper=faulty(fault)) as talk:
            await talk.until(Reconnecting)
            await talk.session.send_audio(loud(400) + bytes(48_000))
            assert (await talk.until(TurnEnd)).user_text == "Hello there."

    run(main())


@pytest.mark.parametrize(
    ("knobs", "restored"),
    [({"handles_s": 0}, "replayed"), ({"handles_s": 1}, "replayed")],
)
def test_without_a_handle_that_is_taken_the_history_is_told_again(knobs: JSON, restored: str) -> None:
    async def main() -> None:
        faults = (
            Fault(does="close", said="modelTurn", nth=3, code=1011),
            Fault(does="close", asked="setup", nth=2, code=1011),
            Fault(does="close", asked="setup", nth=3, code=1011),
            Fault(does="close", asked="setup", nth=4, code=1011),
        )
        async with Conversation(SHORT, SHORT, temper=faulty(*faults, **knobs)) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(TurnEnd)
            assert (await talk.until(Reconnected)).restored == restored
            await talk.session.send_text("Hello again?")
            assert (await talk.until(TurnEnd)).status == "completed"

    run(main())


def test_a_service_that_stays_away_is_given_up_with_its_own_words() -> None:
    async def main() -> None:
        faults = [Fault(does="close", asked="setup", nth=n, code=1011) for n in range(2, 9)]
        drop = Fault(does="close", said="modelTurn", nth=3, code=1011, reason="Internal error encountered.")
        async with Conversation(SHORT, temper=faulty(drop, *faults)) as talk:
            await talk.session.send_text("Hello?")
            ended = await talk.until(SessionEnded)
            assert (ended.reason, [each.attempt for each in talk.all(Reconnecting)]) == (
                "failed",
                [1, 2, 3, 4, 5],
            )

    run(main())


# What a service says that makes no sense, or comes at the wrong time.


def test_a_phantom_interruption_flushes_and_harms_nothing() -> None:
    async def main() -> None:
        fault = Fault(does="say", said="sessionResumptionUpdate", nth=2, text=INTERRUPTED)
        async with Conversation(SHORT, SHORT, temper=faulty(fault)) as talk:
            for _ in range(2):
                await talk.session.send_text("Hello?")
                assert (await talk.until(TurnEnd)).status == "completed"

    run(main())


def test_a_turn_that_is_never_ended_is_ended() -> None:
    async def main() -> None:
        fault = Fault(does="skip", said="turnComplete", nth=1)
        async with Conversation(SHORT, SHORT, temper=faulty(fault)) as talk:
            for _ in range(2):
                await talk.session.send_text("Hello?")
                turn = await talk.until(TurnEnd)
                assert (turn.agent_text, turn.status) == ("Good day to you.", "completed")

    run(main())


def test_words_after_the_end_of_a_turn_do_not_end_up_in_the_next() -> None:
    async def main() -> None:
        late = '{"serverContent":{"outputTranscription":{"text":" and goodbye"}}}'
        fault = Fault(does="say", said="sessionResumptionUpdate", nth=2, text=late)
        async with Conversation(SHORT, SHORT, temper=faulty(fault)) as talk:
            for _ in range(2):
                await talk.session.send_text("Hello?")
                assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert [each.message for each in talk.all(Unrecognized)] == [
                {"serverContent": {"outputTranscription": {"text": " and goodbye"}}}
            ]

    run(main())


@pytest.mark.parametrize("does", ["garble", "corrupt"])
def test_what_cannot_be_read_is_an_error_and_the_call_goes_on(does: JSON) -> None:
    async def main() -> None:
        fault = Fault(does=does, said="modelTurn", nth=2)
        async with Conversation(SHORT, SHORT, temper=faulty(fault)) as talk:
            await talk.session.send_text("Hello?")
            error = await talk.until(Error)
            assert isinstance(error.error, RemoteProtocolError)
            assert not error.fatal
            await talk.until(TurnEnd)
            await talk.session.send_text("And now?")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."

    run(main())


def test_thoughts_are_never_spoken() -> None:
    async def main() -> None:
        temper = GeminiTemper(profile="dev-2.5-native")
        async with Conversation(SHORT, temper=temper) as talk:
            await talk.session.send_text("Hello?")
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert [each.text for each in talk.all(TextOutput) if "*" in each.text] == []

    run(main())
