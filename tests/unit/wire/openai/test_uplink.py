import json

import pybase64
from hypothesis import given
from hypothesis import strategies as st

from s2s.audio.g711 import decode_ulaw
from s2s.formats import AudioFormat
from s2s.wire.openai.uplink import Uplink

MS = 48


def audio_of(message: bytes) -> bytes:
    read = json.loads(message)
    assert set(read) == {"type", "audio"}
    assert read["type"] == "input_audio_buffer.append"
    return pybase64.b64decode(read["audio"], validate=True)


@given(st.binary(max_size=2000))
def test_a_chunk_goes_out_as_it_is(pcm: bytes) -> None:
    assert audio_of(Uplink(AudioFormat()).append(pcm)) == pcm


def test_a_telephone_gets_its_own_coding_back() -> None:
    uplink = Uplink(AudioFormat("g711_ulaw", 8_000))
    codes = bytes(range(256))
    sent = audio_of(uplink.append(decode_ulaw(codes)))
    assert decode_ulaw(sent) == decode_ulaw(codes)
    assert uplink.rate == 8_000
    assert uplink.waiting_ms == 32


def test_audio_is_counted_until_a_turn_takes_it() -> None:
    uplink = Uplink(AudioFormat())
    uplink.append(bytes(30 * MS))
    uplink.append(bytes(30 * MS))
    assert (uplink.waiting_ms, uplink.position_ms) == (60, 60)
    uplink.taken()
    assert (uplink.waiting_ms, uplink.position_ms) == (0, 60)


def test_the_last_audio_is_kept_at_hand_where_that_is_wanted() -> None:
    uplink = Uplink(AudioFormat())
    uplink.keep(50)
    for number in range(1, 8):
        uplink.append(bytes([number, 0]) * (20 * MS // 2))
    again = [audio_of(each) for each in uplink.again()]
    assert [each[0] for each in again] == [5, 6, 7]
    assert uplink.waiting_ms == 60


def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    uplink = Uplink(AudioFormat())
    uplink.append(bytes(20 * MS))
    assert uplink.again() == []
    assert uplink.waiting_ms == 0
    uplink.keep(50)
    uplink.append(bytes(20 * MS))
    uplink.keep(0)
    assert uplink.again() == []
