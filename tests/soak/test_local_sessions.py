"""Sessions of the local engine leave nothing behind, however many there were and however they ended."""

import asyncio
import gc
import threading
from typing import NamedTuple

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")
pytest.importorskip("psutil")

import psutil
from tests.support.models import AT_ONCE, recording, room, run
from tests.support.talking import HEARD

from s2s.config import Config
from s2s.events import Event, TurnEnd
from s2s.providers.local import LocalEngine

pytestmark = pytest.mark.local

QUESTION = room(300) + recording("go_forward_ten_meters.wav") + room(800)
MOST_GROWTH_MB = 16


class Held(NamedTuple):
    """What the process holds."""

    tasks: int
    threads: int
    files: int
    memory_mb: float


def held() -> Held:
    gc.collect()
    process = psutil.Process()
    threads = [each for each in threading.enumerate() if each.name != "s2s-pool"]
    return Held(len(asyncio.all_tasks()), len(threads), process.num_fds(), process.memory_info().rss / 2**20)


async def one_session(engine: LocalEngine, number: int, turn_every: int) -> list[Event]:
    """Open a session and close it: after a whole turn, in the middle of one, or at once."""
    events: list[Event] = []
    async with engine.start() as session:
        match number:
            case _ if number % turn_every == 0:
                await session.send_audio(QUESTION)
                async for event in session:
                    events.append(event)
                    if isinstance(event, TurnEnd):
                        break
            case _ if number % 7 == 0:
                await session.send_audio(QUESTION[: len(QUESTION) * (number % 10) // 10])
                await asyncio.sleep(number % 3 / 100)
            case _:
                await session.send_text("hello", respond=number % 2 == 0)
    return events


async def many(cycles: int, turn_every: int) -> tuple[Held, Held]:
    engine = LocalEngine(Config(input_format=HEARD, extra=AT_ONCE))
    for number in range(30):
        await one_session(engine, number, 10)
    before = held()
    for number in range(cycles):
        async with asyncio.timeout(10):
            events = await one_session(engine, number, turn_every)
        assert number % turn_every or events[-1].type == "turn_end"
    return before, held()


@pytest.mark.parametrize(
    ("cycles", "turn_every"),
    [(50, 10), pytest.param(1_000, 50, marks=[pytest.mark.soak, pytest.mark.timeout(1_200)])],
)
def test_a_closed_session_leaves_nothing_behind(cycles: int, turn_every: int) -> None:
    before, after = run(many(cycles, turn_every), within_s=1_100)
    assert after[:3] == before[:3]
    assert after.memory_mb - before.memory_mb < MOST_GROWTH_MB, f"{before} -> {after}"
