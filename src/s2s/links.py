"""The seam that a session sees: commands one way, events the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from s2s.commands import Command
from s2s.errors import S2SError
from s2s.events import Event
from s2s.transports import DirectTransport, Transport
from s2s.wire import ClientWire, DirectWire, Send

Told: TypeAlias = Event | Send
"""What a link yields: an event, or a reply that the session's writer hands back to `Link.send`."""


class Link(Protocol):
    """A duplex of commands and events with an engine; events end when the engine is gone.

    The first event is SessionStarted, unless opening failed. Only one task writes and one reads. A response
    that calls tools is done without waiting for their results: the last one is sent after ResponseDone.
    """

    input_rate: int
    """Sample rate of the PCM16 mono in AppendAudio."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Pass a command on and return the events that it caused at once.

        Raises ConnectionLostError when the engine is gone.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the engine tells. Raises S2SError when it breaks."""
        ...

    async def close(self) -> None:
        """Let go of everything; safe to call twice."""
        ...


@runtime_checkable
class Direct(Link, Protocol):
    """A link with a short way: no task wakes up for audio, neither to write nor to read it."""

    def append(self, audio: bytes) -> Command | Send | None:
        """Write audio at once; return what is left for the writer where that would have to wait."""
        ...

    async def listen(self, hear: Callable[[Told], None]) -> None:
        """Call `hear` with what iterating would yield, as it arrives; ends with what it raises."""
        ...


class RemoteLink:
    """A wire and a transport: the link to an engine behind a connection."""

    def __init__(self, wire: ClientWire, transport: Transport, input_rate: int) -> None:
        self.input_rate = input_rate
        self._wire = wire
        self._transport = transport

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Write what the wire makes of the command, return the events that it makes."""
        made = (command,) if isinstance(command, Send) else self._wire.send(command)
        events: list[Event] = []
        for each in made:
            if isinstance(each, Send):
                await self._transport.send(each.data)
            else:
                events.append(each)
        return events

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the wire reads; whatever is open is closed before the end or the error."""
        failure: S2SError | None = None
        try:
            async for message in self._transport:
                for each in self._wire.receive(message):
                    yield each
        except S2SError as error:
            failure = error
        for event in self._wire.lost():
            yield event
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.close()


class DirectLink(RemoteLink):
    """A remote link with a short way."""

    def __init__(self, wire: DirectWire, transport: DirectTransport, input_rate: int) -> None:
        super().__init__(wire, transport, input_rate)
        self._spelled = wire.append
        self._direct = transport

    def append(self, audio: bytes) -> Command | Send | None:
        """Write audio at once; return what is left for the writer where that would have to wait."""
        message = self._spelled(audio)
        return None if self._direct.write(message) else Send(message)

    async def listen(self, hear: Callable[[Told], None]) -> None:
        """Call `hear` with what iterating would yield, as it arrives; ends with what it raises."""
        receive = self._wire.receive

        def take(message: bytes) -> None:
            for each in receive(message):
                hear(each)

        failure: S2SError | None = None
        try:
            await self._direct.listen(take)
        except S2SError as error:
            failure = error
        for event in self._wire.lost():
            hear(event)
        if failure is not None:
            raise failure
