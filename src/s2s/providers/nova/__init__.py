"""Amazon Nova Sonic, over Amazon Bedrock."""

from __future__ import annotations

import time
import uuid
from importlib.util import find_spec
from typing import ClassVar

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConfigError, UnsupportedError
from s2s.lasting import LastingLink
from s2s.links import Link
from s2s.models import Model, model_of, warn_of_end
from s2s.providers.nova.approach import Approach
from s2s.providers.nova.credentials import Machine, require_proof
from s2s.providers.nova.options import NAME, Options, options_of
from s2s.providers.nova.steady import Steady
from s2s.wire.nova.client import NovaClient
from s2s.wire.nova.opening import Opening
from s2s.wire.nova.voices import FIRST_VOICES, VOICES

DEFAULT_MODEL = "amazon.nova-2-5-sonic"
_HEARD_HZ = (8_000, 16_000)
_SPOKEN_HZ = (8_000, 16_000, 24_000)
_STREAM_S = 480.0
_OLDER = ("en-US", "en-GB", "fr", "it", "de", "es")
_LANGUAGES = (*_OLDER, "en-AU", "en-IN", "pt-BR", "hi")


class NovaEngine(Engine):
    """Talks to Amazon Nova Sonic; `Options` says what `Config.extra` takes.

    The service ends every stream after eight minutes and knows none of another, so a session goes on over
    the next one, which is opened beforehand and told what was said, in words. It cannot be stopped:
    `interrupt()` silences an answer here, and the service makes all of it, charges for it and takes it for
    said. With mode="reset" the stream is given up for one that knows what was heard and no more. That costs
    as long as a stream takes to open, and all that was said is read, and charged, once more.

    It ends a stream in which it hears nothing, so it hears silence while the application sends no audio.
    """

    name: ClassVar[str] = NAME

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.options(self.config)
        self._machine = Machine()

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do with this config."""
        return self.capabilities_with(self.config)

    def capabilities_with(self, config: Config) -> Capabilities:
        """Return what the service can do: a session lasts unless nobody wants to reconnect."""
        model = _known(config)
        return Capabilities(
            input_rates=_HEARD_HZ,
            output_rates=_SPOKEN_HZ,
            turn_detection=("server",),
            interrupt="local_only",
            resets=True,
            text_input=model.text,
            updates=True,
            resumption="replay",
            max_session_s=None if config.reconnect.attempts else _STREAM_S,
            languages=_LANGUAGES if model.text else _OLDER,
        )

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices that are ready-made, as far as they are known."""
        return VOICES if _known(self.config).text else FIRST_VOICES

    @staticmethod
    def options(config: Config) -> Options:
        """Return the engine's own settings. Raises ConfigError."""
        return options_of(config.extra)

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started, as far as that is known without I/O."""
        super().check(config)
        options, model = self.options(config), _known(config)
        _refuse(
            {
                "answers every turn: leave create_response": not config.turns.create_response,
                "stops when the user speaks: leave interrupt_response": not config.turns.interrupt_response,
                "has temperatures up to 1: lower Config.temperature": (config.temperature or 0) > 1,
                f"has no endpointing in {model.name}: leave it out of extra": bool(options.endpointing)
                and not model.text,
            }
        )
        options.url(_model(config))
        if options.connect is None and find_spec("h2") is None:
            raise ConfigError(f"{NAME} needs h2: pip install 'voice-s2s[nova]'", provider=NAME)
        require_proof(options)
        InputConverter(config.heard, _heard_hz(config))
        OutputConverter(_spoken_hz(config), config.spoken)

    async def open(self, config: Config) -> Link:
        """Open a stream, and return a link that sets the session up before anything else."""
        options, model = self.options(config), _known(config)
        if options.own:
            warn_of_end(model, time.strftime("%Y-%m-%d", time.gmtime()))
        client = NovaClient(
            Opening(
                config=config,
                capabilities=self.capabilities_with(config),
                wishes=options.wishes,
                provider=NAME,
                model=_model(config),
                session_id=f"nova_{uuid.uuid4().hex[:16]}",
                input_rate=_heard_hz(config),
                output_rate=_spoken_hz(config),
                generation=2 if model.text else 1,
            )
        )
        approach = Approach(options, self._machine, options.url(_model(config)))
        link = LastingLink(
            client,
            approach.dial,
            _heard_hz(config),
            reconnect=config.reconnect,
            ready_s=config.limits.connect_s,
            lives=approach.life,
            ahead=True,
        )
        await link.open()
        return Steady(link)


def bare(model: str) -> str:
    """Return the name of a model without the path of an ARN and without the region of a profile."""
    name = model.rpartition("/")[2]
    _, found, own = name.partition("amazon.")
    return f"{found}{own}" or name


def _model(config: Config) -> str:
    return config.model or DEFAULT_MODEL


def _known(config: Config) -> Model:
    return model_of(NAME, bare(_model(config)))


def _heard_hz(config: Config) -> int:
    return 8_000 if config.heard.sample_rate == 8_000 else 16_000


def _spoken_hz(config: Config) -> int:
    return config.spoken.sample_rate if config.spoken.sample_rate in _SPOKEN_HZ else 24_000


def _refuse(wishes: dict[str, bool]) -> None:
    """Raise UnsupportedError for the first of the wishes that is one."""
    for told, wished in wishes.items():
        if wished:
            raise UnsupportedError(f"{NAME} {told}", provider=NAME)


__all__ = ["NovaEngine", "Options"]
