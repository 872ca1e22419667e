"""A transport that misbehaves as it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import msgspec
from msgspec import Struct

from s2s.simulators.temper import Fault, Temper
from s2s.transports import Transport

_HUGE_BYTES = 20 * 1024 * 1024
_EXPIRED = "Your session hit the maximum duration of {minutes:.0f} minutes."


class Kind(Struct):
    """What a message says it is."""

    type: str = ""
    event_id: str | None = None


_decoded = msgspec.json.Decoder(Kind, strict=False).decode


class Unruly:
    """Passes messages on, counts them, and does what the faults say; ends the session when its time is over.

    `refusal` makes the answer to a message that is refused: of a code, a text and the message's event id.
    """

    def __init__(
        self, inner: Transport, temper: Temper, refusal: Callable[[str, str, str | None], bytes]
    ) -> None:
        self._inner = inner
        self._refusal = refusal
        self._left = list(temper.faults)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._silent = asyncio.Event()
        self._deaf = asyncio.Event()
        self._minutes = temper.session_s / 60
        self._ends_at = asyncio.get_running_loop().time() + temper.session_s

    async def send(self, message: bytes) -> None:
        """Send a message, or what becomes of it."""
        fault = self._due("said", message) if self._left else None
        if fault is not None:
            await self._misbehave(fault, message)
        elif not self._silent.is_set():
            await self._inner.send(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what the client says, until it has gone or its time is over."""
        messages = aiter(self._inner)
        while True:
            try:
                async with asyncio.timeout_at(self._ends_at) as limit:
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():
                    raise
                await self._inner.close(1001, _EXPIRED.format(minutes=self._minutes))
                return
            if self._deaf.is_set():
                await asyncio.sleep(max(0.0, self._ends_at - asyncio.get_running_loop().time()))
                continue
            fault = self._due("asked", message) if self._left else None
            if fault is None:
                yield message
            elif fault.does == "refuse":
                name = _kind(message).event_id
                await self._inner.send(self._refusal(str(fault.code), fault.reason, name))
            else:
                await self._misbehave(fault, None)
                yield message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        await self._inner.close(code, reason)

    def _due(self, side: str, message: bytes) -> Fault | None:
        kind = _kind(message).type
        self._counts[side, kind] += 1
        self._counts[side, ""] += 1
        for fault in self._left:
            wanted = fault.asked if side == "asked" else fault.said
            mine = bool(fault.asked) == (side == "asked")
            if mine and wanted in ("", kind) and self._counts[side, wanted] == fault.nth:
                self._left.remove(fault)
                return fault
        return None

    async def _misbehave(self, fault: Fault, message: bytes | None) -> None:
        match fault.does:
            case "close":
                await self._inner.close(int(fault.code), fault.reason)
            case "abort":
                await self._drop()
            case "stall":
                self._silent.set()
            case "deaf":
                self._deaf.set()
                await self._say(message)
            case "delay":
                await asyncio.sleep(fault.seconds)
                await self._say(message)
            case "skip" | "refuse":
                pass
            case "twice":
                await self._say(message)
                await self._say(message)
            case "garble":
                await self._say(b"}" + (message or b""))
            case "huge":
                await self._say(message and message[:-1] + b',"padding":"%s"}' % (b"x" * _HUGE_BYTES))
            case "corrupt":
                await self._say(message and message.replace(b'"delta":"', b'"delta":"?', 1))
            case "cut":
                await self._say(message and message[: len(message) // 2])
                await self._drop()

    async def _say(self, message: bytes | None) -> None:
        if message and not self._silent.is_set():
            await self._inner.send(message)

    async def _drop(self) -> None:
        abort = getattr(self._inner, "abort", None)
        if abort is not None:
            abort()
        else:
            await self._inner.close(1006, "dropped")


def _kind(message: bytes) -> Kind:
    try:
        return _decoded(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Kind()
