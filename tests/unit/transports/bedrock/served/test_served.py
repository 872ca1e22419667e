import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import time

import pytest
from h2.errors import ErrorCodes
from h2.events import DataReceived
from msgspec.structs import replace

from s2s.errors import ConfigError, ConnectionLostError, LocalProtocolError
from s2s.simulators.endpoint import Endpoint, Entrance, Knock
from s2s.transports.bedrock.eventstream import Decoder, Timestamp, encode
from s2s.transports.bedrock.served import EXCEPTIONS, Manners, ServedBedrock, ServedLimits
from tests.support.h2client import INNER, Call, Client, chunk, connected
from tests.support.websockets import eventually, run

HEAD = b'{"response":{"requestId":"r-1"}}'
EVENT = b'{"event":{"sessionEnd":{}}}'
LIMITS = ServedLimits(greeting_s=2.0, send_s=0.1, close_s=0.1)
PLAIN = Manners()
WINDOW_BYTES = 65_535

Conversation = Callable[[ServedBedrock], Awaitable[None]]


class Serving:
    """An endpoint with one conversation for everybody, and how those ended."""

    def __init__(self, port: int, ended: list[ConnectionLostError | None]) -> None:
        self.port = port
        self.ended = ended

    async def last(self) -> ConnectionLostError | None:
        await eventually(lambda: bool(self.ended))
        return self.ended[-1]

    async def lost(self) -> tuple[int | None, str]:
        error = await self.last()
        assert error is not None
        return error.code, error.reason


@asynccontextmanager
async def serving(
    conversation: Conversation, manners: Manners = PLAIN, limits: ServedLimits = LIMITS
) -> AsyncIterator[Serving]:
    ended: list[ConnectionLostError | None] = []

    async def serve(served: ServedBedrock, knock: Knock) -> None:
        try:
            await conversation(served)
        except ConnectionLostError as lost:
            ended.append(lost)
        else:
            ended.append(None)

    async with Endpoint(Entrance(manners=manners, limits=limits), serve) as endpoint:
        yield Serving(endpoint.port, ended)


@asynccontextmanager
async def talking(
    conversation: Conversation,
    manners: Manners = PLAIN,
    limits: ServedLimits = LIMITS,
    *,
    deaf: bool = False,
) -> AsyncIterator[tuple[Client, Call, Serving]]:
    """Yield a client with an open stream."""
    async with serving(conversation, manners, limits) as served, connected(served.port, deaf=deaf) as client:
        yield client, await (await client.call()).accepted(), served


async def echo(served: ServedBedrock) -> None:
    await served.send(HEAD)
    async for message in served:
        await served.send(message)


async def listen(served: ServedBedrock) -> None:
    await served.send(HEAD)
    async for _ in served:
        pass


def then(end: Callable[[ServedBedrock], Awaitable[None] | None]) -> Conversation:
    """Say that the stream is open, and say something, and end."""

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await served.send(EVENT)
        ending = end(served)
        if ending is not None:
            await ending

    return conversation


def told(call: Call) -> tuple[dict[str, object], object]:
    """Return headers and payload of the last message of a call."""
    last = call.messages[-1]
    return dict(last.headers), json.loads(last.payload or b"null")


def test_messages_go_both_ways_however_long_they_are() -> None:
    async def main() -> None:
        async with talking(echo) as (_, call, served):
            assert call.headers == {
                ":status": "200",
                "x-amzn-requestid": "r-1",
                "content-type": "application/vnd.amazon.eventstream",
            }
            documents = [b"{}", '{"ä":"€"}'.encode(), b"x" * 400_000, b"", EVENT]
            for number, document in enumerate(documents, 1):
                await call.say(document)
                assert await call.document(number) == document
            await call.finish()
            assert await call.ended() == "END_STREAM"
            assert await served.last() is None

    run(main())


