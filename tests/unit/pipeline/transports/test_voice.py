from __future__ import annotations

import pytest

from s2s.pipeline import AudioFrame
from s2s.pipeline.transports.voice import Piece, Voice


def test_audio_of_the_right_rate_passes_as_it_is() -> None:
    voice = Voice(24_000)
    assert voice.push(AudioFrame(b"\1\0", 24_000, item_id="a")) == [Piece("a", b"\1\0")]
    assert voice.push(AudioFrame(b"", item_id="a")) == voice.flush() == []


def test_the_end_of_an_item_comes_before_the_next_one_and_is_complete() -> None:
    voice = Voice(48_000)
    pieces = [each for item_id in "aab" for each in voice.push(AudioFrame(bytes(960), item_id=item_id))]
    pieces += voice.flush()
    by_item = {item_id: sum(len(pcm) for each, pcm in pieces if each == item_id) for item_id in "ab"}
    assert by_item == {"a": 3840, "b": 1920}
    assert [each for each, _ in pieces] == sorted(each for each, _ in pieces)
    assert sum(len(pcm) for _, pcm in pieces[:2]) < 3840
    assert pytest.approx(0) == sum(sum(pcm) for _, pcm in pieces)
