"""A stream through processors that one feeds by hand, on whatever clock the loop has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

from s2s.events import Event
from s2s.pipeline import AudioFrame, ControlFrame, EventFrame, Frame, Processor, TextFrame, chain
from tests.support.stages import RATE, silence, speech

E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Frame)
STOP = ControlFrame("stop")
CUT = ControlFrame("interrupt")


def sliced(pcm: bytes, chunk_ms: int = 20, rate: int = RATE) -> Iterator[AudioFrame]:
    """Yield audio frames of this length."""
    step = rate * chunk_ms // 1000 * 2
    for at in range(0, len(pcm), step):
        yield AudioFrame(pcm[at : at + step], rate)


class Line:
    """Frames go in as they are sent; what comes out is taken at once, or one frame each `every_s`.

    Who `plays` takes audio as fast as it sounds.
    """

    def __init__(self, every_s: float = 0.0, *, plays: bool = False) -> None:
        self.out: list[Frame] = []
        self.times: list[float] = []
        """When each frame came, in seconds of the loop."""
        self.every_s = every_s
        self.plays = plays
        self.ended: BaseException | None = None
        self._in: asyncio.Queue[Frame | None] = asyncio.Queue()

    async def source(self) -> AsyncGenerator[Frame, None]:
        """The frames that were sent, until the end."""
        while (frame := await self._in.get()) is not None:
            yield frame

    async def listen(self, processor: Processor) -> None:
        """Take what comes, to the end; an error is kept."""
        try:
            async for frame in chain(processor).process(self.source()):
                self.out.append(frame)
                self.times.append(asyncio.get_running_loop().time())
                if self.every_s:
                    await asyncio.sleep(self.every_s)
                if self.plays and isinstance(frame, AudioFrame):
                    await asyncio.sleep(frame.duration_ms / 1000)
        except Exception as failed:  # noqa: BLE001  whoever feeds it gets it
            self.ended = failed

    def send(self, *frames: Frame) -> None:
        """Put frames in."""
        for frame in frames:
            self._in.put_nowait(frame)

    def end(self) -> None:
        """Let nothing more come."""
        self._in.put_nowait(None)

    async def says(self, text: str) -> None:
        """Speak these words in real time."""
        await self.sends(speech(text))

    async def waits(self, ms: float) -> None:
        """Be silent with an open microphone."""
        await self.sends(silence(ms))

    async def sends(self, pcm: bytes) -> None:
        """Send this audio in real time."""
        for frame in sliced(pcm):
            self.send(frame)
            await asyncio.sleep(frame.duration_ms / 1000)

    def all(self, kind: type[F]) -> list[F]:
        """Return what came of this kind."""
        return [each for each in self.out if isinstance(each, kind)]

    def events(self, kind: type[E]) -> list[E]:
        """Return the events of this kind that came."""
        return [each.event for each in self.all(EventFrame) if isinstance(each.event, kind)]

    @property
    def signals(self) -> list[str]:
        """The signals in order; those of the agent with a star."""
        return [f"{each.signal}{'*' * (each.role != 'user')}" for each in self.all(ControlFrame)]

    @property
    def heard(self) -> list[str]:
        """What the user was taken to say."""
        return [each.text for each in self.all(TextFrame) if each.role == "user" and each.final]

    @property
    def said(self) -> str:
        """What the agent said."""
        return "".join(each.text for each in self.all(TextFrame) if each.role == "assistant")

    def at(self, frame: Frame) -> float:
        """Return when this frame came."""
        return next(time for each, time in zip(self.out, self.times, strict=True) if each is frame)


@asynccontextmanager
async def running(processor: Processor, every_s: float = 0.0, *, plays: bool = False) -> AsyncIterator[Line]:
    """Have a stream run; it is ended and taken to its end afterwards, and its error raised."""
    line = Line(every_s, plays=plays)
    listening = asyncio.create_task(line.listen(processor))
    try:
        yield line
        line.end()
        await asyncio.wait_for(listening, 3600)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    if line.ended is not None:
        raise line.ended
