"""Any engine over the protocols of the providers, so that their own SDKs can talk to it."""

from __future__ import annotations

import itertools
from types import TracebackType
from typing import Self

from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.gateway.openai import PATHS, serve
from s2s.gateway.watching import Watch, watched
from s2s.serving import Doors, Knock, Listener
from s2s.transports import Transport

_LOCAL = Doors()


class Gateway:
    """Serves an engine over OpenAI Realtime while it is entered, a session for every connection."""

    def __init__(self, engine: Engine, doors: Doors = _LOCAL, *, watch: Watch | None = None) -> None:
        self.failures: list[S2SError] = []
        """What broke the last sessions, a hundred at most."""
        self._engine = engine
        self._watch = watch
        self._numbers = itertools.count(1)
        self._listener = Listener(doors, PATHS, self._serve)

    async def __aenter__(self) -> Self:
        warm = getattr(self._engine, "warm", None)
        if warm is not None:
            await warm()
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self._listener.http}/v1"

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        return f"{self._listener.ws}{PATHS[0]}"

    @property
    def sessions(self) -> int:
        """How many are open."""
        return self._listener.sessions

    async def _serve(self, transport: Transport, knock: Knock) -> None:
        try:
            await serve(self._engine, transport, knock, watched(self._watch, next(self._numbers)))
        except S2SError as broken:
            self.failures = [*self.failures[-99:], broken]


__all__ = ["Doors", "Gateway"]
