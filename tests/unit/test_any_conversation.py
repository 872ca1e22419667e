"""Whatever an application, a user, an engine and the world do, in whatever order, the contract holds."""

import asyncio
import contextlib
import gc
from array import array
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from s2s.commands import Cancel, Command, SendToolResult
from s2s.config import Config, TurnDetection
from s2s.errors import ConnectionLostError, LocalProtocolError, ProviderError, SessionClosedError
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    ResponseDone,
    SessionEnded,
    SessionStarted,
    TextOutput,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
    Usage,
)
from s2s.formats import AudioFormat
from s2s.hooks import Hooks
from s2s.items import Call, Message, ToolResult
from s2s.links import Link
from s2s.providers.script import Reply, ScriptEngine, ScriptLink
from s2s.session import Session
from s2s.testing.clock import JumpingLoop
from s2s.testing.contract import Contract
from s2s.tools import Tool, tool
from s2s.wire import Send
from tests.support.hosted import HostedLink
from tests.support.links import Tapped

T = TypeVar("T")
CHUNK_MS = 20
HOOKED = (SessionStarted, TurnEnd, Interrupted, ToolCall, SessionEnded)
SELDOM = st.sampled_from([True, *[False] * 4])


async def quick() -> str:
    return "done"


async def slow() -> str:
    await asyncio.sleep(5)
    return "done"


async def broken() -> str:
    raise ValueError("oops")


async def order() -> str:
    await asyncio.sleep(5)
    return "ordered"


async def stubborn() -> str:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(5)
    return "done anyway"


TOOLS = (quick, slow, broken, stubborn, tool(order, policy="background"), Tool(name="ask_me"))
NAMES = ("quick", "slow", "broken", "stubborn", "order", "ask_me", "nobody_knows")
PLANS = st.tuples(
    st.integers(0, 5),
    st.lists(st.sampled_from(NAMES), max_size=2),
    st.sampled_from(["completed", "completed", "incomplete"]),
    st.booleans(),
)


def replies(plans: list[tuple[int, list[str], Any, bool]]) -> list[Reply]:
    return [
        Reply(
            says="word " * words,
            hears=f"speech {n}",
            calls=tuple(Call(f"call-{n}-{m}", name) for m, name in enumerate(names)),
            usage=Usage(Tokens(n + 1)),
            status=status,
            error=ProviderError("no") if fails and not names else None,
        )
        for n, (words, names, status, fails) in enumerate(plans)
    ]


