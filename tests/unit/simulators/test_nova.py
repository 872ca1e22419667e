import asyncio
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from tests.support.links import PlainEngine, PlainLink
from tests.support.nova_peers import (
    Peer,
    closing,
    opening,
    peer_of,
    result,
    set_up,
    spoken,
    written,
)
from tests.support.nova_server import LOOK_UP, end, prompt_start, session_start
from tests.support.sessions import CALL, loud

from s2s.config import Config
from s2s.errors import (
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    RateLimitError,
    S2SError,
    UnsupportedError,
)
from s2s.events import Error, Event
from s2s.items import JSON
from s2s.links import Link
from s2s.providers.script import Reply, ScriptEngine
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.clock import run

WORDS = Reply(says="Good day to you. It is warm.", hears="Hello there.")
QUESTION = [*spoken(loud(400)), *spoken(bytes(48_000))]
CUT = '{ "interrupted" : true }'
FIRST = "amazon.nova-sonic-v1:0"
RESULT = {"result": "It rains."}


def talked(
    talk: Callable[[Peer], Awaitable[None]], *script: Reply, temper: NovaTemper | None = None
) -> tuple[Peer, NovaSimulator]:
    """Have a client talk whose audio is open."""

    async def main() -> tuple[Peer, NovaSimulator]:
        simulator = NovaSimulator(script or [WORDS], temper=temper or NovaTemper())
        peer = await set_up(simulator, tools=[LOOK_UP])
        await talk(peer)
        await peer.leave()
        return peer, simulator

    return run(main(), at_most_s=1000)


def now() -> float:
    return asyncio.get_running_loop().time()


async def asked(peer: Peer) -> None:
    await peer.say(*written("Hello?"))
    await peer.until("usageEvent")
    await peer.until("textOutput")


# Turns.


def test_a_stream_is_accepted_first_and_a_spoken_question_is_answered() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*QUESTION)
        await peer.until("usageEvent")
        await peer.say(*closing())
        assert await peer.rest() == (1000, "")

    peer, simulator = talked(talk)
    assert peer.names[:2] == ["response", "completionStart"]
    assert len(peer.heard[0]["response"]["requestId"]) == 36
    assert peer.texts("FINAL")[0] == ("USER", "Hello there.")
    assert peer.texts("SPECULATIVE") == [("ASSISTANT", "Good day to you."), ("ASSISTANT", "It is warm.")]
    assert sum(len(b64decode(each["content"])) for each in peer.all("audioOutput")) == 7 * 200 * 48
    stops = [each["stopReason"] for each in peer.all("contentEnd") if each["type"] == "AUDIO"]
    assert stops == ["PARTIAL_TURN", "END_TURN"]
    assert peer.names[-1] == "completionEnd"
    assert simulator.failures == []


def test_a_written_question_is_answered() -> None:
    peer, _ = talked(asked, Reply(says="Yes."))
    assert peer.texts("SPECULATIVE") == [("ASSISTANT", "Yes.")]


def test_what_a_tool_returned_is_answered() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("How is Bonn?"))
        call = await peer.until("toolUse")
        assert (call["toolName"], call["content"]) == ("look_up", '{"city":"Bonn"}')
        assert (await peer.until("contentEnd.TOOL"))["stopReason"] == "TOOL_USE"
        await peer.say(*result(call["toolUseId"]))
        assert (await peer.until("textOutput"))["content"] == "Rain."

    talked(talk, Reply(calls=(CALL,)), Reply(says="Rain."))


def test_every_stream_hears_the_script_from_the_start() -> None:
    async def main() -> None:
        simulator = NovaSimulator([Reply(says="First."), Reply(says="Second.")])
        for _ in range(2):
            peer = await set_up(simulator)
            await peer.say(*written("Hello?"))
            assert (await peer.until("textOutput"))["content"] == "First."
            await peer.leave()

    run(main())


