"""The real stages of the local engine, for tests from end to end; importing this needs the local extra."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from jiwer import wer
from numpy.typing import NDArray
from whisper_normalizer.english import EnglishTextNormalizer

from s2s.audio.resample import Resampler
from s2s.config import Config
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.providers.local import LocalEngine, store
from s2s.providers.local.hibari import HibariTTS
from s2s.providers.local.moonshine import MoonshineSTT
from s2s.providers.local.pool import Pool
from s2s.testing.contract import violations
from tests.support.talking import HEARD, SPOKEN, Caller

if store.locate("moonshine-decoder") is None:
    pytest.skip("the models are in the local extra", allow_module_level=True)

T = TypeVar("T")
RATE = 16_000
SPEECH = Path(__file__).parents[1] / "fixtures" / "speech"
TRANSCRIPTS = dict(line.split("\t") for line in (SPEECH / "transcripts.tsv").read_text().splitlines())
AT_ONCE: dict[str, JSON] = {"lead_ms": None}

_POOL = Pool(2)
_TTS, _STT = HibariTTS(_POOL), MoonshineSTT(_POOL)
_normal = EnglishTextNormalizer()


def run(main: Coroutine[Any, Any, T], within_s: float = 30.0) -> T:
    """Run a coroutine on a plain event loop, for so long at most."""

    async def bounded() -> T:
        async with asyncio.timeout(within_s):
            return await main

    return asyncio.run(bounded())


def recording(name: str) -> bytes:
    """Return a recording of a human voice as PCM16 at 16 kHz."""
    with wave.open(str(SPEECH / name)) as file:
        return bytes(file.readframes(file.getnframes()))


@cache
def spoken(text: str) -> bytes:
    """Return a text as speech: PCM16 at 16 kHz."""

    async def speak() -> bytes:
        return b"".join([pcm async for pcm in _TTS.speak(text)])

    return resampled(asyncio.run(speak()), _TTS.sample_rate, RATE)


def transcribed(pcm: bytes, rate: int) -> str:
    """Return the words of PCM16 mono."""
    return asyncio.run(_STT.transcribe(resampled(pcm, rate, RATE)))


def resampled(pcm: bytes, source_hz: int, target_hz: int) -> bytes:
    """Return PCM16 mono at another rate."""
    resampler = Resampler(source_hz, target_hz)
    return resampler.push(pcm) + resampler.flush()


def room(ms: float) -> bytes:
    """Return the sound of a quiet room: noise at about -80 dBFS, 16 kHz."""
    noise = np.random.default_rng(7).integers(-4, 5, int(RATE * ms / 1000))
    return bytes(noise.astype("<i2"))


def as_pcm(samples: NDArray[np.floating[Any]]) -> bytes:
    """Return samples between -1 and 1 as PCM16."""
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2"))


def as_samples(pcm: bytes) -> NDArray[np.float64]:
    """Return PCM16 as samples between -1 and 1."""
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768


def word_errors(said: list[str], heard: list[str]) -> float:
    """Return the share of words that were heard wrong, spelling aside."""
    return float(wer([_normal(each) for each in said], [_normal(each) for each in heard]))


def plain(text: str) -> str:
    """Return a text in a normal spelling: lower case, digits for numbers, no punctuation."""
    return str(_normal(text))


@asynccontextmanager
async def talking(
    extra: dict[str, JSON] | None = None,
    input_format: AudioFormat = HEARD,
    output_format: AudioFormat = SPOKEN,
    **fields: object,
) -> AsyncIterator[Caller]:
    """Talk with the engine as it is installed; afterwards the session has kept all promises of its events."""
    engine = LocalEngine(Config(input_format=input_format, output_format=output_format, extra=extra or {}))
    async with engine.start(**fields) as session:
        caller = Caller(session)
        listening = asyncio.create_task(caller.listen())
        try:
            yield caller
        finally:
            await session.close()
            await asyncio.wait_for(listening, 5)
    assert violations(caller.events, output_format) == []
