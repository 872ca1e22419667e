"""Sends sound to a session at a pace, and knows the position on the axis."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Final

from s2s.cli.asking.questions import CHUNK_MS, Sound
from s2s.cli.asking.recording import Recording
from s2s.session import Session

_CATCHES_UP_S: Final = 0.2
# From the chunk to the writer, the link, the reader, the application and back.
_ROUNDS: Final = 5


class Pace(Enum):
    """How fast a chunk is sent."""

    REAL_TIME = "when a microphone would have it: once it has sounded"
    FAST = "as soon as an engine in this process has dealt with the one before"


class Feed:
    """The user's side of a session, chunk by chunk."""

    def __init__(self, session: Session, recording: Recording) -> None:
        self.rate = session.config.heard.sample_rate
        self.voiced_ms = 0.0
        """Where the last voiced chunk ended."""
        self._session = session
        self._recording = recording
        self._loop = asyncio.get_running_loop()
        self._sent_ms = 0.0
        self._sent_at = self._due_at = self._loop.time()
        self._silence = Sound(bytes(self.rate * CHUNK_MS // 1000 * 2), CHUNK_MS, voiced=False)

    @property
    def position_ms(self) -> float:
        """The end of what was sent, and the time since."""
        return self._sent_ms + (self._loop.time() - self._sent_at) * 1000

    @property
    def quiet_ms(self) -> float:
        """How long the user has been quiet."""
        return self._sent_ms - self.voiced_ms

    async def send(self, sound: Sound, pace: Pace) -> None:
        """Send a chunk when its time has come. Raises what `send_audio` raises."""
        await self._turn_of(sound, pace)
        await self._session.send_audio(sound.pcm)
        self._sent_ms += sound.ms
        self._sent_at = self._loop.time()
        if sound.voiced:
            self.voiced_ms = self._sent_ms
        self._recording.sent(sound, self.rate, self._sent_ms, self._sent_at)

    async def send_silence(self, pace: Pace) -> None:
        """Send a chunk in which nothing sounds."""
        await self.send(self._silence, pace)

    async def pause(self) -> None:
        """Let a moment pass in which nothing is sent."""
        await asyncio.sleep(CHUNK_MS / 1000)
        self._recording.playback.advance(self.position_ms)

    async def _turn_of(self, sound: Sound, pace: Pace) -> None:
        now = self._loop.time()
        match pace:
            case Pace.REAL_TIME:
                self._due_at = max(self._due_at, now - _CATCHES_UP_S) + sound.ms / 1000
                await asyncio.sleep(max(0.0, self._due_at - now))
            case Pace.FAST:
                self._due_at = now
                for _ in range(_ROUNDS):
                    await asyncio.sleep(0)
