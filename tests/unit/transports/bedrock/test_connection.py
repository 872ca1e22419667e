import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic

import pytest
from h2.errors import ErrorCodes

from s2s.errors import AuthError, ConnectError, ConnectionLostError, LocalProtocolError, S2SError
from s2s.transports.bedrock import ConnectionLimits, Credentials, connect
from s2s.transports.bedrock.connection import MOST_WAITING_BYTES, BedrockTransport
from s2s.transports.bedrock.duplex import WINDOW_BYTES
from s2s.transports.bedrock.eventstream import encode
from s2s.transports.bedrock.signing import EXAMPLE
from tests.support.bedrock import ACCEPTED, CHUNK, Peer, Script, said, service, trouble
from tests.support.websockets import eventually, run

QUICK = ConnectionLimits(open_s=2, send_s=0.3, close_s=0.3)
AUDIO = b'{"event":{"audioInput":{"content":"' + b"A" * 1366 + b'"}}}'


async def opened(url: str, limits: ConnectionLimits = QUICK) -> BedrockTransport:
    return await connect(url, credentials=EXAMPLE, region="us-east-1", limits=limits)


async def heard(transport: BedrockTransport) -> tuple[list[bytes], S2SError | None]:
    got: list[bytes] = []
    try:
        async for message in transport:
            got.append(message)
    except S2SError as failed:
        return got, failed
    return got, None


async def heard_from(script: Script, limits: ConnectionLimits = QUICK) -> tuple[list[bytes], S2SError | None]:
    """Return what is heard of a service that does as the script says."""
    async with service(script) as url:
        transport = await opened(url, limits)
        try:
            return await heard(transport)
        finally:
            await transport.close()


async def polite(peer: Peer) -> None:
    """Accept, and end when the client does."""
    peer.accept()
    await peer.until(lambda: bool(peer.end))
    if peer.end == "END_STREAM":
        peer.finish()


# --- Messages


def test_documents_go_both_ways_and_the_first_one_is_the_acceptance() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: len(peer.heard) == 2)
        for each in peer.heard:
            peer.say(said(each))
        await peer.until(lambda: peer.end == "END_STREAM")
        assert peer.terminated
        peer.finish()

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            await transport.send(b'{"event":1}')
            assert transport.write(b'{"event":2}')
            assert [await anext(transport) for _ in range(3)] == [ACCEPTED, b'{"event":1}', b'{"event":2}']
            await transport.close()
            assert await heard(transport) == ([], None)

    run(main())


def test_listening_takes_what_iterating_would_yield() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        for number in range(200):
            peer.say(said(b"%d" % number))
        peer.finish()

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            got: list[bytes] = []
            await transport.listen(got.append)
            assert got == [ACCEPTED, *(b"%d" % number for number in range(200))]
            await transport.close()

    run(main())


def test_what_the_one_who_listens_raises_ends_the_listening() -> None:
    async def script(peer: Peer) -> None:
        await polite(peer)

    def take(message: bytes) -> None:
        raise LookupError(message)

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            with pytest.raises(LookupError):
                await transport.listen(take)
            await transport.close()

    run(main())


def test_nothing_is_heard_any_more_once_the_one_who_listens_has_had_enough() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.say(said(b"1") + said(b"2") + said(b"3"))
        await peer.until(lambda: bool(peer.end))

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            got: list[bytes] = []

            def take(message: bytes) -> None:
                got.append(message)
                if message == b"1":
                    transport.abort()

            await transport.listen(take)
            assert got == [ACCEPTED, b"1"]
            await transport.close()

    run(main())


def test_one_task_reads_and_one_that_is_cancelled_loses_nothing() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: bool(peer.heard))
        peer.say(said(b"answer"))
        await polite_end(peer)

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            assert await anext(transport) == ACCEPTED
            reader = asyncio.ensure_future(anext(transport))
            await asyncio.sleep(0)
            with pytest.raises(LocalProtocolError, match="let a single one read"):
                await anext(transport)
            reader.cancel()
            await asyncio.wait([reader])
            await transport.send(b"question")
            assert await anext(transport) == b"answer"
            await transport.close()

    run(main())


