"""The outgoing track: a packet of Opus every 20 ms by the clock, speech or silence."""

from __future__ import annotations

import asyncio

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.audio.stream import AudioStream
from av.packet import Packet

from s2s.transports.webrtc.backlog import Backlog
from s2s.transports.webrtc.opus import FRAME_TICKS, Encoder

FRAME_S = 0.02
MOST_LATE_S = 0.2
"""Behind by more, because the machine slept or the loop stood still, the track skips the time that passed."""

LEAST_S = 1e-6
"""A late slot waits too, by the clock: what held up the track held up the speaker, whose timers are older."""


class Track(MediaStreamTrack):
    """What aiortc asks for the next packet; encoded here, so that aiortc needs no thread for it."""

    kind = "audio"

    def __init__(self, backlog: Backlog) -> None:
        super().__init__()
        self._backlog = backlog
        self._encoder = Encoder()
        self._began: float | None = None
        self._slot = 0

    async def recv(self) -> Packet[AudioStream]:
        """Return the packet of the next 20 ms, when they begin. Raises MediaStreamError once stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._next_slot()
        return self._encoder.encode(self._backlog.take(), self._slot * FRAME_TICKS)

    async def _next_slot(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
            return
        self._slot += 1
        early_s = self._began + self._slot * FRAME_S - now
        if early_s < -MOST_LATE_S:
            self._slot += round(-early_s / FRAME_S)
        await asyncio.sleep(max(LEAST_S, early_s))
