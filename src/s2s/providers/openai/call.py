"""A call over WebRTC: the offer goes out by HTTP, sound and messages then flow between peers.

Source: openai-python 3.57.0 `resources/realtime/calls`; the answer is SDP with 201.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from s2s.commands import AppendAudio, Command
from s2s.errors import BacklogError, S2SError
from s2s.events import Error, Event
from s2s.items import JSON
from s2s.links import Told
from s2s.patience import Patience
from s2s.transports.posting import post
from s2s.transports.webrtc import Arrival, Peer, PeerOptions, Sound
from s2s.wire import Send
from s2s.wire.openai.call import CallClient
from s2s.wire.openai.connection import Opening

_EPHEMERAL = "ek_"


class CallLink:
    """The link to an engine at the other end of a call."""

    input_rate = 24_000

    def __init__(self, client: CallClient, peer: Peer) -> None:
        self._client = client
        self._peer = peer

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Say audio, write all else; returns the events that this causes."""
        if isinstance(command, AppendAudio):
            self._client.send(command)
            lost_ms = self._peer.say(command.audio)
            if not lost_ms:
                return ()
            told = f"{lost_ms:.0f} ms of audio were not sent: the call takes no more than real time"
            return (Error(BacklogError(told, lost_ms=lost_ms)),)
        events: list[Event] = []
        for each in (command,) if isinstance(command, Send) else self._client.send(command):
            if isinstance(each, Send):
                await self._peer.send(each.data)
            else:
                events.append(each)
        return events

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the service tells and what is heard; what is open is ended before the end."""
        failure: S2SError | None = None
        arrivals = Patience(aiter(self._peer))
        try:
            while True:
                arrived = await arrivals.next(self._client.patience_s)
                for each in self._made(arrived):
                    yield each
        except StopAsyncIteration:
            pass
        except S2SError as error:
            failure = error
        finally:
            await arrivals.close()
        for event in self._client.lost():
            yield event
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Hang up."""
        await self._peer.close()

    def _made(self, arrived: Arrival | None) -> Sequence[Told]:
        match arrived:
            case None:
                return self._client.settle()
            case bytes():
                return self._client.receive(arrived)
            case Sound(pcm=pcm):
                return self._client.hear(pcm)
            case BacklogError():
                return (Error(arrived),)


async def call(
    opening: Opening, url: str, headers: Mapping[str, str], ca: str | None, addresses: Sequence[str] | None
) -> CallLink:
    """Call the service. Raises ConfigError without aiortc, ConnectError and AuthError.

    An ephemeral key brings its settings along; with any other one the session goes with the offer.
    """
    session: dict[str, JSON] = {"type": "realtime", "model": opening.model}
    ephemeral = headers.get("Authorization", "").removeprefix("Bearer ").startswith(_EPHEMERAL)

    async def exchange(offer: str) -> str:
        if ephemeral:
            sdp = "application/sdp"
            return await post(url, headers, offer.encode(), sdp, ca=ca, provider=opening.provider)
        parts = {
            "sdp": ("application/sdp", offer.encode()),
            "session": ("application/json", msgspec.json.encode(session)),
        }
        return await post(url, headers, parts, ca=ca, provider=opening.provider)

    peer = await Peer.open(exchange, PeerOptions(candidates=addresses))
    return CallLink(CallClient(opening), peer)
