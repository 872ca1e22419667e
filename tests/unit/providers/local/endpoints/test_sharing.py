import asyncio
import gc
import weakref

import pytest

from s2s.providers.local.endpoints.sharing import Shared


class Thing:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.closings = 0

    async def aclose(self) -> None:
        assert self.loop is asyncio.get_running_loop()
        self.closings += 1


class Maker:
    """Makes things when it is let go."""

    def __init__(self) -> None:
        self.made: list[Thing] = []
        self.go = asyncio.Event()
        self.go.set()
        self.asked = asyncio.Event()

    async def __call__(self) -> Thing:
        self.asked.set()
        await self.go.wait()
        self.made.append(Thing(asyncio.get_running_loop()))
        return self.made[-1]


async def use(shared: Shared[Thing]) -> Thing:
    async with shared.using() as thing:
        assert thing.closings == 0
        return thing


def test_it_is_closed_when_the_last_user_leaves_and_then_made_anew() -> None:
    async def main() -> None:
        make = Maker()
        shared = Shared(make)
        shared.enter()
        shared.enter()
        assert await use(shared) is await use(shared)
        await shared.leave()
        (thing,) = make.made
        assert thing.closings == 0
        await shared.leave()
        assert thing.closings == 1
        assert await use(shared) is not thing
        assert [each.closings for each in make.made] == [1, 1]

    asyncio.run(main())


def test_what_nobody_used_is_never_made() -> None:
    async def main() -> None:
        make = Maker()
        shared = Shared(make)
        shared.enter()
        await shared.leave()
        assert make.made == []

    asyncio.run(main())


def test_a_user_at_work_is_a_user_too() -> None:
    async def main() -> None:
        shared = Shared(Maker())
        shared.enter()
        async with shared.using() as thing:
            await shared.leave()
            assert thing.closings == 0
        assert thing.closings == 1

    asyncio.run(main())


def test_an_error_of_the_user_does_not_keep_it_open() -> None:
    async def main() -> None:
        make = Maker()
        with pytest.raises(KeyError):
            async with Shared(make).using():
                raise KeyError
        assert make.made[0].closings == 1

    asyncio.run(main())


def test_users_who_come_at_once_wait_for_the_same_thing() -> None:
    async def main() -> None:
        make = Maker()
        make.go.clear()
        shared = Shared(make)
        shared.enter()
        users = [asyncio.create_task(use(shared)) for _ in range(3)]
        await make.asked.wait()
        users[0].cancel()
        await asyncio.wait(users[:1])
        make.go.set()
        await asyncio.wait(users)
        (thing,) = make.made
        assert [user.cancelled() or user.result() is thing for user in users] == [True, True, True]
        assert users[0].cancelled()
        await shared.leave()
        assert thing.closings == 1

    asyncio.run(main())


def test_a_failure_to_make_it_leaves_the_next_user_to_try() -> None:
    async def main() -> None:
        failures = [OSError("no")]

        async def make() -> Thing:
            if failures:
                raise failures.pop()
            return Thing(asyncio.get_running_loop())

        shared = Shared(make)
        with pytest.raises(OSError, match="no"):
            await use(shared)
        assert (await use(shared)).closings == 1

    asyncio.run(main())


def test_every_loop_has_its_own_and_one_that_ended_early_leaves_no_debt() -> None:
    async def make() -> Thing:
        return Thing(asyncio.get_running_loop())

    shared = Shared(make)

    async def forgetful() -> weakref.ref[Thing]:
        shared.enter()
        return weakref.ref(await use(shared))

    async def orderly() -> Thing:
        shared.enter()
        thing = await use(shared)
        assert thing.closings == 0
        await shared.leave()
        return thing

    forgotten = asyncio.run(forgetful())
    assert asyncio.run(orderly()).closings == 1
    assert asyncio.run(orderly()).closings == 1
    gc.collect()
    assert forgotten() is None
