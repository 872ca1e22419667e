"""Conversations made of a seed: what is asked, answered and interrupted, for storms of faults."""

from __future__ import annotations

import asyncio
import contextlib
import random
from array import array
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeAlias

from msgspec.structs import replace

import s2s
from s2s.errors import BacklogError, LocalProtocolError, SessionClosedError, UnsupportedError
from s2s.items import JSON, Call, Message, ToolResult
from s2s.providers.script import Reply
from s2s.testing.clock import run
from s2s.tools import as_tools

Act: TypeAlias = Callable[[s2s.Session, random.Random], Awaitable[object]]


async def quick() -> str:
    return "done"


async def slow() -> str:
    await asyncio.sleep(1.5)
    return "done"


async def broken() -> str:
    raise ValueError("oops")


async def never() -> str:
    await asyncio.sleep(1e5)
    return "done"


TOOLS = (
    *(replace(each, timeout_s=5.0) for each in as_tools([quick, slow, broken, never])),
    s2s.Tool(name="ask_me"),
)
NAMES = [*(each.name for each in TOOLS), "nobody_knows"]


def replies(chance: random.Random) -> Iterator[Reply]:
    made = 0
    for _ in range(chance.randint(0, 8)):
        calls = []
        for _ in range(chance.choice([0, 0, 0, 1, 2, 3])):
            made += 1
            raw = chance.choice(["{}", "{}", '{"a":'])
            calls.append(Call(f"call_{made}", chance.choice(NAMES), {}, raw))
        says: JSON = chance.choice(["", "one two", "word " * 8, ("one two", "three"), "long " * 30])
        status: JSON = chance.choice(["completed"] * 4 + ["incomplete", "failed"])
        error = chance.choice([None] * 6 + [s2s.ProviderError("no", code="server_error")])
        yield Reply(says=says, hears="hello", calls=tuple(calls), status=status, error=error)


async def writes(session: s2s.Session, chance: random.Random) -> None:
    await session.send_text(f"hello {chance.random()}", respond=chance.random() < 0.8)


async def speaks(session: s2s.Session, chance: random.Random) -> None:
    level = chance.choice([0, 6000])
    for _ in range(chance.randint(1, 30)):
        await session.send_audio(array("h", [level] * chance.choice([480, 480, 777])))
        await asyncio.sleep(chance.choice([0, 0.02]))


async def speaks_oddly(session: s2s.Session, chance: random.Random) -> None:
    await session.send_audio(b"\x01" * chance.choice([0, 1, 3, 7, 4801]))


async def asks_aside(session: s2s.Session, chance: random.Random) -> None:
    await session.respond("aside", out_of_band=chance.random() < 0.7, metadata={"k": "v"})


async def changes(session: s2s.Session, chance: random.Random) -> None:
    turns: JSON = chance.choice([None, "server", "manual", s2s.TurnDetection(interrupt_response=False)])
    await session.update(instructions=f"x{chance.random()}", turn_detection=turns)


async def forgets(session: s2s.Session, chance: random.Random) -> None:
    known = [each.item_id for each in session.history if isinstance(each, Message)]
    await session.remove(chance.choice([*known, "nobody"]))


async def answers(session: s2s.Session, chance: random.Random) -> None:
    asked = [each.id for each in session.history if isinstance(each, Call) and each.name == "ask_me"]
    await session.send_tool_result(ToolResult(chance.choice([*asked, "nothing"]), "r"))


async def hears(session: s2s.Session, chance: random.Random) -> None:
    session.playhead.played(chance.uniform(0, 3000))


async def waits(session: s2s.Session, chance: random.Random) -> None:
    await asyncio.sleep(chance.choice([0, 0, 0.05, 0.3, 1, 10]))


_ACTS: list[Act] = [
    *[writes, speaks, speaks, waits, waits, waits] * 2,
    *[speaks_oddly, asks_aside, changes, forgets, answers, hears],
    *[lambda session, _: session.interrupt()] * 2,
    lambda session, _: session.commit(),
    lambda session, _: session.clear(),
    lambda session, _: session.send_image(b"\xff\xd8"),
]


async def converse(session: s2s.Session, chance: random.Random) -> list[s2s.Event]:
    events: list[s2s.Event] = []

    async def read() -> None:
        async for event in session:
            events.append(event)
            if chance.random() < 0.02:
                await asyncio.sleep(0.3)

    reading = asyncio.create_task(read())
    for _ in range(chance.randint(3, 30)):
        with contextlib.suppress(LocalProtocolError, UnsupportedError, BacklogError, SessionClosedError):
            await chance.choice(_ACTS)(session, chance)
    await asyncio.sleep(chance.choice([0, 1, 100]))
    await session.close()
    await reading
    return events


def broken_by(storm: Callable[[int], Coroutine[Any, Any, list[str]]], seeds: range) -> dict[int, list[str]]:
    """Return which promises were broken, by the seed of the conversation."""
    broken = ((seed, run(storm(seed), at_most_s=10_000)) for seed in seeds)
    return {seed: wrong for seed, wrong in broken if wrong}
