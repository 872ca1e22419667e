"""OpenAI Realtime on your machine: the protocol, a script or any engine, and a temper."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from s2s.certificates import TLS
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.gateway.openai import PATHS, serve, turn_away
from s2s.gateway.watching import Watch, watched
from s2s.links import Link
from s2s.providers.script import Reply, ScriptEngine
from s2s.serving import Doors, Knock, Listener
from s2s.simulators.manner import Mannered
from s2s.simulators.temper import Temper
from s2s.simulators.unruly import Unruly
from s2s.transports import Transport
from s2s.transports.memory import pair
from s2s.wire.openai import messages as m

_PLAIN = Temper()


class OpenAISimulator:
    """A provider while it is entered: `base_url` is for our engine and for the vendor's SDKs alike.

    It answers each turn with the next Reply of the script, every connection from the start; or any engine
    answers in its place. `connect` opens a connection without a network, for a clock that jumps.
    """

    def __init__(
        self,
        script: Sequence[Reply] = (),
        *,
        engine: Engine | None = None,
        temper: Temper = _PLAIN,
        watch: Watch | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: TLS | None = None,
    ) -> None:
        spoken = {"script": list(script), "pace": temper.pace}
        self._engine = engine or ScriptEngine(Config(extra=spoken))
        self._temper = temper
        self._watch = watch
        self._numbers = itertools.count(1)
        self._doors = Doors(
            host=host, port=port, guarded=temper.keys is not None, ping_s=temper.ping_s, tls=tls
        )
        self._listener: Listener | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self.failures: list[S2SError] = []
        """What broke the last sessions on this side, a hundred at most."""

    async def __aenter__(self) -> Self:
        self._listener = await Listener(self._doors, PATHS, self._serve).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        if self._listener is not None:
            await self._listener.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self._listening.http}/v1"

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        return f"{self._listening.ws}{PATHS[0]}"

    async def connect(self, url: str = "", headers: Mapping[str, str] = {}) -> Transport:
        """Open a connection inside this process; `extra={"connect": simulator.connect}` uses it."""
        near, far = pair()
        parts = urlsplit(url)
        knock = Knock.heard(parts.path, dict(parse_qsl(parts.query)) or {"model": "simulated"}, headers)
        task = asyncio.create_task(self._serve(far, knock), name="s2s-simulator")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return near

    async def hang_up(self) -> None:
        """End the connections that were opened inside this process."""
        for each in self._calls:
            each.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    @property
    def _listening(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("the simulator is not running: enter it first")
        return self._listener

    async def _serve(self, transport: Transport, knock: Knock) -> None:
        refusal = self._refusal(knock)
        if refusal is not None:
            await turn_away(transport, *refusal)
            return
        look = watched(self._watch, next(self._numbers))

        def around(link: Link) -> Link:
            return look(Mannered(link, self._temper))

        try:
            unruly = Unruly(transport, self._temper, _refused)
            await serve(self._engine, unruly, knock, around, strict=True)
        except S2SError as broken:
            self.failures = [*self.failures[-99:], broken]

    def _refusal(self, knock: Knock) -> tuple[m.Problem, int] | None:
        temper, model = self._temper, knock.query.get("model")
        if temper.keys is not None and knock.key not in temper.keys:
            told = "Incorrect API key provided. You can find your API key in the settings of your account."
            return _problem("invalid_api_key", told), 3000
        if temper.strict and "openai-beta" in knock.headers:
            told = "The Realtime Beta API is no longer supported. Please use the GA API."
            return _problem("beta_api_shape_disabled", told), 4000
        if not model and "call_id" not in knock.query and "intent" not in knock.query:
            return _problem("missing_model", "You must provide a model parameter."), 4000
        if temper.models is not None and model not in temper.models:
            return _problem("invalid_model", f'Model "{model}" is not supported in realtime mode.'), 4000
        return None


def _problem(code: str, message: str) -> m.Problem:
    return m.Problem(type="invalid_request_error", code=code, message=message)


def _refused(code: str, message: str, event_id: str | None) -> bytes:
    problem = m.Problem(
        type="server_error", code=code, message=message or "It was told to.", event_id=event_id
    )
    return m.encode(m.Failed(event_id="event_refused", error=problem))
