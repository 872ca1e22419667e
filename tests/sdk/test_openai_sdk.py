"""The stock client of OpenAI's SDK talks with our simulator and our gateway as with the service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosed

from s2s.items import JSON, Call
from s2s.providers.script import Reply
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Fault, Temper
from tests.support.sdk import Line
from tests.support.websockets import run
from tests.support.witnessed import BOTH, SIMULATOR, Witnessed

T = TypeVar("T")
QUESTION = "What is twelve times seven?"
PRODUCT = Reply(says="It is 84.", hears=QUESTION)
STORY = Reply(says="word " * 60)
LOOK_UP: dict[str, JSON] = {
    "type": "function",
    "name": "look_up",
    "description": "Look up a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = Reply(calls=(Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'),))
TRANSCRIBED = {"input": {"transcription": {"model": "gpt-live-transcribe"}}}


@asynccontextmanager
async def connected(base_url: str, *, within_s: float = 10.0, key: str = "sk-test") -> AsyncIterator[Line]:
    """Connect as its documentation says, and read the session's first word."""
    async with (
        AsyncOpenAI(api_key=key, base_url=base_url) as client,
        client.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        yield Line(connection, within_s=within_s)


def talked(
    who: Witnessed, script: Sequence[Reply], talk: Callable[[Line], Coroutine[Any, Any, None]]
) -> Line:
    """Hold a conversation, and return what came."""

    async def main() -> Line:
        async with who.serve(script) as served, connected(served.base_url, within_s=who.within_s) as line:
            await line.until("session.created")
            await talk(line)
        return line

    return run(main(), 50.0)


async def configure(line: Line, **session: JSON) -> Any:  # noqa: ANN401
    await line.on.session.update(session={"type": "realtime", **session})  # type: ignore[arg-type]
    return await line.until("session.updated")


# With the simulator, and with the local engine for real.


@pytest.mark.parametrize("who", BOTH)
def test_a_text_turn_is_answered(who: Witnessed) -> None:
    async def talk(line: Line) -> None:
        await configure(line, output_modalities=["text"])
        await line.write(QUESTION)
        await line.on.response.create()
        done = await line.until("response.done")
        assert done.response.status == "completed"
        assert [each.type for each in done.response.output] == ["message"]

    line = talked(who, [PRODUCT], talk)
    assert "84" in line.words or "eighty-four" in line.words
    assert line.audio == b""


@pytest.mark.parametrize("who", BOTH)
def test_a_spoken_question_is_transcribed_and_answered_aloud(who: Witnessed) -> None:
    question = who.speaks(QUESTION)

    async def talk(line: Line) -> None:
        await configure(line, audio=TRANSCRIBED)
        await line.speak(question)
        done = await line.until("response.done")
        assert done.response.status == "completed"
        heard = "conversation.item.input_audio_transcription.completed"
        if not line.all(heard):
            await line.until(heard)
        (whole,) = line.all(heard)
        (began,) = line.all("input_audio_buffer.speech_started")
        assert whole.item_id == began.item_id
        assert "times" in whole.transcript.lower()

    line = talked(who, [PRODUCT], talk)
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_item.done",
        "response.done",
    ]
    assert [each for each in dict.fromkeys(line.kinds) if each in order] == order
    assert who.says(line.audio, "it is 84" if who is SIMULATOR else "84")


@pytest.mark.parametrize("who", BOTH)
def test_a_function_is_called_and_its_result_is_told(who: Witnessed) -> None:
    async def talk(line: Line) -> None:
        await configure(line, tools=[LOOK_UP], tool_choice="auto", output_modalities=["text"])
        await line.write("Look up Bonn.")
        await line.on.response.create()
        done = await line.until("response.done")
        (call,) = [each for each in done.response.output if each.type == "function_call"]
        assert (call.name, json.loads(call.arguments), call.status) == (
            "look_up",
            {"city": "Bonn"},
            "completed",
        )
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "A city on the Rhine."}
        await line.on.conversation.item.create(item=output)  # type: ignore[arg-type]
        await line.until("conversation.item.done")
        await line.on.response.create()
        await line.until("response.done")

    line = talked(who, [CALL, Reply(says="A city on the Rhine.")], talk)
    assert "Rhine" in line.words


