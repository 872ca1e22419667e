"""One stream of HTTP/2, the server's side: bytes both ways, no faster than the other side takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Protocol

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from msgspec import Struct

from s2s.errors import ConfigError

_ENOUGH_BYTES = 64 * 1024
"""With more than that waiting, whoever sends waits too."""
_MOST_FRAME_BYTES = 16 * 1024


class Manners(Struct, frozen=True, kw_only=True):
    """How a service behaves on the wire; anything but the defaults is legal, and hard on clients."""

    frame_bytes: int = _MOST_FRAME_BYTES
    """The most that a DATA frame carries."""
    credit_s: float = 0.0
    """How late a client may send on, after what it sent was read."""
    pad: str = ""
    """What an event carries beside its bytes, as `p`; other streams of Bedrock have random letters there."""

    def __post_init__(self) -> None:
        if self.frame_bytes < 1:
            raise ConfigError(f"frame_bytes is {self.frame_bytes}: give 1 or more")


class ServedLimits(Struct, frozen=True, kw_only=True):
    """How long things may take, and how much a client may say at once."""

    greeting_s: float = 10.0
    """How long a client may take to greet, and then to ask, and may stay when nothing is under way."""
    send_s: float = 10.0
    """How long it may take nothing of what it is told."""
    close_s: float = 2.0
    """How long it may take to hear the last of it, and to part."""
    message_bytes: int = 1_500_000
    """The most of one message on the wire: 1,000,000 bytes of an event, in base64."""


class Line(Protocol):
    """The connection that a stream belongs to."""

    h2: H2Connection
    manners: Manners
    limits: ServedLimits

    @property
    def writable(self) -> bool:
        """Whether the socket takes more."""
        ...

    def flush(self) -> None:
        """Write what HTTP/2 has to say."""
        ...

    def credit(self, number: int, n_bytes: int) -> None:
        """Let the client send that much more."""
        ...

    def forget(self, number: int) -> None:
        """Let go of a stream that is over."""
        ...

    def go_away(self) -> None:
        """End the connection in order, and every stream of it."""
        ...

    def abort(self) -> None:
        """Drop the connection."""
        ...


class Fuse:
    """Something that is due, unless it is quenched in time."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lit(self) -> bool:
        """Whether it is due."""
        return self._timer is not None

    def light(self, seconds: float, burn: Callable[[], None]) -> None:
        """Have something done then, and nothing else before."""
        self.quench()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._burn, burn)

    def quench(self) -> None:
        """Do nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _burn(self, burn: Callable[[], None]) -> None:
        self._timer = None
        burn()


class Half(Enum):
    """How far one direction of a stream is."""

    UNANSWERED = "nothing was said"
    OPEN = "more may come"
    ENDING = "no more comes, and some still waits"
    OVER = "all was said"


class Stream:
    """One request and its answer.

    What is written goes out as far as the client allows it, and waits here beyond that; so to wait is for
    those who write, in `room`, and nobody who is cancelled leaves half of something behind.
    """

    def __init__(self, line: Line, number: int) -> None:
        self.line = line
        self.lost = ""
        """Why it ended before its time, if it did."""
        self._number = number
        self._theirs = Half.OPEN
        self._arrived = bytearray()
        self._owed_bytes = 0
        self._heard = asyncio.Event()
        self._ours = Half.UNANSWERED
        self._waiting = bytearray()
        self._moved = asyncio.Event()
        self._fuse = Fuse()

    @property
    def answered(self) -> bool:
        """Whether the head of the answer was sent."""
        return self._ours is not Half.UNANSWERED

    @property
    def ended(self) -> bool:
        """Whether no more can be sent."""
        return bool(self.lost) or self._ours in {Half.ENDING, Half.OVER}

    async def read(self) -> bytes:
        """Return what came since the last time, or nothing if no more comes; only then may more be sent."""
        while not self._arrived and self._listening:
            self._heard.clear()
            await self._heard.wait()
        data = bytes(self._arrived)
        self._settle()
        return data

    def answer(self, headers: Sequence[tuple[str, str]]) -> None:
        """Send the head of the answer."""
        if self._ours is Half.UNANSWERED and not self.lost:
            self._ours = Half.OPEN
            # Where HTTP/2 refuses, the client has ended the stream, and that is the next thing to be heard.
            with suppress(ProtocolError):
                self.line.h2.send_headers(self._number, headers)
            self.line.flush()

    def write(self, data: bytes) -> None:
        """Send bytes, or have them wait."""
        if self._ours is Half.OPEN and not self.lost:
            self._waiting += data
            self.pump()

    async def room(self) -> None:
        """Wait until little enough waits; the stream is lost where a client takes nothing for too long."""
        while len(self._waiting) > _ENOUGH_BYTES:
            self._moved.clear()
            try:
                async with asyncio.timeout(self.line.limits.send_s):
                    await self._moved.wait()
            except TimeoutError:
                self.lose(f"the client took nothing for {self.line.limits.send_s:g} s", ErrorCodes.CANCEL)

    def end(self) -> None:
        """Say that nothing more comes after what waits, and hear nothing more."""
        if self._ours is Half.OPEN and not self.lost:
            self._ours = Half.ENDING
            self._fuse.light(self.line.limits.close_s, self._burn)
            self._settle()
            self._heard.set()
            self.pump()

    async def drained(self) -> None:
        """Wait until all was said, or nobody is there to hear it."""
        while (self._waiting or self._ours is Half.ENDING) and not self.lost:
            self._moved.clear()
            await self._moved.wait()

    def arrive(self, data: bytes, n_bytes: int) -> None:
        """Take in what the client sent, with `n_bytes` of its allowance."""
        if self._listening:
            self._arrived += data
            self._owed_bytes += n_bytes
            self._heard.set()
        else:
            self.line.credit(self._number, n_bytes)

    def arrive_end(self) -> None:
        """Note that the client says no more."""
        self._theirs = Half.OVER
        self._heard.set()
        self._part()

    def pump(self) -> None:
        """Send what waits, as far as the client allows it."""
        if not self._waiting and self._ours is not Half.ENDING:
            return
        with suppress(ProtocolError):
            while self._waiting and self.line.writable:
                n_bytes = self._allowed_bytes()
                if n_bytes <= 0:
                    break
                self.line.h2.send_data(self._number, bytes(self._waiting[:n_bytes]))
                del self._waiting[:n_bytes]
                self.line.flush()
                self._moved.set()
            if self._ours is Half.ENDING and not self._waiting:
                self._ours = Half.OVER
                self.line.h2.end_stream(self._number)
                self.line.flush()
                self._moved.set()
                self._part()

    def lose(self, reason: str, told: int | None = None) -> None:
        """End at once; the client is `told` why where it does not know."""
        if self.lost:
            return
        self.lost = reason
        if told is not None:
            with suppress(ProtocolError):
                self.line.h2.reset_stream(self._number, told)
            self.line.flush()
        self._waiting.clear()
        self._heard.set()
        self._moved.set()
        self._let_go()

    @property
    def _listening(self) -> bool:
        return self._theirs is Half.OPEN and not self.ended

    def _allowed_bytes(self) -> int:
        h2 = self.line.h2
        window = h2.local_flow_control_window(self._number)
        most = min(window, h2.max_outbound_frame_size, self.line.manners.frame_bytes)
        return min(most, len(self._waiting))

    def _settle(self) -> None:
        """Let the client send on, for what arrived was read or is of no interest."""
        self._arrived.clear()
        if self._owed_bytes:
            self.line.credit(self._number, self._owed_bytes)
            self._owed_bytes = 0

    def _part(self) -> None:
        if self._theirs is Half.OVER and self._ours is Half.OVER:
            self._let_go()

    def _burn(self) -> None:
        """End what a client does not end: what it was to hear, or what it has to say to nobody."""
        heard = self._ours is Half.OVER
        self.lose("the client did not part", ErrorCodes.NO_ERROR if heard else ErrorCodes.CANCEL)

    def _let_go(self) -> None:
        self._fuse.quench()
        self.line.forget(self._number)
