"""A configuration, as what a stream begins with."""

import json

import pytest
from tests.support.nova import opening

from s2s.commands import UpdateSession
from s2s.config import TurnDetection
from s2s.items import JSON, Message
from s2s.tools import Tool, ToolSpec
from s2s.wire.nova.opening import Wishes, begin, changed, settings_of


def begun(wishes: Wishes | None = None, *, generation: int = 2, **config: JSON) -> list[JSON]:
    made = opening(wishes, generation=generation, **config)
    return [json.loads(each.data)["event"] for each in begin(made, settings_of(made.config))]


def session(wishes: Wishes | None = None, *, generation: int = 2, **config: JSON) -> JSON:
    return begun(wishes, generation=generation, **config)[0]["sessionStart"]


def prompt(wishes: Wishes | None = None, **config: JSON) -> JSON:
    return begun(wishes, **config)[1]["promptStart"]


def instructions(**config: JSON) -> str:
    return "".join(each["textInput"]["content"] for each in begun(**config) if "textInput" in each)


def test_without_wishes_it_asks_for_what_the_samples_ask_for() -> None:
    assert session() == {"inferenceConfiguration": {"maxTokens": 1024, "topP": 0.9, "temperature": 0.7}}
    assert prompt() == {
        "promptName": "prompt",
        "textOutputConfiguration": {"mediaType": "text/plain"},
        "audioOutputConfiguration": {
            "mediaType": "audio/lpcm",
            "sampleRateHertz": 24_000,
            "sampleSizeBits": 16,
            "channelCount": 1,
            "voiceId": "matthew",
            "encoding": "base64",
            "audioType": "SPEECH",
        },
    }


def test_what_a_config_wants_is_asked_for() -> None:
    asked = session(Wishes(top_p=0.0), temperature=0.0, max_output_tokens=7)
    assert asked["inferenceConfiguration"] == {"maxTokens": 7, "topP": 0.0, "temperature": 0.0}
    assert prompt(voice="tina")["audioOutputConfiguration"]["voiceId"] == "tina"
    assert prompt(voice="\ud800")["audioOutputConfiguration"]["voiceId"] == "?"


@pytest.mark.parametrize(
    ("eagerness", "sensitivity"), [("high", "HIGH"), ("medium", "MEDIUM"), ("low", "LOW"), ("auto", None)]
)
def test_who_is_eager_waits_for_a_short_pause(eagerness: JSON, sensitivity: str | None) -> None:
    asked = session(turn_detection=TurnDetection(eagerness=eagerness)).get("turnDetectionConfiguration")
    assert asked == (None if sensitivity is None else {"endpointingSensitivity": sensitivity})


def test_a_wish_goes_before_eagerness_and_the_first_generation_has_none() -> None:
    wishes, turns = Wishes(endpointing="LOW"), TurnDetection(eagerness="high")
    asked = session(wishes, turn_detection=turns)
    assert asked["turnDetectionConfiguration"] == {"endpointingSensitivity": "LOW"}
    assert "turnDetectionConfiguration" not in session(wishes, generation=1)


def test_tools_are_declared_with_their_schemas_as_text() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    asked = prompt(tools=[Tool(name="weather", description="Looks \ud800.", parameters=schema)])
    assert asked["toolUseOutputConfiguration"] == {"mediaType": "application/json"}
    (tool,) = asked["toolConfiguration"]["tools"]
    assert tool["toolSpec"]["name"] == "weather"
    assert tool["toolSpec"]["description"] == "Looks ?."
    assert json.loads(tool["toolSpec"]["inputSchema"]["json"]) == schema


def test_the_last_word_is_that_of_the_application() -> None:
    wishes = Wishes(
        session_start={"inferenceConfiguration": {"topP": 0.5}, "new": 1},
        prompt_start={"toolConfiguration": {"toolChoice": {"any": {}}}},
    )
    asked = session(wishes)
    assert asked["inferenceConfiguration"] == {"maxTokens": 1024, "topP": 0.5, "temperature": 0.7}
    assert asked["new"] == 1
    configured = prompt(wishes, tools=[Tool(name="weather")])["toolConfiguration"]
    assert (len(configured["tools"]), configured["toolChoice"]) == (1, {"any": {}})


def test_the_instructions_are_one_block_and_what_the_system_said_before_is_part_of_them() -> None:
    history = (Message("system", "Be kind."), Message("user", "Hi."), Message("system", "  "))
    assert instructions(instructions="Be brief.", history=history) == "Be brief.\n\nBe kind."
    assert instructions(instructions=" ") == "You are a helpful voice assistant."


def test_only_what_a_command_names_changes() -> None:
    before = settings_of(opening(instructions="Be brief.", voice="tina").config)
    assert changed(before, UpdateSession()) == before
    after = changed(before, UpdateSession(voice="matthew", output_modalities=("text",), temperature=None))
    assert (after.instructions, after.voice, after.written) == ("Be brief.", "matthew", True)
    tools = (ToolSpec("weather"),)
    assert changed(before, UpdateSession(tools=tools)).tools == tools
