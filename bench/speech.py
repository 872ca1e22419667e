"""What the benches say to the engine, and where in it somebody speaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s2s.audio.resample import Resampler
from s2s.providers.local.hibari import HibariTTS
from s2s.providers.local.pool import Pool

RATE = 24_000
QUESTIONS = (
    "What time is it now?",
    "What is twelve times seven?",
    "Could you tell me today's date, please?",
    "How much is fifteen percent of eighty?",
    "What did I just say?",
    "Who are you and what can you do?",
    "What is the square root of eighty one?",
    "Can you count to five for me?",
    "What day of the week is it today?",
    "How much is one hundred divided by four?",
    "Is it already past noon where you are?",
    "What is nine minus seventeen?",
    "Which year do we have at the moment?",
    "Can you hear me well enough?",
    "What is two to the power of ten?",
    "Please tell me the time in one sentence.",
    "How much is three point five plus four?",
    "Could you repeat what you said before?",
    "What is half of two hundred and fifty?",
    "Thank you, that was all for today.",
)

Samples = NDArray[np.int16]


async def spoken(texts: tuple[str, ...] = QUESTIONS) -> list[Samples]:
    """Return each text as speech: int16 mono at `RATE`, on a noise floor of -80 dBFS."""
    tts = HibariTTS(Pool(1))
    await tts.warm()
    clips = []
    for text in texts:
        pcm = b"".join([audio async for audio in tts.speak(text)])
        clips.append(_at_rate(pcm, tts.sample_rate))
    return clips


def with_pause(clip: Samples, pause_ms: int) -> Samples:
    """Return the clip with silence put in at the quietest moment of its middle third."""
    step = RATE // 100
    frames = np.abs(clip[: len(clip) // step * step].reshape(-1, step).astype(np.int32)).max(axis=1)
    third = len(frames) // 3
    cut = (third + int(frames[third : 2 * third].argmin())) * step + step // 2
    return np.concatenate([clip[:cut], room(pause_ms), clip[cut:]])


def room(ms: float) -> Samples:
    """Return the sound of a quiet room: noise at about -80 dBFS."""
    generator = np.random.default_rng(7)
    return generator.integers(-4, 5, int(RATE * ms / 1000)).astype(np.int16)


def last_voiced_ms(clip: Samples) -> float:
    """Return where the last sample above -46 dBFS lies."""
    return float(np.flatnonzero(np.abs(clip.astype(np.int32)) > 160)[-1]) / RATE * 1000


def first_audible_ms(pcm: bytes, rate: int) -> float | None:
    """Return where the first sample above -46 dBFS lies, if there is one."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, np.int16).astype(np.int32)) > 160)
    return float(loud[0]) / rate * 1000 if len(loud) else None


def _at_rate(pcm: bytes, rate: int) -> Samples:
    resampler = Resampler(rate, RATE)
    return np.frombuffer(resampler.push(pcm) + resampler.flush(), np.int16)
