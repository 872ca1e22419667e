"""Audio on its way, and the window that is open while the user speaks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64decode

from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.gemini.uplink import Uplink, Window

START = [Send(b'{"realtimeInput":{"activityStart":{}}}')]
END = Send(b'{"realtimeInput":{"activityEnd":{}}}')


def blob_of(message: bytes) -> dict[str, JSON]:
    read = json.loads(message)
    assert set(read) == {"realtimeInput"}
    assert set(read["realtimeInput"]) == {"audio"}
    blob: dict[str, JSON] = read["realtimeInput"]["audio"]
    return blob


def passes(uplink: Uplink) -> bool:
    return uplink.passes


@given(st.binary(max_size=2000))
def test_a_chunk_goes_out_as_it_is(pcm: bytes) -> None:
    blob = blob_of(Uplink(16_000, manual=False).append(pcm))
    assert blob["mimeType"] == "audio/pcm;rate=16000"
    assert b64decode(blob["data"], validate=True) == pcm


def test_audio_is_counted_at_its_own_rate() -> None:
    uplink = Uplink(24_000, manual=False)
    assert blob_of(uplink.append(bytes(48 * 20)))["mimeType"] == "audio/pcm;rate=24000"
    uplink.append(bytes(48 * 30))
    assert uplink.position_ms == 50.0


def test_where_the_service_finds_the_turns_audio_always_passes() -> None:
    uplink = Uplink(16_000, manual=False)
    assert uplink.passes
    assert uplink.end() == Send(b'{"realtimeInput":{"audioStreamEnd":true}}')
    assert uplink.passes


def test_where_we_find_them_a_window_is_opened_once_and_closed() -> None:
    uplink = Uplink(16_000, manual=True)
    assert passes(uplink) is False
    assert uplink.begin() == START
    assert passes(uplink) is True
    assert uplink.begin() == []
    assert uplink.stop() == []
    assert uplink.end() == END
    assert uplink.window is Window.CLOSED
    assert passes(uplink) is False


def test_a_window_that_stopped_the_service_is_the_one_that_the_user_speaks_in() -> None:
    uplink = Uplink(16_000, manual=True)
    assert uplink.stop() == START
    assert uplink.stop() == []
    assert passes(uplink) is False
    assert uplink.begin() == []
    assert passes(uplink) is True


def turns(pcm: bytes, rate: int = 16_000) -> Uplink:
    """Return one that heard a turn of the user, on a connection that is gone."""
    uplink = Uplink(rate, manual=True)
    uplink.begin()
    uplink.append(b"\1\0")
    uplink.end()
    uplink.begin()
    for at in range(0, len(pcm), 4000):
        uplink.append(pcm[at : at + 4000])
    return uplink


def moved(uplink: Uplink, *, manual: bool = True) -> list[bytes]:
    """Return what another connection is told."""
    uplink.reopen(manual=manual)
    return [each.data for each in uplink.again()]


def heard_in(told: list[bytes]) -> bytes:
    return b"".join(b64decode(blob_of(each)["data"]) for each in told)


def test_another_connection_hears_a_turn_that_is_open_from_its_beginning() -> None:
    pcm = bytes(range(256)) * 200
    uplink = turns(pcm)
    uplink.parted(understood=True)
    start, *told = moved(uplink)
    assert Send(start) == START[0]
    assert len(told) == 2
    assert heard_in(told) == pcm
    assert passes(uplink) is True
    assert uplink.position_ms == pytest.approx(1600.0, abs=0.1)


def test_and_one_that_was_not_answered_to_its_end() -> None:
    uplink = turns(b"\2\0" * 160)
    uplink.end()
    uplink.parted(understood=False)
    assert uplink.keeps()
    _, *told, end = moved(uplink)
    assert (heard_in(told), Send(end)) == (b"\2\0" * 160, END)
    assert moved(uplink) == []
    uplink.turn_ended()
    assert not uplink.keeps()


def test_of_a_long_turn_the_newest_half_minute_is_kept() -> None:
    uplink = turns(b"\1\0" * 8000 + b"\2\0" * 8000 * 30, rate=8000)
    assert heard_in(moved(uplink)[1:]) == b"\2\0" * 8000 * 30


@pytest.mark.parametrize("understood", [True, False])
def test_one_that_waits_to_be_answered_is_heard_again_unless_it_was_understood(understood: bool) -> None:
    uplink = turns(bytes(320))
    uplink.window = Window.TAKEN
    uplink.parted(understood=understood)
    assert len(moved(uplink)) == (0 if understood else 2)
    assert uplink.window is (Window.CLOSED if understood else Window.TAKEN)


def test_another_connection_knows_of_no_window_in_which_nothing_was_said() -> None:
    uplink = Uplink(16_000, manual=True)
    uplink.stop()
    uplink.parted(understood=False)
    assert moved(uplink) == []
    assert uplink.begin() == START


def test_where_the_service_finds_the_turns_nothing_is_heard_again() -> None:
    uplink = turns(bytes(320))
    assert moved(uplink, manual=False) == []
    uplink.append(bytes(320))
    assert not uplink.keeps()
    assert moved(uplink) == []
    assert passes(uplink) is False
