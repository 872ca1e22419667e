"""Nova Sonic on your machine: the protocol over signed HTTP/2, a script or any engine, and a temper."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

import msgspec

from s2s.engine import Engine
from s2s.errors import ConfigError, S2SError
from s2s.gateway.opening import opened
from s2s.gateway.playing import Playing
from s2s.gateway.watching import Onlooker, Watch
from s2s.gateway.wishes import config_for
from s2s.hosting import host
from s2s.links import Link
from s2s.providers.script import Reply, ScriptEngine
from s2s.serving import Knock
from s2s.simulators import endpoint
from s2s.simulators.breaking import BREAKS, refusal_of, require_known, status_of
from s2s.simulators.confiding import Confiding
from s2s.simulators.endpoint import Endpoint, Entrance, Gate, Manners
from s2s.simulators.limits import Limited
from s2s.simulators.manner import Mannered, Tariff
from s2s.simulators.simulator import Serve, Simulator, scripted
from s2s.simulators.temper import Fault, NovaTemper
from s2s.simulators.unruly import Spelling, Trouble, Unruly
from s2s.transports import Transport
from s2s.transports.bedrock.served import ServedBedrock
from s2s.transports.bedrock.served.refusals import UNKNOWN_MODEL, Refusal
from s2s.transports.bedrock.signing import EXAMPLE, Credentials
from s2s.wire import Close
from s2s.wire.nova import messages as m
from s2s.wire.nova.judging import reason_of
from s2s.wire.nova.server import NovaServer
from s2s.wire.nova.setups import Setting, Setup
from s2s.wire.nova.wanted import wanted

if TYPE_CHECKING:
    from s2s.certificates import TLS

_PLAIN = NovaTemper()
_TARIFF = Tariff(heard_per_s=25, spoken_per_s=25, silence=False, rereads="nothing", cut=True)
"""That silence is free has been seen; how many tokens a second has is a guess."""
_WHOLE_MS, _PROMPT_MS = 20_000.0, 300.0
"""How much audio waits for its words: a script knows the end of its sentences, and others speak for real."""
_HUGE_BYTES = 8 * 1024 * 1024
_MODEL, _REGION = "amazon.nova-2-5-sonic", "us-east-1"
_FIRST_GENERATION = "nova-sonic-v1"
_PATH = re.compile(r"/model/(.+)/invoke-with-bidirectional-stream")
_REQUEST = b'{"request":{}}'


class NovaSimulator(Simulator[Endpoint]):
    """Nova Sonic while it is entered, over TLS for the SDKs of AWS, which take nothing else.

    It answers each turn with the next Reply of the script, every stream from the start; or any engine
    answers in its place.
    """

    def __init__(
        self,
        script: Sequence[Reply] = (),
        *,
        engine: Engine | None = None,
        temper: NovaTemper = _PLAIN,
        watch: Watch | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: TLS | None = None,
    ) -> None:
        require_known(temper.faults)
        self._keys = _credentials_of(temper.keys)
        self._entrance = Entrance(
            host=host,
            port=port,
            tls=tls,
            gate=Gate(
                credentials=self._keys, region=temper.region, models=temper.models, skew_s=temper.skew_s
            ),
            refuse=lambda _: self._refusal(),
            manners=Manners(frame_bytes=temper.frame_bytes, credit_s=temper.credit_s, pad=temper.pad),
        )
        super().__init__(self._behind, watch)
        self._engine = engine or scripted(script, temper)
        self._temper = temper
        self._trouble = Trouble(temper.faults, _names)

    @property
    def base_url(self) -> str:
        """What an SDK takes as its endpoint."""
        return self.listening.http

    @property
    def url(self) -> str:
        """Where a stream is opened."""
        model = next(iter(self._temper.models or ()), _MODEL)
        return f"{self.base_url}/model/{model}/invoke-with-bidirectional-stream"

    @property
    def base_urls(self) -> Mapping[str, str]:
        """The same by the name of the provider."""
        return {"nova": self.base_url}

    @property
    def credentials(self) -> Credentials:
        """What clients sign with; the example of AWS, unless the temper has keys of its own."""
        return next(iter(self._keys), EXAMPLE)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which the SDKs of AWS find it, the credentials among them."""
        held = self.credentials
        return {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.base_url,
            "AWS_REGION": self._temper.region or _REGION,
            "AWS_ACCESS_KEY_ID": held.access_key,
            "AWS_SECRET_ACCESS_KEY": held.secret_key,
            **({"AWS_SESSION_TOKEN": held.session_token} if held.session_token else {}),
        }

    async def converse(self, transport: Transport, knock: Knock, look: Onlooker) -> None:
        """Talk to one client."""
        temper, model, request_id = self._temper, _model_of(knock.path), _new_id()
        refusal = None if isinstance(transport, ServedBedrock) else self._objection(model)
        if refusal is not None:
            await transport.close(refusal.status, refusal.message)
            return
        generation = temper.generation or (1 if _FIRST_GENERATION in model else 2)
        setting = Setting(request_id=request_id, generation=generation)
        unruly = Unruly(transport, temper, _SPELLING, self._trouble)
        stream = Limited(Confiding(unruly, look, _names), temper, request_id)
        setup = await self._asked(stream, setting, request_id)
        if setup is not None:
            await self._answer(stream, setup, look)

    async def _asked(self, stream: Limited, setting: Setting, request_id: str) -> Setup | None:
        """Accept a stream, and return what its client sets up; None where it was turned away."""
        acceptance = [m.encode(m.ServerMessage(response=m.Accepted(request_id=request_id)))]
        if self._temper.accepts == "at_once":
            await self._accept(stream, acceptance)
        async for message in stream:
            close = setting.receive(message)
            if close is not None:
                await stream.close(close.code, close.reason)
                return None
            await self._accept(stream, acceptance)
            if setting.complete is not None:
                return setting.complete
        return None

    async def _accept(self, stream: Limited, acceptance: list[bytes]) -> None:
        """Say once that a stream is open."""
        if acceptance:
            await asyncio.sleep(self._temper.accept_s)
            await stream.send(acceptance.pop())

    async def _answer(self, stream: Limited, setup: Setup, look: Onlooker) -> None:
        try:
            link = await opened(self._engine, config_for(self._engine, wanted(setup)))
        except S2SError as failed:
            close = reason_of(failed).closing(setup.request_id)
            await stream.close(close.code, close.reason)
            raise
        wire = NovaServer(
            setup,
            session_id=_new_id(),
            input_rate=link.input_rate,
            new_id=_new_id,
            cut=self._temper.stop_reason,
            most_ms=_WHOLE_MS if isinstance(self._engine, ScriptEngine) else _PROMPT_MS,
        )
        inner: Link = Mannered(link, self._temper, _TARIFF)
        await host(wire, stream, look(Playing(inner) if self._temper.plays else inner))

    def _behind(self, serve: Serve) -> Endpoint:
        """Return what listens for clients, who are all let in that are served."""

        async def served(transport: ServedBedrock, knock: endpoint.Knock) -> None:
            await serve(transport, Knock.heard(knock.path, {}, knock.headers))

        return Endpoint(self._entrance, served)

    def _objection(self, model: str) -> Refusal | None:
        """Return what the gate would have against a request that came by no gate."""
        known = self._temper.models
        return self._refusal() if known is None or model in known else UNKNOWN_MODEL

    def _refusal(self) -> Refusal | None:
        """Return the answer to a request that is turned away because it was told to."""
        fault = self._trouble.due("asked", _REQUEST)
        return None if fault is None else refusal_of(fault)


