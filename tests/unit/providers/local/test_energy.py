from __future__ import annotations

import random
import sys
import wave
from array import array
from functools import cache
from itertools import groupby
from math import pi, sin
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import TurnDetection
from s2s.errors import ConfigError
from s2s.providers.local.ear import Ear, Sound, hearing_for
from s2s.providers.local.energy import EnergyVAD
from s2s.providers.local.pool import Pool
from s2s.providers.local.seats import SEATS

SPEECH = Path(__file__).parents[3] / "fixtures" / "speech"
RECORDINGS = sorted(each.stem for each in SPEECH.glob("*.wav"))
RATE = 16_000
WINDOW_BYTES = 1024

VAD = EnergyVAD(Pool())


@cache
def recording(name: str) -> array[int]:
    with wave.open(str(SPEECH / f"{name}.wav")) as file:
        return array("h", file.readframes(file.getnframes()))


@cache
def noise(seconds: float, loudness: float, seed: int = 1) -> array[int]:
    dice = random.Random(seed)
    return array("h", (round(dice.gauss(0, loudness)) for _ in range(int(RATE * seconds))))


def tone(seconds: float, hz: float, amplitude: int) -> array[int]:
    return array("h", (round(amplitude * sin(2 * pi * hz * n / RATE)) for n in range(int(RATE * seconds))))


def power(samples: array[int]) -> float:
    return sum(each * each for each in samples) / len(samples)


def in_noise(name: str, snr_db: float) -> array[int]:
    """Return the recording with a second of noise before it, and one and a half after it."""
    spoken = recording(name)
    loudness = (power(spoken) / 10 ** (snr_db / 10)) ** 0.5
    mixed = noise(2.5 + len(spoken) / RATE, loudness)[:]
    for n, each in enumerate(spoken, RATE):
        mixed[n] = max(-32768, min(32767, mixed[n] + each))
    return mixed


def judged(samples: array[int]) -> list[float]:
    return VAD.open().push(samples.tobytes())


def turns(samples: array[int], silence_ms: float = 500) -> list[tuple[float, float]]:
    """Return where the turns begin and end, with the usual thresholds; the last may be open."""
    ear = Ear(VAD.open(), VAD.sample_rate, VAD.window_ms, hearing_for(TurnDetection()))
    found: list[tuple[float, float]] = []
    for sound in ear.push(samples.tobytes(), str):
        utterance = ear.utterance
        assert utterance is not None
        if sound is Sound.PAUSE and ear.silence_ms >= silence_ms:
            found.append((utterance.began_ms, utterance.ended_ms))
            ear.close()
    if ear.utterance is not None:
        found.append((ear.utterance.began_ms, ear.position_ms))
    return found


def test_it_is_registered_and_needs_no_numpy() -> None:
    assert SEATS["vad"].find("energy") is EnergyVAD
    assert SEATS["vad"].needs("energy") == ""
    module = sys.modules[EnergyVAD.__module__]
    assert "numpy" not in {getattr(each, "__name__", "") for each in vars(module).values()}


@pytest.mark.parametrize("name", RECORDINGS)
def test_speech_at_20_db_above_the_noise_is_one_turn_of_its_length(name: str) -> None:
    ((began_ms, ended_ms),) = turns(in_noise(name, 20))
    length_ms = len(recording(name)) / RATE * 1000
    assert 1000 <= began_ms < 1550
    assert 0.6 * length_ms < ended_ms - began_ms <= length_ms + 64


def test_silence_noise_and_digital_silence_are_no_speech() -> None:
    for samples in (noise(4, 2), noise(4, 30), noise(4, 250), array("h", bytes(4 * RATE * 2))):
        assert max(judged(samples)) < 0.35


@pytest.mark.parametrize(
    "steady",
    [noise(6, 1_000), tone(6, 100, 3_000), tone(6, 1_000, 10_000)],
    ids=["noise", "hum", "tone"],
)
def test_what_sets_in_and_stays_as_it_is_is_speech_for_less_than_three_seconds(steady: array[int]) -> None:
    ((began_ms, ended_ms),) = turns(noise(2, 10)[:] + steady)
    assert 1900 <= began_ms <= 2000
    assert 2300 < ended_ms - began_ms < 3000


@pytest.mark.parametrize("steady", [noise(6, 1_000), tone(6, 100, 3_000)], ids=["noise", "hum"])
def test_a_loud_room_from_the_beginning_is_not_speech_for_ever(steady: array[int]) -> None:
    assert all(each < 0.35 for each in judged(steady)[94:])


def test_speech_over_a_hum_that_was_there_before_is_heard() -> None:
    spoken, hum = recording("cards_005"), tone(12, 100, 1_000)
    for n, each in enumerate(spoken, 5 * RATE):
        hum[n] = max(-32768, min(32767, hum[n] + each))
    later = [each for each in turns(hum) if each[0] > 4500]
    assert len(later) == 1
    assert 4900 <= later[0][0] < 5300


def test_a_click_is_no_turn() -> None:
    quiet = noise(2, 10)
    assert turns(quiet + noise(0.01, 8_000) + quiet) == []


def test_lost_audio_does_not_make_the_room_quieter() -> None:
    room = noise(3, 150)
    assert turns(room + array("h", bytes(RATE)) + room) == []


def test_a_threshold_may_be_higher_and_must_make_sense() -> None:
    soft = noise(2, 30)[:] + noise(1, 150)
    assert max(judged(soft)) > 0.8
    assert max(EnergyVAD(Pool(), above_db=20).open().push(soft.tobytes())) < 0.2
    for wrong in (0, 2.9, 31, float("nan")):
        with pytest.raises(ConfigError, match="above_db must lie between 3 and 30"):
            EnergyVAD(Pool(), above_db=wrong)


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=40))
def test_how_the_audio_is_cut_makes_no_difference(sizes: list[int]) -> None:
    audio, stream, pieces = recording("cards_001").tobytes(), VAD.open(), list[float]()
    whole = VAD.open().push(audio)
    for size in sizes:
        pieces += stream.push(audio[: 2 * size])
        audio = audio[2 * size :]
    assert pieces + stream.push(audio) == whole


def test_streams_are_strangers_and_a_reset_one_is_new() -> None:
    audio = recording("cards_001").tobytes()
    expected = VAD.open().push(audio)
    one, other = VAD.open(), VAD.open()
    first = one.push(audio[: WINDOW_BYTES * 10])
    other.push(noise(1, 3_000).tobytes())
    assert first + one.push(audio[WINDOW_BYTES * 10 :]) == expected
    one.push(audio[:78])
    one.reset()
    assert one.push(audio) == expected


@given(st.binary(max_size=8_000))
def test_any_audio_gets_a_probability_for_each_window(audio: bytes) -> None:
    audio = audio[: len(audio) // 2 * 2]
    found = VAD.open().push(audio)
    assert len(found) == len(audio) // WINDOW_BYTES
    assert all(0 <= each <= 1 for each in found)


def test_a_turn_that_is_all_speech_is_not_cut_by_its_own_gaps() -> None:
    scores = judged(in_noise("austen_0870", 20))
    speech = [each >= 0.35 for each in scores[40:230]]
    assert max(len(list(run)) for loud, run in groupby(speech) if not loud) * 32 < 500
