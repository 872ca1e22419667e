import asyncio
import threading
import wave
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import pytest

from s2s.providers.local.pool import Pool

pytest.importorskip("onnxruntime")
pytest.importorskip("jiwer")

import jiwer
import numpy as np
from numpy.typing import NDArray

from s2s.providers.local import moonshine, store
from s2s.providers.local.hibari import HibariTTS
from s2s.providers.local.moonshine import MoonshineSTT

if store.locate("moonshine-decoder") is None:
    pytest.skip("the models are in the local extra", allow_module_level=True)

pytestmark = pytest.mark.local

SPEECH = Path(__file__).parents[3] / "fixtures" / "speech"
TRANSCRIPTS = dict(line.split("\t") for line in (SPEECH / "transcripts.tsv").read_text().splitlines())
AUSTEN = sorted(name for name in TRANSCRIPTS if name.startswith("austen"))


@pytest.fixture(scope="module")
def stt() -> MoonshineSTT:
    transcriber = MoonshineSTT(Pool())
    asyncio.run(transcriber.warm())
    return transcriber


@pytest.fixture(scope="module")
def voice() -> HibariTTS:
    pytest.importorskip("hibari")
    return HibariTTS(Pool())


def recording(name: str) -> bytes:
    with wave.open(str(SPEECH / name)) as file:
        return bytes(file.readframes(file.getnframes()))


def pause(seconds: float) -> bytes:
    return bytes(2 * int(16_000 * seconds))


def hear(stt: MoonshineSTT, pcm: bytes, *, urgent: bool = True) -> str:
    async def bounded() -> str:
        async with asyncio.timeout(30):
            return await stt.transcribe(pcm, urgent=urgent)

    return asyncio.run(bounded())


