"""One conversation with the local engine: who has the floor, and what follows from it."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config
from s2s.errors import ConnectionLostError, LocalProtocolError
from s2s.events import Error, Event, SessionStarted
from s2s.items import ToolResult
from s2s.providers.local.floor import Floor
from s2s.providers.local.seats import Seats
from s2s.wire import Send

_SLICE_MS = 96
"""Audio judged between two turns of the event loop."""


class LocalLink:
    """Commands go to the floor at once; its events wait here for the reader."""

    def __init__(self, seats: Seats, config: Config, capabilities: Capabilities) -> None:
        self.input_rate = seats.vad.sample_rate
        self._events: deque[Event] = deque()
        self._change = asyncio.Event()
        self._floor: Floor | None = None
        self._seats = seats
        self._config = config
        self._can = capabilities
        self._id = f"local_{uuid.uuid4().hex[:16]}"
        self._root = asyncio.create_task(self._serve(), name="s2s-local")

    async def up(self) -> None:
        """Load what is not loaded, and return when commands are taken. Raises what prevents it."""
        while self._floor is None and not self._root.done():
            self._change.clear()
            await self._change.wait()
        if self._root.done():
            self._root.result()

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Do what is asked; nothing is caused at once, all of it comes as events."""
        if self._floor is None:
            raise ConnectionLostError("the local engine has stopped: start another session")
        match command:
            case AppendAudio(audio=audio):
                await self._hear(self._floor, audio)
            case CommitAudio():
                await self._floor.commit()
            case ClearAudio():
                self._floor.clear()
            case AddItem(item=item):
                self._floor.add(item)
            case RemoveItem(item_id=item_id):
                self._floor.conversation.drop(item_id)
            case CreateResponse(out_of_band=False):
                self._floor.respond("application", command)
            case SendToolResult(call_id=call_id, output=output, is_error=is_error, respond=respond):
                self._floor.add(ToolResult(call_id, output, is_error, respond))
                if respond:
                    self._floor.respond("tool_result")
            case Cancel(response_id=response_id):
                self._floor.mouth.cancel(response_id)
            case Truncate(item_id=item_id, heard_ms=heard_ms):
                self._floor.mouth.heard_until(item_id, heard_ms)
            case UpdateSession():
                self._floor.update(command)
            case _:
                self._tell(Error(LocalProtocolError(f"the local engine cannot do {type(command).__name__}")))
        return ()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events until closed."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._root.done():
                break
            self._change.clear()
            await self._change.wait()
        if not self._root.cancelled():
            self._root.result()

    async def close(self) -> None:
        """Stop everything that runs for this conversation. Raises what a stage could not end without."""
        running = self._root.cancel()
        await asyncio.wait([self._root])
        failure = None if self._root.cancelled() else self._root.exception()
        if running and failure is not None:
            raise failure

    async def _serve(self) -> None:
        try:
            async with self._seats.taken(), asyncio.TaskGroup() as group:
                self._floor = Floor(self._seats, self._config, group, self._tell)
                self._tell(SessionStarted(self._id, "local", self._config.model or "cascade", self._can))
                try:
                    await self._floor.watch()
                finally:
                    self._floor.mouth.stop()
        finally:
            self._floor = None
            self._change.set()

    async def _hear(self, floor: Floor, audio: bytes) -> None:
        step = self.input_rate * _SLICE_MS // 1000 * 2
        for start in range(0, len(audio), step):
            await asyncio.sleep(0)
            await floor.hear(audio[start : start + step])

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._change.set()
