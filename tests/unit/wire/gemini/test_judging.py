from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64encode
from tests.support.gemini_server import BLOCKS, Server, brief, result

from s2s.items import JSON
from s2s.wire import Close
from s2s.wire.gemini.failures import INVALID_ARGUMENT, MEDIA_CHUNKS, NO_SCHEDULING
from s2s.wire.gemini.judging import opening
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import (
    FLASH_31,
    HALF_CASCADE,
    LIVE_38,
    LIVE_38_VERTEX,
    NATIVE_25,
    PROFILES,
    Profile,
)

FIRST = "setup must be the first message and only the first"
USER = {"role": "user", "parts": [{"text": "Hi."}]}
MODEL = {"role": "model", "parts": [{"text": "Yes?"}]}
CALLED = {"role": "model", "parts": [{"functionCall": {"name": "look_up"}}]}
SOUND = {
    "role": "user",
    "parts": [{"inlineData": {"mimeType": "audio/pcm", "data": b64encode(b"ab").decode()}}],
}


def opened(
    message: JSON, profile: Profile = LIVE_38, *, strict: bool = True, version: str = "v1beta"
) -> Setup | Close:
    raw = message if isinstance(message, bytes) else msgspec.json.encode(message)
    return opening(raw, lambda _: profile, strict=strict, version=version)


def why(message: JSON, profile: Profile = LIVE_38, **k: Any) -> str:  # noqa: ANN401
    """Return the reason for which a first message is refused, nothing where it is taken."""
    told = opened(message, profile, **k)
    return told.reason if isinstance(told, Close) else ""


# The first message.


def test_a_connection_begins_with_a_setup() -> None:
    setup = opened({"setup": {"model": "models/gemini-3.8-live"}})
    assert setup == Setup(model="models/gemini-3.8-live")


def test_the_profile_is_that_of_the_model_that_is_named() -> None:
    asked: list[str] = []

    def named(model: str) -> Profile:
        asked.append(model)
        return NATIVE_25

    level = {"thinkingConfig": {"thinkingLevel": "HIGH"}}
    message = msgspec.json.encode({"setup": {"model": "models/x", "generationConfig": level}})
    assert isinstance(opening(message, named, strict=True), Close)
    assert asked == ["models/x"]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("message", [{}, {"realtimeInput": {"text": "Hi."}}, {"setup": None}])
def test_any_other_message_is_too_early(message: JSON, strict: bool) -> None:
    assert opened(message, strict=strict) == Close(1007, FIRST)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("message", [b"", b"{", b"[]", b"\xff", {"setup": {"model": 5}}, b"[" * 9999])
def test_what_cannot_be_read_ends_the_connection(message: JSON, strict: bool) -> None:
    assert why(message, strict=strict).startswith("Invalid JSON payload received.")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"setup": {"model": "m", "modle": 1}}, "\"modle\" at 'setup'"),
        (
            {"setup": {"model": "m", "generation_config": {"speechConfig": {"pace": 1}}}},
            "\"pace\" at 'setup.generation_config.speech_config'",
        ),
        (
            {
                "setup": {
                    "model": "m",
                    "tools": [{}, {"functionDeclarations": [{"name": "a", "strict": True}]}],
                }
            },
            "\"strict\" at 'setup.tools[1].function_declarations[0]'",
        ),
        ({"setup": {"model": "m"}, "config": {}}, '"config"'),
    ],
)
def test_names_that_are_none_are_refused_by_who_is_strict(message: JSON, told: str) -> None:
    reason = f"Invalid JSON payload received. Unknown name {told}: Cannot find field."
    assert why(message) == reason[:123]
    assert isinstance(opened(message, strict=False), Setup)


def test_one_message_says_one_thing() -> None:
    both = {"setup": {"model": "m"}, "clientContent": {}}
    already = "Invalid value (oneof), oneof field 'message_type' is already set. Cannot set 'clientContent'"
    assert why(both) == already
    assert isinstance(opened(both, strict=False), Setup)


def test_what_no_engine_takes_is_refused_by_a_gateway_too() -> None:
    detection = {"automaticActivityDetection": {"silenceDurationMs": 60_000}}
    message = {"setup": {"model": "m", "realtimeInputConfig": detection}}
    assert why(message, strict=False) == "turn_detection.silence_ms must be 0 to 10000 ms"
    tools = [{"functionDeclarations": [{"name": "a b"}]}]
    assert why({"setup": {"tools": tools}}, strict=False).startswith("'a b' is no tool name")


@given(message=st.binary(max_size=30), strict=st.booleans(), profile=st.sampled_from(PROFILES))
def test_whatever_comes_first_is_judged(message: bytes, strict: bool, profile: Profile) -> None:
    for each in (message, b'{"setup":%s}' % message):
        told = opening(each, lambda _: profile, strict=strict)
        assert isinstance(told, Setup) or len(told.reason.encode()) <= 123


# Every other message, to who is strict.


