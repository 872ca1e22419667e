"""Chains: a near engine, the gateway, a far engine and its provider, in one process and by one clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from s2s.commands import AppendAudio, Cancel, Command, UpdateSession
from s2s.config import Config
from s2s.engine import Engine
from s2s.events import Event
from s2s.gateway import Gateway, Lifetime
from s2s.items import JSON
from s2s.links import Direct, Link, Told
from s2s.providers.gemini import GeminiEngine
from s2s.providers.nova import NovaEngine
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import Reply, ScriptEngine
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.simulator import Listening, Simulator
from s2s.simulators.temper import GeminiTemper, NovaTemper, Temper
from s2s.transports import Transport
from s2s.wire import Send
from s2s.wire.gemini.profiles import NAMED
from tests.support.links import Tapped


class TappedScript(ScriptEngine):
    """The script engine; of its links everything is noted."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.configs: list[Config] = []
        self.links: list[Tapped] = []

    async def open(self, config: Config) -> Link:
        self.configs.append(config)
        self.links.append(Tapped(await super().open(config)))
        return self.links[-1]

    @property
    def asked(self) -> list[Command | Send]:
        """What the newest was sent, but for audio, settings, and what the end of a connection cancels."""
        others = (AppendAudio, UpdateSession)
        return [e for e in self.links[-1].sent if not isinstance(e, others) and e != Cancel()]

    @property
    def updates(self) -> list[UpdateSession]:
        """The settings that the newest link was told to change."""
        return [each for each in self.links[-1].sent if isinstance(each, UpdateSession)]

    @property
    def told(self) -> list[Event]:
        """What the newest link has told."""
        return [each for each in self.links[-1].told if not isinstance(each, Send)]


_AUDIO = (b'"audio":{"mimeType"', b'"input_audio_buffer.append"', b'"audioInput":')


class Overheard:
    """A connection of which everything that was sent is kept, but for audio."""

    def __init__(self, inner: Transport) -> None:
        self.said: list[JSON] = []
        self._inner = inner

    async def send(self, message: bytes) -> None:
        if not any(each in message for each in _AUDIO):
            self.said.append(msgspec.json.decode(message))
        await self._inner.send(message)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._inner)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.close(code, reason)


class Line:
    """Connects to a provider, and keeps every connection."""

    def __init__(self, simulator: Simulator[Listening]) -> None:
        self.connections: list[Overheard] = []
        self._simulator = simulator

    async def connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        """Open one more."""
        self.connections.append(Overheard(await self._simulator.connect(url, headers)))
        return self.connections[-1]

    @property
    def said(self) -> list[JSON]:
        """What was said over all of them."""
        return [each for connection in self.connections for each in connection.said]

    def all(self, kind: str) -> list[JSON]:
        """Return what was said of this type of OpenAI, with this member of Gemini, as this event of Nova."""
        said = [each.get("event", each) for each in self.said]
        return [each.get(kind, each) for each in said if kind in (each.get("type"), *each)]


class Far:
    """A provider on this machine, and the engine that talks to it."""

    def __init__(
        self, simulator: Simulator[Listening], script: TappedScript, line: Line, engine: Engine
    ) -> None:
        self.simulator = simulator
        self.script = script
        self.line = line
        self.engine = engine


class Distant(Protocol):
    """Makes what is far, of a script."""

    def __call__(self, replies: Sequence[Reply], /) -> Far:
        """Make it."""
        ...


class Chained(Protocol):
    """Makes a near engine."""

    def __call__(self, far: Distant, config: Config, /) -> Engine:
        """Make it."""
        ...


def far_openai(replies: Sequence[Reply], temper: Temper | None = None, **fields: JSON) -> Far:
    """Return OpenAI Realtime with this script."""
    temper = temper or Temper(pace=1)
    script = _script(replies, temper)
    simulator = OpenAISimulator(engine=script, temper=temper)
    line = Line(simulator)
    engine = OpenAIEngine(Config(extra={"connect": line.connect}, **fields))
    return Far(simulator, script, line, engine)


