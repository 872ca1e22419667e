import msgspec
import pytest

from s2s.errors import ConfigError
from s2s.formats import ENCODINGS, AudioFormat


def test_the_default_is_what_most_engines_speak() -> None:
    assert AudioFormat() == AudioFormat(encoding="pcm16", sample_rate=24_000, channels=1)


@pytest.mark.parametrize(
    ("audio", "frame_bytes", "bytes_per_ms"),
    [
        (AudioFormat(), 2, 48),
        (AudioFormat(sample_rate=44_100, channels=2), 4, 176.4),
        (AudioFormat("g711_ulaw", 8_000), 1, 8),
    ],
)
def test_sizes(audio: AudioFormat, frame_bytes: int, bytes_per_ms: float) -> None:
    assert audio.frame_bytes == frame_bytes
    assert audio.bytes_per_ms == pytest.approx(bytes_per_ms)
    assert audio.duration_ms(audio.bytes_in(20)) == pytest.approx(20, abs=0.05)


def test_a_duration_has_whole_frames_only() -> None:
    stereo = AudioFormat(sample_rate=11_025, channels=2)
    assert stereo.bytes_in(20) == 220 * 4


@pytest.mark.parametrize(
    ("encoding", "sample_rate", "channels", "remedy"),
    [
        ("mp3", 24_000, 1, "use pcm16, g711_ulaw, g711_alaw"),
        ("pcm16", 3_999, 1, "a whole number from 4000 to 192000"),
        ("pcm16", 24_000.0, 1, "a whole number from 4000 to 192000"),
        ("pcm16", "24k", 1, "a whole number from 4000 to 192000"),
        ("pcm16", 24_000, 0, "a whole number from 1 to 8"),
        ("pcm16", 24_000, 9, "a whole number from 1 to 8"),
        ("g711_ulaw", 16_000, 1, "use 8000"),
        ("g711_alaw", 8_000, 2, "use 1"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    encoding: str, sample_rate: object, channels: int, remedy: str
) -> None:
    fields = {"encoding": encoding, "sample_rate": sample_rate, "channels": channels}
    with pytest.raises(ConfigError, match=remedy):
        AudioFormat(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_it_survives_json(encoding: str) -> None:
    audio = msgspec.convert({"encoding": encoding, "sample_rate": 8_000}, AudioFormat)
    assert msgspec.json.decode(msgspec.json.encode(audio), type=AudioFormat) == audio
