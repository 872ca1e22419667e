import asyncio

import pytest

from s2s.errors import ConnectionLostError
from s2s.testing.clock import run
from s2s.transports.memory import MemoryTransport, pair


async def heard(end: MemoryTransport, got: list[bytes] | None = None) -> list[bytes]:
    got = [] if got is None else got
    async for message in end:
        got.append(message)
    return got


def test_each_end_hears_the_other_in_order() -> None:
    async def main() -> None:
        near, far = pair()
        for message in (b"1", b"2", b""):
            await near.send(message)
        await far.send(b"3")
        await near.close()
        assert (await heard(far), await heard(near)) == ([b"1", b"2", b""], [b"3"])

    run(main())


def test_whoever_listens_is_woken_by_a_message_and_by_the_end() -> None:
    async def main() -> None:
        near, far = pair()
        listening = asyncio.ensure_future(heard(far))
        await asyncio.sleep(1)
        await near.send(b"1")
        await asyncio.sleep(1)
        await near.close()
        assert await listening == [b"1"]

    run(main())


def test_whoever_sends_waits_for_a_slow_peer() -> None:
    async def main() -> None:
        near, far = pair(room=2)
        sent: list[int] = []

        async def send_all() -> None:
            for n in range(5):
                await near.send(bytes([n]))
                sent.append(n)

        sending = asyncio.ensure_future(send_all())
        await asyncio.sleep(1)
        assert sent == [0, 1]
        messages = aiter(far)
        assert await anext(messages) == b"\0"
        await asyncio.sleep(1)
        assert sent == [0, 1, 2]
        await far.close()
        with pytest.raises(ConnectionLostError):
            await sending

    run(main())


@pytest.mark.parametrize("closer", [0, 1])
def test_a_connection_closed_badly_is_lost_once_what_was_sent_is_read(closer: int) -> None:
    async def main() -> None:
        ends = pair()
        await ends[0].send(b"1")
        await ends[closer].close(1011, "out of memory")
        got: list[bytes] = []
        with pytest.raises(ConnectionLostError) as lost:
            await heard(ends[1], got)
        assert (got, lost.value.code, lost.value.reason) == ([b"1"], 1011, "out of memory")
        assert str(lost.value) == "the connection closed with code 1011 (out of memory): open another one"

    run(main())


def test_nothing_can_be_sent_over_a_closed_connection() -> None:
    async def main() -> None:
        near, far = pair()
        await near.close()
        for end in (near, far):
            with pytest.raises(ConnectionLostError, match="closed with code 1000: open another one"):
                await end.send(b"1")

    run(main())


def test_the_first_close_says_why() -> None:
    async def main() -> None:
        near, far = pair()
        await near.close()
        await far.close(1011)
        await near.close(1012)
        assert await heard(far) == []

    run(main())
