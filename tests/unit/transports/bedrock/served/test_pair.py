import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from s2s.certificates import Throwaway
from s2s.errors import AuthError, ConnectError, ConnectionLostError
from s2s.simulators.endpoint import Endpoint, Entrance, Gate, Knock, Manners, Refusal, ServedLimits
from s2s.transports.bedrock import EXAMPLE, connect
from s2s.transports.bedrock.connection import BedrockTransport
from s2s.transports.bedrock.served import ServedBedrock
from tests.support.h2client import MODEL, REGION, path_of
from tests.support.websockets import run

HEAD = b'{"response":{"requestId":"r-1"}}'
EVENT = b'{"event":{"sessionEnd":{}}}'
PLAIN = Entrance(limits=ServedLimits(close_s=0.2))
Answer = Callable[[ServedBedrock], Awaitable[None]]


async def echo(served: ServedBedrock) -> None:
    await served.send(HEAD)
    async for message in served:
        await served.send(message)


def ending(end: Callable[[ServedBedrock], Awaitable[None] | None]) -> Answer:
    async def answer(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await served.send(EVENT)
        ended = end(served)
        if ended is not None:
            await ended

    return answer


@asynccontextmanager
async def pair(
    answer: Answer, entrance: Entrance = PLAIN, ca: Path | None = None
) -> AsyncIterator[BedrockTransport]:
    """Yield our client at the other end of what answers."""

    async def serve(served: ServedBedrock, knock: Knock) -> None:
        await answer(served)

    async with Endpoint(entrance, serve) as endpoint:
        client = await connect(endpoint.http + path_of(), credentials=EXAMPLE, region=REGION, ca=ca)
        try:
            yield client
        finally:
            await client.close()


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("manners", [Manners(), Manners(frame_bytes=11, pad="abc"), Manners(credit_s=0.01)])
def test_both_ends_hear_each_other(encrypted: bool, manners: Manners, tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def answer(served: ServedBedrock) -> None:
        await served.send(HEAD)
        async for message in served:
            heard.append(message)
            await served.send(message)

    async def main() -> None:
        certificate = Throwaway() if encrypted else None
        ca = None if certificate is None else tmp_path / "ca.pem"
        if certificate is not None and ca is not None:
            certificate.write(ca)
        said = [b'{"n":%d}' % number + b" " * 100 * number for number in range(40)]
        async with pair(answer, Entrance(tls=certificate, manners=manners), ca) as client:
            got = []
            saying = asyncio.create_task(_say(client, said))
            async for message in client:
                got.append(message)
                if len(got) == len(said) + 1:
                    await client.close()
            await saying
        assert got == [HEAD, *said]
        assert heard == said

    run(main())


async def _say(client: BedrockTransport, documents: list[bytes]) -> None:
    for each in documents:
        await client.send(each)


@pytest.mark.parametrize(
    ("end", "code", "reason", "resumable"),
    [
        (lambda served: served.close(400, "because"), 400, "because", False),
        (lambda served: served.close(408, "because"), 408, "because", False),
        (lambda served: served.close(424, "because"), 424, "because", False),
        (lambda served: served.close(429, "because"), 429, "because", False),
        (lambda served: served.close(500, "because"), 500, "because", False),
        (lambda served: served.close(503, "because"), 503, "because", False),
        (
            lambda served: served.close(1011, "KeyError"),
            500,
            "The system encountered an unexpected error during processing.",
            False,
        ),
        (lambda served: served.close(1001), 1006, "GOAWAY NO_ERROR", True),
        (lambda served: served.close(1006), 1006, "RST_STREAM NO_ERROR", True),
        (lambda served: served.reset(2), 1006, "RST_STREAM INTERNAL_ERROR", True),
        (lambda served: served.abort(), 1006, "the connection dropped", True),
        (lambda served: served.cut(EVENT), 1006, "the stream ended in the middle of a message", True),
        (lambda served: served.error("Odd", "very"), 500, "Odd: very", False),
        (lambda served: served.fail("oddException", "very"), 500, "oddException: very", False),
    ],
)
def test_an_end_is_heard_as_it_was_meant(
    end: Callable[[ServedBedrock], Awaitable[None] | None], code: int, reason: str, resumable: bool
) -> None:
    async def main() -> None:
        got: list[bytes] = []
        async with pair(ending(end)) as client:
            with pytest.raises(ConnectionLostError) as caught:
                await client.listen(got.append)
        lost = caught.value
        assert (lost.code, lost.reason, lost.resumable) == (code, reason, resumable)
        assert got == [HEAD, EVENT] or reason == "the connection dropped"

    run(main())


def test_an_end_in_order_is_one() -> None:
    async def main() -> None:
        async with pair(ending(lambda served: served.close())) as client:
            assert [message async for message in client] == [HEAD, EVENT]

    run(main())


@pytest.mark.parametrize(
    ("refusal", "kind", "retryable"),
    [
        (Refusal(403, "AccessDeniedException", "no"), AuthError, False),
        (Refusal(404, "ResourceNotFoundException", "no"), ConnectError, False),
        (Refusal(429, "ThrottlingException", "slow down", 1500), ConnectError, True),
        (Refusal(503, "ServiceUnavailableException", "later"), ConnectError, True),
    ],
)
def test_a_refusal_is_raised_where_the_stream_is_read(
    refusal: Refusal, kind: type[ConnectError], retryable: bool
) -> None:
    async def main() -> None:
        async with pair(echo, Entrance(refuse=lambda _: refusal)) as client:
            with pytest.raises(kind, match=f"{refusal.name}.*{refusal.message}") as caught:
                await anext(aiter(client))
            assert caught.value.retryable == retryable

    run(main())


def test_a_wrong_secret_and_a_wrong_model_are_refused() -> None:
    async def main() -> None:
        gate = Gate(credentials=(replace(EXAMPLE, secret_key="another"),))
        async with pair(echo, Entrance(gate=gate)) as client:
            with pytest.raises(AuthError, match="check the secret key"):
                await anext(aiter(client))
        async with pair(echo, Entrance(gate=Gate(models=(f"{MODEL}-v9",)))) as client:
            with pytest.raises(ConnectError, match="check the model and the region"):
                await anext(aiter(client))

    run(main())


def test_another_certificate_is_not_trusted() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(tls=Throwaway()), _unserved) as endpoint:
            with pytest.raises(ConnectError):
                await connect(
                    endpoint.http + path_of(),
                    credentials=EXAMPLE,
                    region=REGION,
                    tls=ssl.create_default_context(),
                )

    run(main())


async def _unserved(served: ServedBedrock, knock: Knock) -> None:
    raise AssertionError("nobody can have come in")


def test_an_engine_that_is_slow_is_waited_for() -> None:
    more = asyncio.Event()

    async def answer(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await more.wait()
        assert len([message async for message in served]) == 200

    async def main() -> None:
        async with pair(answer) as client:
            saying = asyncio.create_task(_say(client, [bytes(3000)] * 200))
            await asyncio.sleep(0.05)
            assert not saying.done()
            more.set()
            await saying

    run(main())