def test_what_is_told_is_a_chunk_of_json() -> None:
    async def main() -> None:
        async with talking(echo) as (_, call, _):
            await call.say(EVENT)
            await call.message()
            assert told(call) == (
                {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
                {"bytes": base64.b64encode(EVENT).decode()},
            )

    run(main())


@pytest.mark.parametrize("size", [1, 7, 100, 40_000])
def test_a_message_may_come_in_pieces(size: int) -> None:
    async def main() -> None:
        async with talking(echo) as (_, call, _):
            said = b"".join(call.sign(b'{"n":%d}' % each + b" " * 600) for each in range(2))
            for start in range(0, len(said), size):
                await call.send(said[start : start + size])
            assert (await call.document(2)).startswith(b'{"n":1}')

    run(main())


def test_padding_of_frames_is_given_back_too() -> None:
    async def main() -> None:
        async with talking(echo) as (client, call, _):
            for number in range(1, 301):
                client.h2.send_data(call.number, call.sign(EVENT), pad_length=255)
                await client.flush()
                assert await call.document(number) == EVENT

    run(main())


def test_the_stream_is_accepted_by_what_is_said_first_if_it_is_something_else() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(EVENT)
        await served.send(HEAD)

    async def main() -> None:
        async with talking(conversation) as (_, call, _):
            assert len(call.headers["x-amzn-requestid"]) == 36
            assert [await call.document(nth) for nth in (1, 2)] == [EVENT, HEAD]

    run(main())


@pytest.mark.parametrize("code", EXCEPTIONS)
def test_a_stream_is_closed_by_the_exception_that_its_code_stands_for(code: int) -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.close(code, "because"))) as (_, call, _):
            assert await call.ended() == "END_STREAM"
            assert await call.document() == EVENT
            assert told(call) == (
                {
                    ":exception-type": EXCEPTIONS[code],
                    ":content-type": "application/json",
                    ":message-type": "exception",
                },
                {"message": "because"},
            )

    run(main())


@pytest.mark.parametrize(
    ("code", "end", "messages"),
    [
        (1000, "END_STREAM", 1),
        (1001, "GOAWAY NO_ERROR", 1),
        (1006, "RST_STREAM NO_ERROR", 1),
        (4000, "RST_STREAM NO_ERROR", 1),
    ],
)
def test_a_stream_is_closed_as_its_code_says(code: int, end: str, messages: int) -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.close(code, "because"))) as (_, call, _):
            assert await call.ended() == end
            assert len(call.messages) == messages

    run(main())


def test_what_broke_here_is_told_in_the_words_of_the_service() -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.close(1011, "KeyError"))) as (_, call, _):
            assert await call.ended() == "END_STREAM"
            headers, payload = told(call)
            assert headers[":exception-type"] == "internalServerException"
            assert payload == {"message": "The system encountered an unexpected error during processing."}

    run(main())


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        (400, 400, "ValidationException"),
        (408, 408, "ModelTimeoutException"),
        (424, 424, "ModelStreamErrorException"),
        (429, 429, "ThrottlingException"),
        (503, 503, "ServiceUnavailableException"),
        (1011, 500, "InternalServerException"),
    ],
)
def test_before_the_answer_a_stream_is_refused_by_a_status(code: int, status: int, name: str) -> None:
    async def main() -> None:
        refuse = serving(lambda served: served.close(code, "because"))
        async with refuse as served, connected(served.port) as client:
            call = await client.call()
            assert await call.ended() == "END_STREAM"
            assert call.status == status
            assert call.headers["x-amzn-errortype"].partition(":")[0] == name
            assert len(call.headers["x-amzn-requestid"]) == 36
            assert code == 1011 or json.loads(call.body) == {"message": "because"}

    run(main())


@pytest.mark.parametrize(
    ("code", "status", "end"),
    [(1000, 200, "END_STREAM"), (1001, 0, "GOAWAY NO_ERROR"), (1006, 0, "RST_STREAM NO_ERROR")],
)
def test_before_the_answer_a_stream_may_end_in_other_ways(code: int, status: int, end: str) -> None:
    async def main() -> None:
        async with serving(lambda served: served.close(code)) as served, connected(served.port) as client:
            call = await client.call()
            assert (await call.ended(), call.status) == (end, status)

    run(main())


def test_an_exception_carries_more_where_there_is_more() -> None:
    def fail(served: ServedBedrock) -> None:
        served.fail("modelStreamErrorException", "boom", originalStatusCode=503, originalMessage="down")

    async def main() -> None:
        async with talking(then(fail)) as (_, call, _):
            assert await call.ended() == "END_STREAM"
            assert told(call)[1] == {
                "message": "boom",
                "originalStatusCode": 503,
                "originalMessage": "down",
            }

    run(main())


def test_an_error_may_be_none_that_the_model_of_the_service_has() -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.error("Odd", "very"))) as (_, call, _):
            assert await call.ended() == "END_STREAM"
            expected = {":message-type": "error", ":error-code": "Odd", ":error-message": "very"}
            assert told(call) == (expected, None)

    run(main())


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.INTERNAL_ERROR, ErrorCodes.REFUSED_STREAM])
def test_a_stream_may_be_reset(code: ErrorCodes) -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.reset(code))) as (_, call, _):
            assert await call.ended() == f"RST_STREAM {code.name}"

    run(main())


