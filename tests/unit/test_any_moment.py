"""Starting and closing, cancelled or not, at every single turn of the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product

import pytest

from s2s.config import Config
from s2s.errors import ConnectionLostError
from s2s.events import SessionEnded
from s2s.hooks import Hooks
from s2s.items import Call
from s2s.links import Link
from s2s.providers.script import Reply
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.contract import violations
from tests.support.hosted import HostedLink
from tests.support.links import KeptScript, PlainEngine, PlainLink

MOMENTS = range(24)
Happening = Callable[[KeptScript, Session], Awaitable[None]]


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Unhurried(PlainEngine):
    """Takes a moment to open its link."""

    link: PlainLink | None = None

    async def open(self, config: Config) -> Link:
        await asyncio.sleep(0)
        self.link = PlainLink()
        return self.link


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_start_that_is_cancelled_at_any_moment_closes_what_it_opened(moment: int) -> None:
    async def main() -> None:
        engine = Unhurried(config=Config(hooks=Hooks(on_start=lambda _: None)))

        async def use() -> None:
            async with engine.start() as session:
                async for _ in session:
                    pass

        using = asyncio.ensure_future(use())
        await turns_of_the_loop(moment)
        using.cancel()
        await asyncio.wait([using])
        assert engine.link is None or engine.link.closed == 1

    run(main())


class Hosted(KeptScript):
    async def open(self, config: Config) -> Link:
        return HostedLink(await super().open(config))


async def breaks(engine: KeptScript, session: Session) -> None:
    engine.link.drop(ConnectionLostError("the cable"))


async def ends(engine: KeptScript, session: Session) -> None:
    engine.link.drop(None)


async def interrupts(engine: KeptScript, session: Session) -> None:
    await session.interrupt()


async def nothing(engine: KeptScript, session: Session) -> None: ...


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", [KeptScript, Hosted])
def test_a_session_closed_at_any_moment_ends_in_order(kind: type[KeptScript], moment: int) -> None:
    async def main(what: Happening, cancelled_after: int) -> None:
        ended: list[SessionEnded] = []

        async def slow(_: object) -> None:
            await asyncio.sleep(0)

        async def look_up() -> str:
            await asyncio.sleep(0)
            return "rain"

        hooks = Hooks(on_turn=slow, on_tool_call=slow, on_error=lambda error: error, on_end=ended.append)
        script = [Reply(says="One moment.", calls=(Call("c", "look_up"),)), Reply(says="Rain.")]
        engine = kind(Config(tools=[look_up], hooks=hooks, extra={"script": script}))
        session = await engine.start()
        await session.send_text("Weather?")
        await turns_of_the_loop(moment)
        await what(engine, session)
        closing = asyncio.ensure_future(session.close())
        await turns_of_the_loop(cancelled_after)
        closing.cancel()
        await asyncio.wait([closing])
        await session.close()
        events = [event async for event in session]
        assert (violations(events), ended) == ([], events[-1:])

    for what, cancelled_after in product((breaks, ends, interrupts, nothing), (0, 1, 3)):
        run(main(what, cancelled_after))
