"""What a session of Nova Sonic makes of troubles on the way, over sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from tests.support.sessions import loud
from tests.support.websockets import run

import s2s
from s2s.certificates import Throwaway
from s2s.errors import AuthError, BacklogError, ConnectError, ConnectionLostError, S2SError
from s2s.events import Error, Reconnected, Reconnecting, SessionEnded, TurnEnd
from s2s.items import JSON
from s2s.providers.script import Reply
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.transports.bedrock.signing import EXAMPLE

SECRET = Throwaway()
YES = Reply(says="Yes.")
PLAIN = NovaTemper()
NO_ACCESS = "You don't have access to the model with the specified model ID."
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def signed_by(access_key: str) -> dict[str, JSON]:
    """Return credentials whose secret is wrong."""
    return {"aws_access_key_id": access_key, "aws_secret_access_key": "x"}


def refused(name: str, reason: str = "") -> NovaTemper:
    """Return a service that turns the first client away."""
    return NovaTemper(faults=(Fault(does="refuse", asked="request", code=name, reason=reason),))


async def failure_of(**extra: JSON) -> S2SError:
    """Return what starting a session raises."""
    with pytest.raises(S2SError) as failed:
        await s2s.new("nova", extra=extra).start()
    assert failed.value.provider == "nova"
    return failed.value


@asynccontextmanager
async def listening(script: Script) -> AsyncIterator[int]:
    """Serve in another protocol; yields the port."""
    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(script(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*tasks)


# Who is not let in.


@pytest.mark.parametrize(
    ("temper", "extra", "kind", "told"),
    [
        (
            PLAIN,
            {"aws_access_key_id": EXAMPLE.access_key, "aws_secret_access_key": "x"},
            AuthError,
            "secret key",
        ),
        (PLAIN, {"aws_access_key_id": "AKIDNOBODY", "aws_secret_access_key": "x"}, AuthError, "access key"),
        (NovaTemper(skew_s=-1), {}, AuthError, "set the clock of this machine"),
        (refused("ExpiredTokenException"), {}, AuthError, "fetch new ones"),
        (refused("AccessDeniedException", NO_ACCESS), {}, AuthError, "ask for access to the model"),
        (NovaTemper(region="eu-north-1"), {}, AuthError, "give the region"),
        (NovaTemper(models=("amazon.nova-sonic-v1:0",)), {}, ConnectError, "served in us-east-1, us-west-2"),
        (refused("ResourceNotFoundException"), {}, ConnectError, "served in us-east-1, us-west-2"),
        (refused("ServiceQuotaExceededException"), {}, ConnectError, "raise the quota"),
        (refused("ThrottlingException"), {}, ConnectError, "try again later, or raise the quota"),
        (refused("ModelNotReadyException"), {}, ConnectError, "try again in a moment"),
    ],
)
def test_who_is_not_let_in_is_told_what_to_do(
    temper: NovaTemper, extra: Mapping[str, JSON], kind: type[ConnectError], told: str
) -> None:
    async def main() -> None:
        async with NovaSimulator(temper=temper) as simulator:
            error = await failure_of(base_url=simulator.base_url, **extra)
            assert type(error) is kind
            assert told in str(error).rpartition("): ")[2]

    run(main())


def test_credentials_that_have_expired_are_not_even_tried() -> None:
    async def main() -> None:
        held = {"access_key": EXAMPLE.access_key, "secret_key": "x", "expires_at": time.time() - 1}
        async with NovaSimulator() as simulator:
            error = await failure_of(base_url=simulator.base_url, credentials=lambda: held)
            assert isinstance(error, AuthError)
            assert "renew them" in str(error)

    run(main())


# What is no such service.


async def of_another_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


def test_what_is_no_such_service_is_told_apart() -> None:
    async def main() -> None:
        async with listening(of_another_http) as port:
            error = await failure_of(base_url=f"http://127.0.0.1:{port}")
            assert "this needs HTTP/2): check the URL" in str(error)
            error = await failure_of(base_url=f"https://127.0.0.1:{port}", **signed_by("AKIDNOBODY"))
            assert isinstance(error, ConnectError)
        error = await failure_of(base_url=f"http://127.0.0.1:{port}")
        assert "Connection refused" in str(error)

    run(main())


def test_a_certificate_that_nobody_vouches_for_is_refused_with_what_to_give() -> None:
    async def main() -> None:
        async with NovaSimulator(tls=SECRET) as simulator:
            error = await failure_of(base_url=simulator.base_url)
            assert isinstance(error, ConnectError)
            assert "is not trusted" in str(error)
            assert "ca=" in str(error)
            error = await failure_of(base_url=simulator.base_url.replace("https", "http"))
            assert isinstance(error, ConnectError | ConnectionLostError)

    run(main())


# A proxy.


def tunnel(status: str) -> Script:
    """Return a proxy that answers so, and leads on where that is a yes."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split()
        assert asked[0] == b"CONNECT"
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status.startswith("200"):
            host, _, port = asked[1].decode().rpartition(":")
            there = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))
        writer.close()

    return script


