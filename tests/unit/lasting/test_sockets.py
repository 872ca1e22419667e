"""Links over transports that call back as messages arrive."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection

from s2s.commands import CommitAudio
from s2s.config import Reconnect
from s2s.errors import ConnectionLostError, S2SError
from s2s.events import Event, GoingAway, Reconnecting, ResponseDone
from s2s.lasting import LastingLink
from s2s.testing.clock import run as on_a_jumping_clock
from s2s.transports.websocket import connect
from s2s.transports.ws.arrivals import Arrivals
from tests.support.dialect import JSONServer
from tests.support.lasting import (
    BACK,
    LOST,
    PARTED,
    SOON,
    STARTED,
    Listening,
    ToyWire,
    rest,
)
from tests.support.websockets import eventually, run, server

SETTINGS = Reconnect(attempts=1)


def text(event: Event) -> str:
    return b"".join(made.data for made in JSONServer().send(event) if hasattr(made, "data")).decode()


def test_who_listens_to_a_websocket_may_stop_and_go_on_and_misses_nothing() -> None:
    async def count(peer: ServerConnection) -> None:
        for n in range(3000):
            await peer.send(str(n))
            if n % 7 == 0:
                await asyncio.sleep(0)
        await peer.wait_closed()

    async def main() -> None:
        async with server(count) as url:
            transport, taken, stops = await connect(url), list[bytes](), 0
            while len(taken) < 3000:
                listening = asyncio.ensure_future(transport.listen(taken.append))
                for _ in range(stops % 4):
                    await asyncio.sleep(0)
                listening.cancel()
                await asyncio.wait([listening])
                stops += 1
            assert taken == [b"%d" % n for n in range(3000)]
            assert stops > 10
            await transport.close()

    run(main())


def test_a_conversation_goes_on_over_another_websocket() -> None:
    heard: list[list[str | bytes]] = []

    async def talk(peer: ServerConnection) -> None:
        first, said = not heard, list[str | bytes]()
        heard.append(said)
        said.append(await peer.recv())
        await peer.send(text(STARTED if first else BACK))
        if first:
            said.append(await peer.recv())
            await peer.send(text(GoingAway(50)))
        async for message in peer:
            said.append(message)

    async def main() -> None:
        async with server(talk) as url:
            link = LastingLink(ToyWire(), lambda: connect(url), 24_000, reconnect=SETTINGS, ready_s=5)
            await link.open()
            ear = Listening(link)
            await eventually(lambda: ear.told == [STARTED])
            assert link.append(b"a") is None
            await eventually(lambda: BACK in ear.told)
            await link.send(CommitAudio())
            assert link.append(b"b") is None
            await eventually(lambda: len(heard[-1]) == 3)
            await link.close()
            await ear.task
            assert ear.told == [STARTED, GoingAway(50), PARTED, Reconnecting(SOON, 1), BACK, LOST]
        assert heard == [["hello 1", "audio a"], ["hello 2", '{"type":"commit_audio"}', "audio b"]]

    run(main())


class Socket:
    """Calls back as sockets do: what comes is taken before the reader runs."""

    def __init__(self) -> None:
        self.arrivals = Arrivals(1000, lambda held: None, lambda: False)
        self.send_s = 0.0

    async def send(self, message: bytes) -> None:
        await asyncio.sleep(self.send_s)

    def write(self, message: bytes) -> bool:
        return True

    async def listen(self, take: Callable[[bytes], None]) -> None:
        await self.arrivals.listen(take)

    def __aiter__(self) -> "Socket":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def close(self, code: int = 1000, reason: str = "") -> None:
        pass


async def over_a_socket(
    wire: ToyWire, hear: Callable[[object], None]
) -> tuple[LastingLink, Socket, asyncio.Task[None]]:
    socket = Socket()

    async def dial() -> Socket:
        await asyncio.sleep(0 if wire.opened == 0 else 1000)
        return socket

    link = LastingLink(wire, dial, 24_000, reconnect=SETTINGS, ready_s=5)
    await link.open()
    hearing = asyncio.ensure_future(link.listen(hear))
    await rest()
    socket.arrivals.put(text(STARTED).encode())
    await rest()
    return link, socket, hearing


def test_what_hearing_raises_as_the_link_is_closed_is_raised_all_the_same() -> None:
    def hear(told: object) -> None:
        if isinstance(told, ResponseDone):
            raise ValueError("deaf")

    async def main() -> None:
        link, socket, hearing = await over_a_socket(ToyWire(), hear)
        await link.close()
        socket.arrivals.put(text(ResponseDone("r")).encode())
        with pytest.raises(ValueError, match="deaf"):
            await hearing

    on_a_jumping_clock(main())


def test_a_message_that_cannot_be_read_is_not_overlooked_for_what_else_happens() -> None:
    async def main() -> None:
        wire, told = ToyWire(), list[object]()
        wire.survivable = lambda failure: False
        link, socket, hearing = await over_a_socket(wire, told.append)
        link._line.alarm.ring()
        socket.arrivals.put(b"{nonsense")
        with pytest.raises(S2SError, match="explained: not a message of this dialect"):
            await hearing
        with pytest.raises(ConnectionLostError):
            await link.send(CommitAudio())
        assert told == [STARTED, LOST]
        await link.close()

    on_a_jumping_clock(main())


def test_a_command_that_is_done_after_its_connection_changes_nothing_there() -> None:
    async def main() -> None:
        wire, told = ToyWire(), list[object]()
        link, socket, hearing = await over_a_socket(wire, told.append)
        wire.idle, socket.send_s = False, 1
        sending = asyncio.ensure_future(link.send(CommitAudio()))
        await rest()
        socket.arrivals.put(text(GoingAway(50)).encode())
        socket.arrivals.put(b"{nonsense")
        await rest()
        wire.idle = True
        await sending
        await rest()
        assert told[:3] == [STARTED, GoingAway(50), PARTED]
        assert [type(each) for each in told[3:]] == [Reconnecting]
        await link.close()
        await hearing

    on_a_jumping_clock(main())


def test_the_toy_spells_what_the_tests_say() -> None:
    assert msgspec.json.decode(text(GoingAway(50))) == {"type": "going_away", "time_left_s": 50}
