import asyncio
from collections.abc import AsyncIterator

import pytest

from s2s.patience import Patience
from s2s.testing.clock import run


async def counting(every_s: float, count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(every_s)
        yield number


def test_what_does_not_come_in_time_comes_later() -> None:
    async def main() -> None:
        patience = Patience(counting(1, 2))
        assert [await patience.next(0.6) for _ in range(4)] == [None, 0, None, 1]
        with pytest.raises(StopAsyncIteration):
            await patience.next(None)
        await patience.close()

    run(main())


def test_without_a_bound_it_waits() -> None:
    async def main() -> None:
        patience = Patience(counting(100, 1))
        assert await patience.next(None) == 0
        await patience.close()

    run(main())


def test_closing_stops_waiting() -> None:
    async def main() -> None:
        patience = Patience(counting(100, 1))
        assert await patience.next(1) is None
        await patience.close()
        await patience.close()

    run(main())


def test_an_error_of_the_source_is_raised() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ValueError("oops")

    async def main() -> None:
        patience = Patience(broken())
        assert await patience.next(1) == 1
        with pytest.raises(ValueError, match="oops"):
            await patience.next(1)

    run(main())


@pytest.mark.parametrize("closes", [True, False])
def test_an_end_that_nobody_waits_for_is_no_complaint(closes: bool) -> None:
    async def silent() -> AsyncIterator[int]:
        for number in range(1):
            await asyncio.sleep(1)
            if number:
                yield number

    async def main() -> None:
        patience = Patience(silent())
        assert await patience.next(0.5) is None
        await asyncio.sleep(1)
        if closes:
            await patience.close()

    run(main())
