"""What is left of a WebRTC call when packets get lost, with aiortc's jitter buffer and with ours."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple, TypeAlias

from tests.support.webrtc import LOOPBACK, FarEnd, StockCaller, sine

from s2s.transports.webrtc import Exchange, Peer, PeerOptions, Sound
from s2s.transports.webrtc.jitter import PATIENCE

SECONDS = 10.0
LOSSES = (0.0, 0.01, 0.05, 0.10)
JITTERS_MS = (15, 40, 60, 100)
LINKS = ((0, 0, 0.0), (20, 5, 0.01), (20, 5, 0.05), (150, 30, 0.10))
"""One way: ms of delay, more or less ms of it, loss."""
ENDS = ("10.99.0.1", "10.99.0.2")
TUNSETIFF, BARE_PACKETS = 0x400454CA, 0x1001
SECOND = sine(660, 24_000)


class Heard(NamedTuple):
    """What a caller got."""

    open_s: float
    frames: list[tuple[float, float]]
    """When each whole frame was delivered, and its position in ms."""
    concealed: int

    def rates(self) -> str:
        return f"{len(self.frames) / SECONDS:8.1f}"

    def delays(self, far: FarEnd) -> str:
        delays = [(at - far.tone.left[round(position / 20)]) * 1000 for at, position in self.frames]
        return f"{statistics.median(delays):8.1f} {statistics.quantiles(delays, n=20)[-1]:8.1f}"


Caller: TypeAlias = Callable[[Exchange, str], Coroutine[None, None, Heard]]


async def loss() -> None:
    """Print for some rates of loss how many frames of 20 ms are delivered, and how late."""
    print(f"calls of {SECONDS:g} s over 127.0.0.1, packets of sound dropped by the far end; delays in ms")
    heads = f"{'whole/s':>8} {'p50':>8} {'p95':>8}"
    print(f"{'loss':>5} {'sent/s':>7} {'arrived/s':>9} | stock {heads} | ours {heads} {'concealed/s':>11}")
    for rate in LOSSES:
        fars = FarEnd(loss=rate), FarEnd(loss=rate)
        stock, ours = await asyncio.gather(_between(_stock, fars[0]), _between(_ours, fars[1]))
        sent = len(fars[1].tone.left)
        print(f"{rate:5.0%} {sent / SECONDS:7.1f} {(sent - fars[1].lost) / SECONDS:9.1f}", end="")
        print(f" |       {stock.rates()} {stock.delays(fars[0])} |      {ours.rates()}", end="")
        print(f" {ours.delays(fars[1])} {ours.concealed / SECONDS:11.1f}")


async def jitter() -> None:
    """Print what is delivered, and when, if each packet is late by chance, so that some overtake others."""
    print(f"calls of {SECONDS:g} s, 1 % loss; whole frames per second, delay p50 and p95 in ms")
    callers: dict[str, Caller] = {"stock": _stock}
    callers |= {f"patience {each}": partial(_ours, patience=each) for each in range(1, 5)}
    for jitter_ms in JITTERS_MS:
        fars = [FarEnd(loss=0.01, jitter_s=jitter_ms / 1000) for _ in callers]
        calls = zip(callers.values(), fars, strict=True)
        heard = await asyncio.gather(*(_between(caller, far) for caller, far in calls))
        for name, far, each in zip(callers, fars, heard, strict=True):
            print(f"up to {jitter_ms:3} ms late, {name:>10}: {each.rates()} {each.delays(far)}")


async def cost() -> None:
    """Print CPU per second of a call in which both sides speak."""
    stock = await _cost(_between(_stock, FarEnd()))
    ours = await _cost(_between(_ours, FarEnd()))
    print(f"both ends aiortc alone: {stock:.0f} ms of CPU per second, so one end costs {stock / 2:.0f} ms")
    print(f"one of them ours: {ours:.0f} ms, so our end costs {ours - stock / 2:.0f} ms")


async def link() -> None:
    """Print the same over a link that delays and drops packets both ways: two TUN devices, as root."""
    if not _may_have_devices():
        print("needs root and /dev/net/tun")
        return
    print(f"calls of {SECONDS:g} s between two network namespaces; whole frames per second")
    for delay_ms, jitter_ms, rate in LINKS:
        for name in ("stock", "ours"):
            with _devices() as (near, far):
                _forward(near, far, delay_ms, jitter_ms, rate)
                _forward(far, near, delay_ms, jitter_ms, rate)
                heard = await _apart(name)
            print(f"{delay_ms:3} +-{jitter_ms:2} ms, loss {rate:3.0%}, {name:>5}: {heard.rates()}", end="")
            print(f", concealed {heard.concealed / SECONDS:4.1f}, open after {heard.open_s:.2f} s")


async def _between(caller: Caller, far: FarEnd) -> Heard:
    heard = await caller(far.answer, LOOPBACK)
    await far.close()
    return heard


async def _stock(exchange: Exchange, address: str) -> Heard:
    began = time.monotonic()
    caller = StockCaller(address)
    await caller.call(exchange)
    await caller.connected.wait()
    open_s = time.monotonic() - began
    await asyncio.sleep(SECONDS)
    await caller.close()
    return Heard(open_s, caller.frames, 0)


async def _ours(exchange: Exchange, address: str, patience: int = PATIENCE) -> Heard:
    began = time.monotonic()
    peer = await Peer.open(exchange, PeerOptions(candidates=[address], patience=patience))
    open_s = time.monotonic() - began
    for _ in range(round(SECONDS)):
        peer.say(SECOND)
    listening = asyncio.ensure_future(_listen(peer))
    await asyncio.sleep(SECONDS)
    await peer.close()
    heard = await listening
    whole = [(at, each.position_ms) for at, each in heard if not each.concealed]
    return Heard(open_s, whole, len(heard) - len(whole))


async def _listen(peer: Peer) -> list[tuple[float, Sound]]:
    now = asyncio.get_running_loop().time
    return [(now(), each) async for each in peer if isinstance(each, Sound)]


async def _cost(call: Coroutine[None, None, Heard]) -> float:
    began = time.process_time()
    await call
    return (time.process_time() - began) / SECONDS * 1000


def _may_have_devices() -> bool:
    return os.geteuid() == 0 and os.path.exists("/dev/net/tun")


@contextmanager
def _devices() -> Iterator[tuple[int, int]]:
    """Yield the other ends of the only devices that two fresh network namespaces have."""
    with _device(0) as near, _device(1) as far:
        yield near, far


@contextmanager
def _device(end: int) -> Iterator[int]:
    name = f"s2s{end}"
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), BARE_PACKETS))
        for command in (
            f"netns add {name}",
            f"link set {name} netns {name}",
            f"-n {name} address add {ENDS[end]}/24 dev {name}",
            f"-n {name} link set {name} up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        yield fd
    finally:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        subprocess.run(["ip", "netns", "del", name], check=False)


def _forward(source: int, target: int, delay_ms: float, jitter_ms: float, rate: float) -> None:
    """Carry packets to the other device, late or not at all, in order."""
    loop, chance = asyncio.get_running_loop(), random.Random(source)
    last = loop.time()

    def carry() -> None:
        nonlocal last
        packet = os.read(source, 2048)
        if chance.random() >= rate:
            delay_s = (delay_ms + chance.uniform(-jitter_ms, jitter_ms)) / 1000
            last = max(last, loop.time() + delay_s)
            loop.call_at(last, _deliver, target, packet)

    loop.add_reader(source, carry)


def _deliver(target: int, packet: bytes) -> None:
    with suppress(OSError):  # the call is over and the device gone
        os.write(target, packet)


async def _apart(name: str) -> Heard:
    """Let two processes talk, each in its namespace; only their SDP goes through here."""
    caller, far = await _process(0, name), await _process(1, "far")
    for source, target in ((caller, far), (far, caller)):
        assert source.stdout is not None
        assert target.stdin is not None
        target.stdin.write(await source.stdout.readline())
    heard, _ = await caller.communicate()
    await far.communicate(b"")
    return Heard(*json.loads(heard))


async def _process(end: int, role: str) -> Process:
    command = ("ip", "netns", "exec", f"s2s{end}", sys.executable, "-m", "bench.webrtc_loss", role, ENDS[end])
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**20)


async def _all() -> None:
    for bench in (loss, jitter, cost, link):
        await bench()


async def _role(role: str, address: str) -> None:
    if role == "far":
        far = FarEnd(address=address)
        print(json.dumps(await far.answer(await _line())), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await far.close()
    else:
        caller: Caller = {"ours": _ours, "stock": _stock}[role]
        print(json.dumps(await caller(_exchange, address)))


async def _exchange(offer: str) -> str:
    print(json.dumps(offer), flush=True)
    return await _line()


async def _line() -> str:
    return str(json.loads(await asyncio.to_thread(sys.stdin.readline)))


if __name__ == "__main__":
    asyncio.run(_role(*sys.argv[1:]) if sys.argv[1:] else _all())
