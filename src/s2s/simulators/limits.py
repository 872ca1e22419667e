"""How long a stream of Nova Sonic may last, and how long nothing may come over it.

Source: texts of the service that its users have reported (2026-10); when it counts from is a guess.
"""

from __future__ import annotations

import asyncio
from enum import Enum

import msgspec
from msgspec import Struct

from s2s.errors import ConnectionLostError
from s2s.simulators.temper import NovaTemper
from s2s.transports import Transport
from s2s.wire import Close
from s2s.wire.nova import messages as m
from s2s.wire.nova.judging import NO_INPUT, TOO_LONG, idle

_SESSION_END = m.encode(m.ClientMessage(event=m.Asked(session_end=m.Empty())))
RESET = Close(1006, "RST_STREAM NO_ERROR")


class Hourglass:
    """Says until when a stream may go on, and how it ends then: pure, `now` is a monotonic clock in s."""

    def __init__(self, temper: NovaTemper, request_id: str, now: float) -> None:
        self._temper = temper
        self._too_long_at = now + temper.session_s
        self._too_long = TOO_LONG.closing(request_id)
        self._silent_at = now + temper.input_s
        self._nothing = NO_INPUT.closing(request_id)
        self._idle = RESET if temper.idle_ends == "reset" else idle(temper.idle_s).closing(request_id)
        self._silence = self._nothing

    @property
    def due_at(self) -> float:
        """When it ends."""
        return min(self._too_long_at, self._silent_at)

    def hear(self, message: bytes, now: float) -> None:
        """Note what the client says."""
        if _is_alive(message):
            self._silent_at = now + self._temper.idle_s
            self._silence = self._idle
        elif self._silence is self._nothing:
            self._silent_at = now + self._temper.input_s

    def ending(self) -> Close:
        """Return how it ends."""
        return self._too_long if self._too_long_at <= self._silent_at else self._silence


class End(Enum):
    """How far the end of a stream is."""

    OPEN = "it goes on"
    SAID = "the client has nothing more to say"
    GONE = "the client is not there to be told anything"
    LEFT = "it was ended here, and what a client makes of that is of no interest"


class Limited:
    """Passes messages on, and ends a stream whose time is over.

    A client that ends its side says by that, last of all, that the session ends; what it is still told then
    goes out before the stream is over.
    """

    def __init__(self, inner: Transport, temper: NovaTemper, request_id: str) -> None:
        self._inner = inner
        self._messages = aiter(inner)
        self._end = End.OPEN
        self._over = asyncio.Event()
        self._hourglass = Hourglass(temper, request_id, _now())

    async def send(self, message: bytes) -> None:
        """Send a message."""
        try:
            await self._inner.send(message)
        except ConnectionLostError:
            self._finish(End.GONE)
            raise

    def __aiter__(self) -> Limited:
        """Read on; leaving a loop loses nothing."""
        return self

    async def __anext__(self) -> bytes:
        """Return what the client says next."""
        try:
            async with asyncio.timeout_at(self._hourglass.due_at) as limit:
                message = await self._next()
        except ConnectionLostError:
            if self._end is End.LEFT:
                raise StopAsyncIteration from None
            raise
        except TimeoutError:
            if not limit.expired():
                raise
            ending = self._hourglass.ending()
            await self.close(ending.code, ending.reason)
            raise StopAsyncIteration from None
        self._hourglass.hear(message, _now())
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        self._finish(End.LEFT)
        await self._inner.close(code, reason)

    async def _next(self) -> bytes:
        message = await anext(self._messages, None)
        if message is not None:
            return message
        if self._end is End.OPEN:
            self._end = End.SAID
            return _SESSION_END
        await self._over.wait()
        raise StopAsyncIteration

    def _finish(self, end: End) -> None:
        self._end = end
        self._over.set()


class _Block(Struct):
    interactive: bool | None = None


class _Event(Struct, rename="camel"):
    content_start: _Block | None = None
    audio_input: _Block | None = None


class _Said(Struct):
    event: _Event


_decoded = msgspec.json.Decoder(_Said).decode


def _is_alive(message: bytes) -> bool:
    """Tell whether this is audio, or begins what is interactive."""
    try:
        event = _decoded(message).event
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return event.audio_input is not None or bool(event.content_start and event.content_start.interactive)


def _now() -> float:
    return asyncio.get_running_loop().time()
