"""OpenAI Realtime on your machine: the protocol, a script or any engine, and a temper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from s2s.certificates import TLS
from s2s.engine import Engine
from s2s.gateway.openai import PATHS, serve, turn_away
from s2s.gateway.watching import Onlooker, Watch
from s2s.links import Link
from s2s.providers.script import Reply
from s2s.serving import Knock, Listener
from s2s.simulators.manner import Mannered
from s2s.simulators.simulator import Simulator, doors_of, scripted
from s2s.simulators.temper import Fault, Temper
from s2s.simulators.unruly import Spelling, Unruly
from s2s.transports import Transport
from s2s.wire import Close
from s2s.wire.openai import messages as m

_PLAIN = Temper()
_EXPIRED = "Your session hit the maximum duration of {minutes:.0f} minutes."


class OpenAISimulator(Simulator[Listener]):
    """OpenAI Realtime while it is entered.

    It answers each turn with the next Reply of the script, every connection from the start; or any engine
    answers in its place.
    """

    inside = {"model": "simulated"}

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
        doors = doors_of(temper, host, port, tls)
        super().__init__(partial(Listener, doors, PATHS), watch)
        self._engine = engine or scripted(script, temper)
        self._temper = temper
        expired = Close(1001, _EXPIRED.format(minutes=temper.session_s / 60))
        self._spelling = Spelling(_names, _refused, b'"delta":"', expired)

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self.listening.http}/v1"

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        return f"{self.listening.ws}{PATHS[0]}"

    @property
    def base_urls(self) -> Mapping[str, str]:
        """The same by the name of the provider."""
        return {"openai": self.base_url}

    async def converse(self, transport: Transport, knock: Knock, look: Onlooker) -> None:
        """Talk to one client."""
        refusal = self._refusal(knock)
        if refusal is not None:
            await turn_away(transport, *refusal)
            return

        def around(link: Link) -> Link:
            return look(Mannered(link, self._temper))

        unruly = Unruly(transport, self._temper, self._spelling)
        await serve(self._engine, unruly, knock, around, strict=True)

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


class _Kind(Struct):
    """What a message says it is."""

    type: str = ""
    event_id: str | None = None


_decoded = msgspec.json.Decoder(_Kind, strict=False).decode


def _kind(message: bytes) -> _Kind:
    try:
        return _decoded(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Kind()


def _names(message: bytes) -> Sequence[str]:
    return (_kind(message).type,)


def _refused(fault: Fault, message: bytes) -> bytes:
    problem = m.Problem(
        type="server_error",
        code=str(fault.code),
        message=fault.reason or "It was told to.",
        event_id=_kind(message).event_id,
    )
    return m.encode(m.Failed(event_id="event_refused", error=problem))
