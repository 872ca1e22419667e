from __future__ import annotations

import contextlib
import time

import pytest

from s2s.errors import RemoteProtocolError
from s2s.wire.gemini.ear import Ear, rate_of


@pytest.mark.parametrize(
    ("mime_type", "rate"),
    [
        (None, 16_000),
        ("", 16_000),
        ("audio/pcm", 16_000),
        ("audio/pcm;rate=24000", 24_000),
        ("Audio/PCM; channels=1; Rate=8000", 8_000),
    ],
)
def test_audio_says_its_rate(mime_type: str | None, rate: int) -> None:
    assert rate_of(mime_type) == rate


@pytest.mark.parametrize(
    "mime_type",
    [
        *("audio/wav", "image/jpeg"),
        *(f"audio/pcm;rate={each}" for each in ("", "-1", "1", "9" * 9, "9" * 5000)),
        *(f"audio/pcm;rate={each}" for each in (3_999, 15_999, 16_001, 60_001, 193_000)),
    ],
)
def test_what_cannot_be_heard_is_refused(mime_type: str) -> None:
    with pytest.raises(RemoteProtocolError, match="is not understood: use audio/pcm;rate=16000"):
        rate_of(mime_type)


def test_a_rate_that_changes_loses_nothing() -> None:
    ear = Ear(16_000)
    heard = ear.hear(bytes(640), 16_000) + ear.hear(bytes(960), 24_000) + ear.hear(bytes(640), 16_000)
    assert len(heard) == 1920


def test_forgotten_is_what_waits_for_its_other_half() -> None:
    ear = Ear(16_000)
    assert ear.hear(b"\x01", 16_000) == b""
    ear.forget()
    assert ear.hear(b"\x02\x03", 16_000) == b"\x02\x03"


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("input_rate", [8_000, 16_000, 24_000])
def test_rates_in_use_are_heard(rate: int, input_rate: int) -> None:
    ear = Ear(input_rate)
    second = ear.hear(bytes(2 * rate), rate_of(f"audio/pcm;rate={rate}")) + ear.hear(b"", input_rate)
    assert len(second) == 2 * input_rate


def test_no_rate_makes_the_ear_work_hard() -> None:
    rates: list[int] = []
    for each in range(1, 200_000):
        with contextlib.suppress(RemoteProtocolError):
            rates.append(rate_of(f"audio/pcm;rate={each}"))
    before = time.process_time()
    ear = Ear(24_000)
    for each in rates:
        ear.hear(bytes(320), each)
    assert time.process_time() - before < 3
    assert len(rates) > 100
