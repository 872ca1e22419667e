from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.wire.nova.ear import Ear


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_half_a_sample_waits_for_the_rest_of_it(pieces: list[bytes]) -> None:
    ear = Ear(16_000)
    heard = [ear.hear(each, 16_000) for each in pieces]
    whole = b"".join(pieces)
    assert b"".join(heard) == whole[: len(whole) & ~1]
    assert all(len(each) % 2 == 0 for each in heard)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_audio_of_every_rate_is_as_long_as_before(rate_hz: int) -> None:
    ear = Ear(24_000)
    heard = sum(len(ear.hear(bytes(rate_hz // 50 * 2), rate_hz)) for _ in range(50))
    assert 48_000 - 300 < heard <= 48_000


def test_another_block_has_a_rate_and_samples_of_its_own() -> None:
    ear = Ear(16_000)
    assert ear.hear(b"abc", 16_000) == b"ab"
    ear.forget()
    assert ear.hear(b"de", 16_000) == b"de"
    ear.forget()
    assert len(ear.hear(bytes(320), 8_000)) > 500
