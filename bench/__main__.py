"""Runs the benches named, or all of them."""

import asyncio
import inspect
import os
import sys
from collections.abc import Awaitable, Callable

from bench import accuracy, gemini_wire, latency, nova_wire, overhead, pipeline, stopping, webrtc_loss, wire

BENCHES: dict[str, Callable[[], Awaitable[None] | None]] = {
    "per_chunk": overhead.per_chunk,
    "pipeline": pipeline.pipeline,
    "imports": overhead.imports,
    "accuracy": accuracy.word_error_rates,
    "stopping": stopping.interrupt_to_silence,
    "blocking": stopping.longest_block,
    "voice_to_voice": latency.voice_to_voice,
    "concurrent": latency.concurrent,
    "endpointing": latency.endpointing,
    "install_sizes": overhead.install_sizes,
    "openai_wire": wire.openai_wire,
    "gemini_wire": gemini_wire.gemini_wire,
    "nova_wire": nova_wire.nova_wire,
    "webrtc_loss": webrtc_loss.loss,
    "webrtc_jitter": webrtc_loss.jitter,
    "webrtc_cost": webrtc_loss.cost,
    "webrtc_link": webrtc_loss.link,
}


def main() -> int:
    """Run them one after the other."""
    wanted = sys.argv[1:] or list(BENCHES)
    unknown = set(wanted) - set(BENCHES)
    if unknown:
        print(f"no bench named {', '.join(sorted(unknown))}: use {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {load:.2f}, Python {sys.version.split()[0]}")
    for name in wanted:
        print(f"\n== {name}")
        bench = BENCHES[name]
        if inspect.iscoroutinefunction(bench):
            asyncio.run(bench())
        else:
            bench()
    return 0


if __name__ == "__main__":
    sys.exit(main())
