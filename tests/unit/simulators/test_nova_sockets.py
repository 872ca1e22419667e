"""Nova Sonic on this machine over HTTP/2, signed, with a client that speaks no more than that."""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import time
from typing import Any

import pytest
from h2.events import DataReceived
from tests.support.h2client import Call, Client, connected
from tests.support.nova_peers import closing, opening, written
from tests.support.nova_server import prompt_start, session_start
from tests.support.websockets import run

from s2s.certificates import Throwaway
from s2s.providers.script import Reply
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import Fault, NovaTemper
from s2s.transports.bedrock.signing import EXAMPLE, Credentials

SECRET = Throwaway()
YES = Reply(says="Yes.")
OWN = Credentials("AKIDOWN", "own/secret", "own:token")


@asynccontextmanager
async def calling(temper: NovaTemper, **options: Any) -> AsyncIterator[tuple[NovaSimulator, Client]]:  # noqa: ANN401
    async with (
        NovaSimulator([YES], temper=temper, **options) as simulator,
        connected(simulator.listening.port) as client,
    ):
        yield simulator, client


def talked(talk: Callable[[Call], Awaitable[None]], *faults: Fault, **knobs: Any) -> Call:  # noqa: ANN401
    """Have a client talk whose audio is open."""

    async def main() -> Call:
        async with calling(NovaTemper(faults=faults, pace=0, **knobs)) as (_, client):
            call = await client.call()
            await call.say(*opening())
            await talk(call)
            return call

    return run(main())


async def until(call: Call, name: str) -> dict[str, Any]:
    """Read on to the next event of this name."""
    for nth in range(1, 1000):
        event: dict[str, Any] = json.loads(await call.document(nth))["event"]
        if name in event:
            return dict(event[name])
    raise AssertionError(f"no {name}")


def exception(call: Call) -> tuple[str, str]:
    """Return the name and the words of the exception that a stream ended with."""
    last = call.messages[-1]
    assert last.headers[":message-type"] == "exception"
    return str(last.headers[":exception-type"]), json.loads(last.payload)["message"]


def refusal(call: Call) -> tuple[int, str, str]:
    """Return the answer to who was turned away."""
    return call.status, call.headers["x-amzn-errortype"].partition(":")[0], json.loads(call.body)["message"]


# A conversation.


def test_a_question_is_answered_and_the_stream_ends_in_order() -> None:
    async def talk(call: Call) -> None:
        await call.say(*written("Hello?"))
        assert (await until(call, "textOutput"))["content"] == "Yes."
        await until(call, "audioOutput")
        await call.say(*closing())
        await call.finish()
        assert await call.ended() == "END_STREAM"
        assert json.loads(await call.document(len(call.messages)))["event"].keys() == {"completionEnd"}

    call = talked(talk)
    assert (call.status, call.headers["content-type"]) == (200, "application/vnd.amazon.eventstream")
    assert len(call.headers["x-amzn-requestid"]) == 36


@pytest.mark.parametrize(
    ("knobs", "largest"),
    [({"pad": "abcdefgh"}, 16_384), ({"frame_bytes": 100}, 100), ({"credit_s": 0.01}, 16_384)],
)
def test_manners_of_the_wire_change_nothing_of_what_is_said(knobs: dict[str, Any], largest: int) -> None:
    async def talk(call: Call) -> None:
        await call.say(*written("Hello?" * 10_000))
        assert (await until(call, "textOutput"))["content"] == "Yes."
        await until(call, "audioOutput")
        frames = [each for each in call._client.events if isinstance(each, DataReceived)]
        assert max(len(each.data) for each in frames) <= largest
        assert all(("p" in json.loads(each.payload)) == ("pad" in knobs) for each in call.messages)

    talked(talk, **knobs)


def test_a_client_that_trusts_it_is_served_in_secret() -> None:
    async def main() -> None:
        trusting = ssl.create_default_context(cadata=SECRET.ca_pem.decode())
        async with (
            NovaSimulator([YES], tls=SECRET) as simulator,
            connected(simulator.listening.port, trusting) as client,
        ):
            assert simulator.base_url.startswith("https://127.0.0.1:")
            call = await client.call()
            await call.say(*opening(), *written("Hello?"))
            assert (await until(call, "textOutput"))["content"] == "Yes."

    run(main())


