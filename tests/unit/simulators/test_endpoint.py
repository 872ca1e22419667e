import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from time import time

import pytest
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.cancelling import cancelled_at
from tests.support.h2client import MODEL, Call, connected, path_of
from tests.support.websockets import eventually, run, sockets

from s2s.certificates import Throwaway
from s2s.errors import ConfigError
from s2s.simulators.endpoint import Endpoint, Entrance, Gate, Knock, Refusal, ServedLimits
from s2s.transports.bedrock.frames import PREFACE
from s2s.transports.bedrock.served import ServedBedrock
from s2s.transports.bedrock.signing import EXAMPLE, Credentials

HEAD = b'{"response":{"requestId":"r-1"}}'
QUICK = ServedLimits(greeting_s=0.1, send_s=0.1, close_s=0.1)
CALM, PROTOCOL_ERROR, FRAME_SIZE_ERROR = 11, 1, 6


async def echo(served: ServedBedrock, knock: Knock) -> None:
    await served.send(HEAD)
    async for message in served:
        await served.send(message)


def name_of(call: Call) -> str:
    return call.headers["x-amzn-errortype"].partition(":")[0]


def test_a_client_talks_and_is_known_by_its_knock() -> None:
    knocks: list[Knock] = []

    async def serve(served: ServedBedrock, knock: Knock) -> None:
        knocks.append(knock)
        await echo(served, knock)

    async def main() -> None:
        async with Endpoint(Entrance(), serve) as endpoint, connected(endpoint.port) as client:
            assert endpoint.http == f"http://{endpoint.address}" == f"http://127.0.0.1:{endpoint.port}"
            call = await client.call("amazon.nova-2-sonic-v1:0", extra={"user-agent": "we"})
            await call.say(b"{}")
            assert await call.document() == b"{}"
            assert endpoint.sessions == 1
            await call.finish()
            assert await call.ended() == "END_STREAM"
            await eventually(lambda: endpoint.sessions == 0)
        (knock,) = knocks
        assert (knock.model, knock.access_key) == ("amazon.nova-2-sonic-v1:0", EXAMPLE.access_key)
        assert (knock.headers["user-agent"], knock.headers[":authority"]) == ("we", endpoint.address)

    run(main())


def test_over_tls_it_speaks_http_2_by_alpn() -> None:
    async def main() -> None:
        certificate = Throwaway()
        trusting = ssl.create_default_context(cadata=certificate.ca_pem.decode())
        async with Endpoint(Entrance(tls=certificate), echo) as endpoint:
            assert endpoint.http == f"https://127.0.0.1:{endpoint.port}"
            async with connected(endpoint.port, trusting) as client:
                chosen = client.writer.get_extra_info("ssl_object").selected_alpn_protocol()
                assert chosen == "h2"
                for _ in range(2):
                    call = await client.call()
                    await call.say(bytes(200_000))
                    assert len(await call.document()) == 200_000
                    await call.finish()
                    assert await call.ended() == "END_STREAM"

    run(main())


def test_a_connection_has_many_streams_at_once() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(), echo) as endpoint, connected(endpoint.port) as client:
            calls = [await client.call() for _ in range(50)]
            for number, call in enumerate(calls):
                await call.say(b"%d" % number)
            said = [await call.document() for call in calls]
            assert said == [b"%d" % number for number in range(50)]
            assert endpoint.sessions == 50

    run(main())


