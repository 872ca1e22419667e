"""Serves one conversation: a server wire over a transport, with a link behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Generic, TypeVar

from s2s.commands import Command
from s2s.errors import BacklogError, ConnectionLostError, S2SError
from s2s.events import Error
from s2s.links import Link
from s2s.transports import Transport
from s2s.weight import weight_bytes
from s2s.wire import Close, Send, ServerWire

T = TypeVar("T")
_MIB = 1024 * 1024
_MOST_BYTES = 32 * _MIB
_FAIR = 64
"""Events after which an engine that never pauses lets them be written."""
_NORMAL, _GOING_AWAY, _BROKEN = 1000, 1001, 1011


class _Ended(Exception):
    """Unwinds the task group."""


class _Queue(Generic[T]):
    """Bounded, and never waiting for room: a peer that far behind has stopped reading."""

    def __init__(self, most: int, slow: str, weigh: Callable[[T], int]) -> None:
        self._most = most
        self._slow = slow
        self._weigh = weigh
        self._waiting: deque[tuple[T, int] | None] = deque()
        self._bytes = 0
        self._change = asyncio.Event()

    def put(self, item: T | None) -> None:
        """Append; None says that nothing more comes."""
        if item is None:
            self._waiting.append(None)
        else:
            self._require_room()
            n_bytes = self._weigh(item)
            self._bytes += n_bytes
            self._waiting.append((item, n_bytes))
        self._change.set()

    def _require_room(self) -> None:
        behind = ""
        if len(self._waiting) >= self._most:
            behind = f"{self._most} messages"
        elif self._bytes >= _MOST_BYTES:
            behind = f"{_MOST_BYTES // _MIB} MiB"
        if behind:
            raise BacklogError(f"{self._slow} has stopped reading: it is {behind} behind")

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            while not self._waiting:
                self._change.clear()
                await self._change.wait()
            oldest = self._waiting.popleft()
            if oldest is None:
                return
            self._bytes -= oldest[1]
            yield oldest[0]


class _Host:
    """Who writes to a side leaves it to who reads from it to say how it ended."""

    def __init__(self, wire: ServerWire, transport: Transport, link: Link, most_waiting: int) -> None:
        self._wire = wire
        self._transport = transport
        self._link = link
        self._messages = _Queue[bytes | Close](most_waiting, "the client", _length)
        self._failure: S2SError | None = None
        self._commands = _Queue[Command | Send](most_waiting, "the engine", weight_bytes)

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            for each in (self._read_client, self._read_engine, self._write_client, self._write_engine):
                group.create_task(each(), name=f"s2s-host {each.__name__}")

    async def _read_client(self) -> None:
        async for message in self._transport:
            self._follow(self._wire.receive(message))
        raise _Ended

    async def _read_engine(self) -> None:
        told_so_far = 0
        try:
            async for told in self._link:
                if isinstance(told, Send):
                    self._commands.put(told)
                else:
                    self._follow(self._wire.send(told))
                told_so_far += 1
                if told_so_far % _FAIR == 0:
                    await asyncio.sleep(0)
        except S2SError as failed:
            self._failure = failed
            self._follow(self._wire.send(Error(failed, fatal=True)))
        self._messages.put(None)

    async def _write_client(self) -> None:
        try:
            async for message in self._messages:
                if isinstance(message, Close):
                    await self._transport.close(message.code, message.reason)
                    break
                await self._transport.send(message)
        except ConnectionLostError:
            return
        raise self._failure or _Ended

    async def _write_engine(self) -> None:
        with contextlib.suppress(ConnectionLostError):
            async for command in self._commands:
                for event in await self._link.send(command):
                    self._follow(self._wire.send(event))

    def _follow(self, made: Iterable[Send | Command | Close]) -> None:
        for each in made:
            if isinstance(each, Send):
                self._messages.put(each.data)
            elif isinstance(each, Close):
                self._messages.put(each)
            else:
                self._commands.put(each)


def _length(message: bytes | Close) -> int:
    return 0 if isinstance(message, Close) else len(message)


async def host(wire: ServerWire, transport: Transport, link: Link, *, most_waiting: int = 4096) -> None:
    """Serve until one side ends in order, then close both; what the engine said last still goes out.

    The client hears of an engine that broke, in the dialect and by close code 1011 unless the dialect has
    another, and of a server that goes away by 1001. Raises the S2SError of the side that broke, or
    BacklogError when one falls `most_waiting` messages or 32 MiB behind.
    """
    code, reason = _GOING_AWAY, ""
    try:
        await _Host(wire, transport, link, most_waiting).serve()
    except* _Ended:
        code = _NORMAL
    except* S2SError as broken:
        code, reason = _BROKEN, type(broken.exceptions[0]).__name__
        raise broken.exceptions[0] from None
    except* Exception:
        code = _BROKEN
        raise
    finally:
        try:
            await transport.close(code, reason)
        finally:
            await link.close()
