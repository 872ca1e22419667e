"""Where frames come from and where they go, and what runs in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from s2s.errors import ConfigError
from s2s.pipeline.frames import ControlFrame, Frame
from s2s.pipeline.processor import Frames, Processor, chain

STOP: Final = ControlFrame("stop")


class FrameTransport(Protocol):
    """A source and the sink that belongs to it, such as a microphone and a loudspeaker; for one run."""

    def frames(self) -> Frames:
        """Return the source. Its last frame is a ControlFrame("stop")."""
        ...

    async def send(self, frame: Frame, /) -> None:
        """Take a frame in.

        While the sink is full, this waits, for about as long as the frame sounds: so an interrupt that comes
        after it is not late. An interrupt empties the sink, and a stop returns when all was played.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; safe to call twice."""
        ...


async def run(transport: FrameTransport, *processors: Processor) -> None:
    """Send the frames of the source through the processors into the sink.

    Returns when the source has ended and all was played. Whatever happens, everything is closed; what broke
    the pipeline is raised as it is. Raises ConfigError for what is no transport.
    """
    _require_transport(transport)
    async with _closing(transport.close):
        stream = chain(*processors).process(transport.frames())
        async with _closing(stream.aclose):
            last: Frame | None = None
            async for last in stream:
                await transport.send(last)
            if last is None or not stops(last):
                await transport.send(STOP)


def _require_transport(transport: object) -> None:
    able = all(callable(getattr(transport, name, None)) for name in ("frames", "send", "close"))
    if isinstance(transport, type) or not able:
        told = "give an object with frames(), send(frame) and close(), such as WavFile(...)"
        raise ConfigError(f"{transport!r} is no transport: {told}")


def stops(frame: Frame) -> bool:
    """Tell whether nothing comes after it."""
    return isinstance(frame, ControlFrame) and frame.signal == "stop"


def interrupts(frame: Frame) -> bool:
    """Tell whether a sink shall forget what it has not played."""
    return isinstance(frame, ControlFrame) and frame.signal == "interrupt"


@asynccontextmanager
async def _closing(close: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Close in the end; trouble with that does not hide what went wrong before."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            await close()
        raise
    await close()
