from __future__ import annotations

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
