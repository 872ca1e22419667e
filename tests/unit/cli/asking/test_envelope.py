from array import array

import pytest

from s2s.cli.asking.envelope import Envelope


def square(amplitude: int, n: int) -> bytes:
    return array("h", [amplitude, -amplitude] * (n // 2)).tobytes()


def test_an_empty_one_is_silent() -> None:
    assert not Envelope()
    assert Envelope().between(0, 1000) == (0.0, 0.0)


def test_sound_stands_where_it_was_put() -> None:
    envelope = Envelope()
    envelope.add(square(16384, 800), 8_000, at_ms=200)
    assert envelope.between(0, 200) == (0.0, 0.0)
    assert envelope.between(200, 300) == pytest.approx((0.5, 0.5), abs=0.001)
    assert envelope.end_ms == 300
    assert envelope.loudest == pytest.approx(0.5, abs=0.001)


def test_the_peak_of_a_stretch_is_its_loudest_moment() -> None:
    envelope = Envelope()
    envelope.add(square(3277, 800) + square(29491, 80) + square(3277, 800), 8_000, at_ms=0)
    assert envelope.between(0, 210)[0] == pytest.approx(0.9, abs=0.01)
    assert envelope.between(150, 210)[0] == pytest.approx(0.1, abs=0.01)


def test_a_day_takes_no_more_room_than_a_minute() -> None:
    envelope = Envelope()
    hour_ms = 3_600_000
    for hour in range(24):
        envelope.add(square(16384, 80), 8_000, at_ms=hour * hour_ms)
    assert envelope.end_ms / envelope.bin_ms <= 16_384
    assert envelope.between(23 * hour_ms, 23 * hour_ms + 10)[0] == pytest.approx(0.5, abs=0.001)
    assert envelope.between(22.5 * hour_ms, 22.6 * hour_ms)[0] == 0.0
