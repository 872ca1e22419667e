"""The stock SDK of one provider talks over real sockets to the service of another, through the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")
pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from google.genai import types
from openai import AsyncOpenAI
from tests.support import genai, sdk
from tests.support.chain import TappedScript
from tests.support.websockets import run

from s2s.commands import SendToolResult
from s2s.config import Config
from s2s.engine import Engine
from s2s.events import Interrupted, ResponseDone, Tokens, ToolCall, TurnEnd, Usage
from s2s.gateway import Doors, Gateway
from s2s.items import JSON, Call, ToolResult
from s2s.providers.gemini import GeminiEngine
from s2s.providers.nova import NovaEngine
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import WORD_MS, Reply, tone
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import GeminiTemper, NovaTemper, Temper
from s2s.testing.talk import Talk
from s2s.tools import Tool

LOUD = tone("Hello") + tone("there")
LOOK_UP: dict[str, JSON] = {
    "name": "look_up",
    "description": "Look up a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
BONN = Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
GOOD_DAY = Reply(says="Good day.", hears="Hello there.", usage=Usage(Tokens(3), Tokens(4)))
STORY = Reply(says="Word word word. " * 20)
LOOKED_UP = (Reply(calls=(BONN,), hears="Look up Bonn."), Reply(says="It is a city."))
PACE = 4.0


class Served:
    """The gateway, and what was asked of the service behind it."""

    def __init__(self, gateway: Gateway, script: TappedScript) -> None:
        self.gateway = gateway
        self.script = script

    @property
    def ends(self) -> list[str]:
        """How the responses of the service ended."""
        return [each.status for each in self.script.told if isinstance(each, ResponseDone)]


@asynccontextmanager
async def served(far: str, replies: Sequence[Reply], *, tls: bool) -> AsyncIterator[Served]:
    """Serve the engine of a provider, which talks to the provider that lives on this machine."""
    script = TappedScript(Config(extra={"script": list(replies), "pace": PACE}))
    extra: dict[str, JSON] = {"api_key": "key"}
    async with AsyncExitStack() as stack:
        engine: Engine
        if far == "gemini":
            gemini = GeminiSimulator(engine=script, temper=GeminiTemper(pace=PACE))
            await stack.enter_async_context(gemini)
            engine = GeminiEngine(Config(extra={**extra, "base_url": gemini.base_url}))
        elif far == "nova":
            nova = NovaSimulator(engine=script, temper=NovaTemper(pace=PACE))
            await stack.enter_async_context(nova)
            engine = NovaEngine(Config(extra={"base_url": nova.base_url}))
        else:
            openai = OpenAISimulator(engine=script, temper=Temper(pace=PACE))
            await stack.enter_async_context(openai)
            engine = OpenAIEngine(Config(extra={**extra, "base_url": openai.base_url}))
        doors = Doors(tls=genai.SECRET if tls else None)
        gateway = await stack.enter_async_context(Gateway(engine, doors))
        yield Served(gateway, script)
    assert gateway.failures == []


@asynccontextmanager
async def openai_over(far: str, *replies: Reply, **session: JSON) -> AsyncIterator[tuple[sdk.Line, Served]]:
    """Talk with the stock SDK of OpenAI."""
    async with (
        served(far, replies, tls=False) as there,
        AsyncOpenAI(api_key="sk-test", base_url=there.gateway.base_url) as client,
        client.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        line = sdk.Line(connection)
        await line.until("session.created")
        if session:
            await connection.session.update(session={"type": "realtime", **session})  # type: ignore[arg-type]
            await line.until("session.updated")
        yield line, there


@asynccontextmanager
async def genai_over(far: str, *replies: Reply, **config: JSON) -> AsyncIterator[tuple[genai.Line, Served]]:
    """Talk with the stock SDK of Google."""
    async with (
        served(far, replies, tls=True) as there,
        genai.connected(there.gateway.gemini_base_url, **config) as line,
    ):
        yield line, there


CUT = {
    "gemini": ("cancelled", "turn_detected"),
    # Its audio ends as any does before it says that it was cut off: what was generated is complete.
    "nova": ("completed", None),
    "openai": ("cancelled", "turn_detected"),
}
VOICES = {"gemini": "Puck", "nova": "matthew", "openai": None}
"""Who speaks for a client that wants a voice of Gemini; to Nova Sonic somebody must be named."""
FAR = pytest.mark.parametrize("far", ["gemini", "nova", "openai"])
TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "gpt-live-transcribe"}}}}


# OpenAI's own SDK.


@FAR
def test_openais_sdk_hears_an_answer_in_words_and_in_sound(far: str) -> None:
    async def main() -> None:
        async with openai_over(far, GOOD_DAY) as (line, _):
            await line.write("Hello there.")
            await line.on.response.create()
            done = (await line.until("response.done")).response
            assert (done.status, done.usage.input_tokens, done.usage.output_tokens) == ("completed", 3, 4)
            assert (line.words, len(line.audio)) == ("Good day.", 2 * WORD_MS * 48)

    run(main(), 30.0)


@FAR
def test_openais_sdk_is_transcribed_and_stops_an_answer_by_speaking(far: str) -> None:
    async def main() -> None:
        async with openai_over(far, STORY, GOOD_DAY, **TRANSCRIBED) as (line, there):
            await line.write("Tell me a story.")
            await line.on.response.create()
            await line.until("response.output_audio.delta")
            await line.speak(LOUD)
            await line.until("input_audio_buffer.speech_started")
            cut = (await line.until("response.done")).response
            assert (cut.status, cut.status_details and cut.status_details.reason) == CUT[far]
            heard = "conversation.item.input_audio_transcription.completed"
            done = (await line.until("response.done")).response
            assert done.status == "completed"
            assert [each.transcript for each in line.all(heard)] == ["Hello there."]
            assert there.ends == ["interrupted", "completed"]

    run(main(), 30.0)


@FAR
def test_a_function_of_openais_sdk_is_called_by_the_other_service(far: str) -> None:
    async def main() -> None:
        tools = [{"type": "function", **LOOK_UP}]
        async with openai_over(far, *LOOKED_UP, tools=tools, **TRANSCRIBED) as (line, there):
            await line.speak(LOUD)
            call = (await line.until("response.done")).response.output[0]
            assert (call.name, call.arguments) == ("look_up", '{"city":"Bonn"}')
            result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Bridges."}
            await line.on.conversation.item.create(item=result)
            await line.on.response.create()
            await line.until("response.done")
            assert line.words == "It is a city."
            heard = "conversation.item.input_audio_transcription.completed"
            assert [each.transcript for each in line.all(heard)] == ["Look up Bonn."]
            (told,) = [each for each in there.script.asked if isinstance(each, SendToolResult)]
            assert told.output == "Bridges."

    run(main(), 30.0)


def test_openais_sdk_may_cancel_and_truncate_and_gemini_talks_on_unheard() -> None:
    async def main() -> None:
        async with openai_over("gemini", STORY, GOOD_DAY) as (line, there):
            await line.write("Tell me a story.")
            await line.on.response.create()
            delta = await line.until("response.output_audio.delta")
            await line.on.response.cancel()
            await line.on.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=20)
            await line.until("conversation.item.truncated")
            assert (await line.until("response.done")).response.status == "cancelled"
            assert there.ends == []
            await line.write("Hello there.")
            await line.on.response.create()
            assert (await line.until("response.done")).response.status == "completed"
            assert line.words.endswith("Good day.")
            assert there.ends == ["interrupted", "completed"]

    run(main(), 30.0)


# Google's own SDK.


@FAR
def test_googles_sdk_hears_an_answer_in_words_and_in_sound(far: str) -> None:
    async def main() -> None:
        async with genai_over(far, GOOD_DAY) as (line, _):
            await line.write("Hello there.")
            turn = await line.turn()
            assert (turn.words, len(turn.audio)) == ("Good day.", 2 * WORD_MS * 48)
            assert (turn.usage.prompt_token_count, turn.usage.response_token_count) == (3, 4)

    run(main(), 30.0)


@FAR
def test_googles_sdk_is_transcribed_and_stops_an_answer_by_speaking(far: str) -> None:
    async def main() -> None:
        voice = {"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}}
        async with genai_over(far, STORY, GOOD_DAY, speech_config=voice) as (line, there):
            await line.write("Tell me a story.")
            await line.until("model_turn", lambda _: len(line.turns[-1].audio) > 500 * 48)
            await line.speak(genai.speech("Hello there."))
            assert "interrupted" in (await line.turn()).members
            turn = await line.turn()
            assert (turn.words, turn.heard.strip()) == ("Good day.", "Hello there.")
            assert there.ends == ["interrupted", "completed"]
            assert there.script.configs[0].voice == VOICES[far]

    run(main(), 30.0)


@FAR
def test_a_function_of_googles_sdk_is_called_by_the_other_service(far: str) -> None:
    async def main() -> None:
        tools = [types.Tool(function_declarations=[types.FunctionDeclaration(**LOOK_UP)])]
        async with genai_over(far, *LOOKED_UP, tools=tools) as (line, there):
            await line.speak(genai.speech("Look up Bonn."))
            (call,) = await line.calls()
            assert (call.name, call.args) == ("look_up", {"city": "Bonn"})
            await line.answer(call, "Bridges.")
            await line.until("generation_complete", lambda _: line.turns[-1].audio)
            assert (await line.turn()).words == "It is a city."
            assert "".join(each.heard for each in line.turns).strip() == "Look up Bonn."
            (told,) = [each for each in there.script.asked if isinstance(each, SendToolResult)]
            assert told.output == "Bridges."

    run(main(), 30.0)


def test_a_call_that_googles_sdk_has_not_answered_is_taken_back_when_the_user_speaks() -> None:
    async def main() -> None:
        tools = [types.Tool(function_declarations=[types.FunctionDeclaration(**LOOK_UP)])]
        async with genai_over("openai", Reply(calls=(BONN,)), GOOD_DAY, tools=tools) as (line, there):
            await line.write("Look up Bonn.")
            await line.calls()
            await line.speak(genai.speech("Hello there."))
            cancelled = (await line.until("tool_call_cancellation")).tool_call_cancellation
            assert cancelled is not None
            assert cancelled.ids == ["call-1"]
            await line.until("generation_complete", lambda _: line.turns[-1].audio)
            (told,) = [each for each in there.script.asked if isinstance(each, SendToolResult)]
            assert "interrupted" in told.output

    run(main(), 30.0)


# Our own engines.


@FAR
@pytest.mark.parametrize("near", ["gemini", "openai"])
def test_our_own_engines_hold_the_whole_conversation(near: str, far: str) -> None:
    async def main() -> None:
        async with served(far, [*LOOKED_UP, STORY, GOOD_DAY], tls=False) as there:
            kind, base_url = {
                "gemini": (GeminiEngine, there.gateway.gemini_base_url),
                "openai": (OpenAIEngine, there.gateway.base_url),
            }[near]
            tools = [Tool(**LOOK_UP)]
            engine = kind(Config(tools=tools, extra={"api_key": "key", "base_url": base_url}))
            async with engine.start() as session:
                talk = Talk(session, within_s=10.0)
                await session.send_text("Look up Bonn.")
                call = (await talk.until(ToolCall)).call
                await session.send_tool_result(ToolResult(call.id, "Bridges."))
                assert (await talk.until(TurnEnd)).agent_text == "It is a city."
                await session.send_text("Tell me a story.")
                await talk.listen(0.3)
                spoken = LOUD + bytes(48_000)
                for start in range(0, len(spoken), 960):
                    await session.send_audio(spoken[start : start + 960])
                assert (await talk.until(Interrupted)).cause == "user_speech"
                assert (await talk.until(TurnEnd)).status == "interrupted"
                turn = await talk.until(TurnEnd)
                assert (turn.user_text, turn.agent_text) == ("Hello there.", "Good day.")
                assert talk.errors == []
            assert there.ends == ["completed", "completed", "interrupted", "completed"]

    run(main(), 30.0)
