"""OpenAI Realtime, and every service that speaks its protocol."""

from __future__ import annotations

import time
from typing import ClassVar

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import UnsupportedError
from s2s.links import DirectLink, Link, RemoteLink
from s2s.models import model_of, warn_of_end
from s2s.providers.openai.options import Options, options_of
from s2s.transports.websocket import connect
from s2s.wire.openai.client import OpenAIClient, Opening
from s2s.wire.openai.settings import format_of
from s2s.wire.openai.voices import VOICES

NAME = "openai_realtime"
DEFAULT_MODEL = "gpt-realtime-2.1"


class OpenAIEngine(Engine):
    """Talks to OpenAI Realtime, Azure, xAI or a compatible service; `Options` says what `Config.extra` takes.

    The service sends an answer faster than it plays, so an interruption tells it what was heard: as much as
    the sink reports to `session.playhead`.
    """

    name: ClassVar[str] = NAME

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.options(self.config)

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do with this model."""
        options = self.options(self.config)
        variant = options.variant
        return Capabilities(
            input_rates=(8_000, 24_000),
            output_rates=(8_000, 24_000),
            turn_detection=variant.modes,
            interrupt="requested",
            truncate=True,
            images=model_of(NAME, _model(self.config, options)).images,
            updates=True,
            voice_locks=True,
            out_of_band=True,
            max_session_s=variant.max_session_s,
        )

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices that are ready-made, as far as they are known; there are more."""
        return VOICES if self.options(self.config).variant.name in ("openai", "azure") else ()

    @staticmethod
    def options(config: Config) -> Options:
        """Return the engine's own settings. Raises ConfigError."""
        return options_of(config.extra)

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started, as far as that is known without I/O."""
        super().check(config)
        options = self.options(config)
        if options.transport == "webrtc":
            from s2s.transports.webrtc import require_aiortc

            require_aiortc()
            if options.proxy or options.connect:
                raise UnsupportedError("a call over WebRTC takes no proxy and no connect: leave them out")
        options.key(options.url(_model(config, options)))
        if config.temperature is not None and not options.variant.sets_temperature:
            raise UnsupportedError("this service has no temperature: leave Config.temperature out")
        InputConverter(config.heard, format_of(config.heard).sample_rate)
        OutputConverter(format_of(config.spoken).sample_rate, config.spoken)

    async def open(self, config: Config) -> Link:
        """Connect, and return a link that configures the session before anything else."""
        options = self.options(config)
        model = _model(config, options)
        if options.own:
            warn_of_end(model_of(NAME, model), time.strftime("%Y-%m-%d", time.gmtime()))
        url = options.url(model)
        headers = await options.request_headers(url)
        opening = Opening(
            config=config,
            capabilities=self.capabilities,
            variant=options.variant,
            wishes=options.wishes,
            provider=NAME,
            model=model,
            opened_at=time.time(),
        )
        if options.transport == "webrtc":
            from s2s.providers.openai.call import call

            return await call(opening, options.calls_url, headers, options.ca, options.addresses)
        client = OpenAIClient(opening)
        if options.connect is not None:
            return RemoteLink(client, await options.connect(url, headers), client.input_rate)
        transport = await connect(url, headers=headers, ca=options.ca, proxy=options.proxy, provider=NAME)
        return DirectLink(client, transport, client.input_rate)


def _model(config: Config, options: Options) -> str:
    return config.model or options.azure_deployment or DEFAULT_MODEL


__all__ = ["OpenAIEngine", "Options"]
