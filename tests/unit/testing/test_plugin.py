import asyncio
from collections.abc import Callable

import s2s
from s2s.providers.script import Reply
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Fault, Temper
from s2s.testing.talk import Talk


def test_a_test_that_waits_as_it_likes_gets_a_provider(
    openai_simulator: Callable[..., OpenAISimulator],
) -> None:
    simulator = openai_simulator([Reply(says="Good morning.")])

    async def main() -> str:
        extra = {"base_url": simulator.base_url}
        async with s2s.new("openai_realtime", extra=extra).start() as session:
            talk = Talk(session)
            await session.send_text("Hello?")
            return (await talk.until(s2s.TurnEnd)).agent_text

    assert asyncio.run(main()) == "Good morning."
    assert simulator.failures == []


def test_two_providers_of_one_test_keep_their_own_temper(
    openai_simulator: Callable[..., OpenAISimulator],
) -> None:
    fault = Fault(does="close", said="session.created", code=1013, reason="full")
    good, bad = openai_simulator(), openai_simulator(temper=Temper(faults=(fault,)))

    async def opens(simulator: OpenAISimulator) -> str:
        try:
            async with s2s.new("openai_realtime", extra={"base_url": simulator.base_url}).start():
                return "open"
        except s2s.ConnectionLostError as lost:
            return lost.reason

    assert [asyncio.run(opens(each)) for each in (good, bad)] == ["open", "full"]


def test_a_pretend_nova_sonic_is_there_as_well(nova_simulator: Callable[..., NovaSimulator]) -> None:
    simulator = nova_simulator([Reply(says="Good morning.")])

    async def main() -> str:
        async with s2s.new("nova", extra={"base_url": simulator.base_url}).start() as session:
            talk = Talk(session)
            await session.send_text("Hello?")
            return (await talk.until(s2s.TurnEnd)).agent_text

    assert asyncio.run(main()) == "Good morning."
    assert simulator.failures == []