def test_a_stream_may_end_in_the_middle_of_a_message() -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.cut(EVENT))) as (_, call, _):
            assert await call.ended() == "END_STREAM amid a message"
            assert len(call.messages) == 1

    run(main())


def test_a_connection_may_go_away_or_drop() -> None:
    async def main() -> None:
        async with talking(then(ServedBedrock.go_away)) as (client, _, _):
            assert await client.ended() == "GOAWAY NO_ERROR"
        async with talking(then(ServedBedrock.abort)) as (client, _, _):
            assert await client.ended() in {"dropped", "EOF"}

    run(main())


def test_after_the_end_nothing_is_heard_or_said() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await served.close(400, "first")
        await served.close(1006, "second")
        assert [message async for message in served] == []
        served.fail("validationException", "third")
        with pytest.raises(ConnectionLostError):
            await served.send(EVENT)

    async def main() -> None:
        async with talking(conversation) as (_, call, served):
            assert await call.ended() == "END_STREAM"
            assert told(call)[1] == {"message": "first"}
            await call.say(*[EVENT] * 1000)
            assert await served.last() is None

    run(main())


def test_who_was_listening_as_this_side_ended_hears_of_no_fault_of_the_client() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        asyncio.get_running_loop().call_later(0.02, served.fail, "throttlingException", "Slower.")
        assert [message async for message in served] == []

    async def main() -> None:
        async with talking(conversation) as (_, call, served):
            assert await call.ended() == "END_STREAM"
            assert await served.last() is None

    run(main())


def test_the_service_may_go_on_after_the_client_has_ended() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await listen(served)
        await served.send(EVENT)

    async def main() -> None:
        async with talking(conversation) as (_, call, served):
            await call.finish()
            assert await call.ended() == "END_STREAM"
            assert await call.document() == EVENT
            assert await served.last() is None

    run(main())


def test_a_client_that_never_parts_is_parted_from() -> None:
    async def main() -> None:
        async with talking(then(lambda served: served.close())) as (_, call, _):
            assert await call.ended() == "END_STREAM"
            call.end = ""
            assert await call.ended() == "RST_STREAM NO_ERROR"

    run(main())


def test_the_end_is_what_was_signed_last_and_what_follows_is_heard_by_nobody() -> None:
    heard: list[bytes] = []

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        heard.extend([message async for message in served])
        heard.extend([message async for message in served])

    async def main() -> None:
        async with talking(conversation) as (_, call, served):
            now_ms = int(time() * 1000)
            await call.send(call.sign(EVENT) + call.chain.end(now_ms) + call.sign(b"more") + b"junk" * 50_000)
            assert await call.ended() == "END_STREAM"
            assert (heard, await served.last()) == ([EVENT], None)

    run(main())


Spoil = Callable[[Call], bytes]
_SIGNATURE = "The request signature we calculated does not match the signature you provided."
_NOW_MS = int(time() * 1000)


def _changed(call: Call) -> bytes:
    (signed,) = Decoder().push(call.sign(b"1"))
    return encode(tuple(signed.headers.items()), chunk(b"2"))


def _swapped(call: Call) -> bytes:
    first, second = call.sign(b"1"), call.sign(b"2")
    return second + first


def _twice(call: Call) -> bytes:
    return call.sign(b"1") * 2


def _left_out(call: Call) -> bytes:
    call.sign(b"1")
    return call.sign(b"2")


def _unsigned(call: Call) -> bytes:
    return chunk(EVENT)


def _false_end(call: Call) -> bytes:
    return encode(((":date", Timestamp(_NOW_MS)), (":chunk-signature", bytes(32))), b"")


def _undated(call: Call) -> bytes:
    return encode(((":date", _NOW_MS), (":chunk-signature", bytes(32))), b"")


def _far_away(call: Call) -> bytes:
    return encode(((":date", Timestamp(-(2**62))), (":chunk-signature", bytes(32))), b"")


