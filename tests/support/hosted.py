"""Any link, served at the far end of a connection."""

from __future__ import annotations

import asyncio
import contextlib

from s2s.errors import ConnectionLostError
from s2s.hosting import host
from s2s.links import Link, RemoteLink
from s2s.transports.memory import pair
from s2s.wire import ClientWire, ServerWire
from tests.support.dialect import JSONClient, JSONServer


class HostedLink(RemoteLink):
    """Client wire, connection, server wire and host in front of a link."""

    def __init__(
        self, link: Link, client: ClientWire | None = None, server: ServerWire | None = None, rate: int = 0
    ) -> None:
        self.near, far = pair()
        super().__init__(client or JSONClient(), self.near, rate or link.input_rate)
        self._serving = asyncio.create_task(host(server or JSONServer(), far, link), name="serving")

    async def close(self) -> None:
        await super().close()
        with contextlib.suppress(ConnectionLostError):
            await self._serving

    async def lose(self) -> None:
        """Pull the cable."""
        await self.near.close(1006, "the cable")
