"""Whoever is cancelled, at whichever moment, leaves no connection and no task behind."""

import asyncio

import pytest

from s2s.errors import S2SError
from s2s.lasting import LastingLink, Lifetime
from s2s.testing.clock import run
from s2s.transports.memory import direct_pair
from tests.support.cancelling import cancelled_at
from tests.support.lasting import BACK, STARTED, Listening, ToyEngine, ToyWire, lasting, rest

LIFE = Lifetime(360, 465)
AN_HOUR = 3600.0


class Kept:
    """A link that opens spare connections, over an engine that takes a second to dial."""

    def __init__(self, *, idle: bool = True) -> None:
        self.engine = ToyEngine(direct_pair, dial_s=1)
        self.engine.beforehand = True
        wire = ToyWire()
        wire.idle, wire.polite = idle, True
        self.link: LastingLink = lasting(wire, self.engine, life=LIFE, attempts=3)

    async def gone(self) -> None:
        """See to it that all is closed, soon."""
        await rest(20)
        assert all(
            end._closed == (1000, "") for end in self.engine.ends if end._closed != (1006, "the cable")
        )
        assert asyncio.all_tasks() == {asyncio.current_task()}


def test_opening_may_be_cancelled() -> None:
    async def main() -> None:
        nth, cancelled = 0, True
        while cancelled:
            nth, kept = nth + 1, Kept()
            cancelled = await cancelled_at(nth, kept.link.open())
            if not cancelled:
                await kept.link.close()
            await kept.gone()
        assert nth > 1

    run(main(), at_most_s=AN_HOUR)


@pytest.mark.parametrize("at_s", [0.0, 360.5, 361.5, 390.0])
@pytest.mark.parametrize("idle", [True, False])
def test_closing_may_be_cancelled(at_s: float, idle: bool) -> None:
    async def main() -> None:
        nth, cancelled = 0, True
        while cancelled:
            nth, kept = nth + 1, Kept(idle=idle)
            await kept.link.open()
            ear = Listening(kept.link)
            await kept.engine.say(STARTED)
            await rest(at_s)
            cancelled = await cancelled_at(nth, kept.link.close())
            await ear.task
            await kept.gone()

    run(main(), at_most_s=AN_HOUR)


@pytest.mark.parametrize("losses", [1, 3, 6])
def test_listening_may_be_cancelled(losses: int) -> None:
    async def main() -> None:
        for nth in range(1, 40):
            kept = Kept()
            await kept.link.open()
            hearing = asyncio.ensure_future(cancelled_at(nth, kept.link.listen(lambda told: None)))
            await kept.engine.say(STARTED)
            await rest(360.5)
            for _ in range(losses):
                if kept.engine.end._closed is None:
                    await kept.engine.say(BACK)
                await rest(0.5)
                await kept.engine.cut()
                await rest(2)
            await kept.link.close()
            (ended,) = await asyncio.gather(hearing, return_exceptions=True)
            assert isinstance(ended, bool | S2SError)
            await kept.gone()

    run(main(), at_most_s=40 * AN_HOUR)
