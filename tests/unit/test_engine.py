import asyncio

import pytest

from s2s.config import Config
from s2s.engine import S2S
from s2s.errors import ConfigError, ConnectError
from s2s.events import SessionEnded
from s2s.links import Link
from s2s.session import Session
from s2s.testing.clock import run
from tests.support.links import PlainEngine, PlainLink


def test_a_session_is_entered_or_awaited() -> None:
    async def main() -> None:
        async with PlainEngine().start() as entered:
            assert isinstance(entered, Session)
        awaited = await PlainEngine().start()
        assert (entered.closed, awaited.closed) == (True, False)
        async with awaited:
            pass
        assert awaited.closed is True

    run(main())


def test_leaving_by_an_exception_closes_the_session_and_lets_it_through() -> None:
    async def main() -> None:
        link = PlainLink()
        with pytest.raises(ZeroDivisionError):
            async with PlainEngine(lambda: link).start():
                raise ZeroDivisionError
        assert link.closed == 1

    run(main())


def test_overrides_are_judged_before_anything_is_awaited() -> None:
    with pytest.raises(ConfigError, match="Config has no field voise"):
        PlainEngine().start(voise="a")
    with pytest.raises(ConfigError, match="temperature must lie between 0 and 2"):
        PlainEngine().start(temperature=3)


def test_an_engine_gets_the_config_of_its_session() -> None:
    class Keen(PlainEngine):
        got = Config()

        async def open(self, config: Config) -> Link:
            self.got = config
            return await super().open(config)

    async def main() -> None:
        engine = Keen(config=Config(voice="a", extra={"x": 1}))
        async with engine.start(language="de", extra={"y": 2}) as session:
            assert engine.got is session.config
        assert engine.got == Config(voice="a", language="de", extra={"x": 1, "y": 2})
        assert engine.config == Config(voice="a", extra={"x": 1})

    run(main())


def test_an_engine_that_fails_to_open_leaves_nothing_to_close() -> None:
    class Broken(PlainEngine):
        async def open(self, config: Config) -> Link:
            raise ConnectError("refused")

    async def main() -> None:
        with pytest.raises(ConnectError):
            async with Broken().start():
                pytest.fail("it was entered")

    run(main())


def test_an_engine_starts_many_sessions_at_once() -> None:
    async def main() -> None:
        links = [PlainLink() for _ in range(9)]
        waiting = iter(links)
        engine = PlainEngine(lambda: next(waiting))
        sessions = await asyncio.gather(*(_started(engine) for _ in links))
        await asyncio.gather(*(each.close() for each in sessions))
        ends = [[event async for event in each][-1] for each in sessions]
        assert (ends, {each.closed for each in links}) == ([SessionEnded("closed")] * 9, {1})

    run(main())


async def _started(engine: PlainEngine) -> Session:
    return await engine.start()


def test_every_engine_is_s2s_and_shows_no_secret() -> None:
    engine = PlainEngine(config=Config(extra={"api_key": "sk-canary"}))
    assert isinstance(engine, S2S)
    assert repr(engine) == "PlainEngine(Config(extra=['api_key']))"
