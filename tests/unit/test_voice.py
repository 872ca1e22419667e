from array import array

import pytest

from s2s.events import AudioOutput
from s2s.formats import AudioFormat
from s2s.voice import Voice


def spoken(ms: int, item_id: str = "a", position_ms: float = 0.0, rate: int = 24_000) -> AudioOutput:
    return AudioOutput(array("h", [500] * (rate * ms // 1000)).tobytes(), rate, "r", item_id, position_ms)


def test_audio_that_is_right_already_is_not_touched() -> None:
    event = spoken(20)
    voice = Voice(AudioFormat())
    assert voice.convert(event) == (event,)
    assert voice.convert(event)[0] is event
    assert voice.finish() == ()


@pytest.mark.parametrize(
    "wanted",
    [
        AudioFormat(sample_rate=16_000),
        AudioFormat("g711_ulaw", 8_000),
        AudioFormat(sample_rate=48_000, channels=2),
    ],
)
def test_a_converted_item_lasts_as_long_as_the_original_and_its_positions_follow_one_another(
    wanted: AudioFormat,
) -> None:
    voice = Voice(wanted)
    events = [made for at in range(0, 100, 20) for made in voice.convert(spoken(20, position_ms=at))]
    events += voice.finish()
    assert {each.sample_rate for each in events} == {wanted.sample_rate}
    at_ms = 0.0
    for each in events:
        assert each.position_ms == pytest.approx(at_ms)
        at_ms += wanted.duration_ms(len(each.audio))
    assert at_ms == pytest.approx(100)


def test_what_the_filter_withholds_comes_before_the_next_item() -> None:
    wanted = AudioFormat(sample_rate=8_000)
    voice = Voice(wanted)
    events = [*voice.convert(spoken(20)), *voice.convert(spoken(20, "b")), *voice.finish()]
    assert [each.item_id for each in events] == ["a", "a", "b", "b"]
    lasts = {i: sum(wanted.duration_ms(len(e.audio)) for e in events if e.item_id == i) for i in ("a", "b")}
    assert lasts == {"a": 20.0, "b": 20.0}


def test_an_item_that_needs_no_conversion_waits_for_the_rest_of_one_that_did() -> None:
    voice = Voice(AudioFormat(sample_rate=16_000))
    events = [*voice.convert(spoken(20)), *voice.convert(spoken(20, "b", rate=16_000)), *voice.finish()]
    assert [each.item_id for each in events] == ["a", "a", "b"]


def test_nobody_hears_the_rest_after_a_reset() -> None:
    voice = Voice(AudioFormat(sample_rate=16_000))
    voice.convert(spoken(20))
    voice.reset()
    assert voice.finish() == ()


def test_split_samples_are_put_together() -> None:
    voice = Voice(AudioFormat(sample_rate=16_000))
    whole = spoken(20).audio
    parts = [whole[:7], whole[7:8], whole[8:]]
    events = [each for part in parts for each in voice.convert(AudioOutput(part, 24_000, "r", "a"))]
    events += voice.finish()
    assert sum(len(each.audio) for each in events) == 16 * 20 * 2