@pytest.mark.parametrize(
    "spoil", [_changed, _swapped, _twice, _left_out, _unsigned, _false_end, _undated, _far_away]
)
def test_what_is_signed_wrongly_is_not_handed_on(spoil: Spoil) -> None:
    heard: list[bytes] = []

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        async for message in served:
            heard.append(message)

    async def main() -> None:
        async with talking(conversation) as (_, call, served):
            await call.send(spoil(call))
            assert await call.ended() == "END_STREAM"
            headers, payload = told(call)
            assert headers[":exception-type"] == "validationException"
            assert isinstance(payload, dict)
            assert payload["message"].startswith(_SIGNATURE)
            code, reason = await served.lost()
            assert (code, reason[: len(_SIGNATURE)]) == (1002, _SIGNATURE)
            assert heard == ([b"1"] if spoil is _twice else [])

    run(main())


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (b"short", "not one message"),
        (b"not a message", "checksum"),
        (chunk(b"1")[:-1], "not one message"),
        (chunk(b"1") + chunk(b"2"), "not one message"),
        (chunk(b"1")[:-1] + b"?", "checksum"),
        (encode(INNER[:2], b"{}"), "no chunk of JSON"),
        (encode((*INNER, ("x", 1)), b"{}"), "no chunk of JSON"),
        (encode((*INNER[1:], (":message-type", "exception")), b"{}"), "no chunk of JSON"),
        (encode(INNER, b"{}"), "cannot be read"),
        (encode(INNER, b'{"bytes":1}'), "cannot be read"),
        (encode(INNER, b'{"bytes":"?"}'), "cannot be read"),
        (encode(INNER, b"\xff"), "cannot be read"),
        (encode(INNER, b"[" * 50_000), "cannot be read"),
        (chunk(bytes(1_000_001)), "1000000 bytes, and not 1000001"),
    ],
)
def test_what_is_signed_must_be_a_chunk_of_json(inner: bytes, words: str) -> None:
    async def main() -> None:
        async with talking(listen) as (_, call, served):
            await call.send(call.chain.sign(_NOW_MS, inner))
            assert await call.ended() == "END_STREAM"
            headers, payload = told(call)
            assert headers[":exception-type"] == "validationException"
            assert isinstance(payload, dict)
            assert words in payload["message"]
            assert await served.lost() == (1002, payload["message"])

    run(main())


@pytest.mark.parametrize("junk", [b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 16])
def test_what_is_no_event_stream_ends_it(junk: bytes) -> None:
    async def main() -> None:
        async with talking(listen) as (_, call, served):
            await call.send(junk)
            assert await call.ended() == "END_STREAM"
            assert told(call)[0][":exception-type"] == "validationException"
            code, reason = await served.lost()
            assert (code, "is broken" in reason) == (1002, True)

    run(main())


@pytest.mark.parametrize(("said", "words"), [(b"", "without"), (b"half", "in the middle of a message")])
def test_a_client_must_say_that_it_ends(said: bytes, words: str) -> None:
    async def main() -> None:
        async with talking(listen) as (_, call, served):
            await call.send(said and call.sign(EVENT)[:50], end=True)
            assert await call.ended() == "END_STREAM"
            assert told(call)[0][":exception-type"] == "validationException"
            code, reason = await served.lost()
            assert (code, words in reason) == (1002, True)

    run(main())


def test_a_message_that_is_too_long_ends_the_stream_before_it_has_come() -> None:
    async def main() -> None:
        limits = replace(LIMITS, message_bytes=100_000)
        async with talking(listen, limits=limits) as (_, call, served):
            await call.say(bytes(60_000))
            await call.send(call.sign(bytes(400_000))[:300_000])
            assert await call.ended() == "END_STREAM"
            code, reason = await served.lost()
            assert (code, reason.startswith("a message has more than")) == (1009, True)

    run(main())


def test_a_client_that_gives_up_is_told_from_one_that_ends() -> None:
    async def main() -> None:
        async with talking(listen) as (_, call, served):
            await call.reset()
            assert await served.lost() == (1006, "RST_STREAM CANCEL")
        async with talking(listen) as (client, _, served):
            client.h2.close_connection(ErrorCodes.INTERNAL_ERROR)
            await client.flush()
            assert await served.lost() == (1006, "GOAWAY INTERNAL_ERROR")
        async with talking(listen) as (client, _, served):
            client.writer.transport.abort()
            assert await served.lost() == (1006, "the connection dropped")

    run(main())


def test_what_came_before_the_end_is_still_heard() -> None:
    heard: list[bytes] = []
    gone = asyncio.Event()

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await gone.wait()
        async for message in served:
            heard.append(message)

    async def main() -> None:
        async with talking(conversation) as (_, call, served):
            await call.say(b"1", b"2")
            await call.reset()
            await asyncio.sleep(0.02)
            gone.set()
            assert await served.lost() == (1006, "RST_STREAM CANCEL")
            assert heard == [b"1", b"2"]

    run(main())


def test_a_slow_engine_slows_the_client_down() -> None:
    more = asyncio.Event()
    heard: list[bytes] = []

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await more.wait()
        async for message in served:
            heard.append(message)

    async def main() -> None:
        async with talking(conversation) as (client, call, served):
            said = asyncio.create_task(call.say(*[bytes(3000)] * 100))
            await eventually(lambda: client.h2.local_flow_control_window(call.number) == 0)
            await asyncio.sleep(0.02)
            assert (said.done(), client.h2.local_flow_control_window(call.number)) == (False, 0)
            more.set()
            await said
            await call.finish()
            assert await call.ended() == "END_STREAM"
            assert (len(heard), await served.last()) == (100, None)

    run(main())