def test_the_request_is_what_the_service_expects() -> None:
    heads: list[dict[str, str]] = []

    async def script(peer: Peer) -> None:
        heads.append(peer.head)
        await polite(peer)

    async def main() -> None:
        async with service(script) as url:
            transport = await connect(
                url, credentials=EXAMPLE, region="us-east-1", headers={"User-Agent": "mine"}, limits=QUICK
            )
            await transport.close()

    run(main())
    (head,) = heads
    assert head[":method"] == "POST"
    assert head["content-type"] == "application/vnd.amazon.eventstream"
    assert head["x-amz-content-sha256"] == "STREAMING-AWS4-HMAC-SHA256-EVENTS"
    assert head["user-agent"] == "mine"
    assert not head.keys() & {"host", "content-length", "x-amz-security-token"}


def test_temporary_credentials_are_sent_with_their_token() -> None:
    temporary = Credentials("ASIAEXAMPLE", "secret", "token")

    async def main() -> None:
        async with service(polite, credentials=temporary) as url:
            transport = await connect(url, credentials=temporary, region="us-east-1", limits=QUICK)
            assert await anext(transport) == ACCEPTED
            await transport.close()

    run(main())


def test_messages_are_found_however_they_are_cut() -> None:
    stream = said(b"one") + said(b"two", p="xyz") + encode(CHUNK[:1], b"") + said(b"three")

    async def script(peer: Peer) -> None:
        peer.accept()
        for cut in range(1, len(stream)):
            peer.say(stream[:cut])
            await asyncio.sleep(0)
            peer.say(stream[cut:])
        for each in stream:
            peer.say(bytes((each,)))
        peer.finish()

    got, failed = run(heard_from(script))
    assert failed is None
    assert got == [ACCEPTED, *[b"one", b"two", b"three"] * len(stream)]


def test_a_large_document_passes_both_ways() -> None:
    big = b'"' + b"x" * (3 * 2**20) + b'"'

    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: bool(peer.heard))
        peer.say(said(peer.heard[0]))
        await polite_end(peer)

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url, ConnectionLimits())
            await transport.send(big)
            assert [await anext(transport), await anext(transport)] == [ACCEPTED, big]
            await transport.close()

    run(main())


async def polite_end(peer: Peer) -> None:
    await peer.until(lambda: bool(peer.end))
    if peer.end == "END_STREAM":
        peer.finish()


def test_what_is_too_long_is_refused_and_the_chain_goes_on() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: bool(peer.heard))
        await polite_end(peer)

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            for size in (13 * 2**20, (2**24 - 12) // 4 * 3):
                with pytest.raises(LocalProtocolError):
                    await transport.send(bytes(size))
            await transport.send(b"small")
            await transport.close()

    run(main())


# --- How a stream ends


def test_the_end_of_the_service_is_the_end_of_the_iteration() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.say(said(b"last"))
        peer.finish()
        await peer.until(lambda: peer.terminated and peer.end == "END_STREAM")

    assert run(heard_from(script)) == ([ACCEPTED, b"last"], None)


async def resets_with_no_error(peer: Peer) -> None:
    peer.reset(ErrorCodes.NO_ERROR)


async def resets(peer: Peer) -> None:
    peer.reset(ErrorCodes.INTERNAL_ERROR)


async def goes_away(peer: Peer) -> None:
    peer.go_away(ErrorCodes.NO_ERROR)
    peer.service.tcp.close()


async def goes_away_calming(peer: Peer) -> None:
    peer.go_away(ErrorCodes.ENHANCE_YOUR_CALM)


async def drops(peer: Peer) -> None:
    peer.service.tcp.abort()


async def closes(peer: Peer) -> None:
    peer.service.tcp.close()


async def ends_amid(peer: Peer) -> None:
    peer.say(said(b"half")[:50])
    peer.finish()


async def breaks_a_checksum(peer: Peer) -> None:
    peer.say(said(b"broken")[:-1] + b"\x00")


async def says_no_bytes(peer: Peer) -> None:
    peer.say(encode(CHUNK, b'{"bytes":"*"}'))


async def says_what_is_no_http2(peer: Peer) -> None:
    peer.service.tcp.write(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x")


async def says_no_event_stream(peer: Peer) -> None:
    peer.say(b"<html>" + b"x" * 100)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (resets_with_no_error, "RST_STREAM NO_ERROR"),
        (resets, "RST_STREAM INTERNAL_ERROR"),
        (goes_away, "GOAWAY NO_ERROR"),
        (goes_away_calming, "GOAWAY ENHANCE_YOUR_CALM"),
        (drops, "the connection dropped"),
        (closes, "the connection dropped"),
        (ends_amid, "the stream ended in the middle of a message"),
        (breaks_a_checksum, "a message of the event stream is broken (its checksum is wrong)"),
        (says_no_bytes, "an event holds no bytes in base64"),
        (says_what_is_no_http2, "the peer breaks HTTP/2: ProtocolError"),
        (
            says_no_event_stream,
            "a message of the event stream is broken (the checksum of its lengths",
        ),
    ],
)
def test_every_other_end_is_told_apart(ends: Script, reason: str) -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.say(said(b"before"))
        await asyncio.sleep(0.01)
        await ends(peer)

    got, lost = run(heard_from(script))
    assert got == [ACCEPTED, b"before"]
    assert isinstance(lost, ConnectionLostError)
    assert (lost.code, lost.resumable) == (1006, True)
    assert lost.reason.startswith(reason)
    assert reason in str(lost)


