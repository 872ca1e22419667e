"""Who sits where in a local engine: the four stages, by name or as objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeAlias, cast

import msgspec

from s2s.errors import ConfigError, UnsupportedError
from s2s.items import JSON
from s2s.providers.local.brains.callables import as_brain
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import STT, TTS, VAD, Brain, SessionAware
from s2s.registry import Registry

Factory: TypeAlias = Callable[..., Any]

SEATS: dict[str, Registry[Factory]] = {
    "vad": Registry("s2s.vad", "voice activity detector", {"silero": "local"}),
    "stt": Registry("s2s.stt", "speech-to-text stage", {"moonshine": "local", "openai": "chat"}),
    "brain": Registry("s2s.brain", "brain", {"chat": "chat", "openai": "chat"}),
    "tts": Registry("s2s.tts", "text-to-speech stage", {"hibari": "local", "openai": "chat"}),
}
_NEEDED = {"numpy": "numpy", "onnxruntime": "onnxruntime", "hibari": "hibari-tts"}
DEFAULTS = {"vad": "silero", "stt": "moonshine", "brain": "rules", "tts": "hibari"}


class Seats(msgspec.Struct, frozen=True):
    """The stages of one engine; sessions share them."""

    vad: VAD
    stt: STT
    brain: Brain
    tts: TTS

    async def warm(self) -> None:
        """Load every model; what is loaded already costs nothing."""
        for stage in (self.vad, self.stt, self.tts, self.brain):
            await stage.warm()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Sit for one session: stages that want to know hear of its beginning and of its end."""
        async with attended(self.vad, self.stt, self.brain, self.tts):
            await self.warm()
            yield

    def require(self, *, voice: str | None = None, language: str | None = None) -> None:
        """Raise UnsupportedError for a voice or a language that no stage has; an empty list has all."""
        require_voice(self.tts, voice)
        require_language(self.stt, language)


def require_voice(tts: TTS, voice: str | None) -> None:
    """Raise UnsupportedError for a voice that it does not have; an empty list has all."""
    _require(voice, tts.voices, "voice")


def require_language(stt: STT, language: str | None) -> None:
    """Raise UnsupportedError for a language that it does not have; an empty list has all."""
    _require(language and language.split("-")[0].lower(), stt.languages, "language")


def _require(wanted: str | None, stock: tuple[str, ...], what: str) -> None:
    if wanted and stock and wanted not in stock:
        raise UnsupportedError(f"the local engine has no {what} {wanted!r}: use {', '.join(stock)}")


@asynccontextmanager
async def attended(*stages: object) -> AsyncIterator[None]:
    """Let the stages that want to know hear of the beginning of a session, and of its end."""
    async with AsyncExitStack() as leaving:
        for each in stages:
            if isinstance(each, SessionAware):
                await each.session_opened()
                leaving.push_async_callback(each.session_closed)
        yield


def require_models(extra: Mapping[str, JSON]) -> None:
    """Raise ConfigError where a stage named by `extra`, or by default, has models that are not installed."""
    names = {seat: extra.get(seat, usual) for seat, usual in DEFAULTS.items()}
    ours = [n for seat, n in names.items() if isinstance(n, str) and SEATS[seat].needs(n) == "local"]
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if ours and missing:
        told = f"{', '.join(ours)} of the local engine need {', '.join(missing)}"
        raise ConfigError(f"{told}: pip install 'voice-s2s[local]'")


def seated(extra: Mapping[str, JSON], pool: Pool) -> Seats:
    """Fill the seats from `extra`: a registered name, a stage object, or for the brain any callable.

    `extra["brain_options"]` and the like go to the factory of a named stage.
    Raises ConfigError for an unknown name or option.
    """
    stages = {seat: stage(seat, extra, pool) for seat in SEATS}
    return Seats(**cast("dict[str, Any]", stages))


def stage(seat: str, extra: Mapping[str, JSON], pool: Pool) -> object:
    """Fill one seat, as `seated` does."""
    chosen = extra.get(seat, DEFAULTS[seat])
    options = extra.get(f"{seat}_options", {})
    if isinstance(chosen, str):
        return _named(seat, chosen, pool, msgspec.json.encode(options, order="sorted"))
    if options:
        raise ConfigError(
            f"{seat}_options go with a stage named by a string: set them on your own {seat} instead"
        )
    return as_brain(chosen, pool) if seat == "brain" else chosen


@cache
def _named(seat: str, name: str, pool: Pool, options: bytes) -> object:
    # Cached for the life of the process: engines of one configuration share their models.
    factory = SEATS[seat].find(name)
    try:
        return factory(pool, **msgspec.json.decode(options))
    except TypeError as wrong:
        raise ConfigError(f"{seat} {name} does not take these {seat}_options: {wrong}") from wrong
