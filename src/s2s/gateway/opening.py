"""Opens an engine for a client that waits."""

from __future__ import annotations

import asyncio

from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectError
from s2s.links import Link


async def opened(engine: Engine, config: Config) -> Link:
    """Return the link of a session. Raises S2SError, as where it takes longer than `limits.connect_s`."""
    longest_s = config.limits.connect_s
    try:
        async with asyncio.timeout(longest_s) as limit:
            return await engine.open(config)
    except TimeoutError:
        if not limit.expired():
            raise
        told = f"the engine was not ready within {longest_s:g} s: try again, or raise limits.connect_s"
        raise ConnectError(told, retryable=True) from None
