"""From packets to sound: ordered, decoded, and with every hole in time filled."""

from __future__ import annotations

from collections.abc import Iterator

from s2s.audio.resample import Resampler
from s2s.transports.webrtc.inbox import OUTPUT_HZ, Sound
from s2s.transports.webrtc.jitter import PATIENCE, JitterBuffer, Packet
from s2s.transports.webrtc.opus import CLOCK_HZ, Decoder

MOST_FILLED_S = 1.0
"""A longer gap is a pause of the sender: made up, it would only delay what comes after it."""
MOST_PAUSE_S = 3600.0
"""A longer gap is no time that passed: the sender's clock began again."""


class Hearing:
    """One remote stream, in step with the sender's clock: gaps of up to a second are filled."""

    def __init__(self, patience: int = PATIENCE) -> None:
        self._jitter = JitterBuffer(patience)
        self._decoder = Decoder()
        self._resampler = Resampler(CLOCK_HZ, OUTPUT_HZ)
        self._origin: int | None = None
        self._due = 0

    def hear(self, sequence: int, timestamp: int, payload: bytes) -> Iterator[Sound]:
        """Take an RTP packet of Opus as it came from the wire; yield the sound whose turn has come."""
        for packet in self._jitter.push(sequence, timestamp, payload):
            if packet.payload:
                yield from self._play(packet)

    def _play(self, packet: Packet) -> Iterator[Sound]:
        if self._origin is None:
            self._origin = self._due = packet.timestamp
        gap = packet.timestamp - self._due
        if 0 < gap <= MOST_FILLED_S * CLOCK_HZ:
            yield from self._fill(gap)
        elif not 0 <= gap <= MOST_PAUSE_S * CLOCK_HZ:
            self._origin += gap
        self._due = packet.timestamp
        if sound := self._decoder.decode(packet.payload):
            yield self._sound(sound)

    def _fill(self, gap: int) -> Iterator[Sound]:
        while gap > 0 and (sound := self._decoder.conceal()[: 2 * gap]):
            gap -= len(sound) // 2
            yield self._sound(sound, concealed=True)

    def _sound(self, pcm: bytes, *, concealed: bool = False) -> Sound:
        assert self._origin is not None
        position_ms = (self._due - self._origin) * 1000 / CLOCK_HZ
        self._due += len(pcm) // 2
        return Sound(self._resampler.push(pcm), position_ms, concealed)