def test_a_client_that_reads_nothing_is_given_up_and_fills_no_memory() -> None:
    sent: list[int] = []

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        for number in range(10_000):
            await served.send(bytes(3000))
            sent.append(number)

    async def main() -> None:
        async with talking(conversation, deaf=True) as (_, call, served):
            assert await call.ended() == "RST_STREAM CANCEL"
            assert await served.lost() == (1006, "the client took nothing for 0.1 s")
            assert len(sent) < 2 * (2 * WINDOW_BYTES) // 4000

    run(main())


def test_a_client_whose_socket_is_full_is_dropped() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        while True:
            await served.send(bytes(100_000))

    async def main() -> None:
        async with serving(conversation) as served, connected(served.port, deaf=True) as client:
            client.h2.increment_flow_control_window(2**30)
            call = await client.call()
            client.h2.increment_flow_control_window(2**30, call.number)
            await client.flush()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            code, _ = await served.lost()
            assert code == 1006

    run(main())


def test_whoever_is_cancelled_while_it_sends_leaves_no_half_message_behind() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        for _ in range(3):
            try:
                async with asyncio.timeout(0.01):
                    while True:
                        await served.send(bytes(30_000))
            except TimeoutError:
                pass
        await served.close(400, "done")

    async def main() -> None:
        patient = replace(LIMITS, send_s=2, close_s=2)
        async with talking(conversation, limits=patient, deaf=True) as (client, call, _):
            await asyncio.sleep(0.1)
            client.h2.increment_flow_control_window(2**30)
            client.h2.increment_flow_control_window(2**30, call.number)
            await client.flush()
            assert await call.ended() == "END_STREAM"
            assert told(call)[1] == {"message": "done"}
            assert {len(each.payload) for each in call.messages[:-1]} == {40_012}

    run(main())


def test_closing_waits_for_a_slow_client_but_not_for_long() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        await served.send(bytes(200_000))
        await served.close()

    async def main() -> None:
        began_s = time()
        async with talking(conversation, deaf=True) as (_, call, _):
            assert await call.ended() == "RST_STREAM CANCEL"
        assert time() - began_s < 1

    run(main())


def test_a_service_may_cut_its_frames_short_and_pad_its_events() -> None:
    async def main() -> None:
        manners = Manners(frame_bytes=7, pad='ab"')
        async with talking(echo, manners) as (client, call, _):
            await call.say(EVENT)
            assert await call.document() == EVENT
            sizes = [len(each.data or b"") for each in client.events if isinstance(each, DataReceived)]
            assert max(sizes) == 7
            assert told(call)[1] == {"bytes": base64.b64encode(EVENT).decode(), "p": 'ab"'}

    run(main())


def test_a_service_may_be_late_to_let_the_client_send_on() -> None:
    async def main() -> None:
        async with talking(listen, Manners(credit_s=0.02)) as (_, call, _):
            began_s = time()
            await call.say(*[bytes(3000)] * 100)
            assert time() - began_s > 0.1

    run(main())


def test_manners_must_be_possible() -> None:
    with pytest.raises(ConfigError, match="frame_bytes"):
        Manners(frame_bytes=0)


def test_an_event_that_no_message_can_hold_is_refused_here() -> None:
    caught: list[LocalProtocolError] = []

    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        try:
            await served.send(bytes(13 * 2**20))
        except LocalProtocolError as error:
            caught.append(error)
        await served.send(EVENT)

    async def main() -> None:
        async with talking(conversation) as (_, call, _):
            assert await call.document() == EVENT
            assert len(caught) == 1

    run(main())


def test_streams_of_one_connection_do_not_stand_in_each_others_way() -> None:
    async def conversation(served: ServedBedrock) -> None:
        await served.send(HEAD)
        async for message in served:
            if message == b"sleep":
                await asyncio.Event().wait()
            await served.send(message)

    async def main() -> None:
        async with serving(conversation) as served, connected(served.port) as client:
            asleep = [await (await client.call()).accepted() for _ in range(5)]
            saying = [asyncio.create_task(each.say(b"sleep", *[bytes(3000)] * 30)) for each in asleep]
            awake = await (await client.call()).accepted()
            for number in range(1, 100):
                await awake.say(bytes(3000))
                assert await awake.document(number) == bytes(3000)
            for each in saying:
                each.cancel()
            await asyncio.gather(*saying, return_exceptions=True)

    run(main())
