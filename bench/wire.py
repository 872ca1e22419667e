"""The closed loop over a WebSocket: what OpenAI Realtime costs us, what it costs others, and the least."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from bench.wire_ends import CLIENTS, Load, Took

ROUNDS = 5
AT_MOST_S = 170
LOADS = {
    "exchange": Load(1000),
    "up": Load(30, up=50),
    "down 20": Load(30, down=50, delta_ms=20),
    "down 100": Load(30, down=50, delta_ms=100),
    "down 250": Load(30, down=50, delta_ms=250),
}
STOCK = {"openai": "openai", "openai-agents": "agents"}
"""The clients that somebody else made, and which package holds each; they do a fifth of the steps."""
FRESH = {
    "s2s": 'import s2s; s2s.new("openai_realtime")',
    "openai": 'from openai import AsyncOpenAI; AsyncOpenAI(api_key="none").realtime',
    "openai-agents": 'from agents.realtime import RealtimeAgent; RealtimeAgent(name="bench")',
}
ENDS = "bench.wire_ends"
DIALECT = Path(__file__).parent.parent / "src/s2s/wire/openai"

Results = dict[tuple[str, str], list[float]]


async def openai_wire() -> None:
    """Print CPU of the client process for us, two floors and two stock clients, all from one run."""
    names = [name for name in CLIENTS if name not in STOCK or find_spec(STOCK[name])]
    async with asyncio.timeout(AT_MOST_S):
        used, connects_ms = await _measured(names)
        _print(names, used, connects_ms)
        for name in (each for each in names if each in FRESH):
            await print_fresh(name, FRESH[name])
    sizes = {each.name: len(each.read_text().splitlines()) for each in DIALECT.glob("*.py")}
    largest = max(sizes, key=sizes.__getitem__)
    print(f"the dialect: {sum(sizes.values())} lines in {len(sizes)} modules, {largest} has {sizes[largest]}")


async def _measured(names: list[str]) -> tuple[Results, dict[str, float]]:
    """Return CPU in us per exchange, frame or delta by round, and ms of each client's first connect."""
    used: Results = {}
    connects_ms: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(child(ENDS, "service"))
        port = await line(service)
        clients = {name: await stack.enter_async_context(child(ENDS, name, port)) for name in names}
        for _ in range(ROUNDS):
            for what, load in LOADS.items():
                for name, client in clients.items():
                    part = load._replace(steps=load.steps // 5) if name in STOCK else load
                    took = await run(client, part)
                    connects_ms.setdefault(name, took.connect_ms)
                    count = part.sessions * part.steps * max(part.up, part.down)
                    used.setdefault((what, name), []).append(took.cpu_s / count * 1e6)
    return used, connects_ms


def _print(names: list[str], used: Results, connects_ms: dict[str, float]) -> None:
    middle = {key: statistics.median(values) for key, values in used.items()}
    exchange = {name: middle["exchange", name] for name in names}
    print(f"us of CPU, user and system, of the client process; medians of {ROUNDS} interleaved rounds,")
    print(f"{LOADS['exchange'].sessions} sessions at once; x: the median against that of the floor or of s2s")
    print(
        f"{'client':14}{'exchange':>9}{'best':>7}{'x A':>7}{'x iter':>7}{'x s2s':>7}"
        f"{'frame up':>10}{'delta 20':>10}{'100':>7}{'250 ms':>8}{'connect ms':>12}"
    )
    for name in names:
        ratios = (exchange[name] / exchange[other] for other in ("floor A", "floor iter", "s2s"))
        print(
            f"{name:14}{exchange[name]:9.1f}{min(used['exchange', name]):7.1f}"
            + "".join(f"{each:7.2f}" for each in ratios)
            + f"{middle['up', name]:10.1f}{middle['down 20', name]:10.1f}"
            + f"{middle['down 100', name]:7.1f}{middle['down 250', name]:8.1f}{connects_ms[name]:12.1f}"
        )


async def print_fresh(name: str, first: str) -> None:
    """Print what the first engine costs in a process of its own, on Linux, whose /proc tells of memory."""
    clock, memory = "time.process_time()", "open('/proc/self/status').read().split('VmHWM:')[1].split()[0]"
    code = f"import sys, time; began = {clock}; {first}; used = {clock} - began; "
    code += f"print(used, {memory}, len(sys.modules))"
    runs = []
    for _ in range(5):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)
        out, _ = await process.communicate()
        runs.append([float(each) for each in out.split()])
    cpu_s, rss_kb, modules = min(runs)
    print(f"{name}: imported and made with {cpu_s:.3f} CPU s, {rss_kb / 1024:.0f} MB, {modules:.0f} modules")


@asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[Process]:
    """Run one end; it is stopped at the end, whatever happens."""
    command = (sys.executable, "-m", module, *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(client: Process, load: Load) -> Took:
    """Have a client run a load."""
    assert client.stdin is not None
    client.stdin.write(json.dumps(load).encode() + b"\n")
    return Took(*json.loads(await line(client)))


async def line(process: Process) -> str:
    """Return the next line that an end prints."""
    assert process.stdout is not None
    told = await process.stdout.readline()
    if not told:
        raise RuntimeError(f"process {process.pid} of the bench ended: what it says is above")
    return told.decode().strip()
