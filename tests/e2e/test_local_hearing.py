import asyncio

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")

import numpy as np
from tests.support.models import (
    RATE,
    TRANSCRIPTS,
    as_pcm,
    as_samples,
    plain,
    recording,
    room,
    run,
    spoken,
    talking,
    word_errors,
)
from tests.support.talking import Caller

from s2s.config import TurnDetection
from s2s.events import SpeechStarted, SpeechStopped, Transcript
from s2s.formats import AudioFormat

pytestmark = pytest.mark.local

LISTENING = TurnDetection(create_response=False)
SENTENCES = (
    "The weather will be sunny with a light wind tomorrow.",
    "Please turn off the lights in the kitchen.",
    "Where did you put the keys to the garden house?",
    "She has been working on this book for three years.",
    "I would like two tickets for the evening show.",
    "The train to the airport leaves at half past nine.",
    "Could you read me the last message again?",
    "My sister lives in a small town near the sea.",
    "Nobody knew the answer to the second question.",
    "Set the alarm for six in the morning.",
    "We walked along the river until it was dark.",
    "How long does it take to boil an egg?",
    "The children were playing in front of the school.",
    "Add milk, bread and butter to the shopping list.",
    "He forgot his umbrella on the bus yesterday.",
    "Is there a good restaurant around the corner?",
    "The new bridge will be opened in the spring.",
    "Play some quiet music while I cook dinner.",
    "This road is closed because of the heavy snow.",
    "What is the fastest way to the main station?",
)


async def turns_of(pcm: bytes, turns: int = 1) -> list[str]:
    """Return what is heard in this audio, turn by turn; it is sent as fast as it is taken."""
    async with talking(turn_detection=LISTENING) as caller:
        await caller.session.send_audio(room(500))
        for at in range(0, len(pcm), RATE):
            await caller.session.send_audio(pcm[at : at + RATE])
        await caller.session.send_audio(room(1_500))
        await caller.told(SpeechStopped, turns)
        assert caller.unfinished == set()
        assert caller.errors == []
    return caller.turns


def test_people_are_understood() -> None:
    async def main() -> list[str]:
        return [" ".join(await turns_of(recording(name))) for name in TRANSCRIPTS]

    assert word_errors(list(TRANSCRIPTS.values()), run(main())) <= 0.05


def test_what_the_engine_says_the_engine_understands() -> None:
    clips = [spoken(text) for text in SENTENCES]

    async def main() -> list[str]:
        return [" ".join(await turns_of(clip)) for clip in clips]

    assert word_errors(list(SENTENCES), run(main())) <= 0.05


def test_one_sentence_after_the_other_is_one_turn_after_the_other() -> None:
    clips = [spoken(text) for text in SENTENCES[:5]]
    turns = run(turns_of(room(2_000).join(clips), 5))
    assert word_errors(list(SENTENCES[:5]), turns) <= 0.05
    assert len(turns) == 5


def music(seconds: int = 8) -> bytes:
    """Return a tune of pure tones over a bass."""
    t = np.arange(RATE * seconds) / RATE
    tones = (440.0, 554.4, 659.3, 880.0)
    tune = sum(np.sin(2 * np.pi * hz * t) * (np.floor(t * 2) % 4 == at) for at, hz in enumerate(tones))
    return as_pcm(0.2 * (tune + 0.5 * np.sin(2 * np.pi * 220 * t)))


def noise(tilt: float, level: float, seconds: int = 8) -> bytes:
    """Return noise whose power falls with this power of the frequency: 0 is white, 1 is pink."""
    bins = np.fft.rfft(np.random.default_rng(5).standard_normal(RATE * seconds))
    bins[1:] *= np.arange(1, len(bins)) ** (-tilt / 2)
    samples = np.fft.irfft(bins)
    return as_pcm(level * samples / samples.std())


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(bytes(RATE * 2 * 8), id="silence"),
        pytest.param(noise(0, 0.05), id="white noise"),
        pytest.param(noise(0, 0.3), id="loud white noise"),
        pytest.param(noise(1, 0.05), id="pink noise"),
        pytest.param(noise(1, 0.3), id="loud pink noise"),
        pytest.param(music(), id="music"),
    ],
)
def test_what_nobody_says_is_no_turn(sound: bytes) -> None:
    async def main() -> None:
        async with talking() as caller:
            await caller.session.send_audio(sound)
            await asyncio.sleep(0.3)
            assert caller.all(SpeechStarted) == []
            assert caller.all(Transcript) == []

    run(main())


def together(first: str, second: str, gain: float) -> bytes:
    one, other = as_samples(recording(first)), as_samples(recording(second))
    length = min(len(one), len(other))
    return as_pcm(one[:length] + gain * other[:length])


def test_of_two_people_at_once_the_much_louder_one_is_understood() -> None:
    heard = run(turns_of(together("austen_0870.wav", "austen_0930.wav", 0.1)))
    said = TRANSCRIPTS["austen_0870.wav"]
    assert word_errors([" ".join(said.split()[:9])], heard) <= 0.2


def test_two_people_at_once_who_are_equally_loud_are_one_turn() -> None:
    heard = run(turns_of(together("austen_0870.wav", "austen_0930.wav", 1.0)))
    assert len(heard) == 1


def with_pause(pcm: bytes, ms: float) -> bytes:
    """Return a clip with silence put in where it is most quiet around its middle."""
    step = RATE // 100
    frames = np.abs(as_samples(pcm)[: len(pcm) // 2 // step * step].reshape(-1, step)).max(axis=1)
    third = len(frames) // 3
    cut = 2 * step * (third + int(frames[third : 2 * third].argmin()))
    return pcm[:cut] + room(ms) + pcm[cut:]


@pytest.mark.parametrize("text", [SENTENCES[6], SENTENCES[8], SENTENCES[11]])
def test_a_pause_inside_a_sentence_does_not_end_the_turn(text: str) -> None:
    clip = with_pause(spoken(text), 300)

    async def main() -> Caller:
        async with talking(turn_detection=LISTENING) as caller:
            await caller.sends(room(300) + clip)
            await caller.waits(1_000)
        return caller

    caller = run(main())
    assert len({each.item_id for each in caller.all(SpeechStarted)}) == 1
    assert word_errors([text], caller.turns[-1:]) <= 0.2


def test_any_kind_of_audio_is_heard() -> None:
    pcm = room(300) + recording("go_forward_ten_meters.wav") + room(1_500)
    samples = as_samples(pcm).astype(np.float32)
    times = np.arange(int(len(samples) * 44_100 / RATE)) / 44_100
    upsampled = np.interp(times, np.arange(len(samples)) / RATE, samples).astype(np.float32)
    stereo = np.column_stack([upsampled, upsampled])

    async def main() -> None:
        async with talking(
            input_format=AudioFormat(sample_rate=44_100, channels=2), turn_detection=LISTENING
        ) as caller:
            for at in range(0, len(stereo), 1_001):
                await caller.session.send_audio(stereo[at : at + 1_001])
            await caller.told(SpeechStopped)
        assert [plain(each) for each in caller.turns] == ["go forward 10 meters"]

    run(main())
