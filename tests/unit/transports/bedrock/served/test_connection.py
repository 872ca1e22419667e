import asyncio
import socket
from collections.abc import Callable, Sequence

import pytest

from s2s.transports.bedrock.served.connection import Connection
from s2s.transports.bedrock.served.stream import Manners, ServedLimits, Stream
from tests.support.websockets import run

QUICK = ServedLimits(greeting_s=0.05, send_s=0.05, close_s=5.0)


def nobody(stream: Stream, head: Sequence[tuple[bytes, bytes]]) -> None:
    raise AssertionError("nobody can have asked")


def connection() -> Connection:
    return Connection(nobody, Manners(), QUICK)


def test_a_socket_that_never_comes_is_not_waited_for() -> None:
    async def main() -> None:
        async with asyncio.timeout(1):
            await connection().gone

    run(main())


@pytest.mark.parametrize("end", [Connection.abort, Connection.close, Connection.go_away])
def test_a_socket_that_comes_too_late_is_closed(end: Callable[[Connection], None]) -> None:
    async def main() -> None:
        late = connection()
        end(late)
        assert late.gone.done()
        near, far = socket.socketpair()
        await asyncio.get_running_loop().create_connection(lambda: late, sock=far)
        reader, writer = await asyncio.open_connection(sock=near)
        async with asyncio.timeout(1):
            assert await reader.read() == b""
        writer.close()

    run(main())