def test_what_was_said_before_a_goodbye_in_one_breath_is_heard() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.service.h2.send_data(peer.number, said(b"last words"))
        peer.go_away(ErrorCodes.INTERNAL_ERROR)

    got, lost = run(heard_from(script))
    assert got == [ACCEPTED, b"last words"]
    assert isinstance(lost, ConnectionLostError)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (trouble("validationException", b'{"message":"RequestId=1 : no"}'), 400, "RequestId=1 : no"),
        (trouble("modelTimeoutException", b'{"message":"8 minutes"}'), 408, "8 minutes"),
        (trouble("modelStreamErrorException", b'{"message":"odd"}'), 424, "odd"),
        (trouble("throttlingException", b'{"message":"slow"}'), 429, "slow"),
        (trouble("internalServerException", b'{"message":"oops"}'), 500, "oops"),
        (trouble("serviceUnavailableException", b'{"message":"busy"}'), 503, "busy"),
        (trouble("newException", b'{"message":"hm"}'), 500, "newException: hm"),
        (
            encode(((":message-type", "error"), (":error-code", "Odd"), (":error-message", "so")), b""),
            500,
            "Odd: so",
        ),
    ],
)
@pytest.mark.parametrize("after", ["end", "reset", "drop", "nothing"])
def test_an_exception_ends_the_stream_whatever_comes_after_it(
    message: bytes, code: int, reason: str, after: str
) -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.say(said(b"before") + message + said(b"after"))
        match after:
            case "end":
                peer.finish()
            case "reset":
                peer.reset(ErrorCodes.NO_ERROR)
            case "drop":
                peer.service.tcp.close()
            case _:
                await peer.until(lambda: bool(peer.end))

    got, lost = run(heard_from(script))
    assert got == [ACCEPTED, b"before"]
    assert isinstance(lost, ConnectionLostError)
    assert (lost.code, lost.reason, lost.resumable) == (code, reason, False)


def test_sending_tells_how_the_stream_ended() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.say(trouble("throttlingException", b'{"message":"slow"}'))
        peer.finish()

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            await heard(transport)
            assert not transport.write(b"{}")
            with pytest.raises(ConnectionLostError, match="slow"):
                await transport.send(b"{}")
            await transport.close()

    run(main())


def refusing(status: int, name: str, body: bytes, **head: str) -> Script:
    async def script(peer: Peer) -> None:
        told = {"x-amzn-errortype": f"{name}:http://internal", "x-amzn-requestid": "request-1", **head}
        peer.answer(status, told, body)

    return script


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (403, AuthError, False),
        (404, ConnectError, False),
        (400, ConnectError, False),
        (429, ConnectError, True),
        (503, ConnectError, True),
    ],
)
def test_a_refusal_is_raised_to_whoever_reads(
    status: int, kind: type[ConnectError], retryable: bool, length: bool
) -> None:
    body = b'{"message":"because"}'
    head = {"content-length": str(len(body))} if length else {}
    got, failed = run(heard_from(refusing(status, "SomeException", body, **head)))
    assert got == []
    assert type(failed) is kind
    assert isinstance(failed, ConnectError)
    assert failed.retryable is retryable
    assert all(each in str(failed) for each in ("SomeException", "because", "request-1", str(status)))


