import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def test_without_the_extra_a_test_says_which(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'aiohttp' else found(name, *rest)\n"
    )
    tests = [f"def test_{each}({each}_simulator): ...\n" for each in ("openai", "gemini", "nova")]
    (tmp_path / "test_mine.py").write_text("".join(tests))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rN", "-p", "no:cacheprovider", "test_mine.py"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.stdout.count("this fixture needs aiohttp: pip install 'voice-s2s[gateway]'") == 2
    assert done.stdout.count("this fixture needs aiohttp: pip install 'voice-s2s[gateway,nova]'") == 1
