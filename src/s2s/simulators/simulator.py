"""What every pretend provider is: doors, connections within this process, and what broke."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar

from s2s.certificates import TLS
from s2s.config import Config
from s2s.errors import ConnectionLostError, S2SError
from s2s.events import Error
from s2s.gateway.failing import light
from s2s.gateway.inside import Inside
from s2s.gateway.watching import Onlooker, Watch
from s2s.providers.script import Reply, ScriptEngine
from s2s.serving import Doors, Knock
from s2s.simulators.temper import Temper
from s2s.transports import Transport

_MOST_FAILURES = 100

Serve: TypeAlias = Callable[[Transport, Knock], Awaitable[None]]
"""Serves one client."""


class Listening(Protocol):
    """Lets clients in while it is entered; leaving it ends every session."""

    port: int

    @property
    def http(self) -> str:
        """Where it is, as an http or https URL without a path."""
        ...

    @property
    def sessions(self) -> int:
        """How many are open."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


L_co = TypeVar("L_co", bound=Listening, covariant=True)


class Simulator(ABC, Generic[L_co]):
    """A provider while it is entered: `base_url` is for our engine and for the vendor's SDKs alike.

    `connect` opens a connection without a network, for a clock that jumps.
    """

    inside: ClassVar[Mapping[str, str]] = {}
    """What a connection inside this process asks for that says nothing else."""

    def __init__(self, listen: Callable[[Serve], L_co], watch: Watch | None) -> None:
        """Be a provider behind what `listen` returns, each time that it is entered."""
        self.failures: list[S2SError] = []
        """What broke the last sessions on this side, a hundred at most."""
        self._listen = listen
        self._watch = watch
        self._numbers = itertools.count(1)
        self._listener: L_co | None = None
        self._inside = Inside(self._serve, self.inside)

    @property
    @abstractmethod
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""

    @property
    @abstractmethod
    def base_urls(self) -> Mapping[str, str]:
        """The same by the name of the provider."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which a vendor's SDK finds it, where it looks there."""
        return {}

    @property
    @abstractmethod
    def url(self) -> str:
        """Where a conversation is opened."""

    @abstractmethod
    async def converse(self, transport: Transport, knock: Knock, look: Onlooker) -> None:
        """Talk to one client; `look` wraps the link of its session. Raises the S2SError that broke it."""

    async def __aenter__(self) -> Self:
        self._listener = await self._listen(self._serve).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            await self._listener.__aexit__(kind, error, trace)
        await self.hang_up()

    async def connect(self, url: str = "", headers: Mapping[str, str] = {}) -> Transport:
        """Open a connection inside this process; `extra={"connect": simulator.connect}` uses it."""
        return await self._inside.connect(url, headers)

    async def hang_up(self) -> None:
        """End the connections that were opened inside this process."""
        await self._inside.hang_up()

    @property
    def listening(self) -> L_co:
        """What listens. Raises RuntimeError before it does."""
        if self._listener is None:
            raise RuntimeError("the simulator is not running: enter it first")
        return self._listener

    async def _serve(self, transport: Transport, knock: Knock) -> None:
        look = Onlooker(self._watch, next(self._numbers))
        try:
            await self.converse(transport, knock, look)
        except S2SError as broken:
            self.failures = [*self.failures[1 - _MOST_FAILURES :], light(broken)]
            if not isinstance(broken, ConnectionLostError):
                look.tell(Error(broken, fatal=True))


def doors_of(temper: Temper, host: str, port: int, tls: TLS | None) -> Doors:
    """Return the doors of a provider like this; it asks for keys itself, and in its own words."""
    return Doors(
        host=host,
        port=port,
        guarded=temper.keys is not None and all(each.strip() for each in temper.keys),
        ping_s=temper.ping_s,
        pong_after_s=temper.pong_after_s,
        tls=tls,
    )


def scripted(script: Sequence[Reply], temper: Temper) -> ScriptEngine:
    """Return the engine that answers each turn with the next reply."""
    return ScriptEngine(Config(extra={"script": list(script), "pace": temper.pace}))
