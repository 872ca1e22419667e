"""Audio on its way, and the window that is open while the user speaks."""

import json

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


def test_another_connection_knows_of_no_window() -> None:
    uplink = Uplink(16_000, manual=True)
    uplink.begin()
    uplink.append(bytes(32))
    uplink.reopen(manual=True)
    assert passes(uplink) is False
    assert uplink.begin() == START
    uplink.reopen(manual=False)
    assert passes(uplink) is True
    assert uplink.position_ms == 1.0
