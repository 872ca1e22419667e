import asyncio

import pytest

from s2s.errors import LocalProtocolError
from s2s.transports.ws.arrivals import Arrivals


def test_messages_that_hold_nothing_hold_the_sender_up_too() -> None:
    async def main() -> None:
        held: list[bool] = []
        arrivals = Arrivals(10_000, held.append, lambda: False)
        put = 0
        while not held:
            arrivals.put(b"")
            put += 1
            assert put < 1000
        assert [await arrivals.next() for _ in range(put)] == [b""] * put
        assert held == [True, False]

    asyncio.run(main())


def test_what_came_before_the_end_is_read_before_it() -> None:
    async def main() -> None:
        arrivals = Arrivals(10_000, lambda held: None, lambda: True)
        arrivals.put(b"last")
        assert await arrivals.next() == b"last"
        with pytest.raises(StopAsyncIteration):
            await arrivals.next()
        await arrivals.listen(lambda message: None)

    asyncio.run(main())


def test_one_task_reads_however_it_does() -> None:
    async def main() -> None:
        arrivals = Arrivals(10_000, lambda held: None, lambda: False)
        reading = asyncio.ensure_future(arrivals.next())
        await asyncio.sleep(0)
        for other in (arrivals.next(), arrivals.listen(lambda message: None)):
            with pytest.raises(LocalProtocolError, match="let a single one read"):
                await other
        arrivals.put(b"one")
        assert await reading == b"one"

    asyncio.run(main())
