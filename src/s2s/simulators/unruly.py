"""A transport that misbehaves as it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from s2s.simulators.temper import Deed, Fault, Temper
from s2s.transports import Transport
from s2s.wire import Close

Break: TypeAlias = Callable[[Transport, Fault, bytes], Awaitable[None]]
"""Does a deed in the manner of a dialect: over this transport, at this message."""


class Spelling(Struct, frozen=True):
    """What there is to know of a dialect to spoil it."""

    names: Callable[[bytes], Sequence[str]]
    """The types of a message."""
    refusal: Callable[[Fault, bytes], bytes | Close]
    """The answer to a message that is refused."""
    audio: bytes
    """What stands before the audio in a message."""
    expired: Close | None = None
    """How a session ends whose time is over; None where that is not for a transport to say."""
    own: Mapping[Deed, Break] = {}
    """The deeds that it does in a manner of its own."""
    huge_bytes: int = 20 * 1024 * 1024


class Trouble:
    """The faults that are still to come, and the messages of each type so far."""

    def __init__(self, faults: Iterable[Fault], names: Callable[[bytes], Sequence[str]]) -> None:
        self._left = list(faults)
        self._names = names
        self._counts: Counter[tuple[str, str]] = Counter()

    def due(self, side: Literal["said", "asked"], message: bytes) -> Fault | None:
        """Count a message, and return what goes wrong with it."""
        if not self._left:
            return None
        names = ("", *self._names(message))
        self._counts.update((side, name) for name in names)
        for fault in self._left:
            wanted = fault.asked if side == "asked" else fault.said
            mine = bool(fault.asked) == (side == "asked")
            if mine and wanted in names and self._counts[side, wanted] == fault.nth:
                self._left.remove(fault)
                return fault
        return None


class Unruly:
    """Passes messages on and does what the faults say; ends a session whose time is over.

    Without `trouble` the faults are those of this connection alone.
    """

    def __init__(
        self, inner: Transport, temper: Temper, spelling: Spelling, trouble: Trouble | None = None
    ) -> None:
        self._inner = inner
        self._spelling = spelling
        self._trouble = trouble or Trouble(temper.faults, spelling.names)
        self._silent = asyncio.Event()
        self._deaf = asyncio.Event()
        self._late = b""
        lasts_s = None if spelling.expired is None else temper.session_s
        self._ends_at = None if lasts_s is None else asyncio.get_running_loop().time() + lasts_s

    async def send(self, message: bytes) -> None:
        """Send a message, or what becomes of it."""
        fault = self._trouble.due("said", message)
        if fault is not None:
            await self._misbehave(fault, message)
        else:
            await self._say(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what the client says, until it has gone or its time is over."""
        messages = aiter(self._inner)
        while True:
            try:
                async with asyncio.timeout_at(self._ends_at) as limit:
                    if self._deaf.is_set():
                        await asyncio.Event().wait()
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():
                    raise
                await self._close(self._spelling.expired)
                return
            if self._deaf.is_set():
                continue
            fault = self._trouble.due("asked", message)
            if fault is None:
                yield message
            elif fault.does == "refuse":
                await self._refuse(self._spelling.refusal(fault, message))
            else:
                await self._misbehave(fault, None)
                yield message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        await self._inner.close(code, reason)

    async def _refuse(self, answer: bytes | Close) -> None:
        if isinstance(answer, Close):
            await self._close(answer)
        else:
            await self._inner.send(answer)

    async def _close(self, close: Close | None) -> None:
        if close is not None:
            await self._inner.close(close.code, close.reason)

    async def _misbehave(self, fault: Fault, message: bytes | None) -> None:
        own = self._spelling.own.get(fault.does)
        if own is not None:
            await own(self._inner, fault, message or b"")
            return
        match fault.does:
            case "close":
                await self._inner.close(int(fault.code), fault.reason)
            case "abort" | "reset" | "goaway" | "fail" | "error":
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
            case "late":
                self._late = message or b""
            case "say":
                await self._say(fault.text.encode())
                await self._say(message)
            case "twice":
                await self._say(message)
                await self._say(message)
            case "garble":
                await self._say(b"}" + (message or b""))
            case "huge":
                whole = (message or b"").rstrip()
                await self._say(
                    message and whole[:-1] + b',"padding":"%s"}' % (b"x" * self._spelling.huge_bytes)
                )
            case "corrupt":
                mark = self._spelling.audio
                await self._say(message and message.replace(mark, mark + b"?", 1))
            case "cut":
                await self._say(message and message[: len(message) // 2])
                await self._drop()

    async def _say(self, message: bytes | None) -> None:
        if not message or self._silent.is_set():
            return
        await self._inner.send(message)
        late, self._late = self._late, b""
        if late:
            await self._inner.send(late)

    async def _drop(self) -> None:
        abort = getattr(self._inner, "abort", None)
        if abort is not None:
            abort()
        else:
            await self._inner.close(1006, "dropped")
