"""Nova Sonic: what it costs us and the official client of AWS, which runs on a Python of its own."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from tests.support.aws import REPOSITORY, missing, python312

from bench import nova_codecs
from bench.nova_ends import CLIENTS
from bench.nova_loads import Load, Took
from bench.wire import line

ROUNDS = 5
AT_MOST_S = 400
AIM = 2
"""How many times less than the official client."""
S2S, SDK = "s2s", "aws-sdk"
UP, DOWN = "alone: chunk up 32 ms", "alone: audio down 80 ms"
LOADS = {
    "chunk up 32 ms": Load(20, up=50),
    "audio down 80 ms": Load(20, down=50),
    "exchange": Load(500),
    "paced, 1 session": Load(15, up=5, down=2, sessions=1, paced=True),
    "paced, 20 sessions": Load(15, up=5, down=2, paced=True),
}
PACKAGES = ("h2", "msgspec", "pybase64")
OURS = 'import s2s; s2s.new("nova"); from s2s.transports.bedrock import reaching'
THEIRS = """
import asyncio
from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from smithy_http.aio.crt import AWSCRTHTTPClient
async def made():
    settings = dict(region="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    return AsyncBedrockRuntimeClient(
        await AsyncBedrockRuntimeConfig.resolve(transport=AWSCRTHTTPClient(), **settings)
    )
asyncio.run(made())
"""
SPENT = """
import sys, time
began = time.process_time()
exec(sys.argv[1])
used = time.process_time() - began
print(used, open("/proc/self/status").read().split("VmHWM:")[1].split()[0], len(sys.modules))
"""

VERSIONS = """
import sys
from importlib.metadata import version
print("Python", sys.version.split()[0])
for each in ("aws-sdk-bedrock-runtime", "awscrt"):
    print(each, version(each))
"""

Results = dict[str, dict[str, list[float]]]
"""CPU in us, by round, by who, by what."""


async def nova_wire() -> None:
    """Print CPU per message without a socket and over TLS, and what the first engine costs."""
    if lack := missing():
        print(f"ours alone, for there is {lack}")
    told = [f"{each} {version(each)}" for each in PACKAGES]
    print(", ".join([*told, *await _versions()]))
    async with asyncio.timeout(AT_MOST_S):
        alone = await _alone()
        print(f"\nwithout a socket: us of CPU of the thread, {ROUNDS} interleaved rounds")
        _print(alone)
        whole, connects_ms = await _measured()
    print(f"\nover TLS: us of CPU of the process, {ROUNDS} interleaved rounds; in brackets the best")
    _print(whole)
    paced_us = statistics.median(whole["paced, 1 session"][S2S])
    print(f"a session in real time takes us {paced_us / 32_000:.1%} of a core")
    print("first connect: " + ", ".join(f"{who} {ms:.0f} ms" for who, ms in connects_ms.items()) + "\n")
    for python, name, first in ((sys.executable, S2S, OURS), (python312(), SDK, THEIRS)):
        if python:
            await _print_fresh(python, name, first)


async def _alone() -> Results:
    """Return what reading, writing and signing take."""
    used: Results = {UP: {}, DOWN: {}}
    async with AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(_official("alone")) if python312() else None
        for _ in range(ROUNDS):
            rounds = {S2S: nova_codecs.alone()}
            if theirs is not None:
                rounds[SDK] = tuple(json.loads(await _asked(theirs, "")))
            for who, took in rounds.items():
                for what, us in zip(used, took, strict=True):
                    used[what].setdefault(who, []).append(us)
    return used


async def _measured() -> tuple[Results, dict[str, float]]:
    """Return CPU in us per frame, piece or exchange by round, and ms of each client's first connect."""
    used: Results = {what: {} for what in LOADS}
    connects_ms: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        ca = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.pem")
        port = await line(await stack.enter_async_context(_ours("service", ca)))
        clients = {name: await stack.enter_async_context(_ours(name, port, ca)) for name in CLIENTS}
        if python312():
            clients[SDK] = await stack.enter_async_context(_official(port, ca=ca))
        for _ in range(ROUNDS):
            for what, load in LOADS.items():
                for name, client in clients.items():
                    short = name == SDK and not load.paced
                    part = load._replace(steps=load.steps // 5) if short else load
                    took = Took(*json.loads(await _asked(client, json.dumps(part))))
                    connects_ms.setdefault(name, took.connect_ms)
                    count = part.sessions * part.steps * max(part.up, part.down)
                    used[what].setdefault(name, []).append(took.cpu_s / count * 1e6)
    return used, connects_ms


async def _asked(process: Process, question: str) -> str:
    assert process.stdin is not None
    process.stdin.write(question.encode() + b"\n")
    return await line(process)


@asynccontextmanager
async def _child(*command: str, **variables: str) -> AsyncIterator[Process]:
    """Run one end; it is stopped at the end, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, env={**os.environ, **variables}, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _ours(*arguments: str) -> AbstractAsyncContextManager[Process]:
    return _child(sys.executable, "-m", "bench.nova_ends", *arguments)


def _official(*arguments: str, ca: str = "") -> AbstractAsyncContextManager[Process]:
    return _child(python312(), "-m", "bench.nova_sdk", *arguments, SSL_CERT_FILE=ca)


def _print(found: Results) -> None:
    """Print medians, the best in brackets, and how many times less than the SDK we take."""
    whose = list(dict.fromkeys(who for took in found.values() for who in took))
    less = f"{'x less':>9}" if SDK in whose else ""
    print(f"{'':26}" + "".join(f"{who:>19}" for who in whose) + less)
    for what, took in found.items():
        cells = "".join(f"{_cell(took[who]):>19}" for who in whose)
        print(f"{what:26}{cells}{_verdict(took)}")


def _cell(took: list[float]) -> str:
    return f"{statistics.median(took):.1f} ({min(took):.1f})"


def _verdict(took: Mapping[str, list[float]]) -> str:
    if SDK not in took:
        return ""
    less = statistics.median(took[SDK]) / statistics.median(took[S2S])
    return f"{less:9.1f}  (aim: {AIM}) {'met' if less >= AIM else 'missed'}"


async def _print_fresh(python: str, name: str, first: str) -> None:
    """Print what the first engine costs in a process of its own, on Linux, with all that connecting needs."""
    runs = []
    for _ in range(5):
        process = await asyncio.create_subprocess_exec(python, "-c", SPENT, first, stdout=PIPE)
        out, _ = await process.communicate()
        runs.append([float(each) for each in out.split()])
    cpu_s, rss_kb, modules = min(runs)
    print(f"{name}: imported and made with {cpu_s:.3f} CPU s, {rss_kb / 1024:.0f} MB, {modules:.0f} modules")


async def _versions() -> list[str]:
    """Return what the other Python has."""
    if not python312():
        return []
    told = (
        "from importlib.metadata import version as v; import sys; print('Python', sys.version.split()[0])\n"
    )
    told += "for each in ('aws-sdk-bedrock-runtime', 'awscrt'): print(each, v(each))"
    process = await asyncio.create_subprocess_exec(python312(), "-c", told, stdout=PIPE)
    out, _ = await process.communicate()
    return out.decode().splitlines()
