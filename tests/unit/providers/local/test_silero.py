import asyncio
import random
import struct
import wave
from pathlib import Path

import pytest

from s2s.errors import LocalProtocolError
from s2s.providers.local.pool import Pool

pytest.importorskip("onnxruntime")

from s2s.providers.local import store
from s2s.providers.local.silero import SileroVAD

if store.locate("silero-vad") is None:
    pytest.skip("the model is in the local extra", allow_module_level=True)

pytestmark = pytest.mark.local

SPEECH = Path(__file__).parents[3] / "fixtures" / "speech"
WINDOW_BYTES = 1024


@pytest.fixture(scope="module")
def vad() -> SileroVAD:
    detector = SileroVAD(Pool())
    asyncio.run(detector.warm())
    return detector


def recording(name: str) -> bytes:
    with wave.open(str(SPEECH / f"{name}.wav")) as file:
        return bytes(file.readframes(file.getnframes()))


def noise(seconds: float, loudness: int = 300) -> bytes:
    dice = random.Random(1)
    samples = [round(dice.gauss(0, loudness)) for _ in range(int(16_000 * seconds))]
    return struct.pack(f"<{len(samples)}h", *samples)


def test_a_window_is_32_ms(vad: SileroVAD) -> None:
    assert (vad.sample_rate, vad.window_ms) == (16_000, 32.0)
    assert len(vad.open().push(bytes(16_000 * 2))) == 31


@pytest.mark.parametrize("name", ["austen_0870", "cards_005", "go_forward_ten_meters"])
def test_speech_is_speech(vad: SileroVAD, name: str) -> None:
    heard = vad.open().push(recording(name))
    assert max(heard) > 0.9
    assert sum(each > 0.5 for each in heard) > len(heard) / 3


def test_silence_and_noise_are_not(vad: SileroVAD) -> None:
    for audio in (bytes(WINDOW_BYTES * 60), noise(2)):
        assert max(vad.open().push(audio)) < 0.3


def test_how_the_audio_is_cut_makes_no_difference(vad: SileroVAD) -> None:
    audio, dice = recording("cards_001"), random.Random(2)
    stream, pieces = vad.open(), list[float]()
    while audio:
        size = 2 * dice.randrange(900)
        pieces += stream.push(audio[:size])
        audio = audio[size:]
    assert pieces == vad.open().push(recording("cards_001"))


def test_streams_are_strangers_and_a_reset_one_is_new(vad: SileroVAD) -> None:
    audio = recording("cards_001")
    expected = vad.open().push(audio)
    one, other = vad.open(), vad.open()
    half = WINDOW_BYTES * 10
    first = one.push(audio[:half])
    other.push(noise(1))
    assert first + one.push(audio[half:]) == expected
    one.push(audio[:77])
    one.reset()
    assert one.push(audio) == expected


def test_it_cannot_be_opened_before_it_is_loaded() -> None:
    with pytest.raises(LocalProtocolError, match=r"await warm\(\) first"):
        SileroVAD(Pool()).open()
