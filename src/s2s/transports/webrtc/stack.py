"""aiortc, and all that we do to its insides: one connection with its channel and its track.

Only this module reaches behind the doors of aiortc, and only of its own connection: others in the process
keep what they have. The tests of this package tell when a door has moved.

Source: aiortc 1.16.0, aioice 0.13.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TypeAlias

from aioice import Candidate, Connection
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtp import RtpPacket

from s2s.errors import ConfigError, ConnectError
from s2s.transports.webrtc.track import Track

LABEL = "oai-events"
CLOSE_S = 5.0
"""Closing takes milliseconds; whoever closes is not held up by what never should hang."""

Hear: TypeAlias = Callable[[int, int, bytes], None]
"""Takes sequence number, timestamp and payload of every RTP packet, in order of arrival."""


class Tap:
    """Stands where aiortc has its jitter buffer and hands nothing on, so aiortc decodes nothing."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Take a packet; answer that no picture need be asked for and no frame is complete."""
        self._hear(packet.sequence_number, packet.timestamp, packet.payload)
        return False, None


class Stack:
    """A connection that offers Opus both ways and the channel of events, all over one socket per address."""

    def __init__(self, track: Track, hear: Hear, addresses: Sequence[str] | None) -> None:
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        transceiver = self.connection.addTransceiver(track)
        capabilities = RTCRtpSender.getCapabilities("audio")
        transceiver.setCodecPreferences([each for each in capabilities.codecs if each.name == "opus"])
        replace_jitter_buffer(transceiver.receiver, hear)
        self._ice = Ice(transceiver.receiver.transport.transport.iceGatherer._connection)
        if addresses is not None:
            self._ice.gather_only(addresses)
        self.channel = self.connection.createDataChannel(LABEL)

    @property
    def is_open(self) -> bool:
        """Whether messages and sound can flow."""
        return self.channel.readyState == "open" and self.connection.connectionState == "connected"

    @property
    def progress(self) -> str:
        """How far opening has come, and what to do if it goes no further."""
        if self.connection.signalingState != "stable":
            return "for no answer came: try again, or see whether the service is up"
        if self.connection.iceConnectionState != "completed":
            return (
                "for the far end could not be reached: see whether UDP is blocked here, or use the WebSocket"
            )
        return "though the far end was reached: try again, or use the WebSocket"

    async def offer(self) -> str:
        """Gather addresses and return the SDP of the whole offer. Raises ConnectError if there are none."""
        await self._ice.gathered(self.connection.setLocalDescription(await self.connection.createOffer()))
        sdp = self.connection.localDescription.sdp
        if "a=candidate:" not in sdp:
            raise ConnectError(
                "this machine has no address to call from: connect it to a network", retryable=True
            )
        return sdp

    async def answer(self, sdp: str) -> None:
        """Take the answer and begin to connect. Raises ConnectError where it makes no sense."""
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except Exception as senseless:
            raise ConnectError(
                f"the answer cannot be used ({senseless!r}): let the service answer with SDP, Opus in it"
            ) from senseless

    async def close(self) -> None:
        """Let go of sockets, tasks and the thread, however far the call had come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._ice.stop()
                await self.connection.close()


class Ice:
    """The sockets and connectivity checks of one connection: where they are, and an end to them."""

    def __init__(self, connection: Connection) -> None:
        self._connect = connection.connect
        self._gather = connection.get_component_candidates
        self.connection = connection
        self._gathering: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None
        connection.connect = self._connect_owned  # type: ignore[method-assign]

    def gather_only(self, named: Sequence[str]) -> None:
        """Use these addresses instead of those of all interfaces, among which loopback never is."""

        async def gather(component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
            return await self._gather(component, list(named), timeout)

        self.connection.get_component_candidates = gather  # type: ignore[method-assign]

    async def gathered(self, gathering: Coroutine[None, None, None]) -> None:
        """Gather to the end even when cancelled: a socket on its way would belong to nobody."""
        self._gathering = asyncio.ensure_future(gathering)
        await asyncio.shield(self._gathering)

    async def stop(self) -> None:
        """End gathering and connecting; closing alone would let that begin consent checks without an end."""
        if self._gathering is not None:
            await asyncio.wait([self._gathering])
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])

    async def _connect_owned(self) -> None:
        self._connecting = asyncio.current_task()
        await self._connect()


def replace_jitter_buffer(receiver: RTCRtpReceiver, hear: Hear) -> None:
    """Let this receiver hand over packets as they come. Raises ConfigError if aiortc is not as it was."""
    place = "_RTCRtpReceiver__jitter_buffer"
    if not hasattr(receiver, place):
        raise ConfigError(
            "this aiortc keeps its jitter buffer elsewhere than 1.16: pip install 'voice-s2s[webrtc]'"
        )
    setattr(receiver, place, Tap(hear))
