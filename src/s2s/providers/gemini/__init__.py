"""Google Gemini Live: the Developer API, Vertex AI, and every service that speaks BidiGenerateContent."""

from __future__ import annotations

import time
import uuid
from typing import ClassVar, Final

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import UnsupportedError
from s2s.lasting import LastingLink
from s2s.links import Link
from s2s.models import model_of, warn_of_end
from s2s.providers.gemini.credentials import headers, require_google_auth
from s2s.providers.gemini.options import Options, bare, options_of
from s2s.transports import Transport
from s2s.transports.websocket import ConnectionLimits, connect
from s2s.wire.gemini.client import GeminiClient, Opening

NAME: Final = "gemini_live"
DEFAULT_MODEL = "gemini-3.8-live"
_RATES = (8_000, 16_000, 24_000, 48_000)
_SPOKEN_HZ = 24_000
_LIMITS = ConnectionLimits(ping_after_s=None)
"""Without pings: the service may take half a minute to answer one."""


class GeminiEngine(Engine):
    """Talks to Gemini Live; `Options` says what `Config.extra` takes.

    A session goes on over as many connections as it takes. The service cannot be stopped while it finds the
    user's turns itself: `interrupt()` silences it here and it talks on unheard. With turn_detection manual or
    local it stops. What was heard of an answer cannot be told to it.
    """

    name: ClassVar[str] = NAME

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.options(self.config)

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do with this config."""
        return self.capabilities_with(self.config)

    def capabilities_with(self, config: Config) -> Capabilities:
        """Return what the service can do: who finds the turns decides whether it can be stopped."""
        told = config.turns.mode in ("manual", "local") and config.turns.interrupt_response
        return Capabilities(
            input_rates=_RATES,
            output_rates=(_SPOKEN_HZ,),
            turn_detection=("server", "manual", "local"),
            interrupt="requested" if told else "local_only",
            images=model_of(NAME, bare(_model(config))).images,
            updates=True,
            resumption="native" if self.options(config).resumption else "replay",
        )

    @staticmethod
    def options(config: Config) -> Options:
        """Return the engine's own settings. Raises ConfigError."""
        return options_of(config.extra)

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started, as far as that is known without I/O."""
        super().check(config)
        options, model = self.options(config), _model(config)
        options.require(options.profile_for(model), model)
        options.key()
        require_google_auth(options)
        if config.turns.mode == "local":
            from s2s.providers.attention import require_vad

            require_vad(options.vad)
        elif config.turns.mode == "server" and not config.turns.create_response:
            told = "answers every turn that it finds: use turn_detection='manual', or leave create_response"
            raise UnsupportedError(f"{NAME} {told}", provider=NAME)
        InputConverter(config.heard, _heard_hz(config))
        OutputConverter(_SPOKEN_HZ, config.spoken)

    async def open(self, config: Config) -> Link:
        """Connect, and return a link that sets the session up before anything else."""
        options, model = self.options(config), _model(config)
        if options.own:
            warn_of_end(model_of(NAME, bare(model)), time.strftime("%Y-%m-%d", time.gmtime()))
        client = GeminiClient(
            Opening(
                config=config,
                capabilities=self.capabilities_with(config),
                profile=options.profile_for(model),
                wishes=options.wishes,
                provider=NAME,
                model=options.model_path(model),
                session_id=f"gemini_{uuid.uuid4().hex[:16]}",
                input_rate=_heard_hz(config),
            )
        )

        async def dial() -> Transport:
            named = await headers(options)
            if options.connect is not None:
                opened: Transport = await options.connect(options.url, named)
                return opened
            return await connect(
                options.url,
                headers=named,
                ca=options.ca,
                proxy=options.proxy,
                provider=NAME,
                limits=_LIMITS,
            )

        link = LastingLink(
            client,
            dial,
            client.input_rate,
            reconnect=config.reconnect,
            ready_s=config.limits.connect_s,
        )
        await link.open()
        if config.turns.mode != "local":
            return link
        from s2s.providers.attention import LocalTurns

        return await LocalTurns.listening(link, config.turns, vad=options.vad)


def _model(config: Config) -> str:
    return config.model or DEFAULT_MODEL


def _heard_hz(config: Config) -> int:
    """Return the rate at which the service hears: as it comes where it knows that rate."""
    rate = config.heard.sample_rate
    return rate if rate in _RATES else 16_000


__all__ = ["GeminiEngine", "Options"]
