"""Fixtures for pytest, there as soon as the package is installed.

def test_my_agent(openai_simulator):
    simulator = openai_simulator([Reply(says="Good morning.")])
    my_agent(base_url=simulator.base_url)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

if TYPE_CHECKING:
    from s2s.simulators.openai import OpenAISimulator

T = TypeVar("T")
_PATIENCE_S = 10.0


class StartSimulator(Protocol):
    """Starts a simulator; it takes what `OpenAISimulator` takes."""

    def __call__(self, *script: object, **options: object) -> OpenAISimulator:
        """Start one more."""
        ...


@pytest.fixture
def openai_simulator() -> Iterator[StartSimulator]:
    """Start providers that live until the test is over; in a thread, so the test may wait as it likes."""
    with _Background() as background:
        yield background.start


class _Background:
    """An event loop in a thread, and the simulators on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="s2s-simulators", daemon=True)
        self._running: list[OpenAISimulator] = []

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

    def start(self, *script: object, **options: object) -> OpenAISimulator:
        from s2s.simulators.openai import OpenAISimulator

        simulator = OpenAISimulator(*script, **options)  # type: ignore[arg-type]
        self._running.append(self._wait(simulator.__aenter__()))
        return simulator

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
