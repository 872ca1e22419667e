"""Speaks what the agent says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast

from s2s.items import JSON
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.processor import Frames
from s2s.pipeline.stages.speech import Manner
from s2s.pipeline.stages.voice import Voice
from s2s.pipeline.stages.working import filled, listen
from s2s.providers.local.seats import require_voice
from s2s.providers.local.stages import TTS


class TTSProcessor:
    """Puts audio into the stream for each written TextFrame of the assistant, with its words as spoken text.

    `tts` is a registered name, with its `options`, or an object with the protocol `stages.TTS`. Text that is
    spoken already passes through, and so does all text where a CommandFrame(UpdateSession) wants no audio.
    All other frames keep their place between the texts, but signals and texts of the user do not wait.
    A voice that gives nothing for `patience_s` has failed.
    """

    def __init__(
        self,
        tts: str | TTS = "hibari",
        *,
        options: Mapping[str, JSON] | None = None,
        voice: str | None = None,
        patience_s: float = 20.0,
    ) -> None:
        self.tts = cast(TTS, filled("tts", tts, options))
        self._voice = voice
        self._patience_s = patience_s

    def process(self, frames: Frames, /) -> Frames:
        """Return the stream with audio in it."""
        return concurrently(partial(self._speak, frames))

    async def _speak(self, frames: Frames, outlet: Outlet) -> None:
        require_voice(self.tts, self._voice)
        manner = Manner(self.tts, self._voice, self._patience_s)
        await listen(self.tts, frames, outlet, partial(Voice, manner, outlet))
