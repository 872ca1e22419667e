import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import LocalProtocolError, RemoteProtocolError
from s2s.transports.bedrock.events import chunk, read
from s2s.transports.bedrock.eventstream import Decoder, HeaderValue, Message, encode
from s2s.transports.ending import Ending
from tests.support.bedrock import CHUNK, trouble


def one(data: bytes) -> Message:
    (message,) = Decoder().push(data)
    return message


def test_a_document_is_wrapped_as_the_official_client_does_it() -> None:
    message = chunk(b'{"event":{"sessionEnd":{}}}')
    assert message == encode(CHUNK, b'{"bytes":"eyJldmVudCI6eyJzZXNzaW9uRW5kIjp7fX19"}')
    assert len(message) == 139


@given(st.binary(max_size=300))
def test_a_document_is_the_same_on_the_other_side(document: bytes) -> None:
    assert read(one(chunk(document))) == document
    assert json.loads(one(chunk(document)).payload) == {"bytes": base64.b64encode(document).decode()}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"bytes":"e30="}',
        b'{"bytes":"e30=","p":"abcdefghij"}',
        b'{"p":"abcd","bytes":"e30="}',
        b'{"p":"a\\"b","bytes":"e30="}',
        b'{ "bytes" : "e30=" }',
        b'{"bytes":"e30=","more":{"bytes":"AAAA"}}',
        b'{"bytes":"\\u0065\\u00330="}',
    ],
)
def test_other_keys_and_other_layout_change_nothing(payload: bytes) -> None:
    assert read(one(encode(CHUNK, payload))) == b"{}"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b'{"bytes":1}',
        b'{"bytes":"e30"}',
        b'{"bytes":"*"}',
        b'{"bytes":"e30="',
        b"\xff",
        b'{"p":' + b"[" * 50_000,
    ],
    ids=lambda payload: repr(payload[:20]),
)
def test_an_event_without_bytes_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="open another connection") as refusal:
        read(one(encode(CHUNK, payload)))
    assert refusal.value.received == payload[:500]


@pytest.mark.parametrize(
    "headers",
    [
        ((":message-type", "event"), (":event-type", "metadata")),
        ((":message-type", "event"),),
        ((":message-type", "initial-response"),),
        ((":message-type", 1), (":event-type", "chunk")),
        (),
    ],
)
def test_what_is_unknown_is_ignored(headers: tuple[tuple[str, HeaderValue], ...]) -> None:
    assert read(one(encode(headers, b"anything"))) is None


@pytest.mark.parametrize(
    ("kind", "payload", "ending"),
    [
        ("validationException", b'{"message":"no"}', Ending(400, "no")),
        ("modelTimeoutException", b'{"message":"late"}', Ending(408, "late")),
        (
            "modelStreamErrorException",
            b'{"message":"odd","originalStatusCode":500,"originalMessage":"x"}',
            Ending(424, "odd"),
        ),
        ("throttlingException", b'{"message":"slow down"}', Ending(429, "slow down")),
        ("internalServerException", b"{}", Ending(500, "")),
        ("serviceUnavailableException", b"not JSON", Ending(503, "not JSON")),
        ("throttlingException", b'{"message":"\xff"}', Ending(429, '{"message":"\ufffd"}')),
        ("throttlingException", b'{"a":' + b"[" * 50_000, Ending(429, '{"a":' + "[" * 50_000)),
        ("brandNewException", b'{"message":"hello"}', Ending(500, "brandNewException: hello")),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_exceptions_end_the_stream_with_their_code(kind: str, payload: bytes, ending: Ending) -> None:
    assert read(one(trouble(kind, payload))) == ending


def test_errors_that_are_not_modelled_end_it_with_what_they_say() -> None:
    headers = ((":message-type", "error"), (":error-code", "Odd"), (":error-message", "what now"))
    assert read(one(encode(headers, b""))) == Ending(500, "Odd: what now")


def test_a_document_that_is_too_long_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        chunk(bytes(13 * 2**20))