def far_gemini(
    profile: str, replies: Sequence[Reply], temper: GeminiTemper | None = None, **fields: JSON
) -> Far:
    """Return this generation of Gemini Live with this script."""
    temper = replace(temper or GeminiTemper(pace=1), profile=profile)
    script = _script(replies, temper)
    simulator = GeminiSimulator(engine=script, temper=temper)
    line = Line(simulator)
    extra = {"connect": line.connect, **spoken_with(profile)}
    return Far(simulator, script, line, GeminiEngine(Config(extra=extra, **fields)))


def far_nova(replies: Sequence[Reply], temper: NovaTemper | None = None, **fields: JSON) -> Far:
    """Return Nova Sonic with this script; the whole of a sentence is there before it begins to speak it."""
    temper = temper or NovaTemper()
    script = _script(replies, temper)
    simulator = NovaSimulator(engine=script, temper=temper)
    line = Line(simulator)
    engine = NovaEngine(Config(extra={"connect": line.connect, "base_url": "http://localhost"}, **fields))
    return Far(simulator, script, line, engine)


def spoken_with(profile: str) -> dict[str, JSON]:
    """Return the settings of an engine that talks to this generation."""
    return {"profile": profile, "surface": NAMED[profile].surface}


def _script(replies: Sequence[Reply], temper: Temper) -> TappedScript:
    return TappedScript(Config(extra={"script": list(replies), "pace": temper.pace}))


class Parting:
    """A link after whose end the rest of its chain ends too."""

    def __init__(self, inner: Link, end: Callable[[], Awaitable[None]]) -> None:
        self.input_rate = inner.input_rate
        self._inner = inner
        self._end = end

    async def send(self, command: Command | Send) -> Sequence[Event]:
        return await self._inner.send(command)

    async def __aiter__(self) -> AsyncIterator[Told]:
        async for told in self._inner:
            yield told

    async def close(self) -> None:
        await self._inner.close()
        await self._end()


class PartingDirect(Parting):
    """A direct link after whose end the rest of its chain ends too."""

    def __init__(self, inner: Direct, end: Callable[[], Awaitable[None]]) -> None:
        super().__init__(inner, end)
        self.append = inner.append
        self.listen = inner.listen


class Chain:
    """What is behind a near engine: its connections, the gateway, and what is far."""

    def __init__(self, far: Far, lifetime: Lifetime | None = None) -> None:
        self.far = far
        self.gateway = Gateway(far.engine, lifetime=lifetime or Lifetime())
        self.connections: list[Transport] = []

    async def connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        """Connect a near engine."""
        self.connections.append(await self.gateway.connect(url, headers))
        return self.connections[-1]

    async def end(self) -> None:
        """Have both ends come to rest."""
        await self.gateway.hang_up()
        await self.far.simulator.hang_up()


class NearOpenAI(OpenAIEngine):
    """Talks over OpenAI Realtime to a gateway with another engine behind it."""

    def __init__(self, far: Distant, config: Config) -> None:
        self.chain = Chain(far(config.extra.get("script", ())))
        super().__init__(replace(config, extra={"connect": self.chain.connect}))

    async def open(self, config: Config) -> Link:
        config = replace(config, extra={"connect": self.chain.connect})
        return Parting(await super().open(config), self.chain.end)

    @property
    def connection(self) -> Transport:
        """The newest."""
        return self.chain.connections[-1]


class NearGemini(GeminiEngine):
    """Talks over Gemini Live, as with a generation of models, to a gateway with another engine behind it."""

    def __init__(self, profile: str, far: Distant, config: Config, lifetime: Lifetime | None = None) -> None:
        self.chain = Chain(far(config.extra.get("script", ())), lifetime)
        self._extra = {"connect": self.chain.connect, **spoken_with(profile)}
        super().__init__(replace(config, model=NAMED[profile].prefixes[0], extra=self._extra))

    async def open(self, config: Config) -> Link:
        return Parting(await super().open(replace(config, extra=self._extra)), self.chain.end)

    @property
    def connection(self) -> Transport:
        """The newest."""
        return self.chain.connections[-1]