def test_it_tells_where_it_is() -> None:
    async def main() -> None:
        temper = NovaTemper(models=("amazon.nova-2-sonic-v1:0",), region="eu-north-1", keys=("a:b:c:d",))
        async with NovaSimulator(temper=temper) as simulator:
            where = f"http://127.0.0.1:{simulator.listening.port}"
            assert (simulator.base_url, simulator.base_urls) == (where, {"nova": where})
            path = "/model/amazon.nova-2-sonic-v1:0/invoke-with-bidirectional-stream"
            assert simulator.url == where + path
            assert simulator.credentials == Credentials("a", "b", "c:d")
            assert simulator.environment == {
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": where,
                "AWS_REGION": "eu-north-1",
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_SESSION_TOKEN": "c:d",
            }
        async with NovaSimulator() as plain:
            assert plain.credentials == EXAMPLE
            assert plain.environment["AWS_REGION"] == "us-east-1"
            assert "AWS_SESSION_TOKEN" not in plain.environment
            assert plain.url.endswith("/model/amazon.nova-2-5-sonic/invoke-with-bidirectional-stream")

    run(main())


# Who is let in.


@pytest.mark.parametrize(
    ("temper", "asks", "answer"),
    [
        (
            NovaTemper(),
            {"credentials": Credentials(EXAMPLE.access_key, "wrong")},
            (403, "InvalidSignatureException", "The request signature we calculated does not match"),
        ),
        (
            NovaTemper(keys=("AKIDOWN:own/secret:own:token",)),
            {},
            (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        ),
        (
            NovaTemper(region="eu-north-1"),
            {},
            (403, "InvalidSignatureException", "Credential should be scoped to a valid region. "),
        ),
        (
            NovaTemper(skew_s=60),
            {"date_ms": int(time() * 1000) - 120_000},
            (403, "InvalidSignatureException", "Signature expired: "),
        ),
        (
            NovaTemper(models=("amazon.nova-2-sonic-v1:0",)),
            {},
            (400, "ValidationException", "The provided model identifier is invalid."),
        ),
        (
            NovaTemper(faults=(Fault(does="refuse", asked="request", code="ModelNotReadyException"),)),
            {},
            (429, "ModelNotReadyException", "It was told to."),
        ),
        (
            NovaTemper(faults=(Fault(does="refuse", asked="request", code=403, reason="No."),)),
            {},
            (403, "AccessDeniedException", "No."),
        ),
        (
            NovaTemper(faults=(Fault(does="fail", said="response", code=429, reason="Slow."),)),
            {},
            (429, "ThrottlingException", "Slow."),
        ),
        (
            NovaTemper(faults=(Fault(does="close", said="response", code=503, reason="Later."),)),
            {},
            (503, "ServiceUnavailableException", "Later."),
        ),
    ],
)
def test_who_is_not_let_in_is_told_by_http(
    temper: NovaTemper, asks: dict[str, Any], answer: tuple[int, str, str]
) -> None:
    async def main() -> None:
        async with calling(temper) as (simulator, client):
            call = await client.call(**asks)
            assert await call.ended() == "END_STREAM"
            status, name, message = refusal(call)
            assert (status, name, message[: len(answer[2])]) == answer
            assert simulator.failures == []

    run(main())


def test_a_key_of_ones_own_lets_in() -> None:
    async def main() -> None:
        async with calling(NovaTemper(keys=("AKIDOWN:own/secret:own:token",))) as (_, client):
            call = await client.call(credentials=OWN)
            await call.accepted()

    run(main())


def test_an_event_that_is_wrongly_signed_ends_the_stream() -> None:
    async def talk(call: Call) -> None:
        call.sign(b"never sent")
        await call.say(session_start())
        assert await call.ended() == "END_STREAM"
        assert exception(call)[0] == "validationException"
        assert "signature" in exception(call)[1]

    talked(talk)


def test_acceptance_may_wait_for_the_first_event_and_what_is_wrong_with_it_is_told_by_http() -> None:
    async def main() -> None:
        async with calling(NovaTemper(accepts="with_first_event")) as (_, client):
            call = await client.call()
            await call.say(prompt_start())
            assert await call.ended() == "END_STREAM"
            assert refusal(call)[:2] == (400, "ValidationException")
            call = await client.call()
            assert call.status == 0
            await call.say(session_start())
            assert (await call.accepted()).status == 200

    run(main())


# How a stream ends.


@pytest.mark.parametrize(
    ("fault", "end", "told"),
    [
        (Fault(does="close", code=1000), "END_STREAM", None),
        (
            Fault(does="close", code=503, reason="Later."),
            "END_STREAM",
            ("serviceUnavailableException", "Later."),
        ),
        (
            Fault(does="close"),
            "END_STREAM",
            (
                "internalServerException",
                "The system encountered an unexpected error during processing.",
            ),
        ),
        (
            Fault(does="fail", code="ModelStreamErrorException", reason="Oops."),
            "END_STREAM",
            ("modelStreamErrorException", "Oops."),
        ),
        (
            Fault(does="fail", code=400, reason="System instability detected. Please retry your request."),
            "END_STREAM",
            ("validationException", "System instability detected. Please retry your request."),
        ),
        (Fault(does="fail", code="oddException"), "END_STREAM", ("oddException", "It was told to.")),
        (Fault(does="reset"), "RST_STREAM NO_ERROR", None),
        (Fault(does="reset", code="INTERNAL_ERROR"), "RST_STREAM INTERNAL_ERROR", None),
        (Fault(does="cut"), "END_STREAM amid a message", None),
        (Fault(does="goaway"), "GOAWAY NO_ERROR", None),
        (Fault(does="abort"), "EOF", None),
    ],
)
@pytest.mark.parametrize("when", [{"said": "audioOutput"}, {"asked": "contentStart.TEXT", "nth": 2}])
def test_a_stream_breaks_as_it_is_told_to(
    fault: Fault, end: str, told: tuple[str, str] | None, when: dict[str, Any]
) -> None:
    fault = Fault(does=fault.does, code=fault.code, reason=fault.reason, **when)

    async def talk(call: Call) -> None:
        await call.say(*written("Hello?"))
        assert (await call.ended()).replace("dropped", "EOF") == end
        if told is not None:
            assert exception(call) == told

    talked(talk, fault)


def test_a_stream_may_end_by_an_error_without_a_model() -> None:
    async def talk(call: Call) -> None:
        await call.say(*written("Hello?"))
        assert await call.ended() == "END_STREAM"
        headers = call.messages[-1].headers
        assert headers == {":message-type": "error", ":error-code": "Odd", ":error-message": "So it is."}

    talked(talk, Fault(does="error", said="audioOutput", code="Odd", reason="So it is."))


def test_a_stream_ends_when_its_time_is_over() -> None:
    async def talk(call: Call) -> None:
        assert await call.ended() == "END_STREAM"
        assert exception(call)[0] == "modelTimeoutException"

    talked(talk, session_s=0.1)


def test_an_idle_stream_ends_by_an_exception_or_a_reset() -> None:
    async def talk(call: Call) -> None:
        assert await call.ended() == "END_STREAM"
        kind, message = exception(call)
        assert (kind, message.endswith("less than 0.1 seconds.")) == ("validationException", True)

    async def reset(call: Call) -> None:
        assert await call.ended() == "RST_STREAM NO_ERROR"

    talked(talk, idle_s=0.1)
    talked(reset, idle_s=0.1, idle_ends="reset")


@pytest.mark.parametrize("before", [0, 1, 2])
def test_who_ends_without_closing_the_prompt_is_told(before: int) -> None:
    async def talk(call: Call) -> None:
        await call.say(*closing()[:before])
        await call.finish()
        assert await call.ended() == "END_STREAM"
        if before < 2:
            kind, message = exception(call)
            assert kind == "validationException"
            assert message.endswith("Error(s): Error 1 : The following prompts were not closed: [p]")
        else:
            assert call.messages == []

    talked(talk)


def test_who_is_inside_when_it_ends_is_told_that_it_goes_away() -> None:
    async def main() -> None:
        simulator = await NovaSimulator().__aenter__()
        async with connected(simulator.listening.port) as client:
            call = await client.call()
            await call.accepted()
            await simulator.__aexit__(None, None, None)
            assert await client.ended() == "GOAWAY NO_ERROR"
            assert simulator.listening.sessions == 0

    run(main())
