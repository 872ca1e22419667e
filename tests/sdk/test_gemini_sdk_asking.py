"""What a client asks for through the stock Python SDK of Google reaches the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google.genai import types
from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Command,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.gateway import Doors, Gateway
from s2s.items import JSON, Call, Message, ToolResult
from s2s.links import Link
from s2s.providers.script import RATE, Reply, ScriptEngine
from s2s.simulators.gemini import GeminiSimulator
from s2s.wire import Send
from tests.support.genai import SECRET, Line, connected, said
from tests.support.generations import QUICK
from tests.support.links import Tapped
from tests.support.websockets import run

DONE = Reply(says="Done.")
LOOK_UP = Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
PICTURE = b"\xff\xd8\xff\xe0 picture"
JPEG = types.Blob(data=PICTURE, mime_type="image/jpeg")
SEEDED: dict[str, JSON] = {"history_config": {"initial_history_in_client_content": True}}


class Attentive(ScriptEngine):
    """A script that sees too, and notes what it was opened for and what it was sent."""

    def __init__(self, *script: Reply) -> None:
        super().__init__(Config(extra={"script": list(script), "pace": QUICK.pace}))
        self.opened: list[Config] = []
        self._links: list[Tapped] = []

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, images=True)

    async def open(self, config: Config) -> Link:
        self.opened.append(config)
        self._links.append(Tapped(await super().open(config)))
        return self._links[-1]

    @property
    def heard_s(self) -> float:
        """How much audio it was sent."""
        heard = [each.audio for link in self._links for each in link.sent if isinstance(each, AppendAudio)]
        return len(b"".join(heard)) / 2 / RATE

    @property
    def sent(self) -> list[Command | Send]:
        """All commands but for audio."""
        return [each for link in self._links for each in link.sent if not isinstance(each, AppendAudio)]


@asynccontextmanager
async def by_gateway(engine: Attentive) -> AsyncIterator[str]:
    async with Gateway(engine, Doors(tls=SECRET)) as served:
        yield served.gemini_base_url


@asynccontextmanager
async def simulated(engine: Attentive) -> AsyncIterator[str]:
    async with GeminiSimulator(engine=engine, temper=QUICK, tls=SECRET) as served:
        yield served.base_url


both = pytest.mark.parametrize("serve", [simulated, by_gateway])
Serve: TypeAlias = Callable[[Attentive], AbstractAsyncContextManager[str]]
Turns: TypeAlias = list[types.Content | types.ContentDict]


def talked(
    serve: Serve,
    engine: Attentive,
    talk: Callable[[Line], Coroutine[Any, Any, None]],
    model: str = "gemini-3.8-live",
    **config: JSON,
) -> Attentive:
    """Hold a conversation, and return the engine."""

    async def main() -> None:
        async with serve(engine) as base_url, connected(base_url, model, **config) as line:
            await talk(line)

    run(main())
    return engine


async def one_turn(line: Line) -> None:
    await line.write("Hello?")
    assert (await line.turn()).words == "Done."


def look_up(city: str, days: int = 1) -> str:
    """Look up a city."""
    return f"{city} {days}"


@both
def test_settings(serve: Serve) -> None:
    engine = talked(
        serve,
        Attentive(DONE),
        one_turn,
        system_instruction="Be brief.",
        temperature=0.5,
        max_output_tokens=99,
        speech_config={"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}},
        input_audio_transcription={"language_codes": ["de-DE"]},
        tools=[look_up],
        realtime_input_config={
            "automatic_activity_detection": {"silence_duration_ms": 700, "prefix_padding_ms": 100},
            "activity_handling": "NO_INTERRUPTION",
        },
    )
    (config,) = engine.opened
    assert (config.instructions, config.temperature, config.max_output_tokens) == ("Be brief.", 0.5, 99)
    assert (config.voice, config.language, config.transcription) == ("Puck", "de-DE", True)
    assert config.turns == TurnDetection(silence_ms=700, prefix_ms=100, interrupt_response=False)
    (tool,) = config.toolset
    assert (tool.spec.name, tool.spec.description) == ("look_up", "Look up a city.")
    assert tool.spec.parameters["properties"] == {
        "city": {"type": "string"},
        "days": {"type": "integer", "default": 1},
    }
    assert tool.spec.parameters["required"] == ["city"]
    # What is left unsaid of a tool means of the newest model that it blocks nothing.
    assert tool.policy == ("background" if serve is simulated else "blocking")


@both
def test_a_history_comes_first_and_is_not_answered(serve: Serve) -> None:
    history: Turns = [
        said("Who are you?"),
        said("A voice.", "model"),
        said("Whose?"),
        said("Yours.", "model"),
    ]

    async def talk(line: Line) -> None:
        await line.on.send_client_content(turns=history)
        await line.on.send_realtime_input(text="Go on.")
        assert (await line.turn()).words == "Done."

    engine = talked(serve, Attentive(DONE), talk, **SEEDED)
    assert engine.sent == [
        AddItem(Message("user", "Who are you?")),
        AddItem(Message("assistant", "A voice.")),
        AddItem(Message("user", "Whose?")),
        AddItem(Message("assistant", "Yours.")),
        AddItem(Message("user", "Go on.")),
        CreateResponse(),
    ]


@both
def test_a_history_of_calls_and_their_results(serve: Serve) -> None:
    called = types.Part.from_function_call(name="look_up", args={"city": "Bonn"})
    result = types.Part.from_function_response(name="look_up", response={"output": "A city."})
    history: Turns = [
        said("Look it up."),
        types.Content(role="model", parts=[called]),
        types.Content(role="user", parts=[result]),
    ]

    async def talk(line: Line) -> None:
        await line.on.send_client_content(turns=history)
        await line.on.send_realtime_input(text=" ")
        await line.turn()

    engine = talked(serve, Attentive(DONE), talk, **SEEDED)
    assert engine.sent == [
        AddItem(Message("user", "Look it up.")),
        AddItem(Call("look_up", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')),
        AddItem(ToolResult("look_up", "A city.")),
        CreateResponse(),
    ]


@both
def test_what_is_said_beforehand_is_answered_when_it_is_asked_for(serve: Serve) -> None:
    async def talk(line: Line) -> None:
        await line.on.send_client_content(turns=said("One."), turn_complete=False)
        await line.on.send_client_content(turns=[said("Two."), said("Three.")], turn_complete=False)
        await line.on.send_client_content(turn_complete=True)
        assert (await line.turn()).words == "Done."

    engine = talked(serve, Attentive(DONE), talk)
    spoken = [AddItem(Message("user", each)) for each in ("One.", "Two.", "Three.")]
    assert engine.sent == [*spoken, CreateResponse()]


@both
def test_pictures(serve: Serve) -> None:
    async def talk(line: Line) -> None:
        await line.on.send_realtime_input(video=JPEG)
        content = types.Content(
            role="user", parts=[types.Part(inline_data=JPEG), types.Part(text="What is it?")]
        )
        await line.on.send_client_content(turns=content)
        await line.turn()

    engine = talked(serve, Attentive(DONE), talk)
    seen = AppendImage(PICTURE, "image/jpeg")
    assert engine.sent == [seen, seen, AddItem(Message("user", "What is it?")), CreateResponse()]


@pytest.mark.parametrize(("serve", "vertex"), [(by_gateway, False), (simulated, True)])
def test_other_instructions_and_tools_in_the_middle_of_it(serve: Serve, vertex: bool) -> None:
    async def talk(line: Line) -> None:
        await line.on.send_context_update(system_instruction="Be long.")
        await line.on.send_context_update(tools=[look_up])
        await line.on.send_context_update(tools=[])
        await one_turn(line)

    engine = talked(serve, Attentive(DONE), talk, vertex=vertex)
    instructs, declares, clears = engine.sent[:3]
    assert (instructs, clears) == (UpdateSession(instructions="Be long."), UpdateSession(tools=()))
    assert isinstance(declares, UpdateSession)
    assert isinstance(declares.tools, tuple)
    assert [each.name for each in declares.tools] == ["look_up"]


def test_on_vertex_instructions_may_change_between_turns() -> None:
    async def talk(line: Line) -> None:
        await line.on.send_client_content(turns=said("Be long.", "system"), turn_complete=False)
        await one_turn(line)

    engine = talked(simulated, Attentive(DONE), talk, "gemini-live-2.5-flash", vertex=True)
    assert engine.sent[0] == UpdateSession(instructions="Be long.")


def test_the_result_of_a_function_and_whether_it_failed() -> None:
    responses: list[dict[str, JSON]] = [
        {"output": "A city."},
        {"error": "No such city."},
        {"people": 300_000},
    ]

    async def talk(line: Line) -> None:
        for each in responses:
            await line.write("Look it up.")
            (call,) = await line.calls()
            response = types.FunctionResponse(id=call.id, name=call.name, response=each)
            await line.on.send_tool_response(function_responses=response)
            while "generation_complete" not in (await line.turn()).members:
                pass

    calls = [Call(str(number), "look_up", {"city": "Bonn"}) for number in range(3)]
    script = [reply for each in calls for reply in (Reply(calls=(each,)), DONE)]
    engine = talked(simulated, Attentive(*script), talk, tools=[look_up])
    results = [each for each in engine.sent if isinstance(each, SendToolResult)]
    assert [(each.call_id, each.output, each.is_error) for each in results] == [
        ("0", "A city.", False),
        ("1", "No such city.", True),
        ("2", '{"people":300000}', False),
    ]


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_audio_at_any_rate(rate: int) -> None:
    async def talk(line: Line) -> None:
        loud = b"\x00\x40\x00\xc0" * (rate // 2) + bytes(rate)  # a second, and half of one in silence
        for start in range(0, len(loud), rate // 5):
            chunk = types.Blob(data=loud[start : start + rate // 5], mime_type=f"audio/pcm;rate={rate}")
            await line.on.send_realtime_input(audio=chunk)
        await line.turn()

    engine = talked(simulated, Attentive(DONE), talk)
    assert engine.heard_s == pytest.approx(1.5, abs=0.01)
