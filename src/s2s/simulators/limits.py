"""How long a stream of Nova Sonic may last, and how long nothing may come over it.

Source: texts of the service that its users have reported (2026-10); when it counts from is a guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from s2s.simulators.temper import NovaTemper
from s2s.transports import Transport
from s2s.wire import Close

TIMED_OUT, REFUSED, RESET = 408, 400, 1006
IDLE = (
    "Timed out waiting for audio bytes or interactive content. Please ensure that gaps between audio bytes "
    "or interactive content are less than {idle_s:g} seconds."
)
NOTHING = "Timed out waiting for input events."
TOO_LONG = "The session has reached its maximum duration of {minutes:g} minutes."
NO_ERROR = "RST_STREAM NO_ERROR"


class Hourglass:
    """Says until when a stream may go on, and how it ends then: pure, `now` is a monotonic clock in s."""

    def __init__(self, temper: NovaTemper, now: float) -> None:
        self._temper = temper
        self._too_long_at = now + temper.session_s
        self._silent_at = now + temper.input_s
        self._silence = Close(REFUSED, NOTHING)

    @property
    def due_at(self) -> float:
        """When it ends."""
        return min(self._too_long_at, self._silent_at)

    def hear(self, message: bytes, now: float) -> None:
        """Note what the client says."""
        if _is_alive(message):
            self._silent_at = now + self._temper.idle_s
            self._silence = self._idle()
        elif self._silence.reason == NOTHING:
            self._silent_at = now + self._temper.input_s

    def ending(self) -> Close:
        """Return how it ends."""
        if self._too_long_at <= self._silent_at:
            return Close(TIMED_OUT, TOO_LONG.format(minutes=self._temper.session_s / 60))
        return self._silence

    def _idle(self) -> Close:
        if self._temper.idle_ends == "reset":
            return Close(RESET, NO_ERROR)
        return Close(REFUSED, IDLE.format(idle_s=self._temper.idle_s))


class Limited:
    """Passes messages on, and ends a stream whose time is over."""

    def __init__(self, inner: Transport, temper: NovaTemper) -> None:
        self._inner = inner
        self._hourglass = Hourglass(temper, _now())

    async def send(self, message: bytes) -> None:
        """Send a message."""
        await self._inner.send(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what the client says, until it has gone or the time is over."""
        messages = aiter(self._inner)
        while True:
            try:
                async with asyncio.timeout_at(self._hourglass.due_at) as limit:
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():
                    raise
                ending = self._hourglass.ending()
                await self._inner.close(ending.code, ending.reason)
                return
            self._hourglass.hear(message, _now())
            yield message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        await self._inner.close(code, reason)


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
