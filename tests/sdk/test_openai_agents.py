"""Stock openai-agents talks with our simulator and our gateway as with the service, and has no complaints."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

pytest.importorskip("agents", reason="the SDKs are in the dependency group `sdk`")

import msgspec
from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.realtime.config import RealtimeSessionModelSettings
from agents.realtime.model_inputs import RealtimeModelSendInterrupt
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

from s2s.items import Call
from s2s.providers.script import Reply
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Temper
from tests.support.sdk import told_objections
from tests.support.websockets import run
from tests.support.witnessed import BOTH, SIMULATOR, Served, Witnessed, eventually

QUESTION = "What is twelve times seven?"
PRODUCT = Reply(says="It is 84.", hears=QUESTION)
STORY = Reply(says="word " * 60)
CALL = Reply(calls=(Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'),))


@pytest.fixture(autouse=True)
def _silent(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Send no traces anywhere, and let nothing be logged that is worth a warning."""
    set_tracing_disabled(True)
    yield
    told = [each for each in caplog.get_records("call") if each.levelno >= logging.WARNING]
    assert [each.getMessage() for each in told] == []


class Talk:
    """A session of the SDK, and all that it told."""

    def __init__(self, session: RealtimeSession, within_s: float) -> None:
        self.session = session
        self.events: list[Any] = []
        self._within_s = within_s

    async def listen(self) -> None:
        """Hear the session to its end; what came from us must be what the SDK's types say."""
        async for event in self.session:
            self.events.append(event)

    async def until(self, kind: str, count: int = 1) -> Any:  # noqa: ANN401
        """Wait for so many of these: events of the SDK, or messages of ours."""
        await eventually(
            lambda: len(self.all(kind)) >= count or self.wrong,
            f"{kind} ({count}) after {[each.type for each in self.events]} {[e['type'] for e in self.raw]}",
            self._within_s,
        )
        assert self.wrong == []
        return self.all(kind)[count - 1]

    def all(self, kind: str) -> list[Any]:
        """Return what came of this kind."""
        told = [each for each in self.events if each.type == kind]
        return told or [each for each in self.raw if each["type"] == kind]

    @property
    def raw(self) -> list[dict[str, Any]]:
        """The messages that came."""
        models = [each.data for each in self.events if each.type == "raw_model_event"]
        return [each.data for each in models if each.type == "raw_server_event"]

    @property
    def wrong(self) -> list[Any]:
        """Errors, whoever tells them."""
        models = [each.data for each in self.events if each.type == "raw_model_event"]
        raised = [each for each in models if each.type in ("error", "exception")]
        return [*(each for each in self.events if each.type == "error"), *raised]

    @property
    def audio(self) -> bytes:
        """All audio that came."""
        return b"".join(each.audio.data for each in self.events if each.type == "audio")

    @property
    def history(self) -> list[tuple[str, str]]:
        """Who said what, as the SDK has it."""
        messages = [each for each in self.session._history if each.type == "message"]
        return [(str(each.role), " ".join(map(_words, each.content))) for each in messages]


def _words(part: object) -> str:
    return getattr(part, "text", None) or getattr(part, "transcript", None) or ""


def talked(
    who: Witnessed,
    script: Sequence[Reply],
    talk: Callable[[Talk], Coroutine[Any, Any, None]],
    tools: Sequence[Any] = (),
    **settings: Any,  # noqa: ANN401
) -> Talk:
    """Hold a conversation and return it; there were no errors in it."""
    agent = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=list(tools))
    chosen: RealtimeSessionModelSettings = {"model_name": "gpt-realtime-2.1", **settings}  # type: ignore[typeddict-item]

    async def main() -> Talk:
        async with who.serve(script) as served:
            session = await RealtimeRunner(agent).run(
                model_config={
                    "url": f"{served.url}?model=gpt-realtime-2.1",
                    "api_key": "sk-test",
                    "initial_model_settings": chosen,
                }
            )
            async with session:
                talking = Talk(session, who.within_s)
                listening = asyncio.create_task(talking.listen())
                await talking.until("session.updated", 2)
                await talk(talking)
                listening.cancel()
                await asyncio.wait([listening])
        return talking

    talking = run(main(), 50.0)
    assert talking.wrong == []
    for message in talking.raw:
        assert told_objections(msgspec.json.encode(message)) == []
    return talking


async def speak(talk: Talk, pcm: bytes) -> None:
    spoken = pcm + bytes(48_000)
    for start in range(0, len(spoken), 4800):
        await talk.session.send_audio(spoken[start : start + 4800])


@pytest.mark.parametrize("who", BOTH)
def test_a_text_turn_is_answered(who: Witnessed) -> None:
    async def talk(talk: Talk) -> None:
        await talk.session.send_message(QUESTION)
        await talk.until("response.done")
        await eventually(lambda: len(talk.history) == 2, "history")

    talked_ = talked(who, [PRODUCT], talk, modalities=["text"])
    (asked, answered) = talked_.history
    assert asked == ("user", QUESTION)
    assert answered[0] == "assistant"
    assert "84" in answered[1] or "eighty-four" in answered[1]
    assert talked_.audio == b""


