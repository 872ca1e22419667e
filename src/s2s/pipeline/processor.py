"""Processors: transformers of a stream of frames, and how they are joined."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
)
from contextlib import AsyncExitStack
from typing import Protocol, TypeAlias, cast

from msgspec import Struct

from s2s.errors import ConfigError
from s2s.pipeline.frames import Frame

Frames: TypeAlias = AsyncIterator[Frame]
Transform: TypeAlias = Callable[[Frames], Frames]


class FrameProcessor(Protocol):
    """Turns a stream of frames into another one.

    What belongs to one stream is made in `process`, so one processor may serve many streams at once. It
    hands on what it does not understand. Nothing runs before the first frame is asked for.
    """

    def process(self, frames: Frames, /) -> Frames:
        """Return the new stream; closing it lets go of all that this processor holds, `frames` excepted."""
        ...


Processor: TypeAlias = FrameProcessor | Transform
"""A frame processor, or a plain async-generator function over the frames."""

Made: TypeAlias = Frame | Iterable[Frame] | None
FrameHandler: TypeAlias = Callable[[Frame], Made | Awaitable[Made] | AsyncIterator[Frame]]


class Chain:
    """Processors, one after the other; the frames of each go to the next, and nothing waits in between.

    The last one is asked for a frame, asks the one before it, and so on. An error or a cancellation goes
    through all of them. Once the stream ends, or is closed, each is closed, the last one first, and the
    source too.
    """

    def __init__(self, *processors: Processor) -> None:
        self._transforms = tuple(part for each in processors for part in _parts(each))

    async def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Yield what comes out at the end."""
        async with AsyncExitStack() as closing:
            closing.push_async_callback(_close, frames)
            for transform in self._transforms:
                frames = _stream(transform, frames)
                closing.push_async_callback(_close, frames)
            async for frame in frames:
                if not isinstance(frame, Struct):
                    raise ConfigError(f"{frame!r} came out of a processor: let it yield frames, or nothing")
                yield frame


def chain(*processors: Processor) -> Chain:
    """Return these processors as one. Raises ConfigError for what is none."""
    return Chain(*processors)


def frame_loop(handler: FrameHandler) -> Transform:
    """Return the processor that asks `handler` about each frame and hands on what it gives.

    That is a frame, several, None, a coroutine that returns such, or an async generator.
    """

    async def loop(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            made = handler(frame)
            # A frame is looked for first: the other kinds cost more to tell.
            if isinstance(made, Struct):
                yield made
            elif isinstance(made, AsyncIterator):
                async with AsyncExitStack() as closing:
                    closing.push_async_callback(_close, made)
                    async for each in made:
                        yield each
            else:
                for each in _listed(await made if isinstance(made, Awaitable) else made):
                    yield each

    return loop


def _listed(made: Made) -> Iterable[Frame]:
    if made is None:
        return ()
    return (made,) if isinstance(made, Struct) else made


def _parts(processor: Processor) -> Iterable[Transform]:
    if isinstance(processor, Chain):
        return processor._transforms
    process = getattr(processor, "process", processor)
    if isinstance(processor, type) or not callable(process):
        raise ConfigError(
            f"{processor!r} is no frame processor: give an object with `process(frames)`, "
            "or an async-generator function over the frames"
        )
    return (cast(Transform, process),)


def _stream(transform: Transform, frames: Frames) -> Frames:
    made: object = transform(frames)
    if isinstance(made, AsyncIterable):
        return cast(Frames, made)
    if isinstance(made, Coroutine):
        made.close()
    raise ConfigError(
        f"{transform!r} made a {type(made).__name__}, no stream: let it `yield` in an `async def`"
    )


async def _close(frames: Frames) -> None:
    close = getattr(frames, "aclose", None)
    if close is not None:
        await close()