def test_any_engine_may_answer_in_place_of_the_script() -> None:
    async def main() -> None:
        peer = await set_up(NovaSimulator(engine=ScriptEngine()))
        await peer.say(*written("Hello?"))
        assert (await peer.until("textOutput"))["content"] == "You said: Hello?"
        await peer.leave()

    run(main())


class Noting(PlainEngine):
    """Notes how its sessions shall be."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Config] = []

    async def open(self, config: Config) -> Link:
        self.asked.append(config)
        return await super().open(config)


def test_the_engine_is_asked_for_what_the_client_has_set_up() -> None:
    engine = Noting()

    async def main() -> None:
        peer = await set_up(NovaSimulator(engine=engine), tools=[LOOK_UP])
        await peer.until("response")
        await asyncio.sleep(1)
        await peer.leave()

    run(main())
    (config,) = engine.asked
    assert (config.instructions, config.max_output_tokens) == ("Be brief.", 1024)
    assert [each.name for each in config.toolset] == ["look_up"]


def test_what_the_engines_tell_can_be_watched_by_stream() -> None:
    seen: list[tuple[int, str]] = []

    def watch(number: int, event: Event) -> None:
        seen.append((number, event.type))

    async def main() -> None:
        simulator = NovaSimulator(watch=watch)
        for _ in range(2):
            peer = await set_up(simulator)
            await peer.say(*written("Hello?"))
            await peer.until("contentEnd.AUDIO")
            await peer.leave()

    run(main())
    assert {number for number, _ in seen} == {1, 2}
    assert {"response_started", "audio_output", "response_generated"} <= {kind for _, kind in seen}


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ((*opening(), b"{}"), "with 400 after nothing that can be read: .*Invalid input request"),
        ((session_start(), prompt_start(), end("a")), "with 400 after contentEnd: .*No open content found"),
        ((*opening(), *written("Hello?")[:1]), "with 400 after contentStart: .*Timed out waiting for audio"),
    ],
    ids=["unreadable", "too early", "silent"],
)
def test_why_a_client_was_turned_away_can_be_watched(messages: tuple[bytes, ...], told: str) -> None:
    seen: list[Event] = []

    async def main() -> None:
        peer = await peer_of(NovaSimulator(watch=lambda number, event: seen.append(event)))
        await peer.say(*messages)
        assert (await peer.rest(60.0))[0] == 400

    run(main())
    (failed,) = [each for each in seen if isinstance(each, Error)]
    assert re.search(f"^the client was turned away {told}", str(failed.error))


# What is like Nova Sonic.


@pytest.mark.parametrize(("plays", "ends_s"), [(True, 1.4), (False, 0.35)])
def test_what_was_really_said_comes_when_it_was_played(plays: bool, ends_s: float) -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("contentEnd.AUDIO")
        await peer.until("contentEnd.AUDIO")
        assert now() == pytest.approx(0.35)
        await peer.until("textOutput")
        assert now() == pytest.approx(ends_s)

    talked(talk, temper=NovaTemper(plays=plays))


@pytest.mark.parametrize("stop", ["END_TURN", "INTERRUPTED"])
def test_who_barges_in_is_told_that_the_answer_was_cut_off(stop: JSON) -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("contentStart.AUDIO")
        await peer.until("contentStart.AUDIO")
        await asyncio.sleep(0.2)
        await peer.say(*spoken(loud(400)))
        while (await peer.until("contentEnd.TEXT"))["stopReason"] != "INTERRUPTED":
            pass

    long = Reply(says="One two. " + "Three three three. " * 20)
    peer, _ = talked(talk, long, temper=NovaTemper(pace=2, stop_reason=stop))
    assert [each["stopReason"] for each in peer.all("contentEnd") if each["type"] == "AUDIO"][-1] == stop
    assert peer.texts("FINAL") == [("ASSISTANT", "One two."), ("ASSISTANT", CUT)]


@pytest.mark.parametrize("wait_s", [0.2, 1.0])
def test_a_question_in_writing_cuts_off_what_is_being_generated_or_heard(wait_s: float) -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("contentStart.AUDIO")
        await asyncio.sleep(wait_s)
        await peer.say(*written("And now?"))
        await peer.until("usageEvent")
        while (await peer.until("textOutput"))["content"] != "Four.":
            pass

    peer, _ = talked(talk, Reply(says="One. Two. " + "Three " * 10), Reply(says="Four."))
    assert ("ASSISTANT", CUT) in peer.texts("FINAL")


def test_tokens_are_counted_and_silence_is_free() -> None:
    async def talk(peer: Peer) -> None:
        for _ in range(2):
            await peer.say(*QUESTION)
            await peer.until("usageEvent")
            await asyncio.sleep(2)

    peer, _ = talked(talk, Reply(says="Yes."), Reply(says="No. No."))
    first, second = (each["details"] for each in peer.all("usageEvent"))
    assert first["delta"] == first["total"]
    assert second["delta"]["input"] == {"speechTokens": 10, "textTokens": 0}
    assert second["delta"]["output"] == {"speechTokens": 10, "textTokens": 2}
    assert second["total"]["output"] == {"speechTokens": 15, "textTokens": 3}


def test_audio_comes_in_pieces() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("contentEnd.AUDIO")

    peer, _ = talked(talk, Reply(says="Yes."), temper=NovaTemper(delta_ms=50))
    sizes = [len(b64decode(each["content"])) for each in peer.all("audioOutput")]
    assert sizes == [80 * 48, 50 * 48, 50 * 48, 20 * 48]


def test_the_words_of_the_user_come_late() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*QUESTION)
        await peer.until("contentEnd.AUDIO")
        await peer.until("contentEnd.AUDIO")
        while (await peer.until("textOutput"))["role"] != "USER":
            pass
        assert now() >= 0.7

    talked(talk, temper=NovaTemper(transcript_lag_s=0.7))


@pytest.mark.parametrize(
    ("model", "generation", "taken"),
    [
        ("amazon.nova-2-5-sonic", None, True),
        ("amazon.nova-2-sonic-v1:0", None, True),
        ("amazon.nova-sonic-v1%3A0", None, False),
        ("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2F" + FIRST, None, False),
        ("my-own", None, True),
        ("my-own", 1, False),
        (FIRST, 2, True),
    ],
)
def test_the_first_generation_is_told_by_its_name_and_not_written_to(
    model: str, generation: JSON, taken: bool
) -> None:
    async def main() -> None:
        peer = await peer_of(NovaSimulator(temper=NovaTemper(generation=generation)), model)
        await peer.say(*opening(), *written("Hello?"))
        if taken:
            await peer.until("audioOutput")
            await peer.leave()
        else:
            assert (await peer.rest())[0] == 400

    run(main())


# When a stream is accepted, and when not.


def test_acceptance_may_come_late() -> None:
    async def main() -> None:
        peer = await peer_of(NovaSimulator(temper=NovaTemper(accept_s=3)))
        await peer.until("response")
        assert now() == pytest.approx(3)
        await peer.leave()

    run(main())


def test_acceptance_may_wait_for_the_first_event() -> None:
    async def main() -> None:
        peer = await peer_of(NovaSimulator(temper=NovaTemper(accepts="with_first_event", accept_s=1)))
        await asyncio.sleep(5)
        await peer.say(session_start())
        await peer.until("response")
        assert now() == pytest.approx(6)
        await peer.say(*opening()[1:], *written("Hello?"))
        await peer.until("audioOutput")
        assert peer.names.count("response") == 1
        await peer.leave()

    run(main())


@pytest.mark.parametrize(("accepts", "names"), [("at_once", ["response"]), ("with_first_event", [])])
def test_what_is_wrong_is_said_before_or_after_the_acceptance(accepts: JSON, names: list[str]) -> None:
    async def main() -> None:
        peer = await peer_of(NovaSimulator(temper=NovaTemper(accepts=accepts)))
        await peer.say(prompt_start())
        code, reason = await peer.rest()
        assert (code, peer.names) == (400, names)
        assert reason.endswith("Invalid input request, please fix your input and try again.")

    run(main())


def test_what_is_wrong_amid_a_conversation_ends_it() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(end("nothing"))
        code, reason = await peer.rest()
        request_id = peer.heard[0]["response"]["requestId"]
        told = "No open content found for content name: nothing"
        assert (code, reason) == (400, f"RequestId={request_id} : {told}")

    assert talked(talk)[1].failures == []


def test_a_session_that_ends_before_it_began_ends_in_order() -> None:
    async def main() -> None:
        peer = await peer_of(NovaSimulator())
        await peer.say(opening()[0], b'{"event":{"sessionEnd":{}}}')
        assert await peer.rest() == (1000, "")

    run(main())


def test_a_model_that_there_is_not_is_refused() -> None:
    async def main() -> None:
        simulator = NovaSimulator(temper=NovaTemper(models=(FIRST,)))
        peer = await peer_of(simulator, "amazon.nova-3")
        assert await peer.rest() == (400, "The provided model identifier is invalid.")
        assert peer.heard == []
        there = await peer_of(simulator, FIRST)
        await there.until("response")
        await there.leave()

    run(main())


@pytest.mark.parametrize(
    ("keys", "host", "told"),
    [
        (("key",), "127.0.0.1", "give ACCESS_KEY_ID:SECRET"),
        (("key:",), "127.0.0.1", "give ACCESS_KEY_ID:SECRET"),
        (("key:secret:",), "127.0.0.1", "give ACCESS_KEY_ID:SECRET"),
        (("key:secret", ""), "127.0.0.1", "give ACCESS_KEY_ID:SECRET"),
        (None, "0.0.0.0", "give credentials of your own"),
    ],
)
def test_keys_that_are_none_are_refused(keys: tuple[str, ...] | None, host: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        NovaSimulator(temper=NovaTemper(keys=keys), host=host)


# Limits.


def test_after_eight_minutes_the_model_times_out() -> None:
    async def talk(peer: Peer) -> None:
        for _ in range(9):
            await asyncio.sleep(50)
            await peer.say(*spoken(bytes(4800)))
        code, reason = await peer.rest(within_s=100)
        assert (code, round(now(), 3)) == (408, 480)
        assert reason.endswith("Model has timed out in processing the request. Try your request again.")

    talked(talk)


@pytest.mark.parametrize(("ends", "code"), [("exception", 400), ("reset", 1006)])
def test_a_stream_without_audio_ends(ends: JSON, code: int) -> None:
    async def talk(peer: Peer) -> None:
        await asyncio.sleep(50)
        await peer.say(*spoken(bytes(4800)))
        ended, reason = await peer.rest(within_s=100)
        assert (ended, round(now(), 3)) == (code, 105)
        assert ("less than 55 seconds" if ends == "exception" else "RST_STREAM NO_ERROR") in reason

    talked(talk, temper=NovaTemper(idle_ends=ends))


def test_a_stream_on_which_nothing_begins_ends() -> None:
    async def main() -> None:
        peer = await peer_of(NovaSimulator(temper=NovaTemper(input_s=20)))
        await peer.say(session_start())
        code, reason = await peer.rest(within_s=100)
        assert (code, round(now(), 3)) == (400, 20)
        assert reason.endswith("Timed out waiting for input events")

    run(main())


# Engines that break.


class Failing(PlainEngine):
    def __init__(self, failure: S2SError) -> None:
        super().__init__()
        self._failure = failure

    async def open(self, config: Config) -> Link:
        raise self._failure


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (RateLimitError("slower"), 429),
        (ConnectError("nobody there"), 424),
        (AuthError("who?"), 424),
        (UnsupportedError("never"), 500),
    ],
)
def test_an_engine_that_cannot_be_opened_is_an_exception(failure: S2SError, code: int) -> None:
    seen: list[Event] = []

    async def main() -> None:
        simulator = NovaSimulator(engine=Failing(failure), watch=lambda number, event: seen.append(event))
        peer = await set_up(simulator)
        assert (await peer.rest())[0] == code
        assert simulator.failures == [failure]
        assert [each.error for each in seen if isinstance(each, Error)] == [failure]

    run(main())


def test_an_engine_that_breaks_is_an_exception() -> None:
    async def main() -> None:
        link, failure = PlainLink(), ConnectionLostError("the cable")
        simulator = NovaSimulator(engine=PlainEngine(lambda: link))
        peer = await set_up(simulator)
        await peer.until("response")
        link.end(failure)
        assert (await peer.rest())[0] == 424
        await peer.leave()
        assert simulator.failures == [failure]
        assert link.closed

    run(main())


def test_a_client_that_drops_is_what_broke_the_session() -> None:
    async def talk(peer: Peer) -> None:
        await peer.until("response")
        await peer.leave(1006)

    _, simulator = talked(talk)
    assert [type(each) for each in simulator.failures] == [ConnectionLostError]


def test_who_is_hung_up_on_hears_that_the_service_goes_away() -> None:
    async def main() -> None:
        simulator = NovaSimulator()
        peer = await set_up(simulator)
        await peer.until("response")
        await simulator.hang_up()
        assert (await peer.rest())[0] == 1001

    run(main())


# Faults.


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (Fault(does="close", said="audioOutput", code=503, reason="Later."), 503, "Later."),
        (Fault(does="abort", said="audioOutput"), 1006, "the connection dropped"),
        (Fault(does="reset", said="audioOutput"), 1006, "RST_STREAM NO_ERROR"),
        (Fault(does="reset", said="audioOutput", code="CANCEL"), 1006, "RST_STREAM CANCEL"),
        (Fault(does="goaway", said="audioOutput"), 1006, "GOAWAY NO_ERROR"),
        (Fault(does="cut", said="audioOutput"), 1006, "the stream ended in the middle of a message"),
        (Fault(does="fail", said="audioOutput", code="throttlingException", reason="Slow."), 429, "Slow."),
        (Fault(does="fail", said="audioOutput", code="ModelStreamErrorException"), 424, "It was told to."),
        (Fault(does="fail", said="audioOutput", code=408, reason="Late."), 408, "Late."),
        (Fault(does="fail", said="audioOutput"), 500, "It was told to."),
        (Fault(does="fail", said="audioOutput", code="strangeException", reason="Odd."), 400, "Odd."),
        (Fault(does="error", said="audioOutput", code="Odd", reason="So it is."), 500, "Odd: So it is."),
        (Fault(does="refuse", asked="textInput", nth=2, code=429, reason="Slow."), 429, "Slow."),
        (Fault(does="refuse", asked="contentStart.AUDIO", code="ThrottlingException"), 429, ""),
        (Fault(does="refuse", asked="contentStart.AUDIO"), 500, ""),
        (Fault(does="fail", asked="contentStart.AUDIO", code="validationException"), 400, "It was told to."),
    ],
)
def test_a_stream_breaks_as_it_is_told_to(fault: Fault, code: int, reason: str) -> None:
    async def talk(peer: Peer) -> None:
        with suppress(ConnectionLostError):
            await peer.say(*written("Hello?"))
        assert await peer.rest() == (code, reason)

    peer, _ = talked(talk, temper=NovaTemper(faults=(fault,)))
    assert peer.all("audioOutput") == []
    assert (peer.all("textOutput") == []) == bool(fault.asked)


def test_a_code_that_http2_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="no code 'SULKING' to reset a stream with: use NO_ERROR, "):
        NovaSimulator(temper=NovaTemper(faults=(Fault(does="reset", code="SULKING"),)))


def told(name: str, *faults: Fault) -> list[dict[str, JSON]]:
    """Return the events of this name where something is wrong with the first audio."""

    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("usageEvent")

    peer, _ = talked(talk, Reply(says="Yes."), temper=NovaTemper(faults=faults))
    return peer.all(name)


def test_a_message_may_come_twice_or_not_at_all() -> None:
    assert len(told("audioOutput")) == 3
    assert len(told("audioOutput", Fault(does="twice", said="audioOutput"))) == 4
    assert len(told("audioOutput", Fault(does="skip", said="audioOutput"))) == 2


def test_audio_may_be_none() -> None:
    contents = [
        str(each["content"]) for each in told("audioOutput", Fault(does="corrupt", said="audioOutput"))
    ]
    assert [each.startswith("?") for each in contents] == [True, False, False]


def test_a_message_may_come_after_the_next_one() -> None:
    kinds = [each["type"] for each in told("contentEnd", Fault(does="late", said="contentEnd.TEXT"))]
    assert kinds == ["TEXT", "AUDIO"]


def test_a_message_may_be_no_json_or_very_long_and_another_may_come_before_it() -> None:
    faults = (
        Fault(does="garble", said="completionStart"),
        Fault(does="huge", said="contentStart"),
        Fault(does="say", said="textOutput", text='{"event":{"userSpeechEnd":{}}}'),
    )

    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("response")
        assert (await peer.raw() or b"").startswith(b'}{"event":{"completionStart"')
        await peer.until("contentStart")
        assert len(peer.heard[-1]["padding"]) == 8 * 1024 * 1024
        await peer.until("textOutput")
        assert peer.names[-2] == "userSpeechEnd"

    talked(talk, temper=NovaTemper(faults=faults))


def test_a_service_may_fall_silent() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("textOutput")
        with pytest.raises(TimeoutError):
            await peer.until("audioOutput", within_s=20)

    talked(talk, temper=NovaTemper(faults=(Fault(does="stall", said="contentEnd.TEXT"),)))


def test_a_service_that_has_become_deaf_hears_no_audio_and_ends_for_that() -> None:
    async def talk(peer: Peer) -> None:
        for _ in range(5):
            await asyncio.sleep(20)
            with suppress(ConnectionLostError):
                await peer.say(*spoken(bytes(4800)))
        assert (await peer.rest())[0] == 400
        assert peer.names == ["response"]

    talked(talk, temper=NovaTemper(faults=(Fault(does="deaf", asked="audioInput", nth=2),)))


def test_everything_may_wait() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(*written("Hello?"))
        await peer.until("textOutput")
        assert now() == pytest.approx(3, abs=0.2)

    talked(talk, temper=NovaTemper(faults=(Fault(does="delay", said="contentStart", seconds=3),)))


def test_a_client_may_be_turned_away_at_the_door_so_and_so_often() -> None:
    faults = (
        Fault(does="refuse", asked="request", nth=1, code="ThrottlingException", reason="Slow."),
        Fault(does="refuse", asked="request", nth=2, code=503),
        Fault(does="refuse", asked="request", nth=4, code="ResourceNotFoundException"),
    )

    async def main() -> list[tuple[int, str]]:
        simulator, ends = NovaSimulator(temper=NovaTemper(faults=faults)), []
        for number in range(5):
            peer = await peer_of(simulator)
            if number in (2, 4):
                await peer.until("response")
                await peer.leave()
            ends.append(await peer.rest())
            assert simulator.failures == []
        return ends

    served = (1000, "")
    refused = [(429, "Slow."), (503, "It was told to."), served, (404, "It was told to."), served]
    assert run(main()) == refused


@pytest.mark.parametrize(("accepts", "names"), [("at_once", []), ("with_first_event", [])])
def test_what_goes_wrong_with_the_acceptance_goes_wrong_before_it(accepts: JSON, names: list[str]) -> None:
    async def main() -> None:
        fault = Fault(does="close", said="response", code=429, reason="Slow.")
        simulator = NovaSimulator(temper=NovaTemper(accepts=accepts, faults=(fault,)))
        peer = await peer_of(simulator)
        await peer.say(session_start())
        assert (await peer.rest(), peer.names) == ((429, "Slow."), names)
        again = await peer_of(simulator)
        await again.say(session_start())
        await again.until("response")
        await again.leave()

    run(main())