def test_whoever_sends_to_a_service_that_refused_is_told_as_well() -> None:
    async def main() -> None:
        async with service(refusing(403, "AccessDeniedException", b'{"message":"no"}')) as url:
            transport = await opened(url)
            await heard(transport)
            with pytest.raises(ConnectionLostError, match="refused with HTTP 403 AccessDeniedException"):
                await transport.send(b"{}")
            await transport.close()

    run(main())


def test_a_refusal_that_breaks_off_is_one_all_the_same() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(403, {"x-amzn-errortype": "AccessDeniedException", "content-length": "500"})
        peer.say(b'{"message":"no')
        await asyncio.sleep(0.01)
        peer.service.tcp.abort()

    _, failed = run(heard_from(script))
    assert isinstance(failed, AuthError)
    assert "AccessDeniedException" in str(failed)


def test_an_endless_refusal_is_cut() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(503, {})
        peer.say(b"x" * 500_000)
        await peer.until(lambda: bool(peer.end))

    _, failed = run(heard_from(script))
    assert isinstance(failed, ConnectError)
    assert len(str(failed)) < 600


def test_an_answer_that_is_no_event_stream_is_a_refusal() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(200, {"content-type": "text/html"}, b"<html>welcome</html>")

    _, failed = run(heard_from(script))
    assert isinstance(failed, ConnectError)
    assert "HTTP 200 (<html>welcome</html>)" in str(failed)


# --- Backpressure


def test_a_slow_reader_holds_the_service_up() -> None:
    document = b"x" * 4000
    unsent: list[int] = []

    async def script(peer: Peer) -> None:
        peer.accept()
        for _ in range(500):
            peer.say(said(document))
        await asyncio.sleep(0.1)
        unsent.append(len(peer.unsent))
        await asyncio.sleep(0.05)
        unsent.append(len(peer.unsent))
        peer.say(said(b"more") * 100)
        unsent.append(len(peer.unsent))
        await peer.until(lambda: not peer.unsent)
        peer.finish()

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url, ConnectionLimits(waiting_bytes=100_000))
            assert await anext(transport) == ACCEPTED
            await eventually(lambda: len(unsent) == 3)
            got, failed = await heard(transport)
            assert (len(got), failed) == (600, None)
            await transport.close()

    run(main())
    whole = 500 * len(said(document))
    assert unsent[0] == unsent[1] > whole - WINDOW_BYTES - 2 * 100_000
    assert unsent[2] == unsent[1] + 100 * len(said(b"more"))


def test_a_service_that_credits_slowly_gets_everything_in_order() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.credits = False
        while len(peer.heard) < 300:
            await peer.until(lambda: peer.uncredited_bytes > 0)
            await asyncio.sleep(0.001)
            peer.credit(min(peer.uncredited_bytes, 20_000))
        peer.credits = True
        peer.credit(peer.uncredited_bytes or 1)
        assert peer.heard == [AUDIO + b"%d" % number for number in range(300)]
        await polite_end(peer)

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            assert await anext(transport) == ACCEPTED
            for number in range(300):
                await transport.send(AUDIO + b"%d" % number)
            await transport.close()

    run(main())


async def deaf(peer: Peer) -> None:
    """Accept, and let the client send what the window holds."""
    peer.accept()
    peer.credits = False
    await peer.until(lambda: bool(peer.end))


async def full(transport: BedrockTransport) -> int:
    """Fill all that can be filled, and return how many documents that took."""
    count = 0
    while transport.write(AUDIO):
        count += 1
        await asyncio.sleep(0)
    return count


def test_what_waits_is_bounded_and_writing_says_so() -> None:
    async def main() -> None:
        async with service(deaf) as url:
            transport = await opened(url)
            count = await full(transport)
            waiting = len(transport._duplex.waiting)
            assert MOST_WAITING_BYTES <= waiting < MOST_WAITING_BYTES + 3000
            assert count * 2000 > 65_535 + MOST_WAITING_BYTES - 10_000
            assert not transport.write(AUDIO)
            assert len(transport._duplex.waiting) == waiting
            await transport.close(4000)

    run(main())


def test_a_service_that_takes_nothing_is_given_up() -> None:
    async def main() -> None:
        async with service(deaf) as url:
            transport = await opened(url)
            await full(transport)
            began = monotonic()
            with pytest.raises(ConnectionLostError, match=r"the service took nothing for 0.3 s"):
                await transport.send(AUDIO)
            assert 0.2 < monotonic() - began < 2
            got, lost = await heard(transport)
            assert got == [ACCEPTED]
            assert isinstance(lost, ConnectionLostError)
            assert (lost.code, lost.resumable) == (1006, True)
            await transport.close()

    run(main())


