import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.transports.webrtc.jitter import MOST_LATE, JitterBuffer, Packet, Unwrapper

FRAME = 960


def sent(count: int, first: int = 0, timestamp: int = 0) -> list[tuple[int, int, bytes]]:
    """Packets as a sender numbers them on the wire."""
    return [((first + n) % 2**16, (timestamp + n * FRAME) % 2**32, str(n).encode()) for n in range(count)]


def released(buffer: JitterBuffer, packets: list[tuple[int, int, bytes]]) -> list[int]:
    """The payloads' numbers, in the order in which they come out."""
    return [int(packet.payload) for each in packets for packet in buffer.push(*each)]


def test_what_comes_in_order_goes_straight_through() -> None:
    buffer = JitterBuffer(patience=3)
    for n, each in enumerate(sent(10)):
        assert buffer.push(*each) == [Packet(n, n * FRAME, each[2])]


def test_a_packet_overtaken_by_fewer_than_the_patience_is_put_in_its_place() -> None:
    packets = sent(6)
    late = packets.pop(2)
    packets.insert(4, late)
    assert released(JitterBuffer(patience=3), packets) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("patience", [1, 2, 3, 4])
def test_a_hole_is_waited_for_until_as_many_packets_as_the_patience_are_behind_it(patience: int) -> None:
    buffer = JitterBuffer(patience)
    first, _, *behind = sent(patience + 3)
    buffer.push(*first)
    for each in behind[: patience - 1]:
        assert buffer.push(*each) == []
    assert len(buffer.push(*behind[patience - 1])) == patience
    assert len(buffer.push(*behind[patience])) == 1


def test_a_packet_that_comes_after_its_place_was_given_up_is_useless() -> None:
    buffer = JitterBuffer(patience=1)
    packets = sent(4)
    late = packets.pop(1)
    assert released(buffer, [*packets, late]) == [0, 2, 3]
    assert buffer.useless == 1


def test_a_packet_that_comes_twice_is_released_once() -> None:
    buffer = JitterBuffer(patience=3)
    first, _, third = sent(3)
    assert released(buffer, [first, first, third, third]) == [0]
    assert buffer.useless == 2


def test_numbers_wrap_unnoticed() -> None:
    packets = sent(8, first=2**16 - 4, timestamp=2**32 - 3 * FRAME)
    packets[3], packets[4] = packets[4], packets[3]
    buffer = JitterBuffer()
    out = [packet for each in packets for packet in buffer.push(*each)]
    assert [packet.sequence for packet in out] == list(range(2**16 - 4, 2**16 + 4))
    assert {after.timestamp - before.timestamp for before, after in pairwise(out)} == {FRAME}


def test_a_sender_that_begins_again_is_followed_at_once() -> None:
    buffer = JitterBuffer()
    assert released(buffer, sent(5, first=5000)) == [0, 1, 2, 3, 4]
    assert released(buffer, sent(5, first=5000 - MOST_LATE)) == [0, 1, 2, 3, 4]


def test_after_an_outage_it_goes_on_once_the_patience_is_over() -> None:
    buffer = JitterBuffer(patience=2)
    released(buffer, sent(5))
    assert released(buffer, sent(3, first=20_000)) == [0, 1, 2]


@given(st.lists(st.integers(-300, 300), max_size=50), st.integers(0, 2**16 - 1))
def test_numbers_that_move_by_less_than_half_their_range_are_unwrapped_exactly(
    steps: list[int], first: int
) -> None:
    unwrapper = Unwrapper(16)
    meant = first
    assert unwrapper.unwrap(first) == first
    for step in steps:
        meant += step
        assert unwrapper.unwrap(meant % 2**16) == meant


@given(
    count=st.integers(1, 200),
    first=st.integers(0, 2**16 - 1),
    loss=st.floats(0, 0.5),
    patience=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_whatever_is_lost_or_doubled_the_rest_comes_out_once_in_order_and_soon(
    count: int, first: int, loss: float, patience: int, seed: int
) -> None:
    chance = random.Random(seed)
    packets = sent(count, first)
    arriving = [packets[0], *(each for each in packets[1:] if chance.random() >= loss)]
    doubled = [copy for each in arriving for copy in [each] * chance.choice([1, 1, 1, 2])]
    out = released(JitterBuffer(patience), doubled)
    due = [int(each[2]) for each in arriving]
    assert out == due[: len(out)]
    assert len(due) - len(out) < patience


@given(
    count=st.integers(1, 100),
    patience=st.integers(2, 5),
    seed=st.integers(0, 1000),
    first=st.integers(0, 2**16 - 1),
)
def test_reordering_within_the_patience_loses_nothing(
    count: int, patience: int, seed: int, first: int
) -> None:
    chance = random.Random(seed)
    packets = sent(count, first)
    rest = sorted(enumerate(packets[1:]), key=lambda each: each[0] + chance.random() * (patience - 0.5))
    out = released(JitterBuffer(patience), [packets[0], *(each for _, each in rest)])
    assert out == list(range(count))