def objected(profile: Profile, *, seeds: bool = False, **message: JSON) -> str:
    """Return the reason for which a message ends the connection, nothing where it is taken."""
    history = {"initialHistoryInClientContent": True} if seeds else None
    server = Server(profile, strict=True, tools=[BLOCKS], historyConfig=history)
    gateway = Server(profile, tools=[BLOCKS], historyConfig=history)
    assert not any("1007" in each for each in brief(gateway.hears(**message)))
    ends = [each for each in server.hears(**message) if isinstance(each, Close)]
    return ends[0].reason if ends else ""


def test_a_message_says_one_thing_and_at_least_that() -> None:
    assert objected(LIVE_38) == INVALID_ARGUMENT.text
    assert objected(LIVE_38, realtimeInput={}, clientContent={}).endswith("Cannot set 'realtimeInput'")


def test_unknown_names_end_the_connection_at_every_level() -> None:
    unknown = "Invalid JSON payload received. Unknown name"
    assert objected(LIVE_38, realtimeInput={"volume": 1}).startswith(
        f"{unknown} \"volume\" at 'realtime_input'"
    )
    turns = [USER, {**MODEL, "mood": "good"}]
    assert "\"mood\" at 'client_content.turns[1]'" in objected(LIVE_38, clientContent={"turns": turns})


def test_what_is_old_ends_the_connection_of_what_is_new() -> None:
    chunks = {"mediaChunks": [{"mimeType": "audio/pcm", "data": ""}]}
    assert objected(LIVE_38, realtimeInput=chunks) == MEDIA_CHUNKS.text
    assert objected(NATIVE_25, realtimeInput=chunks) == ""


@pytest.mark.parametrize(
    ("profile", "turn", "taken"),
    [
        (LIVE_38, USER, True),
        (LIVE_38, MODEL, True),
        (LIVE_38, CALLED, True),
        (LIVE_38, SOUND, True),
        (LIVE_38, {"parts": [{"text": "Hi."}]}, False),
        (LIVE_38, {**USER, "role": ""}, False),
        (LIVE_38, {**USER, "role": "system"}, False),
        (LIVE_38_VERTEX, {**USER, "role": "system"}, True),
        (NATIVE_25, {"parts": [{"text": "Hi."}]}, True),
        (NATIVE_25, {**USER, "role": "assistant"}, False),
        (NATIVE_25, CALLED, False),
        (NATIVE_25, SOUND, False),
    ],
)
def test_turns_are_such_as_the_model_takes(profile: Profile, turn: JSON, taken: bool) -> None:
    told = objected(profile, clientContent={"turns": [turn], "turnComplete": True})
    assert told == ("" if taken else INVALID_ARGUMENT.text)


def test_the_history_of_some_models_ends_with_the_user() -> None:
    content = {"turns": [USER, MODEL], "turnComplete": True}
    assert objected(NATIVE_25, seeds=True, clientContent=content) == INVALID_ARGUMENT.text
    assert objected(NATIVE_25, seeds=True, clientContent={**content, "turnComplete": False}) == ""
    assert objected(NATIVE_25, clientContent=content) == ""
    assert objected(LIVE_38, seeds=True, clientContent=content) == ""


def test_the_answer_to_a_call_is_such_as_the_model_takes() -> None:
    late = {"functionResponses": [result(scheduling="WHEN_IDLE")]}
    assert objected(FLASH_31, toolResponse=late) == NO_SCHEDULING.text
    unset = {"functionResponses": [result(scheduling="SCHEDULING_UNSPECIFIED")]}
    assert objected(FLASH_31, toolResponse=unset) != NO_SCHEDULING.text
    nameless = {"functionResponses": [{"name": "look_up", "response": {}}]}
    assert objected(NATIVE_25, toolResponse=nameless) == INVALID_ARGUMENT.text
    assert objected(HALF_CASCADE, toolResponse=nameless) != INVALID_ARGUMENT.text


def test_updates_are_such_as_the_model_takes() -> None:
    update = {"systemInstruction": {"parts": [{"text": "Be brief."}]}}
    unknown = 'Invalid JSON payload received. Unknown name "contextUpdate": Cannot find field.'
    assert objected(LIVE_38, contextUpdate=update) == unknown
    assert objected(LIVE_38_VERTEX, contextUpdate=update) == ""
    tools = {"tools": [{"functionDeclarations": [{"name": "a", "parameters": {"$ref": "b"}}]}]}
    assert "context_update.tools[0].function_declarations[0].parameters" in objected(
        LIVE_38_VERTEX, contextUpdate={"tools": tools}
    )


# What costs more than it is worth.


def test_a_setup_that_is_too_long_is_refused() -> None:
    words = {"parts": [{"text": "x" * (4 * 1024 * 1024)}]}
    told = "The setup is too long: send less than 4 MiB."
    assert why({"setup": {"model": "m", "systemInstruction": words}}, strict=False) == told


def test_one_reason_is_enough_and_all_others_are_never_written() -> None:
    deep: JSON = {f"stray_{number}": 1 for number in range(100_000)}
    for _ in range(60):
        deep = {"items": deep}
    tools = [{"functionDeclarations": [{"name": "f", "parameters": deep}]}]
    raw = msgspec.json.encode({"setup": {"model": "m", "tools": tools}})
    tracemalloc.start()
    assert why(raw).startswith('Invalid JSON payload received. Unknown name "stray_0" at \'setup.tools[0]')
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < 40_000_000
