"""What runs while a session is open: one reader, one writer, hooks and tools, all in one task group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from s2s.capabilities import Capabilities
from s2s.commands import Command, SendToolResult
from s2s.config import Config
from s2s.errors import (
    BacklogError,
    ConnectError,
    ConnectionLostError,
    LocalProtocolError,
    S2SError,
    SessionClosedError,
    ToolError,
)
from s2s.events import (
    AudioOutput,
    EndReason,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    SessionEnded,
    SessionStarted,
    ToolCall,
    ToolCallCancelled,
)
from s2s.foreign import Late, contained
from s2s.hooking import HookRunner
from s2s.items import Call, ToolResult
from s2s.links import Direct, Link, Told
from s2s.queues import Inbox, Outbox
from s2s.state.dialogue import Dialogue, Outcome
from s2s.toolbox import ToolTasks
from s2s.voice import Voice
from s2s.wire import Send

OpenLink: TypeAlias = Callable[[], Awaitable[Link]]


_FAIR = 64
"""Events after which a link that never pauses lets the application read."""


class _Ended(Exception):
    """Unwinds the task group."""


class Runtime:
    """Moves commands and events between a link, a dialogue and the application.

    The reader never waits for a write, a hook, a tool or a slow application. Only the writer writes, except
    that audio goes past it over a direct link while it has nothing to do.
    """

    def __init__(self, config: Config, capabilities: Capabilities) -> None:
        self.config = config
        self.dialogue = Dialogue(config, capabilities)
        self.inbox = Inbox(config.limits, config.spoken.bytes_per_ms, self._taken)
        self.started: SessionStarted | None = None
        self.cause: S2SError | None = None
        """What ended the session, where something failed."""
        self._loop = asyncio.get_running_loop()
        self._outbox: Outbox | None = None
        self._voice = Voice(config.spoken)
        self._hooks = HookRunner(config.hooks, config.limits.hook_s, self._hooked)
        self._last_words: list[Event] = []
        self._tools = ToolTasks(config.limits.running_tools)
        self._stopping: dict[str, asyncio.Future[bool]] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._group: asyncio.TaskGroup | None = None
        self._root: asyncio.Task[None] | None = None

    async def start(self, open_link: OpenLink) -> Link:
        """Open the link, start the tasks and return once the engine is ready.

        Raises S2SError when it does not become ready within `limits.connect_s`.
        """
        wait_s = self.config.limits.connect_s
        limit = asyncio.timeout(wait_s)
        try:
            async with limit:
                link = await open_link()
                at_once = link.append if isinstance(link, Direct) else None
                self._outbox = Outbox(self.config.limits.input_audio_s * link.input_rate * 2, at_once)
                self._root = asyncio.create_task(self._run(link), name="s2s-session")
                await asyncio.shield(self._ready)
        except BaseException as failed:
            await self.close()
            if isinstance(failed, TimeoutError) and limit.expired():
                raise ConnectError(
                    f"the engine was not ready within {wait_s:g} s: try again, or raise limits.connect_s",
                    retryable=True,
                ) from None
            raise
        return link

    @property
    def now(self) -> float:
        """The session's clock: monotonic, in seconds."""
        return self._loop.time()

    @property
    def outbox(self) -> Outbox:
        """The way to the engine. Raises SessionClosedError chained to what ended the session."""
        if self._outbox is None:
            raise self._closed()
        return self._outbox

    @property
    def running(self) -> bool:
        """Whether commands can still be sent."""
        return self._outbox is not None

    def tell(self, command: Command) -> None:
        """Send a command on its way. Raises SessionClosedError, or LocalProtocolError for a wrong answer."""
        if self._outbox is None:
            raise self._closed()
        self.follow(self.dialogue.tell(command, self.now))

    def hear(self, told: Told) -> None:
        """Take what the engine tells."""
        now = self._loop.time()
        if isinstance(told, AudioOutput):
            if not self.dialogue.spoke(told, now):
                return
            if told.sample_rate == self._voice.passes_hz:
                self.inbox.put(told)
            else:
                for each in self._voice.convert(told):
                    self.inbox.put(each)
        elif isinstance(told, Send):
            self.outbox.put(told)
        else:
            if isinstance(told, ResponseDone) and (asked := self._stopping.pop(told.response_id, None)):
                asked.set_result(told.status == "interrupted")
            self.follow(self.dialogue.hear(told, now))
        if self.inbox.stalled:
            raise BacklogError("the application has stopped reading events: keep a task in session.recv()")

    async def stops(self, response_id: str, within_s: float) -> bool:
        """Tell whether the engine says in time that it has stopped this response."""
        asked = self._stopping.setdefault(response_id, self._loop.create_future())
        await asyncio.wait([asked], timeout=within_s)
        return asked.done() and asked.result()

    def follow(self, outcome: Outcome) -> None:
        """Do what an outcome says."""
        for event in outcome.events:
            self._deliver(event)
        for command in outcome.commands:
            self.outbox.put(command)

    async def close(self) -> None:
        """End the session and return when everything is at rest.

        A tool or a hook that takes no notice of its cancellation is left behind, and an Error says so.
        """
        if self._root is None or self._root is asyncio.current_task():
            return
        if self.running:
            self._root.cancel()
        _, restless = await asyncio.wait([self._root], timeout=3 * self.config.limits.close_s)
        if restless:
            self._outbox = None
            for event in self.dialogue.lost(self.now):
                self._deliver(event)
            told = "a tool or a hook went on after it was cancelled: let CancelledError through"
            self.inbox.end(Error(S2SError(told)), SessionEnded("closed"))

    async def _run(self, link: Link) -> None:
        reason: EndReason = "closed"
        try:
            async with asyncio.TaskGroup() as self._group:
                self._group.create_task(self._hooks.run(), name="s2s-hooks")
                self._group.create_task(self._write(link, self.outbox), name="s2s-writer")
                await self._read(link)
                raise _Ended
        except* _Ended:
            reason = "ended_by_engine"
        except* Exception as failed:  # noqa: BLE001  whatever it is, the application must hear of it
            reason = "failed"
            self.cause = _first(failed)
        finally:
            await self._finish(link, reason)

    async def _read(self, link: Link) -> None:
        if isinstance(link, Direct):
            await link.listen(self.hear)
            return
        heard = 0
        async for told in link:
            self.hear(told)
            heard += 1
            if heard % _FAIR == 0:
                await asyncio.sleep(0)

    async def _write(self, link: Link, outbox: Outbox) -> None:
        while True:
            command = await outbox.get()
            try:
                events = await link.send(command)
            except LocalProtocolError as refused:
                events = (Error(refused),)
            for event in events:
                self.hear(event)

    def _deliver(self, event: Event) -> None:
        match event:
            case ResponseGenerated() | ResponseDone():
                for each in self._voice.finish():
                    self.inbox.put(each)
            case Interrupted():
                self.inbox.purge_audio(self.dialogue.spared)
                self._voice.reset()
            case ToolCall(call=call, runs_here=True):
                self._use_tool(call)
            case ToolCallCancelled(call_ids=call_ids):
                self._tools.cancel(call_ids)
            case SessionStarted():
                self.started = event
                if not self._ready.done():
                    self._ready.set_result(None)
            case Error(error=error, fatal=True):
                raise error
            case _:
                pass
        if not self._hooks.put(event):
            self.inbox.put(event)

    def _use_tool(self, call: Call) -> None:
        if self._group is not None:
            self._tools.start(self._group, self.dialogue.tools[call.name], call, self._answered)

    def _answered(self, result: ToolResult, failed: ToolError | None) -> None:
        if failed is not None:
            self._deliver(Error(failed))
        if result.call_id in self.dialogue.calls.open:
            self.tell(SendToolResult(result.call_id, result.output, result.is_error, result.respond))

    def _taken(self, event: AudioOutput) -> None:
        ms = len(event.audio) / self._voice.bytes_per_ms
        self.dialogue.playhead.delivered(event.item_id, ms, self._loop.time())

    def _closed(self) -> SessionClosedError:
        closed = SessionClosedError("this session has ended: start another one")
        closed.__cause__ = self.cause
        return closed

    async def _finish(self, link: Link, reason: EndReason) -> None:
        _absorb_cancellation()
        if self._outbox is not None:
            self._outbox.end()
        self._outbox = self._group = None
        fatal = () if self.cause is None else (Error(self.cause, fatal=True),)
        ended = SessionEnded(reason)
        try:
            for event in self.dialogue.lost(self.now):
                self._deliver(event)
            await self._left(link.close(), "the engine")
            await self._left(self._hooks.last((*fatal, ended)), "a hook")
        finally:
            self.inbox.end(*self._last_words, ended)
            if not self._ready.done():
                lost = ConnectionLostError("the engine ended before it was ready: try again", resumable=False)
                self._ready.set_exception(self.cause or lost)
                self._ready.exception()

    async def _left(self, work: Awaitable[None], what: str) -> None:
        longest_s = self.config.limits.close_s
        try:
            await contained(work, longest_s)
        except Late:
            told = f"{what} did not finish within {longest_s:g} s and was left behind"
            self.inbox.put(Error(S2SError(told)))
        except Exception as failed:  # noqa: BLE001  the end goes on whatever it is
            self.inbox.put(Error(S2SError(f"{what} could not be closed: {type(failed).__name__}: {failed}")))

    def _hooked(self, event: Event) -> None:
        if isinstance(event, Error) and event.fatal:
            self._last_words.append(event)
        else:
            self.inbox.put(event)


def _absorb_cancellation() -> None:
    # It has led to the end by now and must not cut that short: from Python 3.13 a task group that fails while
    # it is cancelled asks for the cancellation again.
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def _first(group: BaseExceptionGroup[BaseException]) -> S2SError:
    match group.exceptions[0]:
        case BaseExceptionGroup() as inner:
            return _first(inner)
        case S2SError() as error:
            return error
        case other:
            error = S2SError(f"the session broke: {type(other).__name__}: {other}; please report this")
            error.__cause__ = other
            return error