def spoken(voice: HibariTTS, text: str) -> NDArray[np.float64]:
    """Return the sound of a short text at 16 kHz, without the pause after it."""

    async def speak() -> bytes:
        return b"".join([pcm async for pcm in voice.speak(text)])

    sound = np.frombuffer(asyncio.run(speak()), "<i2").astype(np.float64)
    sound = sound[: np.flatnonzero(np.abs(sound) > 300)[-1] + 480]
    size = len(sound) * 2 // 3
    bins: NDArray[np.complex128] = np.fft.rfft(sound)
    return np.fft.irfft(bins[: size // 2 + 1], size) * size / len(sound)


def words(text: str) -> str:
    letters = "".join(each if each.isalnum() else " " for each in text.lower().replace("mr.", "mister"))
    return " ".join(letters.split())


def test_people_are_understood(stt: MoonshineSTT) -> None:
    said = [words(text) for text in TRANSCRIPTS.values()]
    heard = [words(hear(stt, recording(name))) for name in TRANSCRIPTS]
    assert jiwer.wer(said, heard) < 0.08


def test_a_long_turn_is_cut_at_pauses_and_none_of_it_is_lost(stt: MoonshineSTT) -> None:
    names = list(islice(cycle(AUSTEN), 10))
    heard = hear(stt, pause(0.3).join(recording(name) for name in names))
    assert jiwer.wer(words(" ".join(TRANSCRIPTS[name] for name in names)), words(heard)) < 0.08


def test_a_long_pause_in_a_turn_adds_no_words(stt: MoonshineSTT) -> None:
    heard = hear(stt, recording("cards_001.wav") + pause(25) + recording("go_forward_ten_meters.wav"))
    assert words(heard).replace("10", "ten") == "ten of clubs go forward ten meters"


def test_less_than_a_tenth_of_a_second_has_no_words() -> None:
    cold = MoonshineSTT(Pool())
    assert hear(cold, b"") == hear(cold, bytes(3198)) == ""


def test_an_odd_byte_at_the_end_is_no_sample(stt: MoonshineSTT) -> None:
    assert words(hear(stt, recording("cards_001.wav") + b"\x01")) == "ten of clubs"


def test_guesses_at_a_growing_turn_end_in_the_same_words(stt: MoonshineSTT) -> None:
    audio = recording("austen_0870.wav")
    guesses = [hear(stt, audio[:end], urgent=False) for end in range(32_000, len(audio), 32_000)]
    assert len(guesses[0]) < len(guesses[-1])
    assert hear(stt, audio) == hear(MoonshineSTT(Pool()), audio)


class Counted(moonshine._Model):
    """A model that counts its steps."""

    steps = 0

    def _say(self, feed: moonshine.Feed, tokens: Sequence[int]) -> list[int]:
        self.steps += 1
        return super()._say(feed, tokens)


@pytest.fixture(scope="module")
def model() -> Counted:
    return Counted(None)


def test_a_guess_saves_steps_and_only_what_the_model_agrees_to_is_taken(model: Counted) -> None:
    sound, go_on = np.frombuffer(recording("austen_0880.wav"), "<i2"), threading.Event()
    right = model.hear(sound, (), go_on)
    alone, model.steps = model.steps, 0
    assert alone == len(right) + 1 > 10
    middle = len(right) // 2
    drafts = {
        "right": right,
        "shorter": right[:-2],
        "one token differs": [*right[:middle], 17, *right[middle + 1 :]],
        "one token more": [*right[:middle], 17, *right[middle:]],
        "one token less": [*right[:middle], *right[middle + 1 :]],
    }
    for kind, draft in drafts.items():
        model.steps = 0
        assert model.hear(sound, draft, go_on) == right, kind
        assert model.steps < alone / 2, kind
    assert model.hear(sound, [17] * 30, go_on) == right


@pytest.mark.parametrize("word", ["Yes.", "Seven.", "Tuesday.", "Thank you.", "Not really.", "Help."])
def test_a_word_in_noise_is_heard_once(stt: MoonshineSTT, voice: HibariTTS, word: str) -> None:
    said = spoken(voice, word)
    quiet = np.concatenate([np.zeros(6144), said, np.zeros(1536)])
    noisy = quiet + np.random.default_rng(0).normal(0, 160, len(quiet))
    assert words(hear(stt, noisy.astype("<i2").tobytes())) == words(word)


class Patience(threading.Event):
    """Is set after it has been looked at a number of times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_it_stops_between_tokens(model: Counted) -> None:
    sound = np.frombuffer(recording("austen_0870.wav"), "<i2")
    assert model.hear(sound, (), Patience(0)) == []
    assert len(model.hear(sound, (), Patience(4))) == 3


def test_what_was_heard_before_a_stop_is_not_remembered() -> None:
    async def cancel() -> str:
        stt = MoonshineSTT(Pool(1))
        await stt.warm()
        audio = recording("austen_0880.wav")
        guess = asyncio.create_task(stt.transcribe(audio, urgent=False))
        await asyncio.sleep(0)
        guess.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guess
        return await stt.transcribe(audio)

    assert words(asyncio.run(cancel())).startswith("he was not an ill")


def test_a_loop_of_the_model_is_noticed() -> None:
    assert moonshine._repeated([1, 2, 3] * 7) == 0
    assert moonshine._repeated([9, *[1, 2, 3] * 8]) == 21
    assert moonshine._repeated([7] * 23) == 0
    assert moonshine._repeated([5, 5, *[7] * 24]) == 23
    assert moonshine._repeated(list(range(16)) * 3) == 32
    assert moonshine._repeated(list(range(48))) == 0


def test_the_vocabulary_has_short_and_long_entries() -> None:
    assert moonshine._vocabulary(b"\x00\x01a\x03abc\x80\x01" + b"x" * 128) == [b"", b"a", b"abc", b"x" * 128]


def test_cuts_fall_into_the_quiet_and_stay_where_they_were() -> None:
    loud, quiet = np.full(16_000 * 8, 9000, np.int16), np.full(16_000, 3, np.int16)
    sound = np.concatenate([loud, quiet, loud, quiet, loud])
    pieces = list(moonshine._pieces(sound))
    assert sum(map(len, pieces)) == len(sound)
    assert [8 < len(piece) / 16_000 < 9.5 for piece in pieces[:2]] == [True, True]
    shorter = list(moonshine._pieces(sound[: 16_000 * 20]))
    assert len(shorter[0]) == len(pieces[0])
    assert all(len(piece) <= 15 * 16_000 for piece in pieces)
    assert list(moonshine._pieces(np.zeros(16_000 * 40, np.int16))) == []
