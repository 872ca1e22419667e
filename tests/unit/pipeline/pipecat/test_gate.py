import asyncio

import pytest

from s2s.pipeline.pipecat.gate import Gate
from s2s.testing.clock import run


async def goes_in(gate: Gate) -> bool:
    try:
        async with asyncio.timeout(1):
            await gate.enter()
    except TimeoutError:
        return False
    return True


def test_as_many_go_in_as_there_is_room_for_and_one_more_for_each_that_left() -> None:
    async def main() -> list[bool]:
        gate = Gate(2)
        first = [await goes_in(gate) for _ in range(3)]
        gate.leave()
        return [*first, await goes_in(gate), await goes_in(gate)]

    assert run(main()) == [True, True, False, True, False]


def test_who_waits_goes_in_as_soon_as_there_is_room() -> None:
    async def main() -> float:
        gate = Gate(1)
        await gate.enter()
        asyncio.get_running_loop().call_later(5, gate.leave)
        await gate.enter()
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(5)


def test_room_that_nobody_will_give_back_can_be_forgotten() -> None:
    async def main() -> bool:
        gate = Gate(1)
        await gate.enter()
        gate.forget()
        gate.leave()
        return await goes_in(gate) and not await goes_in(gate)

    assert run(main())


def test_nothing_goes_in_while_it_is_held() -> None:
    async def main() -> list[bool]:
        gate = Gate(2)
        with gate.held():
            held = await goes_in(gate)
        return [held, await goes_in(gate)]

    assert run(main()) == [False, True]