@pytest.mark.parametrize(
    ("credentials", "path", "status", "name"),
    [
        (EXAMPLE, "/", 404, "UnknownOperationException"),
        (EXAMPLE, path_of("other"), 400, "ValidationException"),
        (replace(EXAMPLE, secret_key="wrong"), path_of(), 403, "InvalidSignatureException"),
        (Credentials("AKIAOTHER", "x"), path_of(), 403, "UnrecognizedClientException"),
    ],
)
def test_who_is_not_let_in_is_told_so_by_http(
    credentials: Credentials, path: str, status: int, name: str
) -> None:
    async def main() -> None:
        entrance = Entrance(gate=Gate(models=(MODEL,)))
        async with Endpoint(entrance, echo) as endpoint, connected(endpoint.port) as client:
            call = await client.call(credentials=credentials, path=path)
            assert await call.ended() == "END_STREAM"
            assert (call.status, name_of(call)) == (status, name)
            assert json.loads(call.body)["message"]
            assert len(call.headers["x-amzn-requestid"]) == 36
            assert endpoint.sessions == 0
            # What a refused client goes on to send does not keep others from being let in.
            await call.send(bytes(200_000))
            assert (await (await client.call()).accepted()).status == 200

    run(main())


def test_a_simulator_may_turn_clients_away_in_words_of_its_own() -> None:
    def refuse(knock: Knock) -> Refusal | None:
        return Refusal(429, "ThrottlingException", "slow down", 1500) if knock.model == MODEL else None

    async def main() -> None:
        entrance = Entrance(refuse=refuse)
        async with Endpoint(entrance, echo) as endpoint, connected(endpoint.port) as client:
            call = await client.call()
            assert await call.ended() == "END_STREAM"
            assert (call.status, name_of(call)) == (429, "ThrottlingException")
            assert call.headers["x-amz-retry-after"] == "1500"
            assert json.loads(call.body) == {"message": "slow down"}
            assert (await (await client.call("another")).accepted()).status == 200

    run(main())


def test_there_is_room_for_so_many_sessions() -> None:
    async def main() -> None:
        entrance = Entrance(max_sessions=1)
        async with Endpoint(entrance, echo) as endpoint, connected(endpoint.port) as client:
            first = await (await client.call()).accepted()
            second = await client.call()
            assert await second.ended() == "END_STREAM"
            assert (second.status, name_of(second)) == (429, "ThrottlingException")
            await first.finish()
            await first.ended()
            await eventually(lambda: endpoint.sessions == 0)
            assert (await (await client.call()).accepted()).status == 200

    run(main())


@pytest.mark.parametrize("tls", [None, Throwaway()], ids=["plain", "tls"])
def test_http_1_is_told_what_is_needed(tls: Throwaway | None) -> None:
    async def main() -> None:
        trusting = None if tls is None else ssl.create_default_context(cadata=tls.ca_pem.decode())
        async with Endpoint(Entrance(tls=tls), echo) as endpoint:
            reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port, ssl=trusting)
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 505 ")
            assert b"content-length: %d" % len(body) in head
            assert "HTTP/2" in json.loads(body)["message"]
            writer.close()

    run(main())


def test_leaving_ends_every_session_in_order() -> None:
    ended: list[str] = []

    async def serve(served: ServedBedrock, knock: Knock) -> None:
        try:
            await echo(served, knock)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        endpoint = Endpoint(Entrance(), serve)
        async with endpoint, connected(endpoint.port) as one, connected(endpoint.port) as other:
            calls = [await (await each.call()).accepted() for each in (one, one, other)]
            await calls[0].say(bytes(1000))
            await endpoint.__aexit__(None, None, None)
            assert [await call.ended() for call in calls] == ["GOAWAY NO_ERROR"] * 3
            assert len(await calls[0].document()) == 1000
        assert ended == ["cancelled"] * 3

    run(main())


async def _nothing(endpoint: Endpoint) -> asyncio.StreamWriter:
    return (await asyncio.open_connection("127.0.0.1", endpoint.port))[1]


async def _half_a_preface(endpoint: Endpoint) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    writer.write(PREFACE[:5])
    return writer


async def _silence_in_tls(endpoint: Endpoint) -> asyncio.StreamWriter:
    strange = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    strange.check_hostname, strange.verify_mode = False, ssl.CERT_NONE
    return (await asyncio.open_connection("127.0.0.1", endpoint.port, ssl=strange))[1]