def test_whoever_waits_to_send_is_told_when_the_stream_ends() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.credits = False
        await asyncio.sleep(0.05)
        peer.reset(ErrorCodes.NO_ERROR)

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url, ConnectionLimits())
            await full(transport)
            with pytest.raises(ConnectionLostError, match="RST_STREAM NO_ERROR"):
                await transport.send(AUDIO)
            await transport.close()

    run(main())


def test_senders_that_are_cancelled_at_any_moment_never_break_the_chain() -> None:
    taken: list[bytes] = []

    async def script(peer: Peer) -> None:
        peer.accept()
        peer.credits = False
        while not peer.end:
            await asyncio.sleep(0.001)
            if peer.uncredited_bytes:
                peer.credit(min(peer.uncredited_bytes, 4000))
        taken.extend(peer.heard)
        assert peer.terminated
        peer.finish()

    async def main() -> list[bytes]:
        sent: list[bytes] = []

        async def send(transport: BedrockTransport, message: bytes) -> None:
            await transport.send(message)
            sent.append(message)

        async with service(script) as url:
            transport = await opened(url, ConnectionLimits())
            await full(transport)
            sent += [AUDIO] * len(taken)
            for number in range(120):
                sender = asyncio.create_task(send(transport, AUDIO + b"%d" % number))
                await asyncio.sleep(0.0005 * (number % 4))
                sender.cancel()
                with suppress(asyncio.CancelledError):
                    await sender
            await transport.close()
        return sent

    sent = run(main())
    numbered = [each for each in taken if each != AUDIO]
    assert numbered == sent
    assert 0 < len(numbered) < 120


# --- Closing


def closing(script: Script, close: Callable[[BedrockTransport], Awaitable[None]], at_most_s: float) -> None:
    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            assert await anext(transport) == ACCEPTED
            began = monotonic()
            await close(transport)
            assert monotonic() - began < at_most_s
            assert await heard(transport) == ([], None)
            assert not transport.write(b"{}")

    run(main())


def test_closing_waits_for_the_service_to_end_its_side() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: peer.end == "END_STREAM")
        assert peer.terminated
        peer.say(said(b"too late"))
        await asyncio.sleep(0.05)
        peer.finish()

    closing(script, lambda transport: transport.close(), 0.28)


def test_closing_waits_only_so_long() -> None:
    closing(deaf, lambda transport: transport.close(), 0.9)


def test_closing_otherwise_resets_the_stream() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: bool(peer.end))
        assert "CANCEL" in peer.end
        assert not peer.terminated

    closing(script, lambda transport: transport.close(1011, "trouble here"), 0.25)


def test_closing_twice_at_once_or_in_a_row_is_closing_once() -> None:
    async def close(transport: BedrockTransport) -> None:
        await asyncio.gather(transport.close(), transport.close(1011), transport.close())
        await transport.close()
        transport.abort()

    closing(polite, close, 0.25)


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.05])
def test_closing_may_be_cancelled(after_s: float) -> None:
    async def close(transport: BedrockTransport) -> None:
        task = asyncio.create_task(transport.close())
        await asyncio.sleep(after_s)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        transport.abort()

    closing(deaf, close, 0.25)


def test_aborting_drops_the_connection_at_once() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await peer.until(lambda: bool(peer.end))
        assert peer.end == "lost"

    async def abort(transport: BedrockTransport) -> None:
        transport.abort()

    closing(script, abort, 0.1)


def test_closing_wakes_whoever_reads_and_whoever_sends() -> None:
    async def main() -> None:
        async with service(deaf) as url:
            transport = await opened(url, ConnectionLimits(close_s=0.2))
            reader = asyncio.create_task(heard(transport))
            await full(transport)
            sender = asyncio.create_task(transport.send(AUDIO))
            await asyncio.sleep(0.01)
            await transport.close()
            assert await reader == ([ACCEPTED], None)
            with pytest.raises(ConnectionLostError):
                await sender

    run(main())


def test_closing_before_the_service_has_answered_leaves_nothing_behind() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(lambda: bool(peer.end))
        assert peer.terminated

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url)
            await transport.send(b"{}")
            await transport.close()
            assert await heard(transport) == ([], None)

    run(main())


