"""Word error rates of the local transcriber."""

from __future__ import annotations

from pathlib import Path

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

from bench.speech import QUESTIONS
from s2s.audio.resample import Resampler
from s2s.audio.wav import read_wav
from s2s.providers.local.hibari import HibariTTS
from s2s.providers.local.moonshine import MoonshineSTT
from s2s.providers.local.pool import Pool

SPEECH = Path(__file__).parent.parent / "tests/fixtures/speech"


async def word_error_rates() -> None:
    """Print the error rates on recordings of people, and of the engine's own voice."""
    pool = Pool(2)
    stt, tts = MoonshineSTT(pool), HibariTTS(pool)
    await stt.warm()
    await tts.warm()
    rows = [line.split("\t") for line in (SPEECH / "transcripts.tsv").read_text().splitlines()]
    heard = [await stt.transcribe(recording(SPEECH / name, stt.sample_rate)) for name, _ in rows]
    _print("recorded people", [words for _, words in rows], heard)
    heard = []
    for text in QUESTIONS:
        pcm = b"".join([audio async for audio in tts.speak(text)])
        heard.append(await stt.transcribe(at_rate(pcm, tts.sample_rate, stt.sample_rate)))
    _print("round trip, say -> transcribe", list(QUESTIONS), heard)


def recording(path: Path, rate: int) -> bytes:
    """Return a file as PCM16 mono at this rate."""
    wav = read_wav(path)
    return at_rate(wav.pcm, wav.format.sample_rate, rate)


def at_rate(pcm: bytes, source: int, target: int) -> bytes:
    """Return all of this audio at another rate."""
    resampler = Resampler(source, target)
    return resampler.push(pcm) + resampler.flush()


def word_error_rate(said: list[str], heard: list[str]) -> float:
    """Return the share of words that are wrong, spelling and numbers normalised."""
    normal = EnglishTextNormalizer()
    return float(jiwer.wer([normal(each) for each in said], [normal(each) for each in heard]))


def _print(what: str, said: list[str], heard: list[str]) -> None:
    words = sum(len(each.split()) for each in said)
    rate = word_error_rate(said, heard)
    print(f"word error rate, {what}: {rate * 100:.1f} % of {words} words in {len(said)} clips")
    for before, after in zip(said, heard, strict=True):
        if word_error_rate([before], [after]) > 0:
            print(f"  said  {before}\n  heard {after}")
