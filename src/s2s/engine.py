"""Something you can talk to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from types import TracebackType
from typing import ClassVar, Protocol, runtime_checkable

from s2s.capabilities import Capabilities
from s2s.config import Config, override
from s2s.errors import UnsupportedError
from s2s.links import Link
from s2s.session import Session


@runtime_checkable
class S2S(Protocol):
    """A speech-to-speech engine: whatever can start a session."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do, known before connecting."""
        ...

    def start(self, **overrides: object) -> Starting:
        """Start a session; `overrides` are Config fields for this one."""
        ...


class Engine(ABC):
    """Base of every engine: a name, capabilities, and a way to open a link. It does no I/O until `start`."""

    name: ClassVar[str]

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the engine can do, known before connecting."""

    def capabilities_with(self, config: Config) -> Capabilities:
        """Return what the engine can do in a session of this config, where that is not always the same."""
        return self.capabilities

    @abstractmethod
    async def open(self, config: Config) -> Link:
        """Connect for one session and return the link. Raises S2SError."""

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started, as far as that is known without I/O."""
        modes = self.capabilities.turn_detection
        if config.turns.mode not in modes:
            raise UnsupportedError(
                f"{self.name} has no turn detection {config.turns.mode!r}: use {', '.join(modes)}",
                provider=self.name,
            )

    def start(self, **overrides: object) -> Starting:
        """Start a session: `await engine.start()`, or `async with engine.start() as session`.

        `overrides` are Config fields for this session. Raises ConfigError at once, and S2SError when awaited.
        """
        config = override(self.config, overrides)
        self.check(config)
        return Starting(self, config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config!r})"


class Starting:
    """A session about to start, to be awaited or entered once."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self._engine = engine
        self._config = config
        self._session: Session | None = None

    def __await__(self) -> Generator[object, None, Session]:
        return self._open().__await__()

    async def __aenter__(self) -> Session:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def _open(self) -> Session:
        session = Session(self._config, self._engine.capabilities_with(self._config))
        return await session.open(lambda: self._engine.open(self._config))