def test_what_still_waits_is_sent_before_the_end() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        peer.credits = False
        await asyncio.sleep(0.02)
        peer.credits = True
        peer.credit(peer.uncredited_bytes)
        await peer.until(lambda: peer.end == "END_STREAM")
        assert peer.heard[-1] == b"goodbye"
        assert peer.terminated
        peer.finish()

    async def main() -> None:
        async with service(script) as url:
            transport = await opened(url, ConnectionLimits())
            for _ in range(80):
                await transport.send(AUDIO)
            await transport.send(b"goodbye")
            await transport.close()

    run(main())


# --- Signs of life


@pytest.mark.parametrize("answers", [True, False])
def test_a_service_that_is_silent_is_asked_for_a_sign_of_life(answers: bool) -> None:
    pings: list[int] = []

    async def script(peer: Peer) -> None:
        peer.service.answers_pings = answers
        peer.accept()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.25):
                await peer.until(lambda: bool(peer.end))
        pings.append(peer.service.pings)
        if not peer.end:
            peer.finish()

    limits = ConnectionLimits(close_s=0.2, ping_after_s=0.05, pong_within_s=0.05)
    got, lost = run(heard_from(script, limits))
    assert got == [ACCEPTED]
    if answers:
        assert lost is None
        assert pings[0] >= 2
    else:
        assert isinstance(lost, ConnectionLostError)
        assert (lost.code, lost.reason, lost.resumable) == (1006, "no pong within 0.05 s", True)
        assert pings == [1]


def test_signs_of_life_can_be_left_to_others() -> None:
    async def script(peer: Peer) -> None:
        peer.accept()
        await asyncio.sleep(0.05)
        assert peer.service.pings == 0
        peer.finish()

    assert run(heard_from(script, ConnectionLimits(ping_after_s=None)))[1] is None


# --- Odd peers


async def raw(answer: bytes, then: Sequence[bytes] = ()) -> tuple[list[bytes], S2SError | None]:
    """Return what is heard of a server that answers with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        transport = await opened(f"http://127.0.0.1:{port}/model/m/invoke")
        try:
            return await heard(transport)
        finally:
            await transport.close()


def test_a_server_of_another_http_is_not_taken_for_one_that_fell_silent() -> None:
    got, failed = run(raw(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"))
    assert got == []
    assert isinstance(failed, ConnectError)
    assert not failed.retryable
    assert "this needs HTTP/2" in str(failed)


def test_a_flood_of_pings_from_a_service_that_does_not_read_is_cut() -> None:
    async def main() -> None:
        flooded = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            writer.write(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            with suppress(ConnectionError):
                while not writer.transport.is_closing():
                    writer.write(b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678" * 5000)
                    await writer.drain()
            flooded.set()
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1000)
        port = server.sockets[0].getsockname()[1]
        async with server:
            transport = await opened(f"http://127.0.0.1:{port}/model/m/invoke")
            near = transport.protocol.tcp.get_extra_info("socket")
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            _, lost = await heard(transport)
            assert isinstance(lost, ConnectionLostError)
            assert lost.reason == "the connection dropped"
            await transport.close()
            await flooded.wait()

    run(main())


def test_no_secret_and_no_signature_is_in_any_error() -> None:
    canary = Credentials("AKIACANARY", "canary-secret-key", "canary-session-token")
    quoted: list[str] = []

    async def script(peer: Peer) -> None:
        signature = peer.head["authorization"].rpartition("=")[2]
        quoted.append(signature)
        message = f"you said canary-session-token and canary-secret-key and {signature} and {peer.head}"
        peer.answer(403, {"x-amzn-errortype": "X"}, json.dumps({"message": message}).encode())

    async def speaks(peer: Peer) -> None:
        signature = peer.head["authorization"].rpartition("=")[2]
        quoted.append(signature)
        peer.accept()
        message = f"canary-session-token canary-secret-key {signature}"
        peer.say(trouble("validationException", json.dumps({"message": message}).encode()))

    async def main() -> None:
        for each in (script, speaks):
            async with service(each, credentials=canary) as url:
                transport = await connect(url, credentials=canary, region="us-east-1", limits=QUICK)
                _, failed = await heard(transport)
                assert failed is not None
                shown = f"{failed!r} {failed} {vars(failed)}"
                assert "canary" not in shown
                assert quoted[-1] not in shown
                assert "canary" not in repr(vars(transport))
                await transport.close()

    run(main())
