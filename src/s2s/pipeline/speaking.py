"""An engine as a frame processor: S2S in one step of a pipeline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from s2s.capabilities import Capabilities
from s2s.config import Config, override
from s2s.engine import S2S
from s2s.errors import BacklogError, ConfigError, HookError, S2SError
from s2s.events import Error, Event
from s2s.foreign import Late, contained
from s2s.formats import ENCODINGS, AudioFormat
from s2s.pipeline.asking import Asking
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.owing import Expected
from s2s.pipeline.processor import Frames
from s2s.pipeline.telling import frames_of
from s2s.registry import new
from s2s.session import Session

OnEvent: TypeAlias = Callable[[Event], object]

_LINGER_S: Final = 5.0
_ANSWER_S: Final = 60.0
"""How long an answer that is owed may keep the stream open without any event."""


class S2SProcessor:
    """Sends what comes to a session of its own for each stream, and says what the engine tells.

    The session is opened with the first frame, at the rate of that frame where it is audio. What comes out
    has the engine's own rate, unless the overrides say otherwise. At the end of the input what is under way
    is finished: an engine that may not have noticed yet that the user has said all gets silence, and
    `linger_s` without any event.

    An interruption takes back the audio that nobody has taken. A failure of the engine ends the stream with
    its error, a session that it ends in order ends the stream; what was wrong with a frame comes out as
    EventFrame(Error). `on_event` is called with every event, after its frames were made; it may be a
    coroutine function, and then holds up those that follow.
    """

    def __init__(
        self, engine: S2S, on_event: OnEvent | None = None, linger_s: float = _LINGER_S, **overrides: object
    ) -> None:
        self.engine = engine
        self.on_event = on_event
        self.linger_s = linger_s
        self._overrides = overrides
        self._sessions: list[Session] = []
        wanted = override(Config(), overrides)
        self._wanted = wanted
        for each in (wanted.heard, wanted.spoken):
            if (each.encoding, each.channels) != ("pcm16", 1):
                raise ConfigError(
                    "frames hold PCM16, and engines speak mono: leave input_format and output_format out"
                )

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self.engine.capabilities

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions that are open now, oldest first."""
        return tuple(self._sessions)

    def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Return what the engine tells, and the frames that ask it nothing."""
        # One at a time: audio that waits in the session is taken back at once, and is not counted as heard.
        return concurrently(lambda outlet: self._converse(frames, outlet), most_frames=1)

    async def _converse(self, frames: Frames, outlet: Outlet) -> None:
        frames = aiter(frames)
        async for first in frames:
            if _stops(first):
                outlet.put_now(first)
                return
            async with self._opened(first) as session:
                last = await Conversation(self, session, outlet).run(first, frames)
            if last is not None:
                outlet.put_now(last)
            return

    @asynccontextmanager
    async def _opened(self, first: Frame) -> AsyncIterator[Session]:
        formats = {"input_format": self._heard(first), "output_format": self._spoken}
        async with self.engine.start(**{**self._overrides, **formats}) as session:
            self._sessions.append(session)
            try:
                yield session
            finally:
                self._sessions.remove(session)

    def _heard(self, first: Frame) -> AudioFormat:
        if self._says("input_format"):
            return self._wanted.heard
        if isinstance(first, AudioFrame) and first.sample_rate in ENCODINGS["pcm16"].rates:
            return AudioFormat(sample_rate=first.sample_rate)
        return AudioFormat(sample_rate=self.capabilities.input_rates[0])

    @property
    def _spoken(self) -> AudioFormat:
        own = AudioFormat(sample_rate=self.capabilities.output_rates[0])
        return self._wanted.spoken if self._says("output_format") else own

    def _says(self, name: str) -> bool:
        return name in self._overrides or "sample_rate" in self._overrides


def as_frame_processor(
    engine: S2S | str, *, on_event: OnEvent | None = None, linger_s: float = _LINGER_S, **overrides: object
) -> S2SProcessor:
    """Return an engine, or the one of this registered name, as a frame processor.

    `overrides` are Config fields for its sessions. Raises ConfigError for what cannot be started.
    """
    chosen = new(engine, override(Config(), overrides)) if isinstance(engine, str) else engine
    if isinstance(chosen, type) or not isinstance(chosen, S2S):
        raise ConfigError(f"{chosen!r} is no engine: give one that s2s.new() returns, or its name")
    return S2SProcessor(chosen, on_event, linger_s, **overrides)


class Conversation:
    """The two directions of one session: frames are taken in while events are told."""

    def __init__(self, processor: S2SProcessor, session: Session, outlet: Outlet) -> None:
        self._processor = processor
        self._session = session
        self._outlet = outlet
        self._asking = Asking(session)
        self._news = asyncio.Event()
        self._last: Frame | None = None

    async def run(self, first: Frame, frames: Frames) -> Frame | None:
        """Return the frame that stopped it, if one did, once the session has ended.

        Raises what the frames raise, and what the engine failed with.
        """
        await self._take(first)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._ask(frames), name="s2s-asking")
            await self._tell()
            asking.cancel()
        return self._last

    async def _ask(self, frames: Frames) -> None:
        async for frame in frames:
            if _stops(frame):
                self._last = frame
                break
            await self._take(frame)
            if self._session.closed:
                return
        self._hand_on(await self._asking.finish())
        await self._hear_out()
        await self._session.close()

    async def _take(self, frame: Frame) -> None:
        self._hand_on(await self._asking.take(frame))
        most = self._session.config.limits.waiting_events
        if len(self._outlet) > most:
            raise BacklogError(f"{most} frames wait that nobody takes: keep a loop over the stream")

    async def _tell(self) -> None:
        """Hand on what the engine tells, to its end. Raises what it failed with."""
        failure: S2SError | None = None
        await self._outlet.room()
        async for event in self._session:
            if isinstance(event, Error) and event.fatal:
                failure = event.error
            else:
                self._hand_on(frames_of(event))
            self._asking.owed.told(event)
            self._news.set()
            await self._show(event)
            await self._outlet.room()
        if failure is not None:
            raise failure

    async def _hear_out(self) -> None:
        """Return when nothing more is to come. Time in which nobody takes what has come does not count."""
        await self._outlet.room()
        while self._asking.owed.expected is not Expected.NOTHING:
            self._news.clear()
            try:
                async with asyncio.timeout(self._longest_s):
                    await self._news.wait()
            except TimeoutError:
                if not len(self._outlet):
                    return

    @property
    def _longest_s(self) -> float:
        """How long nothing may be told."""
        owed, linger_s = self._asking.owed, self._processor.linger_s
        if owed.expected is not Expected.ANSWER:
            return linger_s
        tools_s = max((each.timeout_s for each in self._session.config.toolset), default=0.0)
        return max(linger_s, _ANSWER_S + tools_s + owed.spoken_s)

    def _hand_on(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if isinstance(frame, ControlFrame) and frame.signal == "interrupt":
                self._outlet.interrupt(frame)
            else:
                self._outlet.put_now(frame)

    async def _show(self, event: Event) -> None:
        if self._processor.on_event is None:
            return
        longest_s = self._session.config.limits.hook_s
        try:
            await contained(_called(self._processor.on_event, event), longest_s)
        except Exception as failed:  # noqa: BLE001  it is foreign code
            late = isinstance(failed, Late)
            what = (
                f"took longer than {longest_s:g} s" if late else f"raised {type(failed).__name__}: {failed}"
            )
            error = HookError(f"on_event {what}; the conversation goes on without it")
            error.__cause__ = failed
            self._outlet.put_now(EventFrame(Error(error)))


async def _called(on_event: OnEvent, event: Event) -> None:
    made = on_event(event)
    if inspect.isawaitable(made):
        await made


def _stops(frame: Frame) -> bool:
    return isinstance(frame, ControlFrame) and frame.signal == "stop"
