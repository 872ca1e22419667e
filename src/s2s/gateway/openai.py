"""Serves an engine over OpenAI Realtime."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial

from s2s.config import override
from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.gateway.opening import opened
from s2s.gateway.voices import takes, voices_of
from s2s.hosting import host
from s2s.items import JSON
from s2s.links import Link
from s2s.serving import Knock
from s2s.transports import Transport
from s2s.wire.openai import messages as m
from s2s.wire.openai.failures import problem_of
from s2s.wire.openai.server import OpenAIServer

PATHS = ("/v1/realtime", "/openai/v1/realtime")
"""Of the service itself, and of Azure."""


async def serve(
    engine: Engine,
    transport: Transport,
    knock: Knock,
    around: Callable[[Link], Link],
    *,
    strict: bool = False,
) -> None:
    """Serve one client until it or the engine ends; `around` wraps the link that the engine opens.

    A `strict` one refuses what the service refuses though the engine could do it.
    Raises the S2SError that broke it; a client that could not be served was told.
    """
    # A client of the protocol asks for transcripts and tools itself, and gets none before.
    config = override(engine.config, {"transcription": False, "tools": ()})
    try:
        engine.check(config)
        link = await opened(engine, config)
    except S2SError as failed:
        await turn_away(transport, problem_of(failed), 1011)
        raise
    settings: dict[str, JSON] = {"model": knock.query.get("model") or config.model or engine.name}
    if config.instructions:
        settings["instructions"] = config.instructions
    voice = config.voice or next(iter(voices_of(engine)), None)
    if voice is not None:
        settings["audio"] = {"output": {"voice": voice}}
    wire = OpenAIServer(
        input_rate=link.input_rate,
        settings=settings,
        takes_voice=partial(takes, engine),
        opened_at=time.time(),
        strict=strict,
    )
    await host(wire, transport, around(link))


async def turn_away(transport: Transport, problem: m.Problem, code: int) -> None:
    """Tell a client why it is not served, as the service does: in band, and then by the close code."""
    with contextlib.suppress(S2SError):
        await transport.send(m.encode(m.Failed(event_id="event_000001", error=problem)))
    await transport.close(code, f"{problem.type}.{problem.code}")