@pytest.mark.parametrize("who", BOTH)
def test_speech_over_an_answer_ends_it_and_what_was_heard_can_be_told(who: Witnessed) -> None:
    question = who.speaks(QUESTION)

    async def talk(line: Line) -> None:
        await line.write("Tell me a story.")
        await line.on.response.create()
        await line.until("response.output_audio.delta", lambda _: len(line.audio) > 500 * 48)
        item_id = line.events[-1].item_id
        await line.speak(question)
        await line.until("input_audio_buffer.speech_started")
        at = len(line.events)
        done = await line.until("response.done")
        details = done.response.status_details
        assert (done.response.status, details.reason) == ("cancelled", "turn_detected")
        assert "response.output_audio.done" in line.kinds[at:]
        await line.on.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=400)
        cut = await line.until("conversation.item.truncated")
        assert (cut.item_id, cut.audio_end_ms) == (item_id, 400)
        await line.on.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=9_999, event_id="too_far"
        )
        error = (await line.until("error")).error
        assert (error.code, error.event_id) == ("invalid_value", "too_far")
        assert "Audio content of 400ms is already shorter than 9999ms" in error.message
        ends = line.all("response.done")
        again = ends[1] if len(ends) > 1 else await line.until("response.done")
        assert again.response.status == "completed"

    line = talked(who, [STORY, PRODUCT], talk)
    assert "84" in line.words or "eighty-four" in line.words


@pytest.mark.parametrize("who", BOTH)
def test_a_cancelled_answer_ends_and_the_next_one_comes(who: Witnessed) -> None:
    async def talk(line: Line) -> None:
        await line.write("Tell me a story.")
        await line.on.response.create()
        created = await line.until("response.created")
        await line.until("response.output_audio.delta")
        await line.on.response.cancel(response_id=created.response.id)
        done = await line.until("response.done")
        details = done.response.status_details
        assert (done.response.status, details.reason) == ("cancelled", "client_cancelled")
        assert done.response.output[0].status == "incomplete"
        await line.on.response.cancel()
        assert (await line.until("error")).error.code == "response_cancel_not_active"
        await line.write(QUESTION)
        await line.on.response.create()
        assert (await line.until("response.done")).response.status == "completed"

    line = talked(who, [STORY, PRODUCT], talk)
    assert "84" in line.words or "eighty-four" in line.words


@pytest.mark.parametrize("who", BOTH)
def test_a_client_may_take_the_turns_itself(who: Witnessed) -> None:
    question = who.speaks(QUESTION)

    async def talk(line: Line) -> None:
        await configure(line, audio={"input": {"turn_detection": None}})
        await line.speak(question)
        await line.on.input_audio_buffer.clear()
        await line.until("input_audio_buffer.cleared")
        await line.on.input_audio_buffer.commit()
        assert (await line.until("error")).error.code == "input_audio_buffer_commit_empty"
        await line.speak(question)
        await line.on.input_audio_buffer.commit()
        committed = await line.until("input_audio_buffer.committed")
        item = (await line.until("conversation.item.done")).item
        assert (item.id, item.role, item.content[0].type) == (committed.item_id, "user", "input_audio")
        await line.on.response.create()
        await line.until("response.done")
        assert len(line.all("input_audio_buffer.committed")) == 1

    line = talked(who, [PRODUCT], talk)
    assert not [each for each in line.kinds if each.startswith("input_audio_buffer.speech")]
    assert "84" in line.words or "eighty-four" in line.words


# What the protocol has besides.


def test_items_are_placed_retrieved_and_deleted() -> None:
    async def talk(line: Line) -> None:
        await line.write("One")
        first = line.events[-1].item.id
        part = {"type": "input_text", "text": "Zero"}
        item = {"id": "mine", "type": "message", "role": "system", "content": [part]}
        await line.on.conversation.item.create(item=item, previous_item_id="root")  # type: ignore[arg-type]
        assert (await line.until("conversation.item.added")).previous_item_id is None
        await line.on.conversation.item.retrieve(item_id="mine")
        assert (await line.until("conversation.item.retrieved")).item.content[0].text == "Zero"
        await line.on.conversation.item.delete(item_id="mine")
        assert (await line.until("conversation.item.deleted")).item_id == "mine"
        await line.on.conversation.item.retrieve(item_id="mine", event_id="again")
        error = (await line.until("error")).error
        assert (error.code, error.event_id) == ("item_retrieve_invalid_item_id", "again")
        await line.on.conversation.item.retrieve(item_id=first)
        await line.until("conversation.item.retrieved")

    talked(SIMULATOR, [], talk)


def test_settings_are_merged_or_refused_as_a_whole() -> None:
    async def talk(line: Line) -> None:
        updated = await configure(line, instructions="Be brief.", audio=TRANSCRIBED)
        assert updated.session.audio.input.turn_detection.type == "server_vad"
        bad: Any = {"type": "realtime", "instructions": "Be long.", "temperature": 0.8}
        await line.on.session.update(session=bad, event_id="bad")
        error = (await line.until("error")).error
        assert (error.code, error.param, error.event_id) == (
            "unknown_parameter",
            "session.temperature",
            "bad",
        )
        assert (await configure(line)).session.instructions == "Be brief."
        await line.write("Hi.")
        await line.on.response.create()
        await line.until("response.done")
        voice: Any = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
        await line.on.session.update(session=voice)
        assert (await line.until("error")).error.code == "cannot_update_voice"

    talked(SIMULATOR, [], talk)


