"""Hibari: English text to speech, 24 kHz, about a hundred times faster than real time.

The model begins each sentence with 0.3 s of near silence and ends it with 0.5 s. What is given here begins at
the first sound, for that is when a listener hears an answer, and ends with the pause that its punctuation
asks for.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import AsyncGenerator
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from s2s.errors import ConfigError, UnsupportedError
from s2s.providers.local import store
from s2s.providers.local.pool import Pool, Priority

_RATE_HZ = 24_000
_SEED = 1
_PACKAGED = "heart"
_NAMES = tuple(name.removeprefix("hibari-") for name in store.MODELS if name.startswith("hibari-"))
_AUDIBLE = 0.001
_LEAD_MS = 10
_PAUSE_MS = dict.fromkeys(",;:—-", 140) | dict.fromkeys(".!?…", 280)
_NO_PAUSE_MS = 40
_CLOSING = "\"'\u201d\u2019) "


class _Speaker(Protocol):
    def phonemize(self, text: str) -> list[str]: ...
    def from_phonemes(self, phonemes: str, *, seed: int) -> NDArray[np.float32]: ...


class HibariTTS:
    """Fills the TTS seat; `voices` are those whose files are on this machine. Nothing is ever downloaded."""

    sample_rate = _RATE_HZ

    def __init__(
        self, pool: Pool, *, voice: str = _PACKAGED, directory: str | os.PathLike[str] | None = None
    ) -> None:
        self.voices = tuple(name for name in _NAMES if store.locate(f"hibari-{name}", directory))
        self._pool = pool
        self._voice = voice
        self._directory = directory
        self._loading = threading.Lock()
        self._speakers: dict[str, _Speaker] = {}

    async def warm(self) -> None:
        """Load the voice and what pronounces words, once. Raises ConfigError that says what to install."""
        await self._speaker(self._voice)

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[bytes, None]:
        """Yield PCM16 LE mono at 24 kHz, sentence by sentence; nothing for what cannot be pronounced.

        The same text sounds the same every time. Raises UnsupportedError for a voice that is not here.
        """
        speaker = await self._speaker(voice or self._voice)
        sentences = await self._pool.run(Priority.FIRST_CLAUSE, lambda _: speaker.phonemize(text))
        priorities = itertools.chain([Priority.FIRST_CLAUSE], itertools.repeat(Priority.NEXT_CLAUSE))
        pronounced = (each for each in sentences if any(map(str.isalpha, each)))
        for phonemes, priority in zip(pronounced, priorities, strict=False):
            if pcm := await self._pool.run(priority, partial(_say, speaker, phonemes)):
                yield pcm

    async def _speaker(self, voice: str) -> _Speaker:
        if voice not in self.voices and voice != _PACKAGED:
            raise UnsupportedError(
                f"the voice {voice!r} is not on this machine: use {' or '.join(self.voices)}{_hint(voice)}"
            )
        if voice not in self._speakers:
            await self._pool.run(Priority.LOADING, lambda _: self._load(voice))
        return self._speakers[voice]

    def _load(self, voice: str) -> None:
        with self._loading:
            if voice not in self._speakers:
                self._speakers[voice] = _opened(voice, self._directory)


def _opened(voice: str, directory: str | os.PathLike[str] | None) -> _Speaker:
    path = store.find(f"hibari-{voice}", directory)
    try:
        hibari: Any = import_module("hibari")
        speaker: _Speaker = hibari.Hibari(voice=voice, model=os.fspath(path), threads=1)
    except ImportError as missing:  # it loads onnxruntime late
        needs = missing.name if missing.name not in (None, "hibari") else "hibari-tts"
        raise ConfigError(f"the local voice needs {needs}: {store.INSTALL}") from missing
    # Lexicon, tagger and the net for unknown words load at first use: 0.6 s that no answer should wait for.
    speaker.from_phonemes(speaker.phonemize("Hibari zyxq.")[0], seed=_SEED)
    return speaker


def _say(speaker: _Speaker, phonemes: str, _: threading.Event) -> bytes:
    return _trimmed(speaker.from_phonemes(phonemes, seed=_SEED), _pause_ms(phonemes))


def _trimmed(sound: NDArray[np.float32], pause_ms: int) -> bytes:
    audible = np.flatnonzero(np.abs(sound) > _AUDIBLE)
    if not audible.size:
        return b""
    begin = max(0, int(audible[0]) - _LEAD_MS * _RATE_HZ // 1000)
    end = int(audible[-1]) + pause_ms * _RATE_HZ // 1000
    return (np.clip(sound[begin:end], -1, 1) * 32767).astype("<i2").tobytes()


def _pause_ms(phonemes: str) -> int:
    return _PAUSE_MS.get(phonemes.rstrip(_CLOSING)[-1:], _NO_PAUSE_MS)


def _hint(voice: str) -> str:
    model = store.MODELS.get(f"hibari-{voice}")
    return f", or {model.remedy}" if model else ""
