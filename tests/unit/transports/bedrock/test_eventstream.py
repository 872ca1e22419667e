import struct
from collections.abc import Callable
from itertools import pairwise
from uuid import UUID
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import LocalProtocolError, RemoteProtocolError
from s2s.transports.bedrock.eventstream import (
    Decoder,
    HeaderValue,
    Message,
    Timestamp,
    encode,
    framed,
    header_block,
)
from tests.support.effort import calls_made

NAMES = st.text(min_size=1, max_size=40)
WORDS = st.integers(-(2**63), 2**63 - 1)
VALUES: st.SearchStrategy[HeaderValue] = st.one_of(
    st.booleans(),
    WORDS,
    WORDS.map(Timestamp),
    st.binary(max_size=300),
    st.text(max_size=80),
    st.uuids(),
)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=6).map(lambda held: list(held.items()))
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=500)), min_size=1, max_size=4)


def decoded(data: bytes) -> list[Message]:
    return list(Decoder().push(data))


def prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", crc32(lengths))


@given(MESSAGES, st.data())
def test_whatever_is_encoded_is_decoded_however_it_is_cut(
    messages: list[tuple[list[tuple[str, HeaderValue]], bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode(headers, payload) for headers, payload in messages)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)) | {0, len(stream)})
    decoder, got = Decoder(), list[Message]()
    for start, end in pairwise(cuts):
        got += decoder.push(stream[start:end])
    assert got == [Message(dict(headers), payload) for headers, payload in messages]
    told = [[type(value) for value in each.headers.values()] for each in got]
    assert told == [[type(value) for _, value in headers] for headers, _ in messages]
    assert not decoder.amid


@given(MESSAGES)
def test_botocore_reads_what_is_encoded(
    messages: list[tuple[list[tuple[str, HeaderValue]], bytes]],
) -> None:
    theirs = EventStreamBuffer()
    theirs.add_data(b"".join(encode(headers, payload) for headers, payload in messages))
    for (headers, payload), read in zip(messages, theirs, strict=True):
        assert (read.headers, read.payload) == (
            {name: value.bytes if isinstance(value, UUID) else value for name, value in headers},
            payload,
        )


def test_a_message_is_found_when_it_comes_byte_by_byte() -> None:
    message = encode([("a", "b")], b"payload")
    decoder = Decoder()
    assert not decoder.amid
    for each in message[:-1]:
        assert list(decoder.push(bytes((each,)))) == []
        assert decoder.amid
    assert list(decoder.push(message[-1:])) == [Message({"a": "b"}, b"payload")]
    assert not decoder.amid


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        (0, b"", True),
        (1, b"", False),
        (2, b"\xff", -1),
        (3, b"\x80\x00", -32768),
        (4, b"\x00\x00\x00\x07", 7),
        (5, b"\xff" * 8, -1),
        (6, b"\x00\x02\x00\xff", b"\x00\xff"),
        (7, b"\x00\x02\xc3\xa4", "\u00e4"),
        (8, b"\x00\x00\x01\xa2\x02\xa9\xa2\x12", Timestamp(1795341001234)),
        (9, bytes(range(16)), UUID(bytes=bytes(range(16)))),
    ],
)
def test_all_types_of_headers_are_read(kind: int, content: bytes, value: HeaderValue) -> None:
    (message,) = decoded(framed(b"\x01a" + bytes((kind,)) + content + b"\x01z\x00", b""))
    assert message.headers == {"a": value, "z": True}
    assert type(message.headers["a"]) is type(value)


def test_a_number_takes_no_more_bytes_than_it_needs() -> None:
    sizes = [len(header_block([("n", number)])) - 3 for number in (1, 200, 40_000, 2**40)]
    assert sizes == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("block", "how"),
    [
        (b"\x01a\x0a", "type 10"),
        (b"\x01a", "cut off"),
        (b"\x05a", "cut off"),
        (b"\x01a\x05\x00", "cut off"),
        (b"\x01a\x06\x00", "cut off"),
        (b"\x01a\x07\x00\x02x", "cut off"),
        (b"\x01a\x09" + bytes(15), "cut off"),
        (b"\x01\xff\x00", "no UTF-8"),
        (b"\x01a\x07\x00\x01\xff", "no UTF-8"),
        (b"\x00\x00", "no name"),
        (b"\x01a\x00\x01a\x00", "there already"),
    ],
)
def test_headers_that_break_the_rules_are_refused(block: bytes, how: str) -> None:
    with pytest.raises(RemoteProtocolError, match=how) as refusal:
        decoded(framed(block, b""))
    assert str(refusal.value).endswith("open another connection, and report it if that happens again")


@pytest.mark.parametrize(
    ("total", "headers"),
    [(0, 0), (15, 0), (31, 16), (16, 2**32 - 1), (2**32 - 1, 0), (17 + 2**24, 0), (2**20, 2**17 + 1)],
)
def test_lengths_that_break_the_rules_are_refused_at_once(total: int, headers: int) -> None:
    with pytest.raises(RemoteProtocolError):
        decoded(prelude(total, headers))


def test_a_flipped_bit_is_noticed_wherever_it_is() -> None:
    good = encode([("a", "b")], b"payload")
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RemoteProtocolError, match="broken"):
            decoded(bytes(bad))


def test_what_came_before_a_broken_message_is_still_read_and_nothing_after_it() -> None:
    good = encode([], b"good")
    decoder = Decoder()
    messages = decoder.push(good + b"\x00" * 12 + good)
    assert next(messages) == Message({}, b"good")
    for again in (messages, decoder.push(good)):
        with pytest.raises(RemoteProtocolError):
            next(again)
    assert decoder.amid


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ([("", "x")], b""),
        ([("n" * 256, "x")], b""),
        ([("n", "x" * 32_768)], b""),
        ([("n", 2**63)], b""),
        ([(f"n{index}", "x" * 32_767) for index in range(5)], b""),
        ([], bytes(2**24 + 1)),
    ],
)
def test_what_is_too_long_is_not_encoded(headers: list[tuple[str, HeaderValue]], payload: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        encode(headers, payload)


def test_the_longest_message_passes() -> None:
    headers: list[tuple[str, HeaderValue]] = [(f"n{index}", "x" * 32_700) for index in range(4)]
    (message,) = decoded(encode(headers, bytes(2**24)))
    assert (message.headers, len(message.payload)) == (dict(headers), 2**24)


def test_the_same_headers_are_read_once() -> None:
    messages = [encode([("a", value)], bytes(value)) for value in (1, 1, 2)]
    first, second, other = decoded(b"".join(messages))
    assert first.headers is second.headers
    assert other.headers == {"a": 2}


def test_work_grows_with_the_pieces_and_not_with_their_square() -> None:
    def work(size: int) -> Callable[[], object]:
        stream = encode([], bytes(size)) + encode([], b"") * (size // 16)
        pieces = [stream[start : start + 7] for start in range(0, len(stream), 7)]
        decoder = Decoder()
        return lambda: [message for piece in pieces for message in decoder.push(piece)]

    assert calls_made(work(16_000)) < calls_made(work(2_000)) * 9
