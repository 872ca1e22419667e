"""A pipeline inside the application, which gives frames and takes what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from s2s.errors import SessionClosedError
from s2s.pipeline.frames import Frame
from s2s.pipeline.outlet import Outlet
from s2s.pipeline.running import STOP, interrupts, stops


class InMemory:
    """`put` what the user says and `end` it; iterate over what comes out, while `run` runs in another task.

    At most `most_frames` wait on either side; whoever brings more waits. What nobody has taken when an
    interrupt comes out is forgotten, as far as the agent says it.
    """

    def __init__(self, most_frames: int = 64) -> None:
        self._given = Outlet(most_frames)
        self._made = Outlet(most_frames)
        self._ended = False

    async def put(self, frame: Frame) -> None:
        """Hand a frame to the pipeline. Raises SessionClosedError where nobody takes it any more."""
        if self._ended:
            raise SessionClosedError("this pipeline takes nothing more: run another one")
        if stops(frame):
            self.end(frame)
        else:
            await self._given.put(frame)

    def end(self, frame: Frame = STOP) -> None:
        """Nothing more comes from the user."""
        if not self._ended:
            self._ended = True
            self._given.put_now(frame)
            self._given.end()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield what was put."""
        async for frame in self._given:
            yield frame
            if stops(frame):
                return

    async def send(self, frame: Frame, /) -> None:
        """Keep a frame for whoever iterates."""
        if interrupts(frame):
            self._made.interrupt(frame)
        else:
            await self._made.put(frame)

    def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield what came out, until the pipeline has ended."""
        return self._made

    async def close(self) -> None:
        """Let go of whoever waits; what came out can still be taken."""
        self.end()
        self._made.end()
