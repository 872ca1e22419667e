"""What our own client sends to the simulator, as it was on the socket and as it was understood."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

import s2s
from s2s.items import JSON
from s2s.providers.nova import NovaEngine
from s2s.providers.script import Reply
from s2s.simulators.temper import NovaTemper
from s2s.testing.talk import Talk
from tests.aws.cases import CALLS, KEY, KEYS, MODEL, SECRET, TOKEN
from tests.aws.noting import Noting
from tests.aws.tap import tapped

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5"
LONG = "A very long text, with \u00e4, \u20ac and \U0001f600. " * 400
QUESTION = bytes(1024) + b"\xff\x3f" * 12_800
ANSWERS = [Reply(says="It is 22 degrees."), Reply(says="Good."), Reply(says="Bye.")]
TEMPORARY = {"aws_access_key_id": f"{KEY}TEMPORARY", "aws_session_token": TOKEN}
SHORT: list[tuple[str, dict[str, str]]] = [
    ("amazon.nova-2-sonic-v1:0", TEMPORARY),
    (ARN, {"region": "eu-north-1"}),
]
Talks: TypeAlias = Callable[[s2s.Session, Talk], Awaitable[None]]


class Asked(Struct):
    """One stream that our client has opened."""

    headers: dict[str, str]
    body: str
    """In base64."""
    signer: dict[str, JSON]
    understood: list[str]
    """The messages that our own server has found in it."""


async def get_weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f'22 degrees in {city}, "warm"'


async def captured() -> list[Asked]:
    """Return what was sent in a conversation over two streams, and in short ones with other credentials."""
    long = s2s.Config(model=MODEL, tools=[get_weather], instructions=LONG)
    async with asyncio.TaskGroup() as together:
        held = [together.create_task(_held(long, {}, [CALLS, *ANSWERS], _talk))]
        for model, extra in SHORT:
            held.append(together.create_task(_held(s2s.Config(model=model), extra, ANSWERS, _write)))
    return [asked for each in held for asked in each.result()]


async def _held(config: s2s.Config, extra: dict[str, str], script: list[Reply], talks: Talks) -> list[Asked]:
    """Hold a conversation, and return its streams."""
    signer = {"region": "us-east-1", "aws_access_key_id": KEY, "aws_secret_access_key": SECRET, **extra}
    async with (
        Noting(script, temper=NovaTemper(keys=KEYS)) as simulator,
        tapped(simulator.listening.port) as tap,
        asyncio.timeout(40),
    ):
        at = {**signer, "base_url": f"http://127.0.0.1:{tap.port}"}
        async with NovaEngine(config).start(extra=at) as session:
            await talks(session, Talk(session, within_s=20))
        streams = zip(tap.requests, simulator.noted, strict=True)
        return [
            Asked(head, base64.b64encode(body).decode(), signer, noted.asked)
            for (head, body), noted in streams
        ]


async def _talk(session: s2s.Session, talk: Talk) -> None:
    for at in range(0, len(QUESTION), 1024):
        await session.send_audio(QUESTION[at : at + 1024])
        await asyncio.sleep(0.005)
    await talk.until(s2s.TurnEnd)
    await session.send_text(LONG)
    await talk.until(s2s.TurnEnd)
    await session.update(instructions="Be brief.")
    await talk.until(s2s.Reconnected)
    await _write(session, talk)


async def _write(session: s2s.Session, talk: Talk) -> None:
    await session.send_text("And now?")
    await talk.until(s2s.TurnEnd)
