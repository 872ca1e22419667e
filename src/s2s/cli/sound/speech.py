"""Text to speech without a conversation: the voice of the local engine alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import s2s
from s2s.errors import UnsupportedError

if TYPE_CHECKING:
    from s2s.providers.local.stages import TTS

_THREADS = 2


async def voice_of(name: str | None) -> TTS:
    """Return the TTS stage, loaded, with that voice at hand. Raises ConfigError."""
    from s2s.providers.local.pool import Pool
    from s2s.providers.local.seats import DEFAULTS, SEATS

    s2s.new("local")
    tts: TTS = SEATS["tts"].find(DEFAULTS["tts"])(Pool(_THREADS))
    if name is not None and name not in tts.voices:
        raise UnsupportedError(f"there is no voice {name!r}: use {', '.join(tts.voices)}")
    await tts.warm()
    return tts


async def spoken(tts: TTS, text: str, voice: str | None = None) -> AsyncIterator[bytes]:
    """Yield the text as PCM16 mono at the stage's rate, sentence by sentence."""
    from s2s.providers.local.clauses import Clauses

    clauses = Clauses()
    for piece in (*clauses.push(text), *clauses.flush()):
        async for audio in tts.speak(piece, voice=voice):
            yield audio
