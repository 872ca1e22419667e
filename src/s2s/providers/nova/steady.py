"""Silence for a service that ends a stream in which it hears nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from math import inf

from s2s.commands import AppendAudio, Command
from s2s.events import Event
from s2s.links import Direct, Told
from s2s.wire import Send

_GRACE_S = 0.25
"""How long an application may send nothing, so that a live stream which merely jitters stays whole."""
_PIECE_S = 0.064
_SLOW_S = 0.1
_LATE_S = 0.1
"""What holds a timer up for longer than this has held up the application's audio too."""
_MOST_AHEAD_S = 30.0
"""What is sent faster than it plays counts for no more than this: the service waits for 55 s."""


class Steady:
    """A direct link that hears silence in real time while the application sends nothing.

    The first of it comes after the first message that the link has told to be sent, with which the service
    is told that there will be audio. There is none while the link is away or behind, nor while a command is
    written; and none makes up for that, nor for the time in which the machine slept.
    """

    def __init__(self, inner: Direct) -> None:
        self.input_rate = inner.input_rate
        self._inner = inner
        self._bytes_per_s = 2 * inner.input_rate
        self._silence = bytes(2 * round(inner.input_rate * _PIECE_S))
        self._loop = asyncio.get_running_loop()
        self._reaches = self._loop.time()
        """Until when there is audio, by the clock of the loop."""
        self._quiet_at = -inf
        """The same, as the last silence has left it."""
        self._writing = 0
        self._timer: asyncio.TimerHandle | None = None

    def append(self, audio: bytes) -> Command | Send | None:
        """Write audio at once; return what is left for the writer where that would have to wait."""
        left = self._inner.append(audio)
        if not isinstance(left, AppendAudio):
            self._reach(audio)
        return left

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Pass a command on; what it says is not broken by silence."""
        self._writing += 1
        try:
            told = await self._inner.send(command)
        finally:
            self._writing -= 1
        if isinstance(command, AppendAudio):
            self._reach(command.audio)
        elif self._timer is None and isinstance(command, Send):
            self._wait(self._loop.time() + _GRACE_S)
        return told

    async def listen(self, hear: Callable[[Told], None]) -> None:
        """Call `hear` with what iterating would yield, as it arrives; ends with what it raises."""
        await self._inner.listen(hear)

    def __aiter__(self) -> AsyncIterator[Told]:
        return aiter(self._inner)

    async def close(self) -> None:
        """Add no more silence, and let go of the engine."""
        if self._timer is not None:
            self._timer.cancel()
        await self._inner.close()

    def _reach(self, audio: bytes) -> None:
        """Note audio. A stream that is a little slower than the clock must not lag ever more behind it."""
        self._reaches += len(audio) / self._bytes_per_s
        lag_s = self._loop.time() - self._reaches
        if 0 < lag_s < _SLOW_S:
            self._reaches += lag_s

    def _wait(self, at: float, due: float | None = None) -> None:
        self._timer = self._loop.call_at(at, self._look, at if due is None else due)

    def _look(self, due: float) -> None:
        """Add silence where it is time for it."""
        now = self._loop.time()
        if now > due + _LATE_S:
            self._wait(now + _GRACE_S, inf)
            return
        self._reaches = min(self._reaches, now + _MOST_AHEAD_S)
        if now >= self._silent_at and not self._writing:
            self._fill(now)
        self._wait(self._silent_at if self._silent_at > now else now + _PIECE_S)

    @property
    def _silent_at(self) -> float:
        """From when on silence is due, unless audio comes before."""
        return self._reaches + (_PIECE_S if self._reaches == self._quiet_at else _GRACE_S)

    def _fill(self, now: float) -> None:
        reaches = max(self._reaches, now - _GRACE_S)
        while reaches + _PIECE_S <= now and self._inner.append(self._silence) is None:
            reaches += _PIECE_S
            self._reaches = self._quiet_at = reaches
