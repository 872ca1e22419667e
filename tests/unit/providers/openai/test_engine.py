"""The engine against the simulator, without a network and on a clock that jumps."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence

import numpy as np
import pytest

import s2s
from s2s.errors import (
    AuthError,
    ConnectError,
    ConnectionLostError,
    LocalProtocolError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    SessionClosedError,
    UnsupportedError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    TextOutput,
    Transcript,
    TurnEnd,
    UsageUpdate,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import Reply, tone
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Fault, Temper
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.transports import Transport

HELLO = Reply(says="Good morning to you all.", hears="Hello there.")
STORY = Reply(says="word " * 60)
SPEECH = tone("Hello") + tone("there") + bytes(600 * 48)


def engine(
    script: Sequence[Reply] = (), extra: dict[str, JSON] | None = None, **temper: JSON
) -> OpenAIEngine:
    simulator = OpenAISimulator(script, temper=Temper(**temper))
    return OpenAIEngine(s2s.Config(extra={"connect": simulator.connect, **(extra or {})}))


def held(
    work: Callable[[Talk], Coroutine[object, object, None]],
    script: Sequence[Reply] = (),
    *,
    config: Mapping[str, JSON] = {},
    **temper: JSON,
) -> Talk:
    """Hold a conversation to its end and check what every session promises."""

    async def main() -> Talk:
        async with engine(script, **temper).start(**config) as session:
            talk = Talk(session, within_s=4000)
            await work(talk)
            await session.close()
            await talk.rest()
            return talk

    talk = run(main(), at_most_s=8000)
    assert violations(talk.events) == []
    return talk


async def asks(talk: Talk) -> None:
    await talk.session.send_text("Hello?")
    await talk.until(TurnEnd)


async def sends(session: s2s.Session, audio: bytes) -> None:
    for start in range(0, len(audio), 960):
        await session.send_audio(audio[start : start + 960])


async def speaks(talk: Talk) -> None:
    await sends(talk.session, SPEECH)
    await talk.until(TurnEnd)


def refused(**temper: JSON) -> s2s.S2SError:
    async def main() -> None:
        async with engine(extra={"api_key": "wrong"}, **temper).start():
            pass

    with pytest.raises(s2s.S2SError) as caught:
        run(main())
    return caught.value


# Conversations.


def test_a_spoken_turn_is_heard_transcribed_answered_and_counted() -> None:
    talk = held(speaks, [HELLO], transcript_lag_s=5.0)
    turn = talk.all(TurnEnd)[0]
    assert (turn.user_text, turn.agent_text) == ("", HELLO.says)
    assert turn.usage is not None
    assert turn.usage.output.audio == 20
    late = talk.all(Transcript)
    assert [(each.text, each.final) for each in late] == []


def test_a_late_transcript_stands_where_its_words_were_said() -> None:
    async def waits(talk: Talk) -> None:
        await speaks(talk)
        await talk.until(Transcript, lambda each: each.final)
        said = [each for each in talk.session.history if isinstance(each, Message)]
        assert [(each.role, each.text) for each in said] == [
            ("user", "Hello there."),
            ("assistant", HELLO.says),
        ]

    held(waits, [HELLO], transcript_lag_s=5.0)


def test_several_items_of_one_response_are_one_answer() -> None:
    talk = held(asks, [Reply(says=("One.", "Two."))])
    assert len({each.item_id for each in talk.all(AudioOutput)}) == 2
    assert talk.all(TurnEnd)[0].agent_text == "One. Two."


def test_a_function_is_called_and_its_result_answered() -> None:
    def look_up(city: str) -> str:
        return f"{city} is a city."

    call = Call("call_1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
    talk = held(asks, [Reply(says="Wait.", calls=(call,)), HELLO], config={"tools": [look_up]})
    (turn,) = talk.all(TurnEnd)
    assert turn.agent_text == f"Wait. {HELLO.says}"
    assert ToolResult("call_1", "Bonn is a city.") in talk.session.history
    assert [each.origin for each in talk.all(ResponseStarted)] == ["application", "tool_result"]


def test_a_call_that_was_cut_off_amid_its_arguments_is_never_made() -> None:
    cut = Call("call_1", "look_up", {}, '{"city":"Bo')
    talk = held(asks, [Reply(says="Wait.", calls=(cut,), status="incomplete")])
    assert "tool_call" not in [each.type for each in talk.events]
    assert talk.all(TurnEnd)[0].status == "incomplete"


def test_an_interruption_tells_the_service_what_was_heard() -> None:
    async def cuts(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        await talk.until(AudioOutput)
        await talk.until(AudioOutput)
        talk.session.playhead.played(150)
        cut = await talk.session.interrupt()
        assert cut is not None
        assert (cut.heard_ms, cut.confirmation) == (150, "requested")
        turn = await talk.until(TurnEnd)
        assert turn.status == "interrupted"
        await asks(talk)

    talk = held(cuts, [STORY, HELLO])
    assert [each.status for each in talk.all(ResponseDone)] == ["interrupted", "completed"]
    assert talk.errors == []


def test_who_speaks_over_an_answer_cuts_it_off() -> None:
    async def cuts(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        for _ in range(3):
            await talk.until(AudioOutput)
        await sends(talk.session, SPEECH)
        cut = await talk.until(Interrupted)
        assert (cut.cause, cut.confirmation) == ("user_speech", "server_confirmed")
        await talk.until(TurnEnd, lambda each: each.status == "completed")

    talk = held(cuts, [STORY, HELLO])
    assert talk.errors == []


def test_out_of_band_responses_run_beside_the_conversation() -> None:
    async def both(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        await talk.until(AudioOutput)
        await talk.session.respond(
            "Sad or glad?", metadata={"topic": "mood"}, out_of_band=True, output_modalities=["text"]
        )
        await talk.until(ResponseDone)
        await talk.until(TurnEnd)

    talk = held(both, [STORY, Reply(says="glad")])
    aside = talk.all(ResponseStarted)[1]
    assert (aside.origin, aside.metadata) == ("out_of_band", {"topic": "mood"})
    said = [each.text for each in talk.all(TextOutput) if each.response_id == aside.response_id]
    assert said == ["glad", ""]
    assert len(talk.all(TurnEnd)) == 1


def test_manual_turns_are_committed_by_hand() -> None:
    async def pushes(talk: Talk) -> None:
        await talk.session.send_audio(bytes(50 * 48))
        await talk.session.commit()
        error = await talk.until(Error)
        assert isinstance(error.error, LocalProtocolError)
        await sends(talk.session, SPEECH)
        await talk.session.commit()
        turn = await talk.until(TurnEnd)
        assert (turn.user_text, turn.agent_text) == ("Hello there.", HELLO.says)

    held(pushes, [HELLO], config={"turn_detection": "manual"})


@pytest.mark.parametrize("encoding", ["g711_ulaw", "g711_alaw"])
def test_a_telephone_call_is_in_its_own_coding_all_the_way(encoding: JSON) -> None:
    phone = s2s.AudioFormat(encoding, 8_000)
    spoken: list[bytes] = []

    async def calls(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        await talk.until(TurnEnd)
        spoken.extend(each.audio for each in talk.all(AudioOutput))

    async def main() -> None:
        formats = {"input_format": phone, "output_format": phone}
        async with engine([HELLO]).start(**formats) as session:
            await calls(Talk(session, within_s=100))

    run(main())
    assert abs(len(b"".join(spoken)) - 5 * 200 * 8) <= 16


def test_text_alone_is_text_alone() -> None:
    talk = held(asks, [HELLO], config={"output_modalities": ("text",)})
    assert talk.all(AudioOutput) == []
    assert {each.form for each in talk.all(TextOutput)} == {"written"}


# What is refused, and how.


def test_a_wrong_key_is_an_auth_error_with_the_words_of_the_service() -> None:
    error = refused(keys=("right",))
    assert isinstance(error, AuthError)
    assert "Incorrect API key provided" in str(error)
    assert "check the API key" in str(error)
    assert error.provider == "openai_realtime"


def test_an_unknown_model_is_named() -> None:
    error = refused(models=("gpt-realtime-1.5",))
    assert isinstance(error, ProviderError)
    assert error.code == "invalid_model"
    assert 'Model "gpt-realtime-2.1" is not supported' in str(error)


def test_the_header_of_the_beta_is_refused() -> None:
    async def main() -> None:
        extra: dict[str, JSON] = {"headers": {"OpenAI-Beta": "realtime=v1"}}
        async with engine(extra=extra, strict=True).start():
            pass

    with pytest.raises(ProviderError, match="leave the header OpenAI-Beta out"):
        run(main())


@pytest.mark.parametrize(
    "fault",
    [
        Fault(does="close", said="session.created", code=1011),
        Fault(does="abort", said="session.created"),
        Fault(does="garble", said="session.created"),
        Fault(does="cut", said="session.updated"),
        Fault(does="refuse", asked="session.update", code="unknown_parameter"),
    ],
    ids=lambda each: f"{each.does} {each.said or each.asked}",
)
def test_what_fails_while_it_opens_is_raised_by_start(fault: Fault) -> None:
    assert isinstance(refused(faults=(fault,)), s2s.S2SError)


@pytest.mark.parametrize("said", ["session.created", "session.updated"])
def test_a_service_that_says_nothing_is_given_up(said: str) -> None:
    error = refused(faults=(Fault(does="stall", said=said),))
    assert isinstance(error, ConnectError)
    assert error.retryable
    assert "not ready within 15 s" in str(error)


def test_what_the_service_does_not_have_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(UnsupportedError, match="no temperature"):
        engine().start(temperature=0.5)
    with pytest.raises(UnsupportedError, match="no turn detection 'local'"):
        engine().start(turn_detection="local")
    with pytest.raises(s2s.MissingKeyError):
        OpenAIEngine(s2s.Config(extra={"base_url": "wss://example.org"})).start()


def test_a_retired_model_is_used_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    simulator = OpenAISimulator()
    retired = OpenAIEngine(s2s.Config(model="gpt-4o-realtime-preview", extra={"connect": simulator.connect}))

    async def main() -> str:
        async with retired.start() as session:
            talk = Talk(session)
            return (await talk.until(SessionStarted)).model

    with pytest.warns(UserWarning, match=r"shut down in 2026-05: use gpt-realtime-2\.1"):
        assert run(main()) == "gpt-4o-realtime-preview"


# Trouble during a conversation.


def ends(*faults: Fault, **temper: JSON) -> tuple[list[JSON], Talk]:
    """Return what came after an answer began that was broken by these faults."""

    async def main() -> Talk:
        async with engine([STORY], faults=faults, **temper).start() as session:
            talk = Talk(session, within_s=8000)
            await session.send_text("Tell me a story.")
            await talk.rest()
            return talk

    talk = run(main(), at_most_s=10_000)
    assert violations(talk.events) == []
    return list(talk.events[-4:]), talk


@pytest.mark.parametrize(
    ("fault", "code", "resumable"),
    [
        (Fault(does="close", said="response.output_audio.delta", nth=3, code=1011), 1011, True),
        (Fault(does="close", said="response.output_audio.delta", nth=3, code=1013), 1013, True),
        (Fault(does="abort", said="response.output_audio.delta", nth=3), 1006, True),
        (Fault(does="cut", said="response.output_audio.delta", nth=3), 1006, True),
    ],
    ids=["1011", "1013", "abort", "cut"],
)
def test_a_connection_that_ends_amid_an_answer_ends_it_in_order(
    fault: Fault, code: int, resumable: bool
) -> None:
    (done, turn, error, ended), _ = ends(fault)
    assert done.status == turn.status == "failed"
    assert error.fatal
    assert isinstance(error.error, ConnectionLostError)
    assert error.error.code == code
    assert ended == SessionEnded("failed")


def test_the_sixtieth_minute_ends_a_session_with_the_words_of_the_service() -> None:
    async def main() -> Talk:
        async with engine().start() as session:
            talk = Talk(session, within_s=4000)
            started = await talk.until(SessionStarted)
            assert started.expires_in_s is not None
            assert 3590 < started.expires_in_s <= 3600
            await talk.rest()
            return talk

    talk = run(main(), at_most_s=5000)
    (error,) = talk.errors
    assert isinstance(error, ConnectionLostError)
    assert error.code == 1001
    assert error.reason == "Your session hit the maximum duration of 60 minutes."


@pytest.mark.parametrize(
    "fault",
    [
        Fault(does="garble", said="response.output_audio.delta", nth=2),
        Fault(does="corrupt", said="response.output_audio.delta", nth=2),
        Fault(does="garble", said="response.output_audio_transcript.delta", nth=2),
    ],
    ids=lambda each: f"{each.does} {each.said}",
)
def test_a_message_that_cannot_be_read_is_an_error_and_the_answer_goes_on(fault: Fault) -> None:
    talk = held(asks, [HELLO], faults=(fault,))
    (error,) = talk.errors
    assert isinstance(error, RemoteProtocolError)
    assert talk.all(TurnEnd)[0].status == "completed"


@pytest.mark.parametrize("does", ["twice", "skip", "delay", "huge"])
@pytest.mark.parametrize("said", ["response.done", "response.created", "conversation.item.added", ""])
def test_doubled_lost_late_and_huge_messages_break_no_promise(does: JSON, said: str) -> None:
    async def survives(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        await talk.listen(30)

    held(survives, [HELLO], faults=(Fault(does=does, said=said, nth=1 if said else 5),))


def test_an_answer_that_fails_says_why() -> None:
    limited = Reply(says="Wel", error=RateLimitError("Slow down.", code="rate_limit_exceeded"))
    talk = held(asks, [limited])
    (error,) = talk.errors
    assert isinstance(error, RateLimitError)
    assert "Slow down" in str(error)
    assert talk.all(TurnEnd)[0].status == "failed"


def test_no_money_ends_the_session() -> None:
    async def main() -> Talk:
        broke = Reply(error=ProviderError("Pay.", code="insufficient_quota"))
        async with engine([broke]).start() as session:
            talk = Talk(session)
            await session.send_text("Hello?")
            await talk.rest()
            return talk

    (error,) = run(main()).errors
    assert isinstance(error, ProviderError)
    assert error.code == "insufficient_quota"


def test_a_request_that_is_refused_is_told_and_the_next_one_answered() -> None:
    async def twice(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        error = await talk.until(Error)
        assert "busy" in str(error.error)
        await asks(talk)

    fault = Fault(does="refuse", asked="response.create", code="server_error", reason="busy")
    held(twice, [HELLO], faults=(fault,))


def test_a_service_that_stops_reading_makes_sending_wait_and_then_fail() -> None:
    async def main() -> None:
        faults = (Fault(does="deaf", asked="input_audio_buffer.append"),)
        simulator = OpenAISimulator(temper=Temper(faults=faults))
        deaf = OpenAIEngine(s2s.Config(extra={"connect": simulator.connect}))
        async with deaf.start(limits=s2s.Limits(input_audio_s=0.5, send_s=2)) as session:
            with pytest.raises(s2s.BacklogError, match="behind"):
                await sends(session, bytes(100 * 48_000))
        await simulator.hang_up()

    run(main(), at_most_s=100)


# What an application does wrong.


def test_audio_of_any_length_and_kind_arrives_whole() -> None:
    async def speaks_oddly(talk: Talk) -> None:
        session = talk.session
        await session.send_audio(b"")
        for start in range(0, len(SPEECH), 961):
            await session.send_audio(SPEECH[start : start + 961])
        await talk.until(TurnEnd)
        for piece in np.split(np.frombuffer(SPEECH, np.int16), 50):
            await session.send_audio(piece)
        turn = await talk.until(TurnEnd)
        assert turn.status == "completed"

    held(speaks_oddly, [HELLO, HELLO])


def test_after_the_end_sending_raises_what_ended_it() -> None:
    async def main() -> None:
        faults = (Fault(does="close", said="response.created", code=1011, reason="oops"),)
        async with engine([HELLO], faults=faults).start() as session:
            await session.send_text("Hello?")
            await Talk(session).rest()
            with pytest.raises(SessionClosedError) as closed:
                await session.send_audio(bytes(960))
            assert isinstance(closed.value.__cause__, ConnectionLostError)
            assert "oops" in str(closed.value.__cause__)

    run(main())


def test_a_second_reader_is_refused() -> None:
    async def main() -> None:
        async with engine([HELLO]).start() as session:
            first = asyncio.create_task(Talk(session, within_s=100).until(TurnEnd))
            await asyncio.sleep(1)
            with pytest.raises(LocalProtocolError, match="somebody else"):
                async for _ in session.recv():
                    pass
            await session.send_text("Hello?")
            await first

    run(main())


def test_starting_can_be_cancelled_at_any_moment() -> None:
    async def main() -> None:
        for turns in range(40):
            start = asyncio.ensure_future(_started())
            for _ in range(turns):
                await asyncio.sleep(0)
            start.cancel()
            await asyncio.wait([start])

    async def _started() -> None:
        async with engine([HELLO]).start():
            await asyncio.sleep(1)

    run(main())


def test_a_connection_that_cannot_be_opened_is_raised_by_start() -> None:
    async def unreachable(url: str, headers: Mapping[str, str]) -> Transport:
        raise ConnectError("no way: try again", retryable=True)

    async def main() -> None:
        async with OpenAIEngine(s2s.Config(extra={"connect": unreachable})).start():
            pass

    with pytest.raises(ConnectError, match="no way"):
        run(main())


def test_the_cost_of_a_transcript_is_told_apart() -> None:
    talk = held(asks, [HELLO])
    assert talk.all(UsageUpdate) == []


def test_a_key_shows_in_no_error_no_event_and_no_name() -> None:
    canary = "sk-canary-4711"

    async def main() -> list[object]:
        faults = (Fault(does="close", said="response.created", code=1011, reason="oops"),)
        simulator = OpenAISimulator([HELLO], temper=Temper(faults=faults, keys=(canary,)))
        watched = OpenAIEngine(s2s.Config(extra={"connect": simulator.connect, "api_key": canary}))
        async with watched.start() as session:
            await session.send_text("Hello?")
            talk = Talk(session)
            await talk.rest()
            with pytest.raises(SessionClosedError) as closed:
                await session.send_text("Again?")
        return [watched, watched.config, watched.start(), session, *talk.events, closed.value, *talk.errors]

    shown = run(main())
    assert len(shown) > 8
    for each in shown:
        assert canary not in f"{each!r} {each!s} {getattr(each, '__cause__', None)!r}"
