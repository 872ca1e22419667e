"""The far end of a call in this process: it answers over loopback, hums a tone and echoes messages."""

from __future__ import annotations

import asyncio
import math
import random
from array import array
from fractions import Fraction
from functools import cache

import numpy as np
from aioice.ice import StunProtocol
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from s2s.audio import rms_dbfs, spread
from s2s.transports.webrtc import Exchange
from s2s.transports.webrtc.stack import Ice

LOOPBACK = "127.0.0.1"
RATE_HZ = 48_000
FRAME = RATE_HZ // 50
SETTINGS = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)


@cache
def sine(tone_hz: int, rate_hz: int) -> bytes:
    """Return a second of PCM16 mono, half of full scale, that can be repeated."""
    step = 2 * math.pi * tone_hz / rate_hz
    return array("h", (round(16384 * math.sin(step * n)) for n in range(rate_hz))).tobytes()


class Tone(MediaStreamTrack):
    """A sine of half of full scale, sent `pace` times as fast as it would be played."""

    kind = "audio"

    def __init__(self, tone_hz: int, pace: float = 1.0) -> None:
        super().__init__()
        self._second = spread(sine(tone_hz, RATE_HZ), channels=2)
        self._frame_s = 0.02 / pace
        self.left: list[float] = []
        """When each frame left."""

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        began = self.left[0] if self.left else now
        await asyncio.sleep(began + len(self.left) * self._frame_s - now)
        first = len(self.left) * FRAME
        self.left.append(asyncio.get_running_loop().time())
        at = 4 * (first % RATE_HZ)
        frame = AudioFrame(format="s16", layout="stereo", samples=FRAME)
        frame.planes[0].update(self._second[at : at + 4 * FRAME])
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
        return frame


class FarEnd:
    """Answers one call. Packets of its voice get lost (`loss` of 1) or are late by up to `jitter_s`."""

    def __init__(
        self,
        *,
        tone_hz: int = 440,
        pace: float = 1.0,
        loss: float = 0.0,
        jitter_s: float = 0.0,
        address: str = LOOPBACK,
    ) -> None:
        self.address = address
        self.connection = RTCPeerConnection(SETTINGS)
        self.tone = Tone(tone_hz, pace)
        self.messages: list[str | bytes] = []
        self.heard = bytearray()
        """PCM16 stereo at 48,000 Hz, as the caller's words arrived."""
        self.channel: RTCDataChannel | None = None
        self.lost = 0
        self._loss, self._jitter_s, self._chance = loss, jitter_s, random.Random(1)
        self._ice: Ice | None = None
        self._listening: asyncio.Task[None] | None = None

    async def answer(self, offer: str) -> str:
        """Give this to `Peer.open`."""
        self.connection.on("datachannel", self._greet)
        self.connection.on("track", self._listen)
        ice = self.connection.addTransceiver(self.tone).receiver.transport.transport.iceGatherer._connection
        self._ice = Ice(ice)
        self._ice.gather_only([self.address])
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._ice.gathered(self.connection.setLocalDescription(await self.connection.createAnswer()))
        for protocol in ice._protocols:
            self._impair(protocol)
        return self.connection.localDescription.sdp

    def vanish(self) -> None:
        """Say and hear nothing any more, as behind a cable that was pulled."""
        assert self._ice is not None
        for protocol in self._ice.connection._protocols:
            protocol.datagram_received = lambda data, addr: None  # type: ignore[method-assign]

    async def close(self) -> None:
        """Hang up."""
        if self._ice is not None:
            await self._ice.stop()
        await self.connection.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    def _impair(self, protocol: StunProtocol) -> None:
        send = protocol.send_data

        async def send_data(data: bytes, addr: tuple[str, int]) -> None:
            is_sound = 127 < data[0] < 192 and not 64 <= data[1] & 127 < 96
            if not is_sound or len(self.tone.left) <= 5:
                await send(data, addr)
            elif self._chance.random() < self._loss:
                self.lost += 1
            elif self._jitter_s:
                delay_s = self._chance.random() * self._jitter_s
                asyncio.get_running_loop().call_later(delay_s, _deliver, protocol, data, addr)
            else:
                await send(data, addr)

        protocol.send_data = send_data  # type: ignore[method-assign]

    def _greet(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", self._echo)

    def _echo(self, message: str | bytes) -> None:
        assert self.channel is not None
        self.messages.append(message)
        if self.channel.readyState == "open":
            self.channel.send(message)

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.heard += bytes(frame.planes[0])[: 4 * frame.samples]
        except MediaStreamError:
            pass


class StockCaller:
    """A caller made of aiortc alone, jitter buffer included: what to compare with."""

    def __init__(self, address: str = LOOPBACK) -> None:
        self.address = address
        self.connection = RTCPeerConnection(SETTINGS)
        self.frames: list[tuple[float, float]] = []
        """When a frame was delivered, and its position in ms."""
        self.connected = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def call(self, exchange: Exchange) -> None:
        """Call and begin to count."""
        receiver = self.connection.addTransceiver(Tone(660)).receiver
        Ice(receiver.transport.transport.iceGatherer._connection).gather_only([self.address])
        self.connection.on("track", self._listen)
        self.connection.on("connectionstatechange", self._changed)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await exchange(self.connection.localDescription.sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._count(track))

    def _changed(self) -> None:
        if self.connection.connectionState == "connected":
            self.connected.set()

    async def _count(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert frame.pts is not None
                self.frames.append((asyncio.get_running_loop().time(), frame.pts * 1000 / RATE_HZ))
        except MediaStreamError:
            pass


def _deliver(protocol: StunProtocol, data: bytes, address: tuple[str, int]) -> None:
    if not protocol.transport.is_closing():
        protocol.transport.sendto(data, address)


def tone_of(pcm: bytes, rate_hz: int, channels: int = 1) -> tuple[float, float]:
    """Return the strongest frequency in Hz and the level in dBFS of PCM16."""
    first = np.frombuffer(pcm, "<i2").reshape(-1, channels)[:, 0].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(first * np.hanning(len(first))))
    return float(np.argmax(spectrum)) * rate_hz / len(first), rms_dbfs(pcm)
