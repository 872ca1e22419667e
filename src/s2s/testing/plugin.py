"""Fixtures for pytest, there as soon as the package is installed.

def test_my_agent(openai_simulator):
    simulator = openai_simulator([Reply(says="Good morning.")])
    my_agent(base_url=simulator.base_url)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import pytest

if TYPE_CHECKING:
    from s2s.simulators.gemini import GeminiSimulator
    from s2s.simulators.nova import NovaSimulator
    from s2s.simulators.openai import OpenAISimulator
    from s2s.simulators.simulator import Listening, Simulator

    S = TypeVar("S", bound=Simulator[Listening])

T = TypeVar("T")
_PATIENCE_S = 10.0

StartOpenAI: TypeAlias = "Callable[..., OpenAISimulator]"
"""Starts one more; takes what `OpenAISimulator` takes."""
StartGemini: TypeAlias = "Callable[..., GeminiSimulator]"
"""Starts one more; takes what `GeminiSimulator` takes."""
StartNova: TypeAlias = "Callable[..., NovaSimulator]"
"""Starts one more; takes what `NovaSimulator` takes."""


@pytest.fixture
def openai_simulator() -> Iterator[StartOpenAI]:
    """Start providers that live until the test is over; in a thread, so the test may wait as it likes."""
    _require("gateway", "aiohttp")
    from s2s.simulators.openai import OpenAISimulator

    with _Background() as background:
        yield lambda *script, **options: background.start(OpenAISimulator(*script, **options))


@pytest.fixture
def gemini_simulator() -> Iterator[StartGemini]:
    """Start the like of Gemini Live; `tls=Throwaway()` for the stock Python SDK."""
    _require("gateway", "aiohttp")
    from s2s.simulators.gemini import GeminiSimulator

    with _Background() as background:
        yield lambda *script, **options: background.start(GeminiSimulator(*script, **options))


@pytest.fixture
def nova_simulator() -> Iterator[StartNova]:
    """Start the like of Nova Sonic; `tls=Throwaway()` for the stock SDKs of AWS."""
    _require("gateway,nova", "aiohttp", "h2", "numpy")
    from s2s.simulators.nova import NovaSimulator

    with _Background() as background:
        yield lambda *script, **options: background.start(NovaSimulator(*script, **options))


def _require(extra: str, *packages: str) -> None:
    """Fail the test in words where something is not installed."""
    missing = [each for each in packages if find_spec(each) is None]
    if missing:
        told = f"this fixture needs {', '.join(missing)}: pip install 'voice-s2s[{extra}]'"
        pytest.fail(told, pytrace=False)


class _Background:
    """An event loop in a thread, and the simulators on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="s2s-simulators", daemon=True)
        self._running: list[Simulator[Listening]] = []

    def __enter__(self) -> _Background:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            for each in self._running:
                self._wait(each.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE_S)
            self._loop.close()

    def start(self, simulator: S) -> S:
        self._running.append(simulator)
        return self._wait(simulator.__aenter__())

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
