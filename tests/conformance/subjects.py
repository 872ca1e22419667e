"""The engines under test, and how to provoke each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectionLostError
from s2s.events import Tokens, TurnEnd, Usage
from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.links import Direct, Link
from s2s.pipeline import (
    BrainProcessor,
    CascadePipeline,
    Frames,
    Outlet,
    STTProcessor,
    TTSProcessor,
    VADProcessor,
    as_engine,
    as_frame_processor,
    concurrently,
)
from s2s.pipeline.hybrid import HybridPipeline, Stay
from s2s.providers.gemini import GeminiEngine
from s2s.providers.nova import NovaEngine
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import WORD_MS, Reply, tone
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import GeminiTemper, Temper
from s2s.testing.clock import run
from s2s.testing.conformance import Ask, Subject
from s2s.testing.talk import Talk
from s2s.transports import Transport
from s2s.wire.openai.client import OpenAIClient, Opening
from s2s.wire.openai.server import OpenAIServer
from tests.support.chain import PartingDirect
from tests.support.hosted import HostedLink
from tests.support.links import KeptScript
from tests.support.stages import LevelSTT, LoudVAD, ScriptedBrain, ToneTTS

if TYPE_CHECKING:
    from s2s.providers.local.stages import Prompt, Thought

PROMPTS = {
    Ask.SHORT: "Hello there.",
    Ask.LONG: "Tell me a story.",
    Ask.CALL: "Look up Bonn.",
    Ask.TWO_CALLS: "Look up Bonn and Rome.",
}
REPLIES: dict[Ask, list[Reply]] = {
    Ask.SHORT: [Reply(says="Good day to you.", hears="Hello there.", usage=Usage(Tokens(3), Tokens(4)))],
    Ask.LONG: [Reply(says="word " * 60)],
    Ask.CALL: [
        Reply(says="Wait.", calls=(Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'),)),
        Reply(says="It is a city."),
    ],
    Ask.TWO_CALLS: [
        Reply(
            calls=tuple(
                Call(f"call-{city}", "look_up", {"city": city}, f'{{"city":"{city}"}}')
                for city in ("Bonn", "Rome")
            )
        ),
        Reply(says="They are cities."),
    ],
}


def scripted(asks: Sequence[Ask]) -> dict[str, JSON]:
    return {"script": [reply for ask in asks for reply in REPLIES[ask]], "pace": 1}


async def lose_script(engine: Engine) -> None:
    assert isinstance(engine, KeptScript)
    engine.link.drop(ConnectionLostError("the cable"))


SCRIPT = Subject(
    name="script",
    engine=KeptScript,
    prompts=PROMPTS,
    speech=tone("Hello") + tone("there"),
    prepare=scripted,
    lose=lose_script,
    run=run,
)


class Hosted(KeptScript):
    """The script engine behind a connection."""

    connection: HostedLink

    async def open(self, config: Config) -> Link:
        self.connection = HostedLink(await super().open(config))
        return self.connection


async def lose_connection(engine: Engine) -> None:
    assert isinstance(engine, Hosted)
    await engine.connection.lose()


HOSTED = replace(SCRIPT, name="hosted", engine=Hosted, lose=lose_connection)


class TwoScripts(HybridPipeline):
    """A hybrid over the script engine, twice; it stays where it is, so what is lost is lost."""

    def __init__(self, config: Config) -> None:
        self.s2s, cascade = (KeptScript(Config(extra=config.extra)) for _ in range(2))
        super().__init__(replace(config, extra={}), s2s=self.s2s, cascade=cascade, policy=Stay())


async def lose_s2s(engine: Engine) -> None:
    assert isinstance(engine, TwoScripts)
    await lose_script(engine.s2s)


HYBRID = replace(SCRIPT, name="hybrid", engine=TwoScripts, lose=lose_s2s)


class Mirrored(Engine):
    """The script engine as a frame processor, and that as an engine."""

    name: ClassVar[str] = "pipeline"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.script = KeptScript(Config(extra=config.extra))
        processor = as_frame_processor(self.script)
        self._engine = as_engine(processor, capabilities=self.script.capabilities)

    @property
    def capabilities(self) -> Capabilities:
        return self._engine.capabilities

    async def open(self, config: Config) -> Link:
        return await self._engine.open(replace(config, extra={"lead_ms": None}))


async def lose_mirrored(engine: Engine) -> None:
    assert isinstance(engine, Mirrored)
    await lose_script(engine.script)


MIRRORED = replace(SCRIPT, name="mirrored", engine=Mirrored, lose=lose_mirrored)


class Cable:
    """Carries frames until it is cut."""

    def __init__(self) -> None:
        self.cut = asyncio.Event()

    def process(self, frames: Frames) -> Frames:
        return concurrently(partial(self._carry, frames))

    async def _carry(self, frames: Frames, outlet: Outlet) -> None:
        async with asyncio.TaskGroup() as group:
            breaking = group.create_task(self._break())
            async for frame in frames:
                await outlet.put(frame)
            breaking.cancel()

    async def _break(self) -> None:
        await self.cut.wait()
        raise ConnectionLostError("the cable")


class Greeted(LevelSTT):
    """Understands a greeting, whatever is said."""

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        return PROMPTS[Ask.SHORT]


class Cascade(CascadePipeline):
    """The cascade with stages that need no model, behind a cable."""

    def __init__(self, config: Config) -> None:
        self.cable = Cable()
        brain, voice = ScriptedBrain(replied), ToneTTS(word_ms=WORD_MS)
        stages = VADProcessor(LoudVAD()), STTProcessor(Greeted()), BrainProcessor(brain), TTSProcessor(voice)
        super().__init__(config, steps=[self.cable, *stages])


def replied(prompt: Prompt) -> list[Thought]:
    """Think what the script says."""
    match prompt.history[-1:]:
        case (Message(role="user", text=text),):
            ask = next(each for each in Ask if PROMPTS[each] == text)
            reply = REPLIES[ask][0]
        case (ToolResult(),):
            reply = REPLIES[Ask.CALL][1]
        case _:
            reply = REPLIES[Ask.SHORT][0]
    return [*([reply.says] if isinstance(reply.says, str) else reply.says), *reply.calls]


async def lose_cable(engine: Engine) -> None:
    assert isinstance(engine, Cascade)
    engine.cable.cut.set()


CASCADE = replace(
    SCRIPT,
    name="cascade",
    engine=Cascade,
    prepare=lambda asks: {"lead_ms": 1000 if Ask.LONG in asks else None},
    lose=lose_cable,
)


class OverOpenAI(Hosted):
    """The script engine behind both wires of OpenAI Realtime."""

    @property
    def capabilities(self) -> Capabilities:
        return openai_capabilities()

    async def open(self, config: Config) -> Link:
        link = await KeptScript.open(self, replace(config, history=()))
        client = OpenAIClient(Opening(config=config, capabilities=self.capabilities))
        server = OpenAIServer(input_rate=link.input_rate)
        self.connection = HostedLink(link, client, server, client.input_rate)
        return self.connection


def openai_capabilities() -> Capabilities:
    return Capabilities(
        interrupt="requested", truncate=True, updates=True, voice_locks=True, out_of_band=True, images=True
    )


class Simulated(OpenAIEngine):
    """The engine of OpenAI Realtime, with a provider that lives on this machine."""

    connection: Transport

    def __init__(self, config: Config) -> None:
        self._script = config.extra.get("script", ())
        super().__init__(replace(config, extra={"connect": self._connect}))

    async def open(self, config: Config) -> Link:
        return await super().open(replace(config, extra={"connect": self._connect}))

    async def _connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        simulator = OpenAISimulator(self._script, temper=Temper(pace=1))
        self.connection = await simulator.connect(url, headers)
        return self.connection


async def lose_provider(engine: Engine) -> None:
    assert isinstance(engine, Simulated)
    await engine.connection.close(1006, "the cable")


SIMULATED = replace(SCRIPT, name="simulated", engine=Simulated, lose=lose_provider)

OPENAI = replace(SCRIPT, name="openai", engine=OverOpenAI, lose=lose_connection)


class Alone:
    """A connection to a simulator that has no other: closing it waits until both ends are at rest."""

    def __init__(self, inner: Transport, simulator: GeminiSimulator) -> None:
        self._inner = inner
        self._simulator = simulator

    async def send(self, message: bytes) -> None:
        await self._inner.send(message)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._inner)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.close(code, reason)
        await self._simulator.hang_up()


class SimulatedGemini(GeminiEngine):
    """The engine of Gemini Live, with a provider that lives on this machine."""

    connection: Transport

    def __init__(self, profile: str, config: Config) -> None:
        self._profile = profile
        temper = GeminiTemper(pace=1, profile=profile, session_s=1e6, handles_s=0)
        self._simulator = GeminiSimulator(config.extra.get("script", ()), temper=temper)
        super().__init__(replace(config, extra=self._extra))

    async def open(self, config: Config) -> Link:
        return await super().open(replace(config, extra=self._extra))

    @property
    def _extra(self) -> dict[str, JSON]:
        surface = "vertex" if self._profile.startswith("vertex") else "developer"
        return {"connect": self._connect, "profile": self._profile, "surface": surface}

    async def _connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        self.connection = await self._simulator.connect(url, headers)
        return Alone(self.connection, self._simulator)


async def lose_gemini(engine: Engine) -> None:
    assert isinstance(engine, SimulatedGemini)
    await engine.connection.close(1002, "what no other connection could mend")


_ALWAYS = "the service answers every turn that it finds, so it is not started with such settings"


def gemini(profile: str, diverges: Mapping[str, str] = {}) -> Subject:
    always = {"speech.unanswered": _ALWAYS, "interruption.along": _ALWAYS}
    return replace(
        SCRIPT,
        name=f"gemini {profile}",
        engine=partial(SimulatedGemini, profile),
        lose=lose_gemini,
        diverges={**always, **diverges},
    )


_UNTOLD = "the service does not tell when the user speaks"
_NO_ACTIVITY = {"speech.noticed": _UNTOLD, "interruption.by-voice": _UNTOLD}

GEMINI = (
    # It finishes an answer before it takes the next question.
    replace(gemini("dev-2.5-native", _NO_ACTIVITY), within_s=20.0),
    gemini("dev-3.1"),
    gemini("dev-3.8"),
    gemini("dev-3.8-thinking"),
    gemini("vertex-half-cascade", _NO_ACTIVITY),
)


class SimulatedNova(NovaEngine):
    """The engine of Nova Sonic, with a provider that lives on this machine."""

    connection: Transport

    def __init__(self, model: str, config: Config) -> None:
        self._simulator = NovaSimulator(config.extra.get("script", ()))
        super().__init__(replace(config, model=model, extra=self._extra))

    async def open(self, config: Config) -> Link:
        link = await super().open(replace(config, extra=self._extra))
        assert isinstance(link, Direct)
        return PartingDirect(link, self._simulator.hang_up)

    @property
    def _extra(self) -> dict[str, JSON]:
        return {"connect": self._connect, "base_url": "http://localhost"}

    async def _connect(self, url: str, headers: Mapping[str, str]) -> Transport:
        self.connection = await self._simulator.connect(url, headers)
        return self.connection


async def lose_nova(engine: Engine) -> None:
    assert isinstance(engine, SimulatedNova)
    await engine.connection.close(400, "what no other stream could mend")


def spoken(asks: Sequence[Ask]) -> dict[str, JSON]:
    """Ready a script for prompts that are said aloud: the engine understands what each of them is."""
    script: list[Reply] = []
    for ask in asks:
        first, *rest = REPLIES[ask]
        script += [replace(first, hears=PROMPTS[ask]), *rest]
    return {"script": script}


NOVA = replace(
    SCRIPT,
    name="nova",
    engine=partial(SimulatedNova, "amazon.nova-2-5-sonic"),
    lose=lose_nova,
    diverges={**_NO_ACTIVITY, "speech.unanswered": _ALWAYS, "interruption.along": _ALWAYS},
)
NOVA_V1 = replace(
    NOVA,
    name="nova v1",
    engine=partial(SimulatedNova, "amazon.nova-sonic-v1:0"),
    prepare=spoken,
    diverges={
        **NOVA.diverges,
        "turn.timed": _UNTOLD,
        "response.asked-for": "it answers what is said to it aloud, and nothing else can be asked of it",
    },
)
"""It takes no text, so every question is said aloud."""


def local_engine(config: Config) -> Engine:
    from s2s.providers.local import LocalEngine

    return LocalEngine(config)


@cache
def local() -> Subject:
    """The local engine with its own models; its own voice asks the question."""
    return Subject(
        name="local",
        engine=local_engine,
        prompts=PROMPTS,
        speech=asyncio.run(question("What time is it?")),
        prepare=lambda asks: {"brain": brain, "lead_ms": 1000 if Ask.LONG in asks else None},
        within_s=20.0,
        diverges=LOCAL_DIVERGES,
    )


LOCAL_DIVERGES: dict[str, str] = {}


async def question(text: str) -> bytes:
    """Have the engine say this, and return how it sounds at 24000 Hz."""
    async with local_engine(Config(extra={"lead_ms": None})).start() as session:
        talk = Talk(session, within_s=40.0)
        await session.send_text(f"Repeat after me: {text}")
        await talk.until(TurnEnd)
        return talk.audio


async def brain(history: tuple[Item, ...], prompt: Prompt) -> AsyncIterator[Thought]:
    """Think as the rules do, and call twice where two cities are asked for."""
    from s2s.providers.local.brains.rules import reply

    match history[-1:]:
        case (Message(role="user", text=text),) if text == PROMPTS[Ask.TWO_CALLS]:
            for city in ("Bonn", "Rome"):
                yield Call(f"call-{city}", "look_up", {"city": city}, f'{{"city":"{city}"}}')
        case _:
            yield reply(prompt, datetime.now().astimezone())
