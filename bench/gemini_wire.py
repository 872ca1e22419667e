"""Gemini Live: what it costs us, the SDK of Google, and the least; without a network and over TLS."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bench import gemini_codecs as codecs
from bench.gemini_ends import CLIENTS
from bench.wire import child, line, print_fresh, run
from bench.wire_ends import Load

ROUNDS = 5
AT_MOST_S = 300
LESS_DOWN, LESS_UP = 8, 10
"""The aims: how many times less than the SDK of Google."""
ENDS = "bench.gemini_ends"
SDK = "google-genai"
LOADS = {
    "exchange, 20 up 40 down": Load(500, delta_ms=40),
    "chunk up 20 ms": Load(30, up=50, delta_ms=40),
    "audio 40 ms": Load(30, down=50, delta_ms=40),
    "audio 100 ms": Load(30, down=50, delta_ms=100),
    "audio 200 ms": Load(30, down=50, delta_ms=200),
    "audio 240 ms": Load(30, down=50, delta_ms=240),
}
FRESH = {
    "s2s": 'import s2s; s2s.new("gemini_live", extra={"api_key": "none"})',
    SDK: 'from google import genai; genai.Client(api_key="none")',
}
PACKAGES = ("picows", "msgspec", "pybase64", SDK, "websockets", "pydantic")

Results = dict[str, dict[str, list[float]]]
"""CPU in us, by round, by who, by what."""


async def gemini_wire() -> None:
    """Print CPU per message without a network and over TLS, and what the first engine costs."""
    witnessed = find_spec("google.genai") is not None
    print(", ".join(f"{each} {version(each)}" for each in PACKAGES if witnessed or each != SDK))
    alone = await codecs.measured(codecs.rows())
    print(f"\nthe protocol alone: us of CPU of the thread, {codecs.ROUNDS} interleaved rounds")
    _print(alone)
    async with asyncio.timeout(AT_MOST_S):
        whole, connects_ms = await _measured([name for name in CLIENTS if witnessed or name != SDK])
    print(f"\nthe whole client over TLS: us of CPU of its process, {ROUNDS} interleaved rounds")
    _print(whole)
    print("first connect: " + ", ".join(f"{who} {ms:.0f} ms" for who, ms in connects_ms.items()) + "\n")
    for name, found in (("the protocol alone", alone), ("the whole client", whole)) if witnessed else ():
        _print_verdict(f"{name}, audio down", found, "audio", LESS_DOWN)
        _print_verdict(f"{name}, chunks up", found, "chunk", LESS_UP)
    for name, first in FRESH.items():
        if witnessed or name != SDK:
            await print_fresh(name, first)


async def _measured(names: Iterable[str]) -> tuple[Results, dict[str, float]]:
    """Return CPU in us per exchange, chunk or message by round, and ms of each client's first connect."""
    used: Results = {what: {} for what in LOADS}
    connects_ms: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        ca = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.pem")
        service = await stack.enter_async_context(child(ENDS, "service", ca))
        port = await line(service)
        clients = {name: await stack.enter_async_context(child(ENDS, name, port, ca)) for name in names}
        for _ in range(ROUNDS):
            for what, load in LOADS.items():
                for name, client in clients.items():
                    part = load._replace(steps=load.steps // 5) if name == SDK else load
                    took = await run(client, part)
                    connects_ms.setdefault(name, took.connect_ms)
                    count = part.sessions * part.steps * max(part.up, part.down)
                    used[what].setdefault(name, []).append(took.cpu_s / count * 1e6)
    return used, connects_ms


def _print(found: Results) -> None:
    """Print medians, the best in brackets, and how many times less than the SDK we take."""
    whose = list(dict.fromkeys(who for took in found.values() for who in took))
    print(f"{'':24}" + "".join(f"{who:>19}" for who in whose) + f"{'x less':>9}")
    for what, took in found.items():
        cells = (_cell(took[who]) if who in took else "" for who in whose)
        less = f"{_less(took):.1f}" if SDK in took else ""
        print(f"{what:24}" + "".join(f"{each:>19}" for each in cells) + f"{less:>9}")


def _cell(took: list[float]) -> str:
    return f"{statistics.median(took):.2f} ({min(took):.2f})"


def _less(took: Mapping[str, list[float]]) -> float:
    return statistics.median(took[SDK]) / statistics.median(took[codecs.S2S])


def _print_verdict(name: str, found: Results, kind: str, aim: int) -> None:
    less = [_less(took) for what, took in found.items() if what.startswith(kind)]
    told = "met" if min(less) >= aim else "missed"
    print(f"{name}: {min(less):.1f} to {max(less):.1f} times less than {SDK} (aim: {aim}), {told}")