def test_an_answer_beside_the_conversation_is_known_by_its_metadata() -> None:
    async def talk(line: Line) -> None:
        await line.write("Tell me a story.")
        await line.on.response.create()
        await line.until("response.output_audio.delta")
        await line.on.response.create(
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"topic": "mood"},
                "input": [],
                "instructions": "How do they feel?",
            }
        )
        created = await line.until("response.created")
        assert created.response.metadata == {"topic": "mood"}
        assert created.response.conversation_id is None
        done = await line.until("response.done")
        assert (done.response.id, done.response.metadata) == (created.response.id, {"topic": "mood"})
        assert done.response.output[0].content[0].text == "Fine, it seems."
        whole = await line.until("response.done")
        assert whole.response.conversation_id is not None
        assert whole.response.metadata is None

    talked(SIMULATOR, [Reply(says="word " * 21), Reply(says="Fine, it seems.")], talk)


def test_there_is_one_answer_at_a_time() -> None:
    async def talk(line: Line) -> None:
        await line.on.response.create()
        await line.on.response.create(event_id="too_soon")
        error = (await line.until("error")).error
        assert (error.code, error.event_id) == ("conversation_already_has_active_response", "too_soon")
        if not line.all("response.done"):
            await line.until("response.done")

    talked(SIMULATOR, [PRODUCT], talk)


def test_what_an_answer_cost_and_what_is_left_comes_after_it() -> None:
    async def talk(line: Line) -> None:
        await line.write("Hi.")
        await line.on.response.create()
        usage = (await line.until("response.done")).response.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0
        (limit,) = (await line.until("rate_limits.updated")).rate_limits
        assert limit.name == "tokens"
        assert limit.remaining == limit.limit - usage.total_tokens

    talked(SIMULATOR, [PRODUCT], talk)


def test_a_telephone_hears_and_speaks_its_own_format() -> None:
    async def talk(line: Line) -> None:
        telephone = {"format": {"type": "audio/pcmu"}}
        updated = await configure(line, audio={"input": telephone, "output": telephone})
        assert updated.session.audio.output.format.type == "audio/pcmu"
        await line.write("Hi.")
        await line.on.response.create()
        await line.until("response.done")

    line = talked(SIMULATOR, [PRODUCT], talk)
    assert len(line.audio) == pytest.approx(3 * 200 * 8, abs=40)


@pytest.mark.parametrize(
    ("temper", "code", "close"),
    [
        (Temper(keys=("sk-right",)), "invalid_api_key", 3000),
        (Temper(models=("gpt-realtime-1.5",)), "invalid_model", 4000),
    ],
    ids=["a key that is wrong", "a model that is not there"],
)
def test_a_client_that_is_not_served_hears_why_and_is_hung_up_on(
    temper: Temper, code: str, close: int
) -> None:
    async def main() -> None:
        async with OpenAISimulator(temper=temper) as served, connected(served.base_url) as line:
            assert (await line.until("error")).error.code == code
            with pytest.raises(ConnectionClosed) as ended:
                await line.until("session.created")
            assert ended.value.rcvd is not None
            assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (
                close,
                f"invalid_request_error.{code}",
            )

    run(main())


def test_the_end_of_the_hour_looks_to_the_sdk_as_the_service_makes_it_look() -> None:
    async def main() -> None:
        async with (
            OpenAISimulator(temper=Temper(session_s=0.3)) as served,
            connected(served.base_url) as line,
        ):
            events = [event.type async for event in line.on]
            assert events == ["session.created"]

    run(main())


def test_with_a_say_in_reconnecting_the_sdk_comes_back_to_us() -> None:
    fault = Fault(does="close", said="session.updated", code=1011, reason="oops")

    async def main() -> None:
        async with (
            OpenAISimulator(temper=Temper(faults=(fault,))) as served,
            AsyncOpenAI(api_key="k", base_url=served.base_url) as client,
            client.realtime.connect(
                model="m", on_reconnecting=lambda _: None, initial_delay=0.01
            ) as connection,
        ):
            await connection.session.update(session={"type": "realtime"})
            seen = []
            async for event in connection:
                seen.append(event.type)
                if len(seen) == 2:
                    break
            assert seen == ["session.created", "session.created"]

    run(main())