@pytest.mark.parametrize("who", BOTH)
def test_a_spoken_question_is_transcribed_and_answered_aloud(who: Witnessed) -> None:
    question = who.speaks(QUESTION)

    async def talk(talk: Talk) -> None:
        await speak(talk, question)
        await talk.until("response.done")
        await talk.until("conversation.item.input_audio_transcription.completed")
        await talk.until("audio_end")

    talked_ = talked(who, [PRODUCT], talk)
    (asked, answered) = talked_.history
    assert "times" in asked[1].lower()
    assert "84" in answered[1] or "eighty-four" in answered[1]
    assert who.says(talked_.audio, "it is 84" if who is SIMULATOR else "84")


@pytest.mark.parametrize("who", BOTH)
def test_a_function_really_runs_and_its_result_is_told(who: Witnessed) -> None:
    asked: list[str] = []

    @function_tool
    def look_up(city: str) -> str:
        """Look up a city."""
        asked.append(city)
        return "A city on the Rhine."

    async def talk(talk: Talk) -> None:
        await talk.session.send_message("Look up Bonn.")
        await talk.until("tool_end")
        await talk.until("response.done", 2)
        await talk.until("audio_end")

    talked_ = talked(who, [CALL, Reply(says="A city on the Rhine.")], talk, [look_up])
    assert asked == ["Bonn"]
    (end,) = talked_.all("tool_end")
    assert end.output == "A city on the Rhine."
    assert "Rhine" in talked_.history[-1][1]


@pytest.mark.parametrize("who", BOTH)
def test_speech_over_an_answer_interrupts_it_and_we_take_the_truncation(who: Witnessed) -> None:
    question = who.speaks(QUESTION)

    async def talk(talk: Talk) -> None:
        await talk.session.send_message("Tell me a story.")
        await eventually(lambda: len(talk.audio) > 500 * 48, "half a second of audio", who.within_s)
        await speak(talk, question)
        await talk.until("audio_interrupted")
        done = await talk.until("response.done")
        assert done["response"]["status"] == "cancelled"
        await talk.until("conversation.item.truncated")
        again = await talk.until("response.done", 2)
        assert again["response"]["status"] == "completed"

    talked_ = talked(who, [STORY, PRODUCT], talk)
    kinds = [each["type"] for each in talked_.raw]
    began = kinds.index("input_audio_buffer.speech_started")
    assert "response.output_audio.done" not in kinds[:began]
    assert "84" in talked_.history[-1][1] or "eighty-four" in talked_.history[-1][1]


@pytest.mark.parametrize("who", BOTH)
def test_a_cancelled_answer_ends_and_the_next_one_comes(who: Witnessed) -> None:
    async def talk(talk: Talk) -> None:
        await talk.session.send_message("Tell me a story.")
        await talk.until("audio", 3)
        await talk.session.model.send_event(RealtimeModelSendInterrupt(force_response_cancel=True))
        done = await talk.until("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        await talk.until("conversation.item.truncated")
        await talk.session.send_message(QUESTION)
        again = await talk.until("response.done", 2)
        assert again["response"]["status"] == "completed"

    talked_ = talked(who, [STORY, PRODUCT], talk)
    assert "84" in talked_.history[-1][1] or "eighty-four" in talked_.history[-1][1]


def test_without_detection_the_client_commits_and_stops_answers_itself() -> None:
    async def talk(talk: Talk) -> None:
        await talk.session.send_audio(bytes(48 * 500), commit=True)
        await talk.until("input_audio_buffer.committed")
        await talk.session.send_message("Tell me a story.")
        await talk.until("audio", 3)
        await talk.session.interrupt()
        done = await talk.until("response.done")
        assert done["response"]["status"] == "cancelled"

    talked(SIMULATOR, [STORY], talk, turn_detection=None)


@asynccontextmanager
async def slow(script: Sequence[Reply]) -> AsyncIterator[Served]:
    async with OpenAISimulator(script, temper=Temper(pace=0.5)) as served:
        yield served


@pytest.mark.parametrize("sound", ["pcm16", "g711_ulaw", "g711_alaw"])
def test_a_player_that_has_run_dry_may_truncate_where_the_audio_ends(sound: str) -> None:
    def dry(talk: Talk) -> bool:
        model = talk.session.model
        assert isinstance(model, OpenAIRealtimeWebSocketModel)
        return (model._get_playback_state()["elapsed_ms"] or 0) > 220

    async def talk(talk: Talk) -> None:
        await talk.session.send_message("Tell me a story.")
        await talk.until("audio", 2)
        await eventually(lambda: dry(talk), "silence of the player")
        await talk.session.interrupt()
        await talk.until("conversation.item.truncated")

    talked(replace(SIMULATOR, serve=slow), [STORY], talk, output_audio_format=sound)
