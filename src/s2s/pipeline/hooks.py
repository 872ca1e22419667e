"""Callbacks that watch the frames of a pipeline without being part of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from s2s.errors import ConfigError
from s2s.hooks import ErrorFilter, HookChains, Watchers, joined
from s2s.pipeline.answers import Response
from s2s.pipeline.frames import ControlFrame, Frame, TextFrame
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.processor import Frames, Processor, chain
from s2s.pipeline.watching import Watching


class PipelineHooks(HookChains, frozen=True, kw_only=True):
    """Plain or async callables, called in the order of what happens, each after the one before it.

    They run beside the frames: one that fails or takes too long becomes an EventFrame with a HookError, and
    the rest go on. A plain callable that blocks holds up the event loop, so let it be short.
    """

    on_speech_start: Watchers[ControlFrame] = ()
    on_speech_end: Watchers[ControlFrame] = ()
    on_transcript: Watchers[TextFrame] = ()
    """Gets what the user said, once nothing more comes of it, or wrote."""
    on_response: Watchers[Response] = ()
    """Gets what the agent said, once in each of its turns."""
    on_error: ErrorFilter | tuple[ErrorFilter, ...] = ()
    """Gets each error before whoever is downstream; returns it, another one, or None to swallow it.

    That is also the error that ends the stream; swallowed, it ends the stream without one. What is no
    S2SError comes as one that has it as its cause.
    """


def compose_pipeline_hooks(*hooks: PipelineHooks) -> PipelineHooks:
    """Return hooks that call each of these in order; errors pass from one `on_error` to the next."""
    return joined(PipelineHooks, hooks)


def watch(hooks: PipelineHooks, *, longest_s: float = 5.0) -> Processor:
    """Return a processor that hands all frames on as they come, and has the hooks called.

    Only an error waits for its hooks, and a stop for all of them. Each hook gets `longest_s`, and so do all
    that are still to be called when the stream has ended. Without hooks nothing is done to the frames.
    Raises ConfigError for what is none of these hooks, such as those of a session.
    """
    if not isinstance(hooks, PipelineHooks):
        raise ConfigError(f"a pipeline takes no {hooks!r}: give PipelineHooks(on_transcript=...)")
    return Watch(hooks, longest_s) if hooks else chain()


class Watch:
    """Hands frames on one by one, so that none waits here while the next processor is busy."""

    def __init__(self, hooks: PipelineHooks, longest_s: float) -> None:
        self._hooks = hooks
        self._longest_s = longest_s

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Yield the frames, and what becomes of the hooks."""
        asked = asyncio.Event()

        async def work(outlet: Outlet) -> None:
            await Watching(self._hooks, self._longest_s, outlet, asked).run(frames)

        async with aclosing(concurrently(work)) as watched:
            asked.set()
            async for frame in watched:
                yield frame
                asked.set()
