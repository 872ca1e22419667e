import math
import random
from array import array

import pytest

from s2s.cli.asking.loudness import Loudness

RATE = 16_000
CHUNK = RATE // 50


def tone(dbfs: float, ms: int) -> list[bytes]:
    peak = 32768 * 10 ** (dbfs / 20) * math.sqrt(2)
    wave = [int(peak * math.sin(n / 5)) for n in range(RATE * ms // 1000)]
    return [array("h", wave[at : at + CHUNK]).tobytes() for at in range(0, len(wave), CHUNK)]


def noise(dbfs: float, ms: int) -> list[bytes]:
    random.seed(7)
    deviation = 32768 * 10 ** (dbfs / 20)
    wave = [int(random.gauss(0, deviation)) for _ in range(RATE * ms // 1000)]
    return [array("h", wave[at : at + CHUNK]).tobytes() for at in range(0, len(wave), CHUNK)]


def silence(ms: int) -> list[bytes]:
    return [bytes(2 * CHUNK)] * (ms // 20)


def heard(*parts: list[bytes]) -> list[bool]:
    loudness = Loudness()
    return [loudness.is_voice(chunk, 20) for part in parts for chunk in part]


def test_speech_in_a_quiet_room_is_voice_and_the_room_is_not() -> None:
    found = heard(noise(-62, 600), tone(-25, 600), noise(-62, 600))
    assert found == [False] * 30 + [True] * 30 + [False] * 30


def test_speech_at_the_very_beginning_is_voice() -> None:
    assert all(heard(tone(-25, 400)))


@pytest.mark.parametrize(
    "before", [silence(30_000), noise(-60, 30_000)], ids=["digital silence", "a quiet room"]
)
def test_room_noise_after_long_quiet_is_not_voice(before: list[bytes]) -> None:
    found = heard(before, noise(-58, 500), tone(-25, 500), noise(-58, 500))
    assert True not in found[-25:]


def test_steady_noise_stops_being_voice() -> None:
    assert True not in heard(noise(-40, 12_000))[-50:]


def test_it_knows_how_much_there_was_and_how_loud() -> None:
    loudness = Loudness()
    for chunk in [*tone(-20, 40), *silence(40)]:
        loudness.is_voice(chunk, 20)
    assert loudness.ms == 80
    assert loudness.loudest_dbfs == pytest.approx(-20, abs=0.5)