@pytest.mark.parametrize(
    ("tls", "come"),
    [
        (None, _nothing),
        (None, _half_a_preface),
        (Throwaway(), _nothing),
        (Throwaway(), _half_a_preface),
        (Throwaway(), _silence_in_tls),
    ],
)
@pytest.mark.parametrize("waits_s", [0.0, 0.01])
def test_leaving_waits_for_nobody_who_has_not_asked(
    tls: Throwaway | None, come: Callable[[Endpoint], Awaitable[asyncio.StreamWriter]], waits_s: float
) -> None:
    async def main() -> None:
        entrance = Entrance(tls=tls, limits=replace(QUICK, greeting_s=20.0))
        async with Endpoint(entrance, echo) as endpoint:
            writers = [await come(endpoint) for _ in range(3)]
            await asyncio.sleep(waits_s)
            began_s = time()
        assert time() - began_s < 1
        for each in writers:
            each.transport.abort()

    run(main())


def test_leaving_does_not_wait_for_clients_that_do_not_read() -> None:
    async def flood(served: ServedBedrock, knock: Knock) -> None:
        await served.send(HEAD)
        while True:
            await served.send(bytes(30_000))

    async def main() -> None:
        entrance = Entrance(limits=replace(QUICK, send_s=20.0))
        async with Endpoint(entrance, flood) as endpoint, connected(endpoint.port, deaf=True) as client:
            await (await client.call()).accepted()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)
            began_s = time()
            await endpoint.__aexit__(None, None, None)
            assert time() - began_s < 1

    run(main())


def test_clients_that_come_while_it_leaves_are_no_trouble() -> None:
    seen: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
        for _ in range(20):
            endpoint = await Endpoint(Entrance(), echo).__aenter__()
            coming = [
                asyncio.create_task(asyncio.open_connection("127.0.0.1", endpoint.port)) for _ in range(5)
            ]
            for _ in range(3):
                await asyncio.sleep(0)
            await endpoint.__aexit__(None, None, None)
            for each in await asyncio.gather(*coming, return_exceptions=True):
                if isinstance(each, tuple):
                    each[1].transport.abort()
        assert seen == []

    run(main())


def test_a_session_that_breaks_is_an_error_to_its_client_and_told_to_the_loop() -> None:
    seen: list[dict[str, object]] = []

    async def broken(served: ServedBedrock, knock: Knock) -> None:
        await served.send(HEAD)
        raise KeyError("secret")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
        async with Endpoint(Entrance(), broken) as endpoint, connected(endpoint.port) as client:
            call = await client.call()
            assert await call.ended() == "END_STREAM"
            assert call.messages[0].headers[":exception-type"] == "internalServerException"
            assert b"secret" not in call.messages[0].payload
            await eventually(lambda: bool(seen))
        assert [repr(each["exception"]) for each in seen] == ["KeyError('secret')"]

    run(main())


def test_a_port_that_is_taken_is_said_so() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(), echo) as endpoint:
            with pytest.raises(ConfigError, match="choose another port"):
                await Endpoint(Entrance(port=endpoint.port), echo).__aenter__()

    run(main())


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_there_is_not_is_said_so(port: int) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=f"there is no port {port}: choose one up to 65535"):
            await Endpoint(Entrance(port=port), echo).__aenter__()

    run(main())


def test_the_example_credentials_open_the_loopback_only() -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1"):
        Entrance(host="0.0.0.0")
    own = Gate(credentials=(Credentials("AKIAOWN", "secret"),))
    assert Entrance(host="0.0.0.0", gate=own).gate is own


def test_it_needs_no_server_for_http_1() -> None:
    program = "import sys; sys.modules['aiohttp'] = None; import s2s.simulators.endpoint"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


SETTINGS = SettingsFrame(0).serialize()
HELLO = PREFACE + SETTINGS


def _frame(frame: Frame, *flags: str, **fields: object) -> bytes:
    for name, value in fields.items():
        setattr(frame, name, value)
    frame.flags |= set(flags)
    return frame.serialize()


