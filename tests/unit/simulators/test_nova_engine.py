"""Nova Sonic on this machine, with our own engine as its client: inside this process, and over sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.sessions import CALL, loud
from tests.support.websockets import run as run_on_sockets

import s2s
from s2s.certificates import Throwaway
from s2s.config import Config
from s2s.errors import (
    AuthError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RemoteProtocolError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    SessionEnded,
    TurnEnd,
    Unrecognized,
)
from s2s.items import JSON
from s2s.providers.nova import NovaEngine
from s2s.providers.script import Reply
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk

LONG = Reply(says="One two three four five. " * 10)
"""Ten seconds."""
SHORT = Reply(says="Good day to you.", hears="Hello there.")
YES = Reply(says="Yes.", hears="Hello there.")
UNSTABLE = "System instability detected. Please retry your request."
INVALID = "Invalid input request, please fix your input and try again."
SECRET = Throwaway()


class Conversation:
    """A session of the engine with a simulator, both in this process."""

    def __init__(self, *script: Reply, temper: NovaTemper | None = None, **config: JSON) -> None:
        self.simulator = NovaSimulator(script, temper=temper or NovaTemper())
        extra: JSON = {"connect": self.simulator.connect, **config.pop("extra", {})}
        self.engine = NovaEngine(Config(extra=extra, **config))

    async def __aenter__(self) -> Talk:
        self.session = await self.engine.start()
        self.talk = Talk(self.session, within_s=100)
        return self.talk

    async def __aexit__(self, *exc: object) -> None:
        await self.session.close()
        await self.simulator.hang_up()
        assert violations(await self.talk.rest(), self.session.config.spoken) == []


def faulty(*faults: Fault, **knobs: JSON) -> NovaTemper:
    return NovaTemper(faults=faults, **knobs)


def now() -> float:
    return asyncio.get_running_loop().time()


async def spoken(talk: Talk) -> None:
    """Speak, and be silent then, as fast as life."""
    for chunk in [loud(100)] * 5 + [bytes(4800)] * 8:
        await talk.session.send_audio(chunk)
        await asyncio.sleep(0.1)


async def answered(talk: Talk, text: str = "And now?") -> TurnEnd:
    await talk.session.send_text(text)
    return await talk.until(TurnEnd)


async def listening(talk: Talk, seconds: int) -> None:
    """Let it hear silence now and then."""
    for _ in range(seconds // 10):
        await talk.session.send_audio(bytes(4800))
        await asyncio.sleep(10)


# A good day.


def test_a_spoken_and_a_written_question_are_answered() -> None:
    async def main() -> None:
        async with Conversation(SHORT, SHORT) as talk:
            await spoken(talk)
            turn = await talk.until(TurnEnd)
            assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day to you.")
            turn = await answered(talk)
            assert (turn.agent_text, turn.heard_text) == ("Good day to you.", "Good day to you.")
            assert turn.usage is not None
            assert turn.usage.output.audio == 20

    run(main())


@pytest.mark.parametrize("stop", ["END_TURN", "INTERRUPTED"])
def test_who_barges_in_is_answered_next(stop: JSON) -> None:
    async def main() -> None:
        async with Conversation(LONG, SHORT, temper=NovaTemper(stop_reason=stop, pace=2)) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(AudioOutput)
            await asyncio.sleep(2)
            await spoken(talk)
            cut = await talk.until(Interrupted)
            assert (cut.cause, cut.confirmation) == ("user_speech", "server_confirmed")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            assert (await talk.until(TurnEnd)).agent_text == "Good day to you."
            assert len(talk.all(Interrupted)) == 1

    run(main())


@pytest.mark.parametrize("mode", ["cancel", "reset"])
def test_an_answer_is_silenced_here_or_given_up_with_its_stream(mode: JSON) -> None:
    async def main() -> None:
        async with Conversation(LONG, SHORT) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(AudioOutput)
            cut = await talk.session.interrupt(mode=mode)
            assert cut is not None
            assert cut.confirmation == ("requested" if mode == "reset" else "local_only")
            assert (await talk.until(TurnEnd)).status == "interrupted"
            if mode == "reset":
                await talk.until(Reconnected)
            assert (await answered(talk)).status == "completed"
            assert len(talk.all(Reconnected)) == (mode == "reset")

    run(main())


def test_a_tool_is_called_and_its_result_answered() -> None:
    async def look_up(city: str) -> str:
        """Look up a city."""
        await asyncio.sleep(2)
        return "It rains."

    async def main() -> None:
        tool = s2s.tool(look_up)
        async with Conversation(Reply(calls=(CALL,)), SHORT, tools=[tool]) as talk:
            turn = await answered(talk, "How is Bonn?")
            assert (turn.agent_text, len(turn.tool_calls)) == ("Good day to you.", 1)

    run(main())


@pytest.mark.parametrize("accepts", ["at_once", "with_first_event"])
def test_a_service_that_accepts_late_is_waited_for(accepts: JSON) -> None:
    async def main() -> None:
        async with Conversation(SHORT, temper=NovaTemper(accepts=accepts, accept_s=3)) as talk:
            assert now() == pytest.approx(3, abs=0.1)
            assert (await answered(talk)).agent_text == "Good day to you."

    run(main())


def test_the_words_of_the_user_may_come_late() -> None:
    async def main() -> None:
        async with Conversation(SHORT, SHORT, temper=NovaTemper(transcript_lag_s=0.5)) as talk:
            await spoken(talk)
            turn = await talk.until(TurnEnd)
            assert turn.agent_text == "Good day to you."
            assert (await answered(talk)).agent_text == "Good day to you."

    run(main())


# Streams that end.


def test_a_conversation_goes_on_over_every_stream() -> None:
    async def main() -> None:
        async with Conversation(SHORT, SHORT, SHORT) as talk:
            for _ in range(12):
                await listening(talk, 100)
                assert (await answered(talk)).agent_text in ("Good day to you.", "You said: And now?")
            assert len(talk.all(Reconnected)) >= 3
            assert {each.restored for each in talk.all(Reconnected)} == {"replayed"}
            assert {each.status for each in talk.all(ResponseDone)} == {"completed"}
            assert talk.errors == []

    run(main(), at_most_s=4000)


@pytest.mark.parametrize("ends", ["exception", "reset"])
def test_a_service_that_lasts_for_less_than_it_says_is_left_without_a_question_lost(ends: JSON) -> None:
    async def main() -> None:
        async with Conversation(SHORT, temper=NovaTemper(session_s=100, idle_ends=ends)) as talk:
            for _ in range(3):
                await listening(talk, 90)
                assert (await answered(talk)).status == "completed"
            assert len(talk.all(Reconnected)) == 2

    run(main())


ENDS = (
    Fault(does="abort"),
    Fault(does="cut"),
    Fault(does="goaway"),
    Fault(does="reset"),
    Fault(does="reset", code="INTERNAL_ERROR"),
    Fault(does="close"),
    Fault(does="close", code=1000),
    Fault(does="close", code=503, reason="Later."),
    Fault(does="error", code="Odd", reason="So it is."),
    Fault(does="fail", code="modelTimeoutException"),
    Fault(does="fail", code="modelStreamErrorException"),
    Fault(does="fail", code="throttlingException"),
    Fault(does="fail", code="validationException", reason=UNSTABLE),
    Fault(does="fail", code="oddException", reason="Never heard of."),
)
"""After which the conversation goes on over another stream."""


def placed(fault: Fault, said: str, nth: int = 1) -> Fault:
    return Fault(does=fault.does, code=fault.code, reason=fault.reason, said=said, nth=nth)


@pytest.mark.parametrize("said", ["contentStart", "audioOutput", "contentEnd.AUDIO"])
@pytest.mark.parametrize("fault", [each for each in ENDS if each.code != "oddException"], ids=str)
def test_a_stream_that_breaks_is_replaced_and_the_next_question_answered(fault: Fault, said: str) -> None:
    async def main() -> None:
        async with Conversation(LONG, temper=faulty(placed(fault, said))) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(Reconnected)
            if not talk.all(TurnEnd):
                await talk.until(TurnEnd)
            assert (await answered(talk)).status == "completed"
            assert len(talk.all(Reconnecting)) == len(talk.all(Reconnected)) == 1

    run(main())


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("trusted") / "ca.pem"
    SECRET.write(place)
    return str(place)


@pytest.mark.parametrize("fault", ENDS, ids=str)
def test_a_stream_that_breaks_is_replaced_over_sockets_too(fault: Fault, trusted: str) -> None:
    async def main() -> None:
        temper = faulty(placed(fault, "audioOutput", 2))
        async with NovaSimulator([YES, YES], temper=temper, tls=SECRET) as simulator:
            config = Config(extra={"base_url": simulator.base_url, "ca": trusted})
            async with NovaEngine(config).start() as session:
                talk = Talk(session, within_s=10)
                await talk.session.send_text("Hello?")
                await talk.until(Reconnected)
                if not talk.all(TurnEnd):
                    await talk.until(TurnEnd)
                assert (await answered(talk)).status == "completed"
            assert violations(await talk.rest(), session.config.spoken) == []

    run_on_sockets(main())


@asynccontextmanager
async def over_a_socket(temper: NovaTemper) -> AsyncIterator[Talk]:
    async with (
        NovaSimulator([YES], temper=temper) as simulator,
        NovaEngine(Config(extra={"base_url": simulator.base_url})).start() as session,
    ):
        yield (talk := Talk(session, within_s=10))
    assert violations(await talk.rest(), session.config.spoken) == []
    assert simulator.failures == []


def test_an_application_that_sends_no_audio_is_not_idle_to_the_service() -> None:
    async def main() -> None:
        async with over_a_socket(NovaTemper(idle_s=0.4)) as talk:
            await asyncio.sleep(0.6)
            assert (await answered(talk)).status == "completed"
            assert talk.all(Reconnecting) == []

    run_on_sockets(main())


# What is said no to.


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (Fault(does="fail", code="validationException", reason=INVALID), ProviderError, "Invalid input"),
        (Fault(does="close", code=400, reason="Tool Response parsing error"), ProviderError, "return JSON"),
    ],
)
def test_a_no_amid_a_conversation_is_final(fault: Fault, error: type[Exception], told: str) -> None:
    async def main() -> None:
        async with Conversation(LONG, temper=faulty(placed(fault, "audioOutput", 3))) as talk:
            await talk.session.send_text("Hello?")
            assert (await talk.until(SessionEnded)).reason == "failed"
            assert isinstance(talk.errors[-1], error)
            assert told in str(talk.errors[-1])
            assert talk.all(Reconnecting) == []

    run(main())


def test_who_is_throttled_amid_a_conversation_tries_again() -> None:
    async def main() -> None:
        throttled = [Fault(does="refuse", asked="request", nth=n, code=429) for n in (2, 3, 4)]
        drop = Fault(does="abort", said="audioOutput", nth=3)
        async with Conversation(LONG, temper=faulty(drop, *throttled)) as talk:
            await talk.session.send_text("Hello?")
            await talk.until(Reconnected)
            assert [each.attempt for each in talk.all(Reconnecting)] == [1, 2, 3, 4]
            assert talk.errors == []

    run(main())


@pytest.mark.parametrize(
    ("temper", "error", "told"),
    [
        (NovaTemper(keys=("AKIDOWN:secret",)), AuthError, "UnrecognizedClientException"),
        (NovaTemper(keys=("AKIAIOSFODNN7EXAMPLE:other",)), AuthError, "InvalidSignatureException"),
        (NovaTemper(region="eu-north-1"), AuthError, "region"),
        (NovaTemper(models=("amazon.nova-sonic-v1:0",)), ConnectError, "model identifier is invalid"),
        (faulty(Fault(does="refuse", asked="request", code="ThrottlingException")), ConnectError, "429"),
        (faulty(Fault(does="refuse", asked="request", code=403, reason="No.")), AuthError, "AccessDenied"),
        (faulty(Fault(does="refuse", asked="request", code=404)), ConnectError, "404"),
        (faulty(Fault(does="fail", said="response", code=503)), ConnectError, "503"),
        (faulty(Fault(does="abort", said="response")), ConnectionLostError, "dropped"),
        (faulty(Fault(does="reset", said="response")), ConnectionLostError, "RST_STREAM"),
    ],
)
def test_a_session_that_cannot_be_started_says_why(
    temper: NovaTemper, error: type[Exception], told: str
) -> None:
    async def main() -> None:
        async with NovaSimulator(temper=temper) as simulator:
            config = Config(extra={"base_url": simulator.base_url}, reconnect=s2s.Reconnect(attempts=0))
            with pytest.raises(s2s.S2SError, match=told) as failed:
                await NovaEngine(config).start()
            assert isinstance(failed.value, error)

    run_on_sockets(main())


# What a service says that makes no sense.


@pytest.mark.parametrize("does", ["garble", "corrupt"])
def test_what_cannot_be_read_is_an_error_and_the_call_goes_on(does: JSON) -> None:
    async def main() -> None:
        fault = Fault(does=does, said="audioOutput", nth=2)
        async with Conversation(SHORT, SHORT, temper=faulty(fault)) as talk:
            await talk.session.send_text("Hello?")
            error = await talk.until(Error)
            assert isinstance(error.error, RemoteProtocolError)
            assert not error.fatal
            await talk.until(TurnEnd)
            assert (await answered(talk)).agent_text == "Good day to you."

    run(main())


@pytest.mark.parametrize("said", ["textOutput", "audioOutput", "contentEnd.AUDIO", "contentEnd.TEXT"])
@pytest.mark.parametrize("does", ["twice", "skip", "late", "huge"])
def test_what_comes_twice_or_late_or_not_at_all_harms_no_other_turn(does: JSON, said: str) -> None:
    async def main() -> None:
        fault = Fault(does=does, said=said)
        async with Conversation(SHORT, SHORT, SHORT, temper=faulty(fault)) as talk:
            for _ in range(2):
                await answered(talk, "Hello?")
            assert (await answered(talk)).agent_text == "Good day to you."
            assert talk.errors == []

    run(main())


def test_what_is_new_is_told_as_it_is() -> None:
    async def main() -> None:
        new = '{"event":{"userSpeechEnd":{"promptName":"p"}}}'
        fault = Fault(does="say", said="completionStart", text=new)
        async with Conversation(SHORT, temper=faulty(fault)) as talk:
            assert (await answered(talk)).agent_text == "Good day to you."
            assert [each.message for each in talk.all(Unrecognized)] == [
                {"event": {"userSpeechEnd": {"promptName": "p"}}}
            ]

    run(main())


@pytest.mark.parametrize(
    "knobs", [{"frame_bytes": 50}, {"credit_s": 0.02}, {"pad": "abcdef"}, {"odd_delta": 1}]
)
def test_manners_of_the_wire_change_nothing(knobs: dict[str, JSON]) -> None:
    async def main() -> None:
        async with over_a_socket(NovaTemper(pace=0, **knobs)) as talk:
            await talk.session.send_audio(loud(5000))
            await talk.session.send_audio(bytes(48_000))
            assert (await talk.until(TurnEnd)).agent_text == "Yes."
            assert sum(len(each.audio) for each in talk.all(AudioOutput)) == 200 * 48

    run_on_sockets(main())