class Deaf(Tapped):
    """Cannot be cancelled, like some engines."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        return () if isinstance(command, Cancel) else await super().send(command)


class TappedScript(ScriptEngine):
    """The script engine with a tap on its link."""

    script: ScriptLink
    link: Link
    tap: Tapped

    async def open(self, config: Config) -> Link:
        link = await super().open(config)
        assert isinstance(link, ScriptLink)
        self.script = link
        self.link = HostedLink(link) if config.extra["hosted"] else link
        self.tap = Deaf(self.link) if config.extra["deaf"] else Tapped(self.link)
        return self.tap


class AnyConversation(RuleBasedStateMachine):
    """One session; an ear reads its events unless it is told to look away."""

    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.loop = JumpingLoop()
        self.unseen: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.unseen.append(str(context)))
        self.events: list[Event] = []
        self.written: list[str] = []
        self.hooked: list[Event] = []
        self.cut_due = False
        self.calls: dict[str, list[Call]] = {}
        self.reading: asyncio.Task[None] | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(3600):
                return await coroutine

        return self.loop.run_until_complete(bounded())

    @initialize(
        plans=st.lists(PLANS, max_size=8),
        pace=st.sampled_from([0, 1, 3]),
        turns=st.builds(TurnDetection, create_response=st.booleans(), interrupt_response=st.booleans()),
        spoken=st.sampled_from([AudioFormat(), AudioFormat("g711_ulaw", 8_000)]),
        deaf=st.booleans(),
        hosted=st.booleans(),
    )
    def start(
        self,
        plans: list[tuple[int, list[str], Any, bool]],
        pace: int,
        turns: TurnDetection,
        spoken: AudioFormat,
        deaf: bool,
        hosted: bool,
    ) -> None:
        extra = {"script": replies(plans), "pace": pace, "deaf": deaf, "hosted": hosted}
        note = self.hooked.append
        hooks = Hooks(on_start=note, on_turn=note, on_interrupt=note, on_tool_call=note, on_end=note)
        self.engine = TappedScript(
            Config(tools=TOOLS, turn_detection=turns, extra=extra, output_format=spoken, hooks=hooks)
        )
        self.contract = Contract(spoken)

        async def opened() -> Session:
            return await self.engine.start()

        self.session = self.run(opened())
        self.look()

    # What the application does

    @rule(respond=st.booleans())
    def send_text(self, respond: bool) -> None:
        text = f"text {len(self.written)}"
        if self.allowed(self.session.send_text(text, respond=respond)):
            self.written.append(text)

    @rule()
    def respond(self) -> None:
        self.allowed(self.session.respond())

    @rule()
    def commit(self) -> None:
        self.allowed(self.session.commit())

    @rule()
    def clear(self) -> None:
        self.allowed(self.session.clear())

    @rule(interrupts=st.booleans())
    def update(self, interrupts: bool) -> None:
        turns = TurnDetection(interrupt_response=interrupts)
        self.allowed(self.session.update(turn_detection=turns))

    @rule(chunks=st.integers(1, 20), loud=st.booleans())
    def speak_or_be_silent(self, chunks: int, loud: bool) -> None:
        chunk = array("h", [5000 * loud] * (24 * CHUNK_MS)).tobytes()
        for _ in range(chunks):
            self.allowed(self.session.send_audio(chunk))

    @rule(data=st.data(), respond=st.booleans())
    def answer_a_call(self, data: st.DataObject, respond: bool) -> None:
        calls = [each.call.id for each in self.events if isinstance(each, ToolCall) and not each.runs_here]
        call_id = data.draw(st.sampled_from([*calls, "no such call"]))
        settled = self.results() | self.cancelled() | {"no such call"}
        with contextlib.suppress(LocalProtocolError):
            result = ToolResult(call_id, "answer", respond=respond)
            taken = self.allowed(self.session.send_tool_result(result))
            assert not (taken and call_id in settled), f"{call_id} was settled twice"
            assert taken or self.session.closed

    @rule()
    def interrupt(self) -> None:
        async def twice() -> Interrupted | None:
            seen = self.calls_of_the_turn()
            if await self.session.interrupt() is not None:
                self.cut_due = True
                blocking = {each.id for each in seen if each.name != "order"}
                assert blocking <= self.results() | self.cancelled()
            return await self.session.interrupt()

        assert self.run(twice()) is None

    @rule(ms=st.floats(0, 3000))
    def play(self, ms: float) -> None:
        self.session.playhead.played(ms)

    @rule()
    def look_away(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            self.run(_ended(self.reading))
            self.reading = None

    @rule()
    def look(self) -> None:
        if self.reading is None:
            self.reading = self.loop.create_task(self.read())

    @rule(seconds=st.sampled_from([0, 0.001, 0.2, 0.5, 2]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule()
    def wait_until_all_is_said(self) -> None:
        self.look()
        self.run(asyncio.sleep(60))
        assert self.contract.open == set()
        owed = {each.id for each in self.calls_of_the_turn()} - self.results() - self.cancelled()
        assert bool(owed) is bool(self.contract.turn), f"{self.contract.turn} waits for {owed}"

    # What the world does

    @precondition(lambda self: len(self.events) > 10)
    @rule(how=st.sampled_from(["engine breaks", "engine ends", "cable breaks"]), really=SELDOM)
    def drop(self, how: str, really: bool) -> None:
        match really, how, self.engine.link:
            case True, "cable breaks", HostedLink() as link:
                self.run(link.lose())
            case True, "engine breaks", _:
                self.engine.script.drop(ConnectionLostError("the cable"))
            case True, _, _:
                self.engine.script.drop(None)
            case _:
                pass

    @precondition(lambda self: len(self.events) > 10)
    @rule(really=SELDOM)
    def close(self, really: bool) -> None:
        if really:
            self.run(self.session.close())

    # What always holds

    @invariant()
    def the_contract_holds(self) -> None:
        if hasattr(self, "contract"):
            assert self.contract.broken == []
            assert self.unseen == []

    @invariant()
    def no_call_is_answered_twice(self) -> None:
        if hasattr(self, "engine"):
            answers = [each for each in self.engine.tap.sent if isinstance(each, SendToolResult)]
            answered = [each.call_id for each in answers]
            assert len(answered) == len(set(answered))
            going_on = {each.call_id for each in answers if each.respond}
            for calls in self.calls.values():
                assert len(going_on & {each.id for each in calls}) <= 1

    def teardown(self) -> None:
        try:
            if hasattr(self, "session"):
                self.look()
                self.run(self.session.close())
                assert self.reading is not None
                self.run(_ended(self.reading))
                self.check_the_whole()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            left = asyncio.all_tasks(self.loop)
            self.loop.close()
        gc.collect(0)
        assert (left, self.unseen) == (set(), [])

    def check_the_whole(self) -> None:
        assert (self.contract.broken, self.events[-1].type) == ([], "session_ended")
        assert self.hooked == [each for each in self.events if isinstance(each, HOOKED)]
        called = {each.call.id for each in self.events if isinstance(each, ToolCall)}
        results, cancelled = self.results(), self.cancelled()
        assert called == results | (cancelled - results)
        spent = [each.usage for each in self.events if isinstance(each, ResponseDone) and each.usage]
        assert self.session.usage == sum(spent, Usage())
        messages = [each for each in self.session.history if isinstance(each, Message)]
        assert [e.text for e in messages if e.text.startswith("text ")] == self.written
        for each in messages:
            if each.role == "assistant":
                told = [
                    e.text for e in self.events if isinstance(e, TextOutput) and e.item_id == each.item_id
                ]
                assert each.text == "".join(told)
                assert each.heard_text is None or each.text.startswith(each.heard_text)

    def allowed(self, sending: Coroutine[Any, Any, None]) -> bool:
        """Send, and return whether it was taken: it must be while the session is open, and never after."""
        closed = self.session.closed
        try:
            self.run(sending)
        except SessionClosedError:
            assert self.session.closed
            return False
        assert not closed
        return True

    def calls_of_the_turn(self) -> list[Call]:
        return [call for response_id in self.contract.turn for call in self.calls.get(response_id, [])]

    def results(self) -> set[str]:
        return {each.call_id for each in self.session.history if isinstance(each, ToolResult)}

    def cancelled(self) -> set[str]:
        return {i for each in self.events if isinstance(each, ToolCallCancelled) for i in each.call_ids}

    async def read(self) -> None:
        async for event in self.session:
            self.events.append(event)
            self.contract.hear(event)
            if isinstance(event, ToolCall):
                self.calls.setdefault(event.response_id, []).append(event.call)
            assert not (self.cut_due and isinstance(event, AudioOutput)), "audio came after an interruption"
            self.cut_due = self.cut_due and not isinstance(event, Interrupted)


async def _ended(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await task


AnyConversation.TestCase.settings = settings(
    deadline=None,
    max_examples=max(200, settings().max_examples),
    stateful_step_count=40,
    report_multiple_bugs=False,
)
TestAnyConversation = AnyConversation.TestCase
