from __future__ import annotations

import pickle
from copy import deepcopy
from typing import get_args

import pytest

from s2s.errors import AudioFormatError
from s2s.pipeline import AudioFrame, ControlFrame, Frame, TextFrame
from s2s.pipeline.frames import NOTHING
from s2s.pipeline.mono import Mono

STEREO = AudioFrame(b"\x10\x00\x20\x00" * 160, 16_000, 2)


def test_a_frame_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        TextFrame("said").text = "unsaid"  # type: ignore[misc]
    with pytest.raises(TypeError):
        ControlFrame("stop").metadata["mine"] = 1  # type: ignore[index]


@pytest.mark.parametrize("frame", [TextFrame("said"), ControlFrame("stop", metadata={"mine": [1]})])
def test_a_frame_can_be_copied_and_sent_to_another_process(frame: Frame) -> None:
    for copied in (pickle.loads(pickle.dumps(frame)), deepcopy(frame)):
        assert copied == frame
        assert (copied.metadata is NOTHING) == (frame.metadata is NOTHING)


def test_every_frame_has_a_tag_of_its_own_and_metadata() -> None:
    kinds = get_args(Frame)
    assert len({each.__struct_config__.tag for each in kinds}) == len(kinds)
    assert all("metadata" in each.__struct_fields__ for each in kinds)


@pytest.mark.parametrize(
    ("frame", "ms"),
    [(AudioFrame(bytes(960)), 20), (AudioFrame(bytes(640), 16_000), 20), (STEREO, 10), (AudioFrame(b""), 0)],
)
def test_a_frame_knows_how_long_it_sounds(frame: AudioFrame, ms: float) -> None:
    assert frame.duration_ms == ms


def test_mono_averages_channels_and_keeps_split_samples() -> None:
    mono = Mono(16_000)
    assert mono.push(STEREO) == b"\x18\x00" * 160
    assert mono.push(AudioFrame(b"\x10\x00\x20", 16_000, 2)) == b""
    assert mono.push(AudioFrame(b"\x00", 16_000, 2)) == b"\x18\x00"


def test_a_stream_may_change_its_format() -> None:
    mono = Mono(16_000)
    parts = [
        mono.push(AudioFrame(bytes(n), rate, ch)) for n, rate, ch in ((640, 16_000, 1), (960, 24_000, 1))
    ]
    parts += [mono.push(AudioFrame(bytes(3840), 48_000, 2)), mono.flush()]
    assert sum(map(len, parts)) == pytest.approx(3 * 640, abs=8)


@pytest.mark.parametrize("frame", [AudioFrame(b"", 0), AudioFrame(b"", 16_000, 0), AudioFrame(b"", 10**6)])
def test_what_is_no_audio_is_refused(frame: AudioFrame) -> None:
    with pytest.raises(AudioFormatError, match="an AudioFrame holds PCM16"):
        Mono(16_000).push(frame)


def test_what_holds_no_bytes_is_refused() -> None:
    with pytest.raises(AudioFormatError):
        Mono(16_000).push(AudioFrame("loud", 16_000))  # type: ignore[arg-type]
