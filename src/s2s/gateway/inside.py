"""Connections inside this process: no network, so that a clock may jump."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from s2s.serving import Knock
from s2s.transports import Transport
from s2s.transports.memory import direct_pair


class Inside:
    """Connects to whoever serves; `asks` is the query of a connection that brings none."""

    def __init__(
        self, serve: Callable[[Transport, Knock], Awaitable[None]], asks: Mapping[str, str] = {}
    ) -> None:
        self._serve = serve
        self._asks = asks
        self._calls: set[asyncio.Task[None]] = set()

    async def connect(self, url: str = "", headers: Mapping[str, str] = {}) -> Transport:
        """Return the near end of a connection whose far end is served."""
        near, far = direct_pair()
        parts = urlsplit(url)
        knock = Knock.heard(parts.path, dict(parse_qsl(parts.query)) or self._asks, headers)
        task = asyncio.create_task(self._served(far, knock), name="s2s-inside")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return near

    async def hang_up(self) -> None:
        """End every connection."""
        for each in self._calls:
            each.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _served(self, far: Transport, knock: Knock) -> None:
        await self._serve(far, knock)
