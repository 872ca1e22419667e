"""What the library itself costs: CPU per chunk, import, install."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import s2s

CHUNK = bytes(960)
EXCHANGES = 20_000
SESSIONS = 20


async def per_chunk() -> None:
    """Print CPU per 20 ms chunk, up through a session and down again, beside a bare queue hand-over."""
    ours = min([await _exchanges() for _ in range(3)])
    bare = min([await _bare() for _ in range(3)])
    print(f"one 20 ms chunk up and down through Session and ScriptLink: {ours:.1f} us of CPU")
    print(f"  {SESSIONS} sessions, closed loop, best of 3")
    print(f"  the same over two bare asyncio queues: {bare:.1f} us; ratio {ours / bare:.1f}")


def imports() -> None:
    """Print what `import s2s` costs in a fresh interpreter."""
    clock = "time.process_time()"
    code = f"import sys, time; began = {clock}; import s2s; print({clock} - began, len(sys.modules))"
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(5)]
    seconds, modules = min(run.stdout.split() for run in runs)
    print(f"import s2s: {float(seconds):.3f} CPU s, {modules} modules, best of 5 with warm bytecode")


def install_sizes() -> None:
    """Print the size of fresh installs, bytecode left out."""
    root = Path(__file__).parent.parent
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target"]
    for extra in ("", "[local]", "[local,cli]"):
        with tempfile.TemporaryDirectory() as target:
            subprocess.run([*pip, target, f"{root}{extra}"], check=True, capture_output=True)
            size = sum(each.stat().st_size for each in Path(target).rglob("*") if each.is_file()) / 1e6
            packages = len(list(Path(target).glob("*.dist-info")))
        print(f"install voice-s2s{extra}: {size:.1f} MB in {packages} packages")


async def _exchanges() -> float:
    engine = s2s.new("script", extra={"echo": True})
    sessions = [await engine.start() for _ in range(SESSIONS)]
    before = time.process_time()
    await asyncio.gather(*(_exchange(each, EXCHANGES // SESSIONS) for each in sessions))
    used = time.process_time() - before
    for each in sessions:
        await each.close()
    return used / EXCHANGES * 1e6


async def _exchange(session: s2s.Session, count: int) -> None:
    events = session.recv()
    for _ in range(count):
        await session.send_audio(CHUNK)
        while not isinstance(await anext(events), s2s.AudioOutput):
            pass


async def _bare() -> float:
    up: asyncio.Queue[bytes] = asyncio.Queue()
    down: asyncio.Queue[bytes] = asyncio.Queue()

    async def echo() -> None:
        while True:
            await down.put(await up.get())

    task = asyncio.create_task(echo())
    before = time.process_time()
    for _ in range(EXCHANGES):
        await up.put(CHUNK)
        await down.get()
    used = time.process_time() - before
    task.cancel()
    return used / EXCHANGES * 1e6
