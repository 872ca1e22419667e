"""The caller's end of a WebRTC call with a service that speaks as OpenAI Realtime does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Self, TypeAlias

from s2s.errors import ConfigError, ConnectError, ConnectionLostError, LocalProtocolError
from s2s.transports.webrtc.backlog import Backlog
from s2s.transports.webrtc.inbox import Arrival, Inbox
from s2s.transports.webrtc.jitter import PATIENCE

MOST_BUFFERED_BYTES = 256 * 1024
"""Messages beyond this that wait for the channel make `send` wait too."""

HUNG_UP = "the far end closed the channel"

Exchange: TypeAlias = Callable[[str], Awaitable[str]]
"""Takes the SDP of our offer and returns the SDP of their answer, by whatever HTTP the service wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOptions:
    """How long to wait, how much to keep, where to listen."""

    open_s: float = 15.0
    """For everything until the call is open, the exchange included."""
    send_s: float = 5.0
    """For the far end to make room for a message."""
    said_s: float = 10.0
    """Of audio that may wait to be said; the oldest beyond it is dropped."""
    heard_s: float = 30.0
    """Of sound that may wait to be read; the newest beyond it is dropped."""
    candidates: Sequence[str] | None = None
    """IP addresses of this machine to use instead of all; loopback is used only if it is named here."""
    patience: int = PATIENCE
    """Packets behind a missing one after which it is given up."""


def require_aiortc() -> None:
    """Import aiortc, which takes a third of a second: where an engine is made, better than in a call.

    Raises ConfigError if it is missing.
    """
    try:
        import_module("s2s.transports.webrtc.stack")
    except ImportError as missing:
        raise ConfigError("WebRTC needs aiortc: pip install 'voice-s2s[webrtc]'") from missing


class Peer:
    """A call: messages and sound both ways. `open` makes one; one task may read it."""

    def __init__(self, options: PeerOptions) -> None:
        require_aiortc()
        from s2s.transports.webrtc.hearing import Hearing
        from s2s.transports.webrtc.stack import Stack
        from s2s.transports.webrtc.track import Track

        self._options = options
        self._backlog = Backlog(options.said_s)
        self._inbox = Inbox(options.heard_s)
        self._hearing = Hearing(options.patience)
        self._stack = Stack(Track(self._backlog), self._hear, options.candidates)
        self._change = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._watch()

    @classmethod
    async def open(cls, exchange: Exchange, options: PeerOptions | None = None) -> Self:
        """Offer, exchange, connect; return once messages and sound can flow.

        What `exchange` raises is passed on. Raises ConfigError without aiortc, and ConnectError, retryable
        unless the answer makes no sense. Whatever is raised, cancellation included, nothing is left behind.
        """
        peer = cls(options or PeerOptions())
        try:
            await peer._open(exchange)
        except BaseException:
            await peer.close()
            raise
        return peer

    @property
    def waiting_ms(self) -> float:
        """How much audio waits to be said."""
        return self._backlog.waiting_ms

    @property
    def dropped_ms(self) -> float:
        """How much audio was never said because too much of it waited."""
        return self._backlog.dropped_ms

    async def send(self, message: bytes) -> None:
        """Send a message of UTF-8 as text, waiting while the far end is slow.

        Raises ConnectionLostError when that takes too long or the call is over, and LocalProtocolError for a
        message that is no text or larger than the far end takes.
        """
        if self._is_full():
            await self._room()
        self._require_open()
        try:
            self._stack.channel.send(message.decode())
        except ValueError as refused:
            raise LocalProtocolError(f"{refused}: send text, in smaller messages") from refused

    def say(self, pcm: bytes) -> float:
        """Queue PCM16 mono at 24,000 Hz in pieces of any size; return how many ms of the oldest were dropped.

        Raises ConnectionLostError when the call is over.
        """
        self._require_open()
        return self._backlog.push(pcm)

    def clear(self) -> float:
        """Take back what waits to be said; return how many ms."""
        return self._backlog.clear()

    async def __aiter__(self) -> AsyncIterator[Arrival]:
        """Yield messages and sound as they came, BacklogError where sound was dropped; end when closed here.

        Raises ConnectionLostError, after all that came before, when the call ended otherwise.
        """
        while (arrival := await self._inbox.get()) is not None:
            yield arrival

    async def close(self) -> None:
        """Hang up and let go of everything; safe to call twice, and goes on when this wait is cancelled."""
        self._end()
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._stack.close())
        await asyncio.shield(self._closing)

    async def _open(self, exchange: Exchange) -> None:
        open_s = self._options.open_s
        try:
            async with asyncio.timeout(open_s) as deadline:
                await self._stack.answer(await exchange(await self._stack.offer()))
                while not self._stack.is_open:
                    self._require_open()
                    await self._changed()
        except ConnectionLostError as lost:
            raise ConnectError(f"the call failed while it was opened: {lost}", retryable=True) from lost
        except TimeoutError as late:
            if not deadline.expired():
                raise
            raise ConnectError(
                f"the call was not open within {open_s:g} s, {self._stack.progress}", retryable=True
            ) from late

    async def _room(self) -> None:
        send_s = self._options.send_s
        try:
            async with asyncio.timeout(send_s):
                while self._is_full():
                    self._require_open()
                    await self._changed()
        except TimeoutError:
            self._end(_lost(f"the far end took no message for {send_s:g} s"))
            self._require_open()

    def _is_full(self) -> bool:
        return self._stack.channel.bufferedAmount > MOST_BUFFERED_BYTES

    async def _changed(self) -> None:
        self._change.clear()
        await self._change.wait()

    def _require_open(self) -> None:
        if self._stack.channel.readyState in ("closing", "closed"):
            self._end(_lost(HUNG_UP))
        if self._inbox.ended:
            raise self._inbox.failure or _lost("it was closed")

    def _watch(self) -> None:
        channel, connection = self._stack.channel, self._stack.connection
        channel.bufferedAmountLowThreshold = MOST_BUFFERED_BYTES
        channel.on("open", self._change.set)
        channel.on("bufferedamountlow", self._change.set)
        channel.on("message", self._heard)
        channel.on("close", lambda: self._end(_lost(HUNG_UP)))
        connection.on("connectionstatechange", self._connection_changed)

    def _connection_changed(self) -> None:
        if self._stack.connection.connectionState in ("failed", "closed"):
            self._end(_lost("the far end cannot be reached any more"))
        self._change.set()

    def _heard(self, message: str | bytes) -> None:
        self._inbox.put(message.encode() if isinstance(message, str) else message)

    def _hear(self, sequence: int, timestamp: int, payload: bytes) -> None:
        for sound in self._hearing.hear(sequence, timestamp, payload):
            self._inbox.put(sound)

    def _end(self, failure: ConnectionLostError | None = None) -> None:
        self._inbox.end(failure)
        self._change.set()


def _lost(why: str) -> ConnectionLostError:
    return ConnectionLostError(f"the call is over, {why}: open another one", reason=why, resumable=True)