def _credentials_of(keys: Sequence[str] | None) -> tuple[Credentials, ...]:
    if keys is None:
        return (EXAMPLE,)
    parts = [each.strip().split(":", 2) for each in keys]
    if not all(len(each) > 1 and all(each) for each in parts):
        raise ConfigError("a key of AWS is a pair: give ACCESS_KEY_ID:SECRET, or ACCESS_KEY_ID:SECRET:TOKEN")
    return tuple(Credentials(access, secret, "".join(token)) for access, secret, *token in parts)


def _model_of(path: str) -> str:
    found = _PATH.search(path)
    return "" if found is None else unquote(found[1])


def _names(message: bytes) -> Sequence[str]:
    try:
        said = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    if not isinstance(said, dict):
        return ()
    event = said.get("event")
    if not isinstance(event, dict):
        return [*said]
    bodies = [(name, body) for name, body in event.items() if isinstance(body, dict)]
    return [*event, *(f"{name}.{body['type']}" for name, body in bodies if "type" in body)]


def _new_id() -> str:
    return str(uuid4())


def _refused(fault: Fault, message: bytes) -> Close:
    return Close(status_of(fault), fault.reason)


_SPELLING = Spelling(_names, _refused, b'"content":"', own=BREAKS, huge_bytes=_HUGE_BYTES)
