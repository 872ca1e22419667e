"""A session over a link whose connections come and go."""

import asyncio

import pytest

from s2s.config import Config, Limits
from s2s.errors import BacklogError
from s2s.events import Error, Reconnected, Reconnecting
from s2s.session import Session
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from s2s.transports.memory import direct_pair
from tests.support.lasting import BACK, CABLE, STARTED, LastingEngine, ToyEngine, rest

SECOND = bytes(48_000)
LIMITS = Limits()


async def started(engine: ToyEngine, limits: Limits = LIMITS) -> Session:
    config = Config(limits=limits)
    starting = asyncio.ensure_future(LastingEngine(engine, config).start())
    await rest()
    await engine.say(STARTED)
    engine.heard()
    return await starting


@pytest.mark.parametrize("direct", [True, False])
def test_audio_that_is_sent_in_a_gap_arrives_after_it_in_order(direct: bool) -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair) if direct else ToyEngine()
        session = await started(engine)
        for number in range(100):
            await session.send_audio(b"%04d" % number)
            if number == 20:
                await rest()
                sent = engine.heard()
                await engine.cut()
            if number == 70:
                assert engine.heard() == [b"hello 2"]
                await engine.say(BACK)
        await rest()
        assert sent + engine.heard() == [b"audio %04d" % number for number in range(100)]
        talk = Talk(session)
        await session.close()
        await talk.rest()
        assert talk.all(Reconnecting) == [Reconnecting(CABLE, 1)]
        assert (talk.all(Reconnected), talk.all(Error)) == ([BACK], [])

    run(main())


def test_a_gap_lasts_as_long_as_the_limits_allow_before_audio_is_refused() -> None:
    async def main() -> None:
        engine = ToyEngine(direct_pair)
        session = await started(engine, Limits(input_audio_s=3, send_s=4))
        engine.dial_s = 6
        await engine.cut()
        now = asyncio.get_running_loop().time
        began = now()
        # The writer stands with the first.
        for _ in range(4):
            await session.send_audio(SECOND)
        assert now() == began
        with pytest.raises(BacklogError):
            await session.send_audio(SECOND)
        assert now() == began + 4
        sending = asyncio.ensure_future(session.send_audio(SECOND))
        await rest(3)
        await engine.say(BACK)
        await sending
        await rest()
        assert len(b"".join(engine.heard()).replace(b"audio ", b"")) == len(SECOND) * 5 + len(b"hello 2")
        await session.close()
        talk = Talk(session)
        await talk.rest()
        assert (talk.all(Reconnected), talk.all(Error)) == ([BACK], [])

    run(main())


def test_a_session_whose_engine_does_not_come_back_ends_with_what_that_means() -> None:
    async def main() -> None:
        engine = ToyEngine()
        session = await started(engine)
        engine.dial_s = 1000
        await engine.cut()
        talk = Talk(session, within_s=1000)
        await talk.rest()
        assert [each.attempt for each in talk.all(Reconnecting)] == [1, 2, 3, 4, 5]
        assert [str(each) for each in talk.errors] == [
            "explained: the engine was not ready within 10 s: try again"
        ]

    run(main())


def test_closing_a_session_in_a_gap_leaves_nothing_behind() -> None:
    async def main() -> None:
        engine = ToyEngine()
        session = await started(engine)
        engine.dial_s = 1000
        await engine.cut()
        await session.send_audio(SECOND)
        before = asyncio.get_running_loop().time()
        await session.close()
        assert asyncio.get_running_loop().time() == before

    run(main())
