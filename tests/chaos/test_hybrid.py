"""Whatever is said, asked, called, switched and broken: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.conformance.subjects import Simulated, SimulatedGemini, SimulatedNova
from tests.support.hybrid import SideEngine, SideLink
from tests.support.links import KeptScript
from tests.support.stages import LevelSTT, LoudVAD, Script, ScriptedBrain, ToneTTS
from tests.support.storm import TOOLS, broken_by, converse, replies

from s2s.commands import SendToolResult
from s2s.config import Config, Limits, Reconnect
from s2s.engine import Engine
from s2s.errors import (
    ConnectError,
    ConnectionLostError,
    LocalProtocolError,
    ProviderError,
    S2SError,
    SessionClosedError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.links import Link
from s2s.pipeline import CascadePipeline
from s2s.pipeline.hybrid import (
    Either,
    HybridPipeline,
    OnFailure,
    OnToolOverload,
    PipelineState,
    Side,
    Stay,
)
from s2s.providers.local.stages import Prompt
from s2s.session import Session
from s2s.testing.clock import JumpingLoop
from s2s.testing.contract import Contract, violations

T = TypeVar("T")
Storm: TypeAlias = Callable[[int], Coroutine[Any, Any, list[str]]]
SIDES: st.SearchStrategy[Side] = st.sampled_from(["s2s", "cascade"])
SELDOM = st.sampled_from([True, *[False] * 3])
CHUNK_BYTES, MS = 480, 48
MOST_REPEATED = 30_000 * MS


class Wanting:
    """Wants what a test wants."""

    def __init__(self) -> None:
        self.side: Side | None = None

    def decide(self, state: PipelineState) -> Side | None:
        return self.side


class AnySwitching(RuleBasedStateMachine):
    """One session over two sides that do what this says."""

    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.loop = JumpingLoop()
        self.unseen: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.unseen.append(str(context)))
        self.contract = Contract()
        self.events: list[Event] = []
        self.said = b""
        self.typed: list[str] = []
        self.words: list[tuple[bytes, str]] = []
        """Pieces of audio that the sides have spoken, and the responses that they are of."""
        self.responding: dict[SideLink, list[str]] = {}
        self.of: dict[str, SideLink] = {}
        self.speaking: dict[SideLink, str] = {}
        self.repeats: set[SideLink] = set()
        """Links after which audio may be heard again: they broke, or were left amid something."""
        self.meddled = False
        """Whether the policy may have switched, which need not wait for the user."""
        self.counted = 0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(3600):
                return await coroutine

        return self.loop.run_until_complete(bounded())

    def settle(self, seconds: float = 0.001) -> None:
        self.run(asyncio.sleep(seconds))

    def count(self, what: str) -> str:
        self.counted += 1
        return f"{what}{self.counted}"

    @initialize(opens_in_s=st.sampled_from([0.0, 0.0, 0.5]))
    def start(self, opens_in_s: float) -> None:
        s2s, cascade = SideEngine(), SideEngine()
        self.sides: dict[Side, SideEngine] = {"s2s": s2s, "cascade": cascade}
        self.wanting = Wanting()
        policy = Either(OnFailure(back_after_s=20), self.wanting)
        config = Config(limits=Limits(connect_s=5, input_audio_s=60), reconnect=Reconnect(attempts=100))
        self.pipeline = HybridPipeline(config, s2s=s2s, cascade=cascade, policy=policy)

        async def opened() -> Session:
            return await self.pipeline.start()

        self.session = self.run(opened())
        self.reading = self.loop.create_task(self.read())
        for each in self.sides.values():
            each.opens_in_s = opens_in_s
        self.settle()

    async def read(self) -> None:
        async for event in self.session:
            self.events.append(event)
            self.contract.hear(event)

    @property
    def link(self) -> SideLink | None:
        """The link that has the conversation, if that is not over."""
        side = self.pipeline.side_of(self.session.id)
        found = None if side is None or self.session.closed else self.sides[side].link
        return None if found is None or found.gone else found

    # What the application does

    @rule(chunks=st.integers(1, 8))
    def talk(self, chunks: int) -> None:
        for _ in range(chunks):
            at = len(self.said) // 4
            chunk = b"".join(n.to_bytes(4, "big") for n in range(at, at + CHUNK_BYTES // 4))
            with contextlib.suppress(SessionClosedError):
                self.run(self.session.send_audio(chunk))
                self.said += chunk
        self.settle()

    @rule(respond=st.booleans())
    def write(self, respond: bool) -> None:
        text = self.count("text ")
        with contextlib.suppress(SessionClosedError):
            self.run(self.session.send_text(text, respond=respond))
            self.typed.append(text)
        self.settle()

    @rule()
    def interrupt(self) -> None:
        self.run(self.session.interrupt())
        self.settle()

    @rule()
    def commit(self) -> None:
        with contextlib.suppress(SessionClosedError):
            self.run(self.session.commit())
        self.settle()

    @rule(data=st.data(), respond=st.booleans())
    def answer(self, data: st.DataObject, respond: bool) -> None:
        calls = [each.call.id for each in self.events if isinstance(each, ToolCall)]
        if calls:
            call_id = data.draw(st.sampled_from(calls))
            with contextlib.suppress(LocalProtocolError, SessionClosedError):
                self.run(self.session.send_tool_result(ToolResult(call_id, "result", respond=respond)))
            self.settle()

    @rule()
    def update(self) -> None:
        with contextlib.suppress(SessionClosedError):
            self.run(self.session.update(instructions=self.count("be ")))
        self.settle()

    @rule(side=SIDES, when=st.sampled_from(["turn", "now"]), settled=st.booleans())
    def switch(self, side: Side, when: JSON, settled: bool) -> None:
        async def switched() -> None:
            self.pipeline.switch(side, when=when)

        if when == "now" and self.link is not None:
            self.repeats.add(self.link)
        self.run(switched())
        if settled:
            self.settle()

    @rule(side=st.none() | SIDES)
    def want(self, side: Side | None) -> None:
        self.wanting.side = side
        self.meddled = self.meddled or side is not None

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0, 25.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.settle(seconds)

    # What the sides do

    def tell(self, link: SideLink | None, *events: Event) -> None:
        """Have this link tell something, and note what of it will be heard."""
        if link is not None and link is self.link:
            link.tell(*events)
            self.words += [(e.audio, e.response_id) for e in events if isinstance(e, AudioOutput)]
            self.settle()

    @rule(share=st.floats(0, 1))
    def notice(self, share: float) -> None:
        if (link := self.link) is not None and link not in self.speaking:
            self.speaking[link] = self.count("user ")
            at_ms = len(link.audio) / MS
            self.tell(link, SpeechStarted(self.speaking[link], at_ms * share))

    @rule(understood=st.booleans())
    def notice_the_end(self, understood: bool) -> None:
        if (link := self.link) is not None and link in self.speaking:
            item_id = self.speaking.pop(link)
            self.tell(link, SpeechStopped(item_id, len(link.audio) / MS))
            if understood:
                self.tell(link, Transcript(self.count("spoken "), item_id, final=True))

    @rule(origin=st.sampled_from(["user_turn", "application", "tool_result", "continuation"]))
    def respond(self, origin: JSON) -> None:
        if (link := self.link) is not None and not self.responding.get(link):
            self.responding[link] = [self.count("response ")]
            self.of[self.responding[link][0]] = link
            self.tell(link, ResponseStarted(self.responding[link][0], origin))

    @precondition(lambda self: self.link is not None and self.responding.get(self.link))
    @rule(words=st.integers(1, 3))
    def speak(self, words: int) -> None:
        link = self.link
        assert link is not None
        response_id = self.responding[link][0]
        item_id = f"item of {response_id}"
        for _ in range(words):
            self.counted += 1
            sound = self.counted.to_bytes(4, "big") * (MS // 2)
            at_ms = sum(len(audio) for audio, each in self.words if each == response_id) / MS
            self.tell(
                link,
                TextOutput(f" {self.counted}", response_id, item_id),
                AudioOutput(sound, 24_000, response_id, item_id, at_ms),
            )

    @precondition(lambda self: self.link is not None and self.responding.get(self.link))
    @rule()
    def call(self) -> None:
        link = self.link
        assert link is not None
        self.tell(link, ToolCall(Call(self.count("call "), "look"), self.responding[link][0]))

    @precondition(lambda self: self.link is not None and self.responding.get(self.link))
    @rule(status=st.sampled_from(["completed", "completed", "incomplete", "failed"]))
    def end(self, status: JSON) -> None:
        link = self.link
        assert link is not None
        self.tell(link, ResponseDone(self.responding[link].pop(), status))

    @rule()
    def complain(self) -> None:
        self.tell(self.link, Error(ProviderError("no")))

    # What the world does

    @rule(how=st.sampled_from(["ends", "breaks", "takes nothing", "is odd"]), really=SELDOM)
    def lose(self, how: str, really: bool) -> None:
        if (link := self.link) is None or not really:
            return
        self.repeats.add(link)
        match how:
            case "ends":
                link.end()
            case "breaks":
                link.end(ConnectionLostError("the cable"))
            case "takes nothing":
                link.breaks = ConnectionLostError("the cable")
            case _:
                link.breaks = ValueError("oops")
        self.settle()

    @rule(side=SIDES, really=SELDOM)
    def lose_who_waits(self, side: Side, really: bool) -> None:
        links = self.sides[side].links
        if really and links and links[-1] is not self.link:
            links[-1].end(ConnectionLostError("the cable"))
            self.settle()

    @rule(side=SIDES, really=SELDOM)
    def refuse(self, side: Side, really: bool) -> None:
        if really and not self.sides[side].fails:
            self.sides[side].fails.append(ConnectError("nobody is there"))

    # What always holds

    @invariant()
    def the_contract_holds(self) -> None:
        assert (self.contract.broken, self.unseen) == ([], [])

    def teardown(self) -> None:
        try:
            if hasattr(self, "reading"):
                self.settle(1)
                last = self.link
                if last is not None and self.responding.get(last):
                    self.tell(last, ResponseDone(self.responding[last].pop()))
                    last = self.link
                self.run(self.session.close())
                self.run(_ended(self.reading))
                self.check_audio()
                self.check_words()
                if last is not None:
                    self.check_memory(last)
                assert isinstance(self.events[-1], SessionEnded)
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            left = asyncio.all_tasks(self.loop)
            self.loop.close()
        gc.collect(0)
        assert (left, self.unseen, self.contract.broken) == (set(), [], [])
        if hasattr(self, "sides"):
            assert all(each.closed for side in self.sides.values() for each in side.links)

    def check_audio(self) -> None:
        """Every byte was heard by one side, or by the next one too, once and in order."""
        links = sorted((e for side in self.sides.values() for e in side.links), key=lambda each: each.number)
        end, before = 0, None
        for link in (each for each in links if each.audio):
            begin = self.said.find(link.audio)
            assert begin >= 0, "a side heard what nobody said, or not in order"
            assert end - MOST_REPEATED <= begin <= end, f"audio was lost: {begin} comes after {end}"
            assert begin == end or self.meddled or before in self.repeats, "audio was heard twice"
            end, before = begin + len(link.audio), link

    def check_words(self) -> None:
        """Every word was told once and in order, but for those of answers that were cut off."""
        told = [each.audio for each in self.events if isinstance(each, AudioOutput)]
        known = [audio for audio, _ in self.words]
        assert len(told) == len(set(told))
        assert told == [each for each in known if each in set(told)]
        cut = {
            e.response_id for e in self.events if isinstance(e, ResponseDone) and e.status == "interrupted"
        }
        cut = {each[each.find("response ") :] for each in cut}
        lost = {response_id for audio, response_id in self.words if audio not in set(told)}
        assert lost <= cut

    def check_memory(self, link: SideLink) -> None:
        """The last side knows all that was written and said before it came, and every result once."""
        ours = [each for each in self.session.history if isinstance(each, Message)]
        known = [each.text for each in link.knows if isinstance(each, Message)]
        assert [each for each in known if each.startswith("text ")] == self.typed
        for each in ours:
            if each.role == "assistant" and each.heard_text != "":
                response_id = each.item_id[each.item_id.find("response ") :]
                assert known.count(each.text) == (self.of[response_id] is not link), each
        results = [each.call_id for each in link.sent if isinstance(each, SendToolResult)]
        results += [each.call_id for each in link.knows if isinstance(each, ToolResult)]
        settled = {each.call_id for each in self.session.history if isinstance(each, ToolResult)}
        asked = Counter(each[each.find("call ") :] for each in results)
        assert set(asked.values()) <= {1}
        assert set(asked) >= {each[each.find("call ") :] for each in settled}
        called = {each.call.id for each in self.events if isinstance(each, ToolCall)}
        dropped = {n for each in self.events if isinstance(each, ToolCallCancelled) for n in each.call_ids}
        assert called >= settled | dropped


async def _ended(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await task


AnySwitching.TestCase.settings = settings(
    deadline=None, max_examples=150, stateful_step_count=40, report_multiple_bugs=False, derandomize=True
)
TestAnySwitching = AnySwitching.TestCase

FEW, MANY = 150, 4000


async def storm(seed: int) -> list[str]:
    """Hold the conversation of this seed, over sides that come and go, and return which promises it broke."""
    chance = random.Random(seed)
    one, two = (Unsteady(chance, Config(extra=scripted(chance))) for _ in range(2))
    return await stormed(one, two, chance)


async def storm_of_dialects(seed: int) -> list[str]:
    """Do so with a provider as S2S, and a cascade of stages or a script beside it."""
    chance = random.Random(seed)
    one: Engine = chance.choice(PROVIDERS)(Config(extra={"script": [*replies(chance)]}))
    two = staged(chance) if chance.random() < 0.5 else KeptScript(Config(extra=scripted(chance)))
    broken = await stormed(one, two, chance)
    if isinstance(one, SimulatedGemini | SimulatedNova):
        await one._simulator.hang_up()
    return broken


async def stormed(one: Engine, two: Engine, chance: random.Random) -> list[str]:
    policy: JSON = chance.choice(
        [Stay(), OnFailure(5), Either(OnFailure(5), OnToolOverload(1)), OnToolOverload(0)]
    )
    limits = Limits(connect_s=5, close_s=4, send_s=2)
    reconnect = Reconnect(attempts=chance.choice([5, 5, 1, 0]))
    turns: JSON = chance.choice(["server", "server", "manual"])
    config = Config(tools=TOOLS, limits=limits, reconnect=reconnect)
    pipeline = HybridPipeline(config, s2s=one, cascade=two, policy=policy)
    if turns not in pipeline.capabilities.turn_detection:
        turns = "server"
    try:
        session = await pipeline.start(turn_detection=turns)
    except S2SError:
        return []
    meddling = asyncio.create_task(meddle(pipeline, (one, two), chance))
    try:
        events = await converse(session, chance)
    finally:
        meddling.cancel()
        await _ended(meddling)
    return violations(events, session.config.spoken)


def scripted(chance: random.Random) -> dict[str, JSON]:
    return {"script": [*replies(chance)], "pace": chance.choice([0, 1, 4, 20])}


def staged(chance: random.Random) -> Engine:
    """Return a cascade whose brain calls a tool now and then."""

    def think(prompt: Prompt) -> Script:
        return [Call(f"call_{chance.random()}", "quick")] if chance.random() < 0.2 else ["Well, well."]

    seats = {"vad": LoudVAD(), "stt": LevelSTT(), "brain": ScriptedBrain(think), "tts": ToneTTS()}
    return CascadePipeline(Config(extra={**seats, "lead_ms": chance.choice([None, 1000])}))


PROVIDERS: list[Callable[[Config], Engine]] = [
    Simulated,
    partial(SimulatedGemini, "dev-3.8"),
    partial(SimulatedGemini, "dev-2.5-native"),
    partial(SimulatedNova, "amazon.nova-2-5-sonic"),
]


class Unsteady(KeptScript):
    """The script engine, which may be hard to reach."""

    def __init__(self, chance: random.Random, config: Config) -> None:
        super().__init__(config)
        self.chance = chance

    async def open(self, config: Config) -> Link:
        await asyncio.sleep(self.chance.choice([0, 0, 0.1, 2, 6]))
        if self.chance.random() < 0.15:
            raise ConnectError("nobody is there")
        return await super().open(config)


async def meddle(pipeline: HybridPipeline, engines: tuple[Engine, ...], chance: random.Random) -> None:
    """Switch, and pull cables."""
    while True:
        await asyncio.sleep(chance.choice([0.01, 0.3, 2, 8]))
        if chance.random() < 0.3:
            await cut(chance.choice(engines), chance)
        elif chance.random() < 0.6:
            side: Side = chance.choice(["s2s", "cascade"])
            pipeline.switch(side, when=chance.choice(["turn", "now"]))


async def cut(engine: Engine, chance: random.Random) -> None:
    match engine:
        case KeptScript(links=[*links]) if links:
            chance.choice(links).drop(chance.choice([ConnectionLostError("the cable"), None]))
        case Simulated() | SimulatedGemini() | SimulatedNova() if hasattr(engine, "connection"):
            await engine.connection.close(1006, "the cable")
        case _:
            pass


@pytest.mark.parametrize("storm", [storm, storm_of_dialects])
def test_no_switch_and_no_fault_breaks_a_promise_or_leaves_a_task(storm: Storm) -> None:
    assert broken_by(storm, range(FEW)) == {}


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("storm", [storm, storm_of_dialects])
def test_no_switch_and_no_fault_breaks_a_promise_or_leaves_a_task_for_long(storm: Storm) -> None:
    assert broken_by(storm, range(FEW, MANY)) == {}
