"""Audio on its way, and what of it is heard again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64decode
from tests.support.nova import LOUD, SILENT

from s2s.wire import Send
from s2s.wire.nova.uplink import Uplink

RATE = 16_000
SECOND = 2 * RATE


def pcm_of(message: bytes) -> bytes:
    return b64decode(json.loads(message)["event"]["audioInput"]["content"])


def heard_again(uplink: Uplink) -> bytes:
    return b"".join(pcm_of(each.data) for each in uplink.again())


def is_quiet(uplink: Uplink) -> bool:
    return uplink.quiet


def appended(*chunks: bytes) -> Uplink:
    made = Uplink(RATE)
    for each in chunks:
        made.append(each)
    return made


@given(st.binary(min_size=2, max_size=40_000))
def test_audio_arrives_as_it_was(audio: bytes) -> None:
    made = Uplink(RATE)
    assert pcm_of(made.append(audio)) == audio
    pieces = [pcm_of(each.data) for each in made.split(audio)]
    assert b"".join(pieces) == audio
    assert all(len(each) <= made.most_bytes == SECOND // 2 for each in pieces)


# Heard again.


def test_what_was_not_understood_is_heard_again_from_shortly_before_its_first_sound() -> None:
    made = appended(*[SILENT] * 20, *[LOUD] * 3, *[SILENT] * 4)
    assert heard_again(made) == SILENT * 3 + LOUD * 3 + SILENT * 4
    assert heard_again(made) == heard_again(made)


def test_it_comes_in_pieces_that_are_not_too_long() -> None:
    made = appended(*[LOUD] * 12)
    assert [len(pcm_of(each.data)) for each in made.again()] == [16_000, 16_000, 6_400]


@pytest.mark.parametrize("chunks", [[], [SILENT] * 30], ids=["nothing", "silence"])
def test_silence_is_not_heard_again(chunks: list[bytes]) -> None:
    assert appended(*chunks).again() == []


def test_what_was_understood_is_not_heard_again() -> None:
    made = appended(LOUD, LOUD)
    made.understood()
    assert made.again() == []
    made.append(LOUD)
    assert heard_again(made) == LOUD


def test_no_more_than_ten_seconds_are_kept() -> None:
    made = appended(LOUD, SILENT)
    made.understood()
    for _ in range(400):
        made.append(LOUD)
    assert len(heard_again(made)) == 10 * SECOND
    assert len(made._kept) <= 15 * SECOND
    made.understood()
    assert made.again() == []


def test_whoever_was_speaking_where_it_begins_is_cut_short() -> None:
    made = appended(*[LOUD] * 100)
    assert not made.cut_short()
    made.append(LOUD)
    assert made.cut_short()
    for _ in range(99):
        made.append(SILENT)
    assert made.cut_short()
    made.append(SILENT)
    assert not made.cut_short()


def test_what_is_kept_no_more_moves_nothing() -> None:
    made = appended(*[LOUD] * 120)
    made.understood()
    for _ in range(40):
        made.append(LOUD)
    assert heard_again(made) == LOUD * 40


def test_audio_that_nobody_hears_yet_is_kept() -> None:
    made = Uplink(RATE)
    for _ in range(400):
        made.keep(LOUD)
    assert len(heard_again(made)) == 10 * SECOND
    assert len(made._kept) <= 15 * SECOND


def test_half_a_sample_at_the_end_breaks_nothing() -> None:
    made = appended(LOUD, b"\1")
    assert heard_again(made) == LOUD + b"\1"
    assert not is_quiet(made)


# Quiet.


def test_it_is_quiet_before_anything_was_said() -> None:
    assert is_quiet(Uplink(RATE))


def test_it_is_quiet_two_seconds_after_the_last_sound() -> None:
    made = appended(LOUD, *[SILENT] * 19)
    assert not is_quiet(made)
    made.append(SILENT)
    assert is_quiet(made)
    made.append(LOUD)
    assert not is_quiet(made)


def test_whoever_asks_all_the_time_learns_the_same() -> None:
    made, asked = Uplink(RATE), Uplink(RATE)
    for number in range(200):
        chunk = LOUD if number % 37 == 5 else SILENT
        made.append(chunk)
        asked.append(chunk)
        assert isinstance(is_quiet(asked), bool)
        if number % 10 == 0:
            assert is_quiet(made) is is_quiet(asked)


def test_a_message_is_made_of_its_bytes_alone() -> None:
    assert appended().split(SILENT) == [Send(Uplink(RATE).append(SILENT))]
