"""What the SDKs talk to: the simulator with a script, and the gateway with the local engine for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from typing import TypeAlias

import pytest
from msgspec import Struct

from s2s.gateway import Gateway
from s2s.providers.script import WORD_MS, Reply, tone
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Temper

NEEDED = ("numpy", "onnxruntime", "hibari", "moonshine_voice", "jiwer", "whisper_normalizer")
MISSING = [each for each in NEEDED if find_spec(each) is None]
LOCAL = (pytest.mark.local, pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"))

Served: TypeAlias = OpenAISimulator | Gateway
Serve: TypeAlias = Callable[[Sequence[Reply]], AbstractAsyncContextManager[Served]]


class Witnessed(Struct, frozen=True):
    """Somebody to talk to; a script is only for who plays one."""

    serve: Serve
    speaks: Callable[[str], bytes]
    """Returns how a text sounds as PCM16 at 24000 Hz."""
    transcribes: Callable[[bytes], str] | None
    """Returns the words of PCM16 at 24000 Hz; None where the voice is tones."""
    within_s: float = 10.0

    def says(self, audio: bytes, words: str) -> bool:
        """Return whether the audio has the words, or is as long as so many tones."""
        if self.transcribes is not None:
            return words in self.transcribes(audio)
        return len(audio) == len(words.split()) * WORD_MS * 48


@asynccontextmanager
async def simulated(script: Sequence[Reply]) -> AsyncIterator[Served]:
    """Serve a script, twenty times as fast as life unless an answer is long."""
    long = any(len(str(each.says)) > 100 for each in script)
    async with OpenAISimulator(script, temper=Temper(pace=4.0 if long else 20.0)) as served:
        yield served
    assert served.failures == []


@asynccontextmanager
async def local(_: Sequence[Reply]) -> AsyncIterator[Served]:
    """Serve the local engine."""
    from s2s.providers.local import LocalEngine

    async with Gateway(LocalEngine()) as served:
        yield served
    assert served.failures == []


def _spoken(text: str) -> bytes:
    from tests.support.models import RATE, resampled, spoken

    return resampled(spoken(text), RATE, 24_000)


def _transcribed(audio: bytes) -> str:
    from tests.support.models import plain, transcribed

    return plain(transcribed(audio, 24_000))


SIMULATOR = Witnessed(simulated, lambda text: b"".join(map(tone, text.split())), None)
LOCAL_GATEWAY = Witnessed(local, _spoken, _transcribed, 30.0)
BOTH = [
    pytest.param(SIMULATOR, id="simulator"),
    pytest.param(LOCAL_GATEWAY, id="local-gateway", marks=LOCAL),
]


async def eventually(holds: Callable[[], object], what: str, within_s: float = 10.0) -> None:
    """Wait until something holds that tells no event."""
    try:
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110 - the state of an SDK tells no event
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None
