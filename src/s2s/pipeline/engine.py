"""Processors as an engine: whatever takes a session takes a pipeline."""

from __future__ import annotations

from typing import Final

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.links import Link
from s2s.pipeline.link import PipeLink
from s2s.pipeline.processor import Chain, Processor, chain
from s2s.providers.local.tempo import tempo_of

USUAL: Final = Capabilities(
    input_rates=(16_000,),
    output_rates=(24_000,),
    turn_detection=("server", "semantic", "local", "manual"),
    interrupt="server_confirmed",
    truncate=True,
    updates=True,
)
"""What is expected of processors of which nothing else is known."""


class ProcessorEngine(Engine):
    """Sends what a session is asked for through processors, and tells what comes out.

    `Config.extra` takes `lead_ms`: how far ahead of real time the audio leaves, 1000; None for at once.
    """

    def __init__(
        self,
        processors: Chain,
        name: str,
        config: Config | None = None,
        capabilities: Capabilities = USUAL,
    ) -> None:
        super().__init__(config)
        tempo_of(self.config.extra)
        vars(self)["name"] = name  # of others all engines of a class have one
        self._chain = processors
        self._can = capabilities

    @property
    def capabilities(self) -> Capabilities:
        """What was declared."""
        return self._can

    async def open(self, config: Config) -> Link:
        """Have the processors ready, and return the link to them. Raises what prevents it."""
        return await opened(self._chain, config, self._can, self.name)


def as_engine(
    *processors: Processor,
    name: str = "pipeline",
    config: Config | None = None,
    capabilities: Capabilities | None = None,
) -> Engine:
    """Return processors as an engine.

    They get a ControlFrame("start"), the settings that the config makes, its history, and then what the
    session is asked for; what the user says in writing is a TextFrame. What comes out is the answer.
    Processors need not know of responses: the first content begins one. A
    ControlFrame("end_of_utterance", "assistant") ends it; so do an interruption and what the user says next.
    `capabilities` is what they can do, if that is not what a cascade can.

    Raises ConfigError for what is no processor.
    """
    return ProcessorEngine(chain(*processors), name, config, capabilities or USUAL)


async def opened(processors: Chain, config: Config, capabilities: Capabilities, name: str) -> PipeLink:
    """Return the link to processors that are ready. Raises what prevents it."""
    link = PipeLink(processors, config, capabilities, name)
    try:
        await link.up()
    except BaseException:
        await link.close()
        raise
    return link