def test_a_conversation_may_be_held_through_a_proxy() -> None:
    async def main() -> None:
        async with NovaSimulator([YES]) as simulator, listening(tunnel("200 OK")) as port:
            extra = {"base_url": simulator.base_url, "proxy": f"http://127.0.0.1:{port}"}
            async with s2s.new("nova", extra=extra).start() as session:
                talk = Talk(session)
                await session.send_text("Hello?")
                assert (await talk.until(TurnEnd)).agent_text == "Yes."

    run(main())


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required"])
def test_a_proxy_that_refuses_is_told_apart_from_the_service(status: str) -> None:
    async def main() -> None:
        async with NovaSimulator() as simulator, listening(tunnel(status)) as port:
            proxy = f"http://user:canary@127.0.0.1:{port}"
            error = await failure_of(base_url=simulator.base_url, proxy=proxy)
            assert isinstance(error, ConnectError)
            assert "the proxy" in str(error)
            assert status[:3] in str(error)
            assert "canary" not in str(error)
            assert urlsplit(simulator.base_url).netloc in str(error)

    run(main())


# Amid a conversation.


def test_a_service_that_takes_no_audio_makes_whoever_sends_it_wait_and_then_says_so() -> None:
    deaf = NovaTemper(faults=(Fault(does="deaf", asked="audioInput", nth=3),))
    limits = s2s.Limits(input_audio_s=2, send_s=0.2, close_s=0.2)
    chunk = loud(100)[:3200]

    async def main() -> None:
        async with NovaSimulator(temper=deaf) as simulator:
            engine = s2s.new("nova", extra={"base_url": simulator.base_url}, limits=limits)
            async with engine.start(sample_rate=16_000) as session:
                for _ in range(20):
                    await session.send_audio(chunk)
                with pytest.raises(BacklogError, match=r"is 2 s of audio behind"):
                    await session.send_audio(chunk * 300)

    run(main())


def test_one_stream_after_the_other_is_left_in_order() -> None:
    async def main() -> None:
        async with NovaSimulator([YES]) as simulator:
            extra = {"base_url": simulator.base_url, "leave_after_s": 0.1}
            async with s2s.new("nova", extra=extra).start() as session:
                talk = Talk(session)
                for _ in range(3):
                    await session.send_text("Hello?")
                    assert (await talk.until(TurnEnd)).agent_text == "Yes."
                    assert (await talk.until(Reconnected)).restored == "replayed"
            assert violations(await talk.rest(), session.config.spoken) == []
        assert simulator.failures == []

    run(main())


def test_a_key_that_is_withdrawn_amid_a_conversation_ends_it_with_the_reason() -> None:
    drop = Fault(does="abort", said="audioOutput")
    no = Fault(does="refuse", asked="request", nth=2, code="UnrecognizedClientException", reason="Gone.")

    async def main() -> None:
        async with NovaSimulator([YES], temper=NovaTemper(faults=(drop, no))) as simulator:
            async with s2s.new("nova", extra={"base_url": simulator.base_url}).start() as session:
                talk = Talk(session)
                await session.send_text("Hello?")
                assert (await talk.until(SessionEnded)).reason == "failed"
            last = talk.all(Error)[-1]
            assert (type(last.error), last.fatal) == (AuthError, True)
            assert "Gone." in str(last.error)
            assert [each.attempt for each in talk.all(Reconnecting)] == [1]

    run(main())
