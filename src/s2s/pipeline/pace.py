"""How far ahead of real time a pipeline speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from s2s.audio.pcm import downmix
from s2s.pipeline.frames import AudioFrame

_PIECES_PER_S = 50


class Pace:
    """Audio leaves no more than `lead_ms` ahead of the ear; None for no bound."""

    def __init__(self, lead_ms: float | None) -> None:
        self._lead_s = None if lead_ms is None else lead_ms / 1000
        self._heard_at = 0.0
        self._silence = asyncio.Event()

    def pieces(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Yield the frame as mono, in pieces that an interruption can come between.

        Raises AudioFormatError if it ends within a sample.
        """
        audio, rate = downmix(frame.audio, frame.channels), frame.sample_rate
        step = len(audio) if self._lead_s is None else rate // _PIECES_PER_S * 2
        for start in range(0, len(audio), max(step, 2)):
            at_ms = frame.position_ms + start * 500 / rate
            yield replace(frame, audio=audio[start : start + step], channels=1, position_ms=at_ms)

    async def in_time(self, ms: float) -> None:
        """Return when so much more audio may leave, or when silence falls."""
        if self._lead_s is None:
            return
        now = asyncio.get_running_loop().time()
        self._heard_at = max(self._heard_at, now) + ms / 1000
        wait_s = self._heard_at - now - self._lead_s
        if wait_s > 0:
            self._silence.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._silence.wait()

    def anew(self) -> None:
        """Silence has fallen: what was on its way to the ear does not count."""
        self._heard_at = 0.0
        self._silence.set()
