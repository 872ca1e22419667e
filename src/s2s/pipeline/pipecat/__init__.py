"""Pipecat, both ways: one of ours in its pipelines, and its processors in ours. The extra `pipecat`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from s2s.config import Config, override
from s2s.engine import S2S, Engine
from s2s.errors import ConfigError
from s2s.pipeline.processor import FrameProcessor, Processor, chain

if TYPE_CHECKING:
    from pipecat.pipeline.worker import PipelineParams
    from pipecat.processors.frame_processor import FrameProcessor as PipecatProcessor

    from s2s.pipeline.pipecat.embedded import Place
    from s2s.pipeline.speaking import S2SProcessor

__all__ = ["as_pipecat", "from_pipecat"]


def as_pipecat(engine_or_processor: S2S | Engine | str | Processor, **overrides: object) -> PipecatProcessor:
    """Return an engine, by itself or by its name, or any processor, as one processor of Pipecat's.

    `overrides` are Config fields of the engine's sessions, tools too, and what else `s2s.as_frame_processor`
    takes. An engine takes the user's audio and typed words, images if it sees, results of tools and
    interruptions; with turn detection `manual` the pipeline says when the user speaks. Any other processor
    takes every frame that goes downstream and that it would understand. Raises ConfigError, where Pipecat is
    missing too.
    """
    _require_pipecat()
    from s2s.pipeline.pipecat.embedded import S2SInPipecat
    from s2s.pipeline.speaking import S2SProcessor, as_frame_processor

    inner = engine_or_processor
    if isinstance(inner, str | S2S | Engine):
        inner = as_frame_processor(inner, **overrides)  # type: ignore[arg-type]
    elif overrides:
        raise ConfigError(f"only an engine takes {', '.join(overrides)}: configure {inner!r} itself")
    if isinstance(inner, S2SProcessor):
        return S2SInPipecat(chain(inner), _place(inner), inner.capabilities.images)
    return S2SInPipecat(chain(inner), "processor")


def from_pipecat(
    *processors: PipecatProcessor | Callable[[], PipecatProcessor], params: PipelineParams | None = None
) -> FrameProcessor:
    """Return processors of Pipecat's, or functions that make them, as one of ours.

    They run in a pipeline of their own for each stream; `params` are its rates and what else Pipecat has
    there. Raises ConfigError, where Pipecat is missing too.
    """
    _require_pipecat()
    from s2s.pipeline.pipecat.hosted import PipecatStep

    return PipecatStep(processors, params)


def _place(inner: S2SProcessor) -> Place:
    turns = {name: value for name, value in inner._overrides.items() if name == "turn_detection"}
    config = override(getattr(inner.engine, "config", Config()), turns)
    return "engine_without_turns" if config.turns.mode == "manual" else "engine"


def _require_pipecat() -> None:
    try:
        import_module("pipecat")
    except ImportError as missing:
        raise ConfigError("Pipecat is not installed: pip install 'voice-s2s[pipecat]'") from missing
