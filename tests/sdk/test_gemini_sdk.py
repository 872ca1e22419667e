"""The stock Python SDK of Google talks with every generation that we simulate, and with our gateway."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google.genai import types
from google.genai.types import VoiceActivityType
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed

from s2s.items import JSON, Call
from s2s.providers.script import WORD_MS, Reply
from s2s.simulators.temper import Fault
from tests.support.genai import Line, Turn, connected, refused, speech
from tests.support.generations import GENERATIONS, QUICK, Who, every, simulated, talked
from tests.support.websockets import run

NATIVE, FLASH, LIVE, THINKING, CASCADE = GENERATIONS.values()
QUESTION = "What is it?"
LOUD = speech(QUESTION) + bytes(32_000)
PRODUCT = Reply(says="84.", hears=QUESTION)
STORY = Reply(says="word " * 60)
BONN = Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
ROME = Call("call-2", "look_up", {"city": "Rome"}, '{"city":"Rome"}')
ANSWER = Reply(says="A city.")
BY_HAND = {"realtime_input_config": {"automatic_activity_detection": {"disabled": True}}}


def lasts(turn: Turn, words: int) -> bool:
    """Tell whether the audio is as long as so many tones."""
    return len(turn.audio) == words * WORD_MS * 48


def assert_answered(turn: Turn) -> None:
    assert turn.words == "84."
    assert lasts(turn, 1)
    ends = [each for each in turn.members if each in ("generation_complete", "turn_complete")]
    assert ends == ["generation_complete", "turn_complete"]
    assert "interrupted" not in turn.members


@every
def test_a_turn_in_writing_is_answered_aloud(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write(QUESTION)
        assert_answered(await line.turn())
        await line.on.send_realtime_input(text=QUESTION)
        assert_answered(await line.turn())
        assert [each.heard for each in line.turns] == ["", "", ""]

    talked(who, [PRODUCT, PRODUCT], talk)


@every
def test_a_spoken_turn_is_transcribed_and_answered(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.speak(speech(QUESTION))
        turn = await line.turn()
        assert_answered(turn)
        assert turn.heard.strip() == QUESTION
        told = [each for each in turn.members if each in ("input_transcription", "model_turn")]
        assert told[0] == "input_transcription"
        activities = [each.voice_activity for each in turn.messages if each.voice_activity]
        kinds = [each.voice_activity_type for each in activities]
        assert kinds == (
            [VoiceActivityType.ACTIVITY_START, VoiceActivityType.ACTIVITY_END]
            if who.profile.voice_activity
            else []
        )

    talked(who, [PRODUCT], talk)


@every
def test_a_function_is_called_and_its_result_is_told(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Look up Bonn.")
        (call,) = await line.calls()
        assert (call.name, call.args) == ("look_up", {"city": "Bonn"})
        await line.answer(call, "A city on the Rhine.")
        await line.until("generation_complete", lambda _: line.turns[-1].audio)
        assert (await line.turn()).words == "A city."

    talked(who, [Reply(calls=(BONN,)), ANSWER], talk, tools=[who.tool()])


@every
def test_functions_are_called_at_once_and_answered_in_any_order(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Look up Bonn and Rome.")
        bonn, rome = await line.calls()
        assert [bonn.args, rome.args] == [{"city": "Bonn"}, {"city": "Rome"}]
        await line.answer(rome, "On the Tiber.")
        await line.answer(bonn, "On the Rhine.")
        await line.until("generation_complete", lambda _: line.turns[-1].audio)
        assert (await line.turn()).words == "Two cities."

    talked(who, [Reply(calls=(BONN, ROME)), Reply(says="Two cities.")], talk, tools=[who.tool()])


@every
def test_speech_over_an_answer_ends_it_and_is_answered(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.write("Tell me a story.")
        await line.until("model_turn", lambda _: len(line.turns[-1].audio) > 500 * 48)
        await line.speak(speech(QUESTION))
        story = await line.turn()
        assert story.members.count("interrupted") == 1
        assert story.members[story.members.index("interrupted") :].count("model_turn") == 0
        assert "generation_complete" not in story.members
        assert_answered(await line.turn())

    talked(who, [STORY, PRODUCT], talk)


@every
def test_a_client_may_say_itself_when_the_user_speaks(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.speak(speech("Not for you"))
        await line.on.send_realtime_input(activity_start=types.ActivityStart())
        await line.speak(speech(QUESTION))
        await line.on.send_realtime_input(activity_end=types.ActivityEnd())
        turn = await line.turn()
        assert_answered(turn)
        assert turn.heard.strip() == QUESTION
        assert "voice_activity" not in turn.members
        await line.write("Tell me a story.")
        await line.until("model_turn", lambda _: len(line.turns[-1].audio) > 500 * 48)
        await line.on.send_realtime_input(activity_start=types.ActivityStart())
        assert "interrupted" in (await line.turn()).members
        await line.speak(speech(QUESTION))
        await line.on.send_realtime_input(activity_end=types.ActivityEnd())
        assert_answered(await line.turn())

    talked(who, [PRODUCT, STORY, PRODUCT], talk, **BY_HAND)


@every
def test_a_microphone_that_is_muted_ends_the_turn(who: Who) -> None:
    async def talk(line: Line) -> None:
        await line.speak(speech(QUESTION), silence_ms=0)
        await line.on.send_realtime_input(audio_stream_end=True)
        assert_answered(await line.turn())
        await line.speak(bytes(32_000))
        await line.on.send_realtime_input(audio_stream_end=True)
        await line.write("Look up Bonn.")
        assert (await line.turn()).words == "A city."

    talked(who, [PRODUCT, ANSWER], talk)


def test_it_would_be_noticed_if_the_sdk_left_something_out() -> None:
    async def main() -> None:
        moody = Fault(does="say", said="turnComplete", text='{"serverContent":{"mood":"good"}}')
        temper = replace(QUICK, faults=(moody,))
        async with simulated([PRODUCT], temper) as base_url, connected(base_url) as line:
            await line.write(QUESTION)
            with pytest.raises(AssertionError, match="mood"):
                await line.turn()

    run(main())


# What it is told when it is not served.

PROACTIVE = {"proactivity": {"proactive_audio": False}}
AFFECTIVE = {"enable_affective_dialog": True}
BAD_KEY = "API key not valid. Please pass a valid API key."
INVALID = "Request contains an invalid argument."
NO_LEVEL = "Thinking level is not supported for this model."
NEEDS_LEVEL = "Thinking level must be specified for this model."
NO_MINIMAL = "Thinking level MINIMAL is not supported for this model."
NO_BLOCKING = "BLOCKING function calls are not supported for this model."
NO_LIVE = "or is not supported for bidiGenerateContent."
NO_CODE = "Code Execution tool is not supported for this model."


def no_modality(wanted: str) -> str:
    return f"The requested combination of response modalities ({wanted}) is not supported by the model."


def unknown(name: str, place: str = "") -> str:
    where = f" at '{place}'" if place else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'


def level(name: str) -> dict[str, JSON]:
    return {"thinking_config": {"thinking_level": name}}


def test_a_wrong_key_is_named() -> None:
    async def main() -> None:
        temper = replace(QUICK, keys=("right",))
        async with simulated([PRODUCT], temper) as base_url:
            with refused(1007, BAD_KEY):
                await connected(base_url, key="wrong").__aenter__()
            async with connected(base_url, key="right") as line:
                await line.write(QUESTION)
                assert_answered(await line.turn())

    run(main())


@pytest.mark.parametrize(("version", "told"), [(None, "v1"), ("v1beta", "v1beta"), ("v1alpha", "v1alpha")])
def test_a_model_that_is_not_there_is_named(version: str | None, told: str) -> None:
    async def main() -> None:
        temper = replace(QUICK, models=("gemini-3.8-live",))
        reason = f"models/gemini-9 is not found for API version {told}, {NO_LIVE}"
        async with simulated([], temper) as base_url:
            with refused(1008, reason):
                await connected(base_url, "gemini-9", version=version).__aenter__()

    run(main())


@pytest.mark.parametrize(
    ("who", "config", "reason"),
    [
        (LIVE, {"response_modalities": ["TEXT"]}, no_modality("TEXT")),
        (LIVE, {"response_modalities": ["AUDIO", "TEXT"]}, no_modality("AUDIO, TEXT")),
        (LIVE, level("LOW"), NO_LEVEL),
        (NATIVE, level("LOW"), NO_LEVEL),
        (THINKING, {"thinking_config": {}}, NEEDS_LEVEL),
        (THINKING, level("MINIMAL"), NO_MINIMAL),
        (THINKING, {"tools": [LIVE.tool()]}, NO_BLOCKING),
        (
            CASCADE,
            {"tools": [LIVE.tool()]},
            unknown("behavior", "setup.tools[0].function_declarations[0]"),
        ),
        (LIVE, {"tools": [{"code_execution": {}}]}, NO_CODE),
        (LIVE, PROACTIVE, unknown("proactivity", "setup")),
        (LIVE, {**PROACTIVE, "version": "v1alpha"}, INVALID),
        (FLASH, AFFECTIVE, unknown("enableAffectiveDialog", "setup.generation_config")),
        (FLASH, {**AFFECTIVE, "version": "v1alpha"}, INVALID),
        (
            CASCADE,
            {"history_config": {"initial_history_in_client_content": True}},
            unknown("historyConfig", "setup"),
        ),
        (LIVE, {"tools": [{"function_declarations": [{"name": "look up"}]}]}, INVALID),
    ],
)
def test_what_a_model_does_not_take_is_named(who: Who, config: dict[str, JSON], reason: str) -> None:
    async def main() -> None:
        async with who.serve([]) as base_url:
            with refused(1007, reason):
                await who.connect(base_url, **config).__aenter__()

    run(main())


WAV = types.Blob(data=bytes(640), mime_type="audio/wav")
PCM = types.Blob(data=bytes(640), mime_type="audio/pcm;rate=16000")
MEDIA_CHUNKS = "realtime_input.media_chunks is deprecated. Use audio, video, or text instead."
NO_ACTIVITY = "Explicit activity control is not supported when automatic activity detection is enabled."
NO_SCHEDULING = "Function response scheduling is not supported for this model."
NO_AUDIO = (
    "Invalid JSON payload received. Audio of type 'audio/wav' is not understood: use audio/pcm;rate=16000."
)
NO_ENTITY = "Requested entity was not found."
Told: TypeAlias = Callable[[Line], Coroutine[Any, Any, None]]


async def chunks(line: Line) -> None:
    await line.on.send_realtime_input(media=PCM)


async def begins_to_speak(line: Line) -> None:
    await line.on.send_realtime_input(activity_start=types.ActivityStart())


async def instructs(line: Line) -> None:
    await line.on.send_context_update(system_instruction="Be brief.")


async def sends_a_file(line: Line) -> None:
    await line.on.send_realtime_input(audio=WAV)


async def answers_nobody(line: Line) -> None:
    await line.answer(types.FunctionCall(id="nobody", name="look_up"), "A city.")


async def schedules(line: Line) -> None:
    await line.write("Look up Bonn.")
    (call,) = await line.calls()
    await line.answer(call, "A city.", scheduling="WHEN_IDLE")


@pytest.mark.parametrize(
    ("who", "tells", "code", "reason"),
    [
        (LIVE, chunks, 1007, MEDIA_CHUNKS),
        (LIVE, begins_to_speak, 1007, NO_ACTIVITY),
        (NATIVE, begins_to_speak, 1007, NO_ACTIVITY),
        (LIVE, instructs, 1007, unknown("contextUpdate")),
        (FLASH, schedules, 1007, NO_SCHEDULING),
        (THINKING, schedules, 1007, NO_SCHEDULING),
        (LIVE, answers_nobody, 1008, NO_ENTITY),
        (LIVE, sends_a_file, 1007, NO_AUDIO),
    ],
)
def test_what_cannot_be_said_ends_the_session_with_a_reason(
    who: Who, tells: Told, code: int, reason: str
) -> None:
    async def main() -> None:
        script = [Reply(calls=(BONN,))]
        async with who.serve(script) as base_url, who.connect(base_url, tools=[who.tool()]) as line:
            await tells(line)
            with refused(code, reason):
                await line.turn()
            with pytest.raises(ConnectionClosed):
                await line.write("Hello?")

    run(main())


def test_the_oldest_of_them_still_takes_audio_by_its_old_name() -> None:
    async def talk(line: Line) -> None:
        for start in range(0, len(LOUD), 3200):
            chunk = types.Blob(data=LOUD[start : start + 3200], mime_type="audio/pcm;rate=16000")
            await line.on.send_realtime_input(media=chunk)
        assert_answered(await line.turn())

    talked(NATIVE, [PRODUCT], talk)
