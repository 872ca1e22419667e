"""One answer of a brain, given as it forms."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing

from msgspec import Struct

from s2s.config import Config
from s2s.pipeline.frames import NOTHING, Metadata, TextFrame, ToolCallFrame
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.stages.errands import Errands
from s2s.providers.local.answer import checked, timely
from s2s.providers.local.stages import Brain, Prompt
from s2s.state.conversation import Conversation


class Character(Struct, frozen=True):
    """Who answers, and how, unless a session wants it otherwise."""

    brain: Brain
    config: Config
    patience_s: float


class Answer:
    """A response: what it says goes into the outlet and the conversation until it is `over`."""

    def __init__(self, outlet: Outlet, conversation: Conversation, metadata: Metadata = NOTHING) -> None:
        self.response_id = f"resp_{uuid.uuid4().hex[:16]}"
        self.item_id = f"item_{uuid.uuid4().hex[:16]}"
        self.over = False
        self.stages: dict[str, float] = {}
        self.task: asyncio.Task[None] | None = None
        self._outlet = outlet
        self._conversation = conversation
        self._metadata = metadata

    async def give(self, by: Character, prompt: Prompt, errands: Errands) -> None:
        """Say what the brain says, and have its calls done. Raises whatever it fails with."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        made = timely(by.brain.respond(prompt), by.patience_s, "brain", "patience_s")
        async with aclosing(made) as thoughts:
            async for thought in thoughts:
                if self.over:  # a brain that takes no notice of its cancellation
                    return
                self.stages.setdefault("brain", round((loop.time() - asked_at) * 1000, 3))
                if not isinstance(thought, str):
                    call = checked(thought, self._conversation.items)
                    runs_here = errands.has(call.name)
                    await self._outlet.put(ToolCallFrame(call, self.response_id, runs_here))
                    self._conversation.add(call)
                    errands.begin(call, self.response_id)
                elif thought:
                    await self._say(thought)
        await self._say("", final=True)

    def stop(self) -> None:
        """Give it up; whoever does so knows that it is over."""
        if self.task is not None:
            self.task.cancel()

    async def _say(self, text: str, *, final: bool = False) -> None:
        await self._outlet.put(
            TextFrame(text, "assistant", final, self.item_id, self.response_id, metadata=self._metadata)
        )
        self._conversation.said(self.item_id, text, 0.0)
