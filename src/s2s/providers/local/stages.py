"""The four seats of the local engine, as small protocols. A plug-in fills one and registers it by name.

Entry-point groups `s2s.vad`, `s2s.stt`, `s2s.brain` and `s2s.tts` name factories. A factory takes a
`Pool` and keyword options, is cheap to call, and leaves loading to `warm()`. One stage object serves
many sessions at once; what belongs to one session lives in the stream or iterator that it opens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from s2s.items import Call, Item
from s2s.tools import ToolSpec


class Prompt(msgspec.Struct, frozen=True):
    """All that a brain sees: the conversation so far, its last entry to be answered."""

    history: tuple[Item, ...]
    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None


Thought: TypeAlias = str | Call
"""What a brain yields: new text of the answer, or a call of a tool."""


class VADStream(Protocol):
    """Judges one session's audio."""

    def push(self, pcm: bytes) -> Sequence[float]:
        """Return the speech probability of each window that this PCM16 mono audio completes, in order.

        Synchronous and below 1 ms per window; what does not fill a window waits for the next call.
        """
        ...

    def reset(self) -> None:
        """Forget the audio so far."""
        ...


class VAD(Protocol):
    """Voice activity detection: is there speech."""

    sample_rate: int
    window_ms: float

    async def warm(self) -> None:
        """Load what is needed. Raises ConfigError that says what to install."""
        ...

    def open(self) -> VADStream:
        """Begin a session's stream; only after `warm`."""
        ...


class STT(Protocol):
    """Speech to text."""

    sample_rate: int
    languages: tuple[str, ...]

    async def warm(self) -> None:
        """Load what is needed. Raises ConfigError that says what to install."""
        ...

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        """Return the words of this PCM16 mono audio; cancelling the call stops the work.

        `urgent` is False for a guess while the user still speaks; no words decline it.
        """
        ...


class Brain(Protocol):
    """Decides what to say."""

    speculative: bool
    """Asking has no side effect, so it may be asked before the user's turn is sure to be over."""

    async def warm(self) -> None:
        """Load what is needed. Raises ConfigError that says what to install or set."""
        ...

    def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
        """Yield the answer as it forms. After a Call the brain is asked again, its result in the history."""
        ...


class TTS(Protocol):
    """Text to speech."""

    sample_rate: int
    voices: tuple[str, ...]

    async def warm(self) -> None:
        """Load what is needed. Raises ConfigError that says what to install."""
        ...

    def speak(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
        """Yield PCM16 mono of one clause or sentence, in pieces of any size."""
        ...


@runtime_checkable
class SessionAware(Protocol):
    """What a stage may have besides, to hold something open while any session uses it.

    The engine calls both for each session, in the session's event loop.
    """

    async def session_opened(self) -> None:
        """Count one more session; called before the session's `warm` and its first use of the stage."""
        ...

    async def session_closed(self) -> None:
        """Count one session less; once for each `session_opened`, after the session's last use."""
        ...
