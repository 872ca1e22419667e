"""Responses that end when they were played, for clients that never say what they have heard."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from enum import Enum

from msgspec.structs import replace

from s2s.commands import Cancel, Command, CreateResponse, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import S2SError
from s2s.events import (
    AudioOutput,
    Cause,
    Confirmation,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    TextOutput,
    ToolCall,
)
from s2s.links import Link, Told
from s2s.patience import Patience
from s2s.state.playhead import Heard, Playhead
from s2s.wire import Send

_EARLY_S = 1e-6
"""A timer may ring before its time, by the resolution of the clock: what is due then is due."""


class Stage(Enum):
    """Where a response is on its way to the ear."""

    SILENT = "nothing of it is to be heard yet"
    SPEAKING = "it is being generated and heard"
    CALLING = "it has made calls, and goes on in another one"
    GENERATED = "it was generated, and is being heard"
    CUT = "it was cut off, and the engine is to end it"


class _Answer:
    """The response of the conversation that is under way."""

    def __init__(self, response_id: str) -> None:
        self.response_id = response_id
        self.stage = Stage.SILENT
        self.item_id = ""
        self.done: ResponseDone | None = None
        """Its end, held back."""
        self.due_at: float | None = None


class Playback:
    """What the ear makes of a conversation, by the clock: pure, `now` is one monotonic clock in seconds.

    Audio is heard as soon as it comes and the audio before it is over; who cuts it off hears nothing more.
    """

    def __init__(self, *, interrupts: bool, cuts_by_text: bool, longest_wait_s: float) -> None:
        self._interrupts = interrupts
        self._cuts_by_text = cuts_by_text
        self._longest_wait_s = longest_wait_s
        self._playhead = Playhead()
        self._ends_at = 0.0
        self._answer: _Answer | None = None
        self._last_cut = ""

    @property
    def due_at(self) -> float | None:
        """When the end is due that is held back."""
        return None if self._answer is None else self._answer.due_at

    def due(self, now: float) -> list[Event]:
        """Return the end that was held back, if it is due."""
        return self.release() if self.due_at is not None and self.due_at <= now + _EARLY_S else []

    def release(self, status: ResponseStatus | None = None) -> list[Event]:
        """Return the end that is held back, if there is one."""
        if self._answer is None or self._answer.done is None:
            return []
        done, self._answer = self._answer.done, None
        return [done if status is None else replace(done, status=status)]

    def ask(self, command: Command, now: float) -> list[Event]:
        """Note what is asked of the engine, and return what this brings about: what was heard, and an end."""
        match command:
            case UpdateSession(turn_detection=TurnDetection(interrupt_response=interrupts)):
                self._interrupts = interrupts
            case CreateResponse(out_of_band=False) if self._cuts_by_text and self.due_at is not None:
                return self._cut(now, "application", "requested")
            case Cancel(response_id=wanted):
                if self._answer is not None and wanted in (None, self._answer.response_id):
                    return self._cut(now, "application", "requested")
            case _:
                pass
        return []

    def hear(self, event: Event, now: float) -> list[Event]:
        """Return what is to be told of this event now."""
        match event:
            case ResponseStarted(response_id=response_id, origin=origin) if origin != "out_of_band":
                before = self.release()
                self._playhead.forget_heard(now)
                self._answer = _Answer(response_id)
                return [*before, event]
            case AudioOutput() | TextOutput() | ToolCall() | ResponseGenerated():
                if self._answer is not None and event.response_id == self._answer.response_id:
                    self._follow(self._answer, event, now)
            case SpeechStarted() if self._interrupts:
                return [event, *self._cut(now)]
            case Interrupted():
                return self._interrupted(event, now)
            case ResponseDone():
                return self._ended(event, now)
            case _:
                pass
        return [event]

    def _follow(
        self, answer: _Answer, event: AudioOutput | TextOutput | ToolCall | ResponseGenerated, now: float
    ) -> None:
        match event:
            case _ if answer.stage is Stage.CUT:
                pass
            case AudioOutput(item_id=item_id):
                ms = len(event.audio) * 500 / event.sample_rate
                self._playhead.received(item_id, answer.response_id, ms)
                self._playhead.delivered(item_id, ms, now)
                self._ends_at = max(self._ends_at, now) + ms / 1000
                answer.item_id = item_id
                answer.stage = Stage.SPEAKING if answer.stage is Stage.SILENT else answer.stage
            case TextOutput(item_id=item_id):
                answer.item_id = answer.item_id or item_id
            case ToolCall():
                answer.stage = Stage.CALLING
            case ResponseGenerated():
                answer.stage = Stage.GENERATED if answer.stage is Stage.SPEAKING else answer.stage

    def _ended(self, done: ResponseDone, now: float) -> list[Event]:
        answer = self._answer
        if answer is None or answer.response_id != done.response_id:
            return [done]
        match answer.stage, done.status:
            case (Stage.SPEAKING | Stage.GENERATED) as before, "completed":
                answer.stage = Stage.GENERATED
                answer.done, answer.due_at = done, min(self._ends_at, now + self._longest_wait_s)
                return [ResponseGenerated(done.response_id)] if before is Stage.SPEAKING else []
            case Stage.CUT, "completed":
                done = replace(done, status="interrupted")
            case _, "interrupted":
                self._stop(now)
            case _:
                pass
        self._answer = None
        return [done]

    def _interrupted(self, event: Interrupted, now: float) -> list[Event]:
        """Tell once what the engine may tell too; it knows less of what was heard."""
        if event.response_id == self._last_cut:
            return []
        if self._answer is not None and event.response_id == self._answer.response_id:
            cut = self._cut(now, event.cause, event.confirmation)
            if cut:
                return cut
        self._last_cut = event.response_id
        return [event]

    def _cut(
        self, now: float, cause: Cause = "user_speech", confirmation: Confirmation = "server_confirmed"
    ) -> list[Event]:
        answer = self._answer
        if answer is None or answer.stage is Stage.CUT:
            return []
        heard = self._heard(answer, now)
        self._last_cut = answer.response_id
        cut = Interrupted(answer.response_id, heard.item_id, heard.heard_ms, cause, confirmation)
        return [cut, *self._stop(now)]

    def _heard(self, answer: _Answer, now: float) -> Heard:
        tracks = [each for each in self._playhead.tracks(now) if each.response_id == answer.response_id]
        last = tracks[-1] if tracks else Heard(answer.item_id, answer.response_id, 0.0, 0.0)
        return next((each for each in tracks if each.heard_ms < each.received_ms), last)

    def _stop(self, now: float) -> list[Event]:
        """Let silence fall, and return the end that was held back."""
        self._playhead.flush(now)
        self._ends_at = now
        if self._answer is not None:
            self._answer.stage = Stage.CUT
        return self.release("interrupted")


class Playing:
    """A link on which the end of an answer is held back until it should have been heard to its end.

    ResponseGenerated comes in its place, at once; the end follows `longest_wait_s` later at most. What is
    still being heard is cut off by the user's speech as long as it `interrupts`, which turn detection may
    change, by a Cancel, and by the next question where that `cuts_by_text`.
    """

    def __init__(
        self,
        inner: Link,
        *,
        interrupts: bool = True,
        cuts_by_text: bool = True,
        longest_wait_s: float = math.inf,
    ) -> None:
        self.input_rate = inner.input_rate
        self._inner = inner
        self._playback = Playback(
            interrupts=interrupts, cuts_by_text=cuts_by_text, longest_wait_s=longest_wait_s
        )
        self._released: deque[Event] = deque()
        self._wait: asyncio.Timeout | None = None

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Pass a command on, unless it cancels what the engine has ended already."""
        if not isinstance(command, Send):
            released = self._playback.ask(command, _now())
            if released:
                self._released += released
                self._wake()
                if isinstance(command, Cancel) and any(isinstance(each, ResponseDone) for each in released):
                    return ()
        caused = await self._inner.send(command)
        return self._told_at_once(caused) if caused else ()

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield events, the ends that were held back among them; no end is lost with the engine."""
        events = Patience(aiter(self._inner))
        failure: S2SError | None = None
        try:
            while True:
                told = await self._next(events)
                for event in self._ready():
                    yield event
                if told is not None:
                    for each in (told,) if isinstance(told, Send) else self._heard(told):
                        yield each
        except StopAsyncIteration:
            pass
        except S2SError as broken:
            failure = broken
        finally:
            await events.close()
        for event in (*self._ready(), *self._playback.release()):
            yield event
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Let go of the engine."""
        await self._inner.close()

    def _told_at_once(self, caused: Sequence[Event]) -> Sequence[Event]:
        told = [*self._ready(), *(each for event in caused for each in self._heard(event))]
        self._wake()
        return told

    async def _next(self, events: Patience[Told]) -> Told | None:
        """Return the next event, or None when something is ready before it comes."""
        if self._released:
            return None
        try:
            async with asyncio.timeout_at(self._playback.due_at) as wait:
                self._wait = wait
                return await events.next(None)
        except TimeoutError:
            if not wait.expired():
                raise
            return None
        finally:
            self._wait = None

    def _wake(self) -> None:
        """Have the reader look again at what is due."""
        if self._wait is not None and not self._wait.expired():
            self._wait.reschedule(_now())

    def _ready(self) -> Iterator[Event]:
        while self._released:
            yield self._released.popleft()
        yield from self._playback.due(_now())

    def _heard(self, event: Event) -> list[Event]:
        return self._playback.hear(event, _now())


def _now() -> float:
    return asyncio.get_running_loop().time()
