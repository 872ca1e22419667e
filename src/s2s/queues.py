"""The two queues of a session, bounded in audio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container
from typing import Generic, TypeVar

from s2s.commands import AppendAudio, Command
from s2s.config import Limits
from s2s.errors import BacklogError, LocalProtocolError
from s2s.events import AudioOutput, Error, Event
from s2s.wire import Send

T = TypeVar("T")


class _Fifo(Generic[T]):
    """First in, first out, for one reader on the loop of its writers."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    def _grown(self) -> asyncio.Future[None]:
        self._reader = self._loop.create_future()
        return self._reader

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


class Outbox(_Fifo[Command | Send]):
    """What is on its way to the engine. Everything is taken; who produces audio asks for room first."""

    def __init__(
        self, most_bytes: float, at_once: Callable[[bytes], Command | Send | None] | None = None
    ) -> None:
        super().__init__()
        self._at_once = at_once
        self._most_bytes = most_bytes
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    def put_audio(self, audio: bytes) -> None:
        """Have audio sent at once, where the writer has nothing to do; else append, whatever the room."""
        if self._at_once is None or self._reader is None or self._reader.done():
            self.put(AppendAudio(audio))
        elif (late := self._at_once(audio)) is not None:
            self.put(late)

    def put(self, item: Command | Send) -> None:
        """Append, whatever the room."""
        if isinstance(item, AppendAudio):
            self._bytes += len(item.audio)
            if not self.has_room:
                self._room.clear()
        self._waiting.append(item)
        if self._reader is not None:
            self._wake()

    @property
    def has_room(self) -> bool:
        """Whether the audio that waits is below the bound."""
        return self._bytes < self._most_bytes

    async def room(self) -> None:
        """Return once there is room, or none is needed any more."""
        await self._room.wait()

    def end(self) -> None:
        """Let go of whoever waits for room: nothing is taken any more."""
        self._room.set()

    async def get(self) -> Command | Send:
        """Take the oldest."""
        while not self._waiting:
            await self._grown()
        item = self._waiting.popleft()
        if isinstance(item, AppendAudio):
            self._bytes -= len(item.audio)
            if self.has_room:
                self._room.set()
        return item


class Inbox(_Fifo[Event]):
    """What is on its way to the application; `taken` hears of audio as the application gets it."""

    def __init__(self, limits: Limits, bytes_per_ms: float, taken: Callable[[AudioOutput], None]) -> None:
        super().__init__()
        self._most_bytes = limits.output_audio_s * 1000 * bytes_per_ms
        self._most_events = limits.waiting_events
        self._bytes_per_ms = bytes_per_ms
        self._taken = taken
        self._bytes = 0
        self._lost_bytes = 0
        self._loss: Event | None = None
        self._ended = False

    def put(self, event: Event) -> None:
        """Append. Audio beyond the bound is dropped, and an Error event in its place says how much."""
        if self._ended:
            return
        if isinstance(event, AudioOutput):
            if self._bytes + len(event.audio) > self._most_bytes:
                self._lose(len(event.audio))
                return
            self._bytes += len(event.audio)
        self._waiting.append(event)
        if self._reader is not None:
            self._wake()

    @property
    def stalled(self) -> bool:
        """Whether so many events wait that nobody can be reading."""
        return len(self._waiting) > self._most_events

    def purge_audio(self, spared: Container[str] = ()) -> None:
        """Take back the audio that the application does not have yet, but for that of spared responses."""
        waiting = [*self._waiting]
        self._waiting.clear()
        self._bytes = 0
        for each in waiting:
            if not isinstance(each, AudioOutput):
                self._waiting.append(each)
            elif each.response_id in spared:
                self._waiting.append(each)
                self._bytes += len(each.audio)

    def end(self, *last: Event) -> None:
        """Append the last events; nothing comes after them."""
        if not self._ended:
            self._waiting.extend(last)
            self._ended = True
            self._wake()

    async def get(self) -> Event | None:
        """Take the oldest; None when there will be no more."""
        try:
            return await self.next()
        except StopAsyncIteration:
            return None

    async def next(self) -> Event:
        """Take the oldest. Raises StopAsyncIteration when there will be no more."""
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            if self._reader is not None and not self._reader.done():
                raise LocalProtocolError(
                    "somebody else already reads this session: keep one loop over session.recv()"
                )
            await self._grown()
        event = self._waiting.popleft()
        if isinstance(event, AudioOutput):
            self._bytes -= len(event.audio)
            self._taken(event)
        return event

    def _lose(self, n_bytes: int) -> None:
        if self._waiting and self._waiting[-1] is self._loss:
            self._waiting.pop()
        else:
            self._lost_bytes = 0
        self._lost_bytes += n_bytes
        lost_ms = self._lost_bytes / self._bytes_per_ms
        message = (
            f"{lost_ms:.0f} ms of audio were dropped because nobody read them: "
            "read events as they come, or raise limits.output_audio_s"
        )
        self._loss = Error(BacklogError(message, lost_ms=lost_ms))
        self.put(self._loss)
