"""Processors of Pipecat's as one of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeAlias

from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameProcessor

from s2s.errors import ConfigError
from s2s.pipeline.frames import Frame
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.pipecat.stream import Stream
from s2s.pipeline.processor import Frames

Maker: TypeAlias = FrameProcessor | Callable[[], FrameProcessor]


class PipecatStep:
    """Runs a pipeline of Pipecat's for each stream, and ends when that has.

    A processor serves one stream; a function that makes one serves many. The audio of the user comes to them
    as mono at `params.audio_in_sample_rate`. A processor that cannot go on ends the stream with its error.
    """

    def __init__(self, makers: Sequence[Maker], params: PipelineParams | None = None) -> None:
        for each in makers:
            if not callable(each):
                _require(each)
        self._makers = tuple(makers)
        self._params = params or PipelineParams()
        self._spent: set[FrameProcessor] = set()

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Yield what the processors make of these frames. Raises S2SError."""
        made = self._made()

        async def work(outlet: Outlet) -> None:
            await Stream(made, self._params, outlet).run(frames)

        async with aclosing(concurrently(work)) as stream:
            async for frame in stream:
                yield frame

    def _made(self) -> list[FrameProcessor]:
        made = [each if isinstance(each, FrameProcessor) else each() for each in self._makers]
        for each in made:
            _require(each)
        if again := self._spent.intersection(made):
            names = ", ".join(sorted(each.name for each in again))
            raise ConfigError(f"{names} had its stream: give from_pipecat a function that makes a new one")
        self._spent.update(each for each in made if each in self._makers)
        return made


def _require(made: object) -> None:
    if not isinstance(made, FrameProcessor):
        raise ConfigError(f"{made!r} is no processor of Pipecat's, and no function that makes one")
