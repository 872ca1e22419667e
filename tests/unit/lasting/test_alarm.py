import asyncio
from math import inf

import pytest

from s2s.lasting.alarm import Alarm
from s2s.testing.clock import run


def test_work_that_is_done_in_time_is_done() -> None:
    async def main() -> None:
        alarm = Alarm()
        assert await alarm.until(2, asyncio.sleep(1))
        assert await alarm.until(inf, asyncio.sleep(1000))

    run(main())


def test_an_alarm_interrupts_work_at_its_time() -> None:
    async def main() -> None:
        assert not await Alarm().until(2, asyncio.sleep(10))
        assert asyncio.get_running_loop().time() == 2
        assert not await Alarm().until(1, asyncio.sleep(10))
        assert asyncio.get_running_loop().time() == 2

    run(main())


@pytest.mark.parametrize(
    ("until_s", "rings_at_s", "rung_s"), [(inf, 5, 5), (8, 5, 5), (5, 8, 5), (inf, -inf, 1)]
)
def test_an_alarm_comes_nearer_and_never_farther(until_s: float, rings_at_s: float, rung_s: float) -> None:
    async def main() -> None:
        alarm = Alarm()
        asyncio.get_running_loop().call_later(1, alarm.ring, rings_at_s)
        asyncio.get_running_loop().call_later(2, alarm.ring, inf)
        assert not await alarm.until(until_s, asyncio.sleep(10))
        assert asyncio.get_running_loop().time() == rung_s

    run(main())


def test_ringing_wakes_nobody_who_does_not_wait() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.ring()
        assert await alarm.until(inf, asyncio.sleep(1))
        alarm.ring()

    run(main())


@pytest.mark.parametrize("rings_at_s", [2, 3])
def test_ringing_twice_is_ringing_once(rings_at_s: float) -> None:
    async def main() -> None:
        alarm = Alarm()

        async def stubborn() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                alarm.ring()

        asyncio.get_running_loop().call_later(rings_at_s, alarm.ring)
        assert not await alarm.until(2.5, stubborn())
        assert asyncio.get_running_loop().time() <= 2.5

    run(main())


def test_what_the_work_raises_and_a_cancellation_pass() -> None:
    async def fail() -> None:
        raise TimeoutError("of its own")

    async def main() -> None:
        alarm = Alarm()
        with pytest.raises(TimeoutError, match="of its own"):
            await alarm.until(5, fail())
        waiting = asyncio.ensure_future(alarm.until(5, asyncio.sleep(10)))
        await asyncio.sleep(1)
        alarm.ring()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()

    run(main())