def _request(encoder: Encoder, number: int = 1, *more: tuple[str, str]) -> bytes:
    head = [(":method", "POST"), (":path", path_of()), (":scheme", "http"), (":authority", "x"), *more]
    return _frame(HeadersFrame(number), "END_HEADERS", data=encoder.encode(head))


def _requests(count: int, *, reset: bool = False) -> bytes:
    encoder = Encoder()
    said = b""
    for number in range(1, 2 * count, 2):
        said += _request(encoder, number)
        if reset:
            said += _frame(RstStreamFrame(number), error_code=8)
    return said


def _bomb() -> bytes:
    """One large header, and a reference to it ten thousand times."""
    encoder = Encoder()
    once = encoder.encode([("x-bomb", "z" * 3900)])
    again = encoder.encode([("x-bomb", "z" * 3900)])
    return _frame(HeadersFrame(1), "END_HEADERS", data=once + again * 10_000)


def _endless() -> bytes:
    begun = _frame(HeadersFrame(1), data=Encoder().encode([(":method", "POST")]))
    return begun + _frame(ContinuationFrame(1), data=b"") * 1000


async def farewell(port: int, said: bytes) -> int | str:
    """Say something and nothing more; return the code of the GOAWAY that comes, or how it ended else."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    heard = b""
    try:
        async with asyncio.timeout(3):
            while data := await reader.read(65_536):
                heard += data
    except ConnectionError:
        return "dropped"
    finally:
        writer.transport.abort()
    return _goaway(heard)


def _goaway(heard: bytes) -> int | str:
    while len(heard) >= 9:
        frame, length = Frame.parse_frame_header(memoryview(heard[:9]))
        frame.parse_body(memoryview(heard[9 : 9 + length]))
        if isinstance(frame, GoAwayFrame):
            return frame.error_code
        heard = heard[9 + length :]
    return "closed"


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (b"", "closed"),
        (PREFACE[:9], "closed"),
        (PREFACE, 0),
        (HELLO, 0),
        (HELLO + _frame(HeadersFrame(1), data=b"\x83"), 0),
        (b"\x16\x03\x01\x02\x00\x01\x00", "closed"),
        (bytes(5000), "closed"),
        (HELLO + _requests(1000), PROTOCOL_ERROR),
        (HELLO + _requests(1100, reset=True), CALM),
        (HELLO + SETTINGS * 1100, CALM),
        (HELLO + _frame(PingFrame(0), opaque_data=bytes(8)) * 1100, CALM),
        (HELLO + _frame(PriorityFrame(1)) * 1100, CALM),
        (HELLO + _request(Encoder()) + _frame(DataFrame(1), data=b"") * 1100, CALM),
        (HELLO + _bomb(), CALM),
        (HELLO + _endless(), PROTOCOL_ERROR),
        (HELLO + _request(Encoder(), 1, *((f"x-{each}", "y" * 250) for each in range(50)))[:-3], 0),
        (HELLO + _request(Encoder(), 2), PROTOCOL_ERROR),
        (HELLO + _frame(DataFrame(5), data=b"x"), PROTOCOL_ERROR),
        (HELLO + _frame(DataFrame(1), data=bytes(20_000)), FRAME_SIZE_ERROR),
        (HELLO + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(1000), FRAME_SIZE_ERROR),
    ],
)
def test_who_does_not_behave_is_not_kept(said: bytes, ends: int | str) -> None:
    seen: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
        async with Endpoint(Entrance(limits=QUICK), echo) as endpoint:
            found = await farewell(endpoint.port, said)
            assert found in {ends, "dropped"}
            async with connected(endpoint.port) as client:
                assert (await (await client.call()).accepted()).status == 200
        assert seen == []

    run(main())


def test_more_than_the_window_allows_is_not_taken() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(), echo) as endpoint, connected(endpoint.port) as client:
            call = await client.call()
            frame = _frame(DataFrame(call.number), data=bytes(16_000))
            client.writer.write(frame * 5)
            assert await client.ended() in {"GOAWAY FLOW_CONTROL_ERROR", "dropped", "EOF"}

    run(main())


def test_a_client_may_stay_for_a_while_after_its_last_stream_and_no_longer() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(limits=QUICK), echo) as endpoint, connected(endpoint.port) as client:
            for _ in range(2):
                call = await client.call()
                await call.finish()
                assert await call.ended() == "END_STREAM"
                await asyncio.sleep(0.05)
            assert await client.ended() == "GOAWAY NO_ERROR"

    run(main())


def test_a_stream_may_be_silent_for_as_long_as_its_session_likes() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(limits=QUICK), echo) as endpoint, connected(endpoint.port) as client:
            call = await (await client.call()).accepted()
            await asyncio.sleep(0.2)
            await call.say(b"{}")
            assert await call.document() == b"{}"

    run(main())


def test_a_client_that_closes_one_side_of_its_socket_has_gone() -> None:
    async def main() -> None:
        async with Endpoint(Entrance(), echo) as endpoint, connected(endpoint.port) as client:
            await (await client.call()).accepted()
            client.writer.write_eof()
            assert await client.ended() in {"EOF", "dropped"}
            await eventually(lambda: endpoint.sessions == 0)

    run(main())


def test_a_client_may_change_its_windows() -> None:
    async def main() -> None:
        deaf = partial(connected, deaf=True)
        async with Endpoint(Entrance(), echo) as endpoint, deaf(endpoint.port) as client:
            client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
            call = await (await client.call()).accepted()
            await call.say(bytes(3000))
            await asyncio.sleep(0.02)
            assert call.messages == []
            client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65_535})
            await client.flush()
            assert len(await call.document()) == 3000

    run(main())


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_others_are_served(junk: bytes, greets: bool) -> None:
    seen: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
        limits = replace(QUICK, greeting_s=0.01)
        async with Endpoint(Entrance(limits=limits), echo) as endpoint:
            await farewell(endpoint.port, (HELLO if greets else b"") + junk)
            async with connected(endpoint.port) as client:
                assert (await (await client.call()).accepted()).status == 200
        assert seen == []

    run(main())


async def _left_at(nth: int, tls: Throwaway | None) -> bool:
    """Have an endpoint left at the n-th wait of that, and return whether it came so far."""
    trusting = None if tls is None else ssl.create_default_context(cadata=tls.ca_pem.decode())
    endpoint = await Endpoint(Entrance(tls=tls, limits=QUICK), echo).__aenter__()
    async with connected(endpoint.port, trusting) as client:
        await (await client.call()).accepted()
        idle = [await _nothing(endpoint) for _ in range(2)]
        cancelled = await cancelled_at(nth, endpoint.__aexit__(None, None, None))
        await eventually(lambda: endpoint.sessions == 0)
        for each in idle:
            each.transport.abort()
    return cancelled


@pytest.mark.parametrize("tls", [None, Throwaway()], ids=["plain", "tls"])
def test_leaving_may_be_cancelled_at_any_moment(tls: Throwaway | None) -> None:
    async def main() -> None:
        before, nth = sockets(), 1
        while await _left_at(nth, tls):
            nth += 1
        assert nth > 5
        await eventually(lambda: sockets() == before)

    run(main())


@pytest.mark.parametrize("come", [_nothing, _half_a_preface])
def test_leaving_takes_no_longer_for_those_who_do_not_shake_hands(
    come: Callable[[Endpoint], Awaitable[asyncio.StreamWriter]],
) -> None:
    async def main() -> None:
        async with Endpoint(Entrance(tls=Throwaway()), echo) as endpoint:
            writers = [await come(endpoint) for _ in range(3)]
            await asyncio.sleep(0.02)
            began_s = time()
        assert time() - began_s < 0.5
        for each in writers:
            each.transport.abort()

    run(main())
