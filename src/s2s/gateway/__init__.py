"""Any engine over the protocols of the providers, so that their own SDKs can talk to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.gateway import gemini, openai
from s2s.gateway.failing import light
from s2s.gateway.inside import Inside
from s2s.gateway.keeping import Garage, Lifetime
from s2s.gateway.playing import Playing
from s2s.gateway.watching import Onlooker, Watch
from s2s.links import Link
from s2s.serving import Doors, Knock, Listener
from s2s.transports import Transport
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import Profile
from s2s.wire.gemini.wanted import turns

_LOCAL = Doors()
_NO_END = Lifetime()


class Gateway:
    """Serves an engine over OpenAI Realtime and Gemini Live while it is entered.

    Every connection has a session of its own; only with Gemini's protocol a client may come back to its
    session, for `keep_s` after its connection ended, and is warned before a connection's `lifetime` is over.
    Where there are keys, it must show the one that it began with. Sessions that wait for their client are
    counted among `max_sessions`: the one that has waited longest gives way to who comes when all are taken.
    """

    def __init__(
        self,
        engine: Engine,
        doors: Doors = _LOCAL,
        *,
        watch: Watch | None = None,
        keep_s: float = 120.0,
        lifetime: Lifetime = _NO_END,
    ) -> None:
        self.failures: list[S2SError] = []
        """What broke the last sessions, a hundred at most."""
        self._engine = engine
        self._terms = gemini.Terms(keyed=bool(doors.keys))
        self._watch = watch
        self._numbers = itertools.count(1)
        self._garage = Garage(
            longest_s=keep_s, lifetime=lifetime, places=lambda: doors.max_sessions - self.sessions
        )
        self._listener = Listener(doors, (*openai.PATHS, *gemini.PATHS), self._serve)
        self._inside = Inside(self._serve)

    async def __aenter__(self) -> Self:
        warm = getattr(self._engine, "warm", None)
        if warm is not None:
            await warm()
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._listener.__aexit__(kind, error, trace)
        finally:
            await self.hang_up()

    async def connect(self, url: str = "", headers: Mapping[str, str] = {}) -> Transport:
        """Open a connection without a network, for a clock that jumps; the URL says which protocol.

        An engine takes it as `extra={"connect": gateway.connect}`. The gateway need not be entered for it.
        """
        return await self._inside.connect(url, headers)

    async def hang_up(self) -> None:
        """End the connections that were opened inside this process, and let go of every kept session."""
        await self._inside.hang_up()
        await self._garage.close()

    @property
    def base_url(self) -> str:
        """What the SDKs of OpenAI take as their base URL."""
        return f"{self._listener.http}/v1"

    @property
    def url(self) -> str:
        """Where the WebSocket of OpenAI Realtime is."""
        return f"{self._listener.ws}{openai.PATHS[0]}"

    @property
    def gemini_base_url(self) -> str:
        """What the SDKs of Google take as their base URL; the one for Python only where it is https."""
        return self._listener.http

    @property
    def gemini_url(self) -> str:
        """Where the WebSocket of Gemini Live is."""
        return f"{self._listener.ws}{gemini.PATH}"

    @property
    def base_urls(self) -> Mapping[str, str]:
        """What SDKs take as their base URL, by the provider whose they are."""
        return {"openai": self.base_url, "gemini": self.gemini_base_url}

    @property
    def sessions(self) -> int:
        """How many are open."""
        return self._listener.sessions

    async def _serve(self, transport: Transport, knock: Knock) -> None:
        look = Onlooker(self._watch, next(self._numbers))
        try:
            if knock.path in openai.PATHS:
                self._garage.make_room()
                await openai.serve(self._engine, transport, knock, look)
            else:
                await gemini.serve(self._engine, transport, knock, _played(look), self._garage, self._terms)
        except S2SError as broken:
            self.failures = [*self.failures[-99:], light(broken)]


def _played(look: Callable[[Link], Link]) -> gemini.Around:
    """Return what has the client's turns end when they were played, for it never says what was heard."""

    def around(link: Link, /, *, setup: Setup, profile: Profile) -> Link:
        interrupts = turns(setup).interrupt_response
        return look(Playing(link, interrupts=interrupts, cuts_by_text=profile.cuts_by_text))

    return around


__all__ = ["Doors", "Gateway", "Lifetime"]
