import asyncio

import pytest
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer

from s2s.errors import ConfigError
from s2s.transports.webrtc.backlog import Backlog
from s2s.transports.webrtc.stack import LABEL, Stack, Tap, replace_jitter_buffer
from s2s.transports.webrtc.track import Track

PLACE = "_RTCRtpReceiver__jitter_buffer"


def ignore(sequence: int, timestamp: int, payload: bytes) -> None:
    """Hear nothing."""


def test_only_our_own_connection_gets_another_jitter_buffer() -> None:
    async def main() -> None:
        stack = Stack(Track(Backlog(1.0)), ignore, ["127.0.0.1"])
        other = RTCPeerConnection()
        other.addTransceiver("audio")
        (ours,), (theirs,) = stack.connection.getReceivers(), other.getReceivers()
        assert isinstance(getattr(ours, PLACE), Tap)
        assert isinstance(getattr(theirs, PLACE), JitterBuffer)
        await stack.close()
        await other.close()

    asyncio.run(main())


def test_an_aiortc_that_keeps_its_jitter_buffer_elsewhere_is_refused() -> None:
    async def main() -> None:
        connection = RTCPeerConnection()
        receiver = connection.addTransceiver("audio").receiver
        delattr(receiver, PLACE)
        with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[webrtc\]'"):
            replace_jitter_buffer(receiver, ignore)
        await connection.close()

    asyncio.run(main())


def test_the_offer_is_whole_and_offers_opus_alone_and_the_channel_over_one_socket() -> None:
    async def main() -> None:
        stack = Stack(Track(Backlog(1.0)), ignore, ["127.0.0.1"])
        sdp = await stack.offer()
        await stack.close()
        assert stack.channel.label == LABEL == "oai-events"
        codecs = [line.split()[1] for line in sdp.splitlines() if line.startswith("a=rtpmap:")]
        candidates = {line.split()[5] for line in sdp.splitlines() if line.startswith("a=candidate:")}
        assert codecs == ["opus/48000/2"]
        assert len(candidates) == 1
        assert "a=end-of-candidates" in sdp
        assert "webrtc-datachannel" in sdp

    asyncio.run(main())
