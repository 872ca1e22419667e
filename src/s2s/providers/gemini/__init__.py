"""Google Gemini Live: the Developer API, Vertex AI, and every service that speaks BidiGenerateContent."""

from __future__ import annotations

import time
import uuid
from typing import ClassVar

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import UnsupportedError
from s2s.lasting import LastingLink
from s2s.links import Link
from s2s.models import model_of, warn_of_end
from s2s.providers.gemini.credentials import approach, require_proof
from s2s.providers.gemini.options import NAME, Options, bare, options_of
from s2s.transports import Transport
from s2s.transports.websocket import ConnectionLimits, connect
from s2s.wire.gemini.client import GeminiClient, Opening
from s2s.wire.gemini.voices import VOICES

DEFAULT_MODEL = "gemini-3.8-live"
_HEARD_HZ = (8_000, 16_000, 24_000, 48_000)
_SPOKEN_HZ = 24_000
_LIMITS = ConnectionLimits(ping_after_s=None)
"""Without pings: the service may take half a minute to answer one."""
_ANSWERS_ALL = "answers every turn that it finds: use turn_detection='manual', or leave create_response"


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
        stops = config.turns.mode in ("manual", "local") and config.turns.interrupt_response
        return Capabilities(
            input_rates=_HEARD_HZ,
            output_rates=(_SPOKEN_HZ,),
            turn_detection=("server", "manual", "local"),
            interrupt="requested" if stops else "local_only",
            images=model_of(NAME, bare(_model(config))).images,
            updates=True,
            resumption="native" if self.options(config).resumption else "replay",
        )

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices that are ready-made; there are more."""
        return VOICES

    @staticmethod
    def options(config: Config) -> Options:
        """Return the engine's own settings. Raises ConfigError."""
        return options_of(config.extra)

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started, as far as that is known without I/O."""
        super().check(config)
        options, model = self.options(config), _model(config)
        options.require(model)
        options.model_path(model)
        require_proof(options)
        if config.turns.mode == "local":
            from s2s.providers.attention import require_vad

            require_vad(options.vad)
        elif config.turns.mode == "server" and not config.turns.create_response:
            raise UnsupportedError(f"{NAME} {_ANSWERS_ALL}", provider=NAME)
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
        link = LastingLink(
            client,
            lambda: _dial(options, model),
            client.input_rate,
            reconnect=config.reconnect,
            ready_s=config.limits.connect_s,
        )
        await link.open()
        if config.turns.mode != "local":
            return link
        from s2s.providers.attention import LocalTurns

        return await LocalTurns.listening(link, config.turns, vad=options.vad)


async def _dial(options: Options, model: str) -> Transport:
    url, headers = await approach(options, model)
    if options.connect is not None:
        opened: Transport = await options.connect(url, headers)
        return opened
    return await connect(
        url, headers=headers, ca=options.ca, proxy=options.proxy, provider=NAME, limits=_LIMITS
    )


def _model(config: Config) -> str:
    return config.model or DEFAULT_MODEL


def _heard_hz(config: Config) -> int:
    """Return the rate at which the service hears: the nearest of its own that is not lower."""
    return next((each for each in _HEARD_HZ if each >= config.heard.sample_rate), _HEARD_HZ[-1])


__all__ = ["GeminiEngine", "Options"]
