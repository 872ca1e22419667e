import asyncio
import itertools
from pathlib import Path

import pytest

from s2s.errors import ConfigError, UnsupportedError
from s2s.providers.local.pool import Pool

pytest.importorskip("onnxruntime")
pytest.importorskip("hibari")

import numpy as np
from numpy.typing import NDArray

from s2s.providers.local import store
from s2s.providers.local.hibari import HibariTTS
from s2s.providers.local.moonshine import MoonshineSTT

pytestmark = pytest.mark.local

HEARD = {
    "What is the weather in Paris today?": "weather in paris today",
    "Turn off the lights in the kitchen.": "turn off the lights in the kitchen",
    "I would like to know the opening hours of the museum.": "opening hours of the museum",
    "She told me the package would arrive on Thursday.": "package would arrive on thursday",
    "The doctor said that I should drink more water.": "the doctor said that i should drink more water",
}


@pytest.fixture(scope="module")
def tts() -> HibariTTS:
    speaker = HibariTTS(Pool())
    asyncio.run(speaker.warm())
    return speaker


def say(tts: HibariTTS, text: str, voice: str | None = None) -> list[bytes]:
    async def bounded() -> list[bytes]:
        async with asyncio.timeout(30):
            return [pcm async for pcm in tts.speak(text, voice=voice)]

    return asyncio.run(bounded())


def loud_ms(pcm: bytes) -> tuple[float, float]:
    """Return the quiet before and after the sound, in ms."""
    level = np.abs(np.frombuffer(pcm, "<i2"))
    loud = np.flatnonzero(level > 327)
    return loud[0] / 24, (len(level) - loud[-1]) / 24


def at_16_khz(pcm: bytes) -> bytes:
    samples: NDArray[np.float64] = np.frombuffer(pcm, "<i2").astype(np.float64)
    bins = np.fft.rfft(samples)
    size = len(samples) * 2 // 3
    return (np.fft.irfft(bins[: size // 2 + 1], size) * size / len(samples)).round().astype("<i2").tobytes()


@pytest.mark.skipif(store.locate("moonshine-decoder") is None, reason="the models are in the local extra")
def test_what_is_spoken_is_understood(tts: HibariTTS) -> None:
    stt = MoonshineSTT(Pool())
    for text, part in HEARD.items():
        heard = asyncio.run(stt.transcribe(at_16_khz(b"".join(say(tts, text)))))
        assert part in heard.lower()


def test_the_sound_begins_at_once(tts: HibariTTS) -> None:
    for text in HEARD:
        assert loud_ms(say(tts, text)[0])[0] < 40


def test_punctuation_decides_how_long_the_pause_is(tts: HibariTTS) -> None:
    ends = ("Here is one", "Here is one,", "Here is one.")
    pauses = [loud_ms(say(tts, text)[0])[1] for text in ends]
    assert all(shorter + 50 < longer for shorter, longer in itertools.pairwise(pauses))
    assert pauses[-1] < 400


def test_sentences_come_one_by_one(tts: HibariTTS) -> None:
    pieces = say(tts, "This is one. This is two! Is this three?")
    assert len(pieces) == 3
    assert all(len(pcm) > 24_000 and len(pcm) % 2 == 0 for pcm in pieces)


def test_the_same_text_sounds_the_same(tts: HibariTTS) -> None:
    assert say(tts, "Good morning.") == say(tts, "Good morning.")


@pytest.mark.parametrize("text", ["", " ", "...", "\u2014 ?!", "\U0001f600", "\u65e5\u672c\u8a9e"])
def test_what_cannot_be_pronounced_is_silent(tts: HibariTTS, text: str) -> None:
    assert say(tts, text) == []


@pytest.mark.parametrize("voice", ["emma", "nobody"])
def test_a_voice_that_is_not_here_is_refused_and_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voice: str
) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    tts = HibariTTS(Pool())
    assert tts.voices == ("heart",)
    with pytest.raises(UnsupportedError, match=f"the voice '{voice}' is not on this machine: use heart"):
        say(tts, "Hello.", voice)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_another_voice_is_checked_before_it_speaks(tmp_path: Path) -> None:
    (tmp_path / "bf_emma.int8.onnx").write_bytes(b"something else")
    tts = HibariTTS(Pool(), directory=tmp_path)
    assert tts.voices == ("heart", "emma")
    with pytest.raises(ConfigError, match="is not the file that hibari-emma means"):
        say(tts, "Hello.", "emma")


def test_a_stranger_may_stop_listening(tts: HibariTTS) -> None:
    async def leave() -> bytes:
        speech = tts.speak("This is one. This is two. This is three.")
        first = await anext(speech)
        await speech.aclose()
        return first

    assert asyncio.run(leave()) == say(tts, "This is one.")[0]
