"""Answers what the user says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import cast

from s2s.config import Config
from s2s.items import JSON, Item
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.processor import Frames
from s2s.pipeline.stages.answering import Character
from s2s.pipeline.stages.mind import Mind
from s2s.pipeline.stages.working import filled, listen
from s2s.providers.local.stages import Brain
from s2s.tools import Tool, ToolFunction


class BrainProcessor:
    """Puts answers to the user's final TextFrames into the stream, as text that forms.

    `brain` is a registered name, with its `options`, an object with the protocol `stages.Brain`, or any
    callable over the history. The functions among the `tools` are run here; those that come by a
    CommandFrame(UpdateSession) are for others to run. Each stream has a conversation of its own, which begins
    with `history`. What an UpdateSession leaves open or empty is as it was given here.

    It says nothing between the beginning of an utterance and its words. A step that keeps words to itself had
    better hand on an empty text: else what is owed meanwhile waits until 5 s after the utterance.

    Texts of the user and commands are handed on, texts of other roles and results of tools are not.
    """

    def __init__(
        self,
        brain: object = "rules",
        *,
        options: Mapping[str, JSON] | None = None,
        instructions: str = "",
        tools: Iterable[Tool | ToolFunction] = (),
        history: Iterable[Item] = (),
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        patience_s: float = 20.0,
    ) -> None:
        self.brain = cast(Brain, filled("brain", brain, options))
        config = Config(
            instructions=instructions,
            tools=tuple(tools),
            history=tuple(history),
            temperature=temperature,
            max_output_tokens=max_output_tokens,
        )
        self._character = Character(self.brain, config, patience_s)

    def process(self, frames: Frames, /) -> Frames:
        """Return the stream with answers in it."""
        return concurrently(partial(self._answer, frames))

    async def _answer(self, frames: Frames, outlet: Outlet) -> None:
        await listen(self.brain, frames, outlet, partial(Mind, self._character, outlet))
