"""Opus in packets of RTP, coded where it is called.

A frame costs a few tenths of a millisecond to encode and less to decode: no more than handing it to a thread.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import av
from av import AudioFrame, CodecContext
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.packet import Packet

from s2s.transports.webrtc.backlog import FRAME_BYTES, INPUT_HZ

CLOCK_HZ = 48_000
"""Of RTP timestamps, and of what the decoder yields."""
FRAME_TICKS = CLOCK_HZ // 50
BIT_RATE = 32_000

_TICK = Fraction(1, CLOCK_HZ)
_SETTINGS = {
    "application": "voip",
    "frame_duration": "20",
    "compression_level": "5",
    "fec": "1",
    "packet_loss": "10",
}


class Encoder:
    """Encodes one stream of frames, with enough redundancy for the far end to mend a single lost packet."""

    def __init__(self) -> None:
        codec = _codec("w", INPUT_HZ)
        codec.bit_rate = BIT_RATE
        codec.options = _SETTINGS
        self._codec = codec

    def encode(self, pcm: bytes, tick: int) -> Packet[AudioStream]:
        """Return the packet of 20 ms of PCM16 mono at 24,000 Hz, stamped with its place on the RTP clock."""
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
        frame.sample_rate = INPUT_HZ
        frame.planes[0].update(pcm)
        (packet,) = self._codec.encode(frame)
        packet.pts, packet.time_base = tick, _TICK
        return packet


class Decoder:
    """Decodes one stream of payloads to PCM16 mono at 48,000 Hz and makes up for those that are missing."""

    def __init__(self) -> None:
        self._codec = _codec("r", CLOCK_HZ)
        self._silence = b""

    def decode(self, payload: bytes) -> bytes:
        """Return the sound of a payload, whatever its length; nothing if it is no Opus."""
        try:
            sound = b"".join(_pcm(frame) for frame in self._codec.decode(Packet(payload)))
        except av.FFmpegError:
            return b""
        # RFC 6716: a frame without bytes means that none came; libopus continues the sound and fades it.
        self._silence = bytes([payload[0] & 0xFC])
        return sound

    def conceal(self) -> bytes:
        """Return one frame that continues the sound before it, fading if called again and again."""
        return self.decode(self._silence) if self._silence else b""


def _codec(mode: Literal["r", "w"], rate_hz: int) -> AudioCodecContext:
    codec = CodecContext.create("libopus", mode)
    codec.format, codec.layout, codec.sample_rate = "s16", "mono", rate_hz
    return codec


def _pcm(frame: AudioFrame) -> bytes:
    return bytes(memoryview(frame.planes[0])[: 2 * frame.samples])
