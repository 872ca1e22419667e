"""Silero VAD: how sure it is that a window of 32 ms is speech."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from s2s.errors import LocalProtocolError
from s2s.providers.local import store
from s2s.providers.local.pool import Pool, Priority

_RATE_HZ = 16_000
_WINDOW = 512
_CONTEXT = 64
_OUTPUTS = ("output", "stateN")


class SileroVAD:
    """Fills the VAD seat. The model is shared, what it remembers belongs to a stream."""

    sample_rate = _RATE_HZ
    window_ms = _WINDOW * 1000 / _RATE_HZ

    def __init__(self, pool: Pool, *, directory: str | os.PathLike[str] | None = None) -> None:
        self._pool = pool
        self._directory = directory
        self._session: store.Session | None = None

    async def warm(self) -> None:
        """Load the model, once. Raises ConfigError that says what to install."""
        if self._session is None:
            self._session = await self._pool.run(Priority.LOADING, lambda _: self._load())

    def open(self) -> SileroStream:
        """Begin a session's stream. Raises LocalProtocolError before `warm`."""
        if self._session is None:
            raise LocalProtocolError("the voice activity detector is not loaded: await warm() first")
        return SileroStream(self._session)

    def _load(self) -> store.Session:
        session = store.load("silero-vad", self._directory)
        SileroStream(session).push(bytes(2 * _WINDOW))
        return session


class SileroStream:
    """One session's audio; not to be shared between threads."""

    def __init__(self, session: store.Session) -> None:
        self._session = session
        self._rate = np.array(_RATE_HZ, np.int64)
        self._rest = b""
        self._input = np.zeros((1, _CONTEXT + _WINDOW), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def push(self, pcm: bytes) -> list[float]:
        """Return the speech probability of each window that this audio completes.

        The audio is PCM16 LE mono at 16 kHz, cut anywhere between samples.
        """
        rest = self._rest + pcm if self._rest else pcm
        whole = len(rest) - len(rest) % (2 * _WINDOW)
        self._rest = rest[whole:]
        windows = np.frombuffer(rest[:whole], "<i2").reshape(-1, _WINDOW)
        return [self._judge(window) for window in windows]

    def reset(self) -> None:
        """Forget the audio so far."""
        self._rest = b""
        self._input.fill(0)
        self._state = np.zeros_like(self._state)

    def _judge(self, window: NDArray[np.int16]) -> float:
        heard = self._input
        heard[0, :_CONTEXT] = heard[0, _WINDOW:]
        np.multiply(window, np.float32(1 / 32768), out=heard[0, _CONTEXT:])
        feed = {"input": heard, "state": self._state, "sr": self._rate}
        probability, self._state = self._session.run(_OUTPUTS, feed)
        return float(probability[0, 0])
