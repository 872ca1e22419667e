from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from s2s.items import JSON
from s2s.wire.gemini import failures
from s2s.wire.gemini.failures import INVALID_ARGUMENT, NEEDS_LEVEL, NO_BLOCKING, NO_LEVEL, NO_MINIMAL
from s2s.wire.gemini.messages import ClientMessage, Setup
from s2s.wire.gemini.profiles import (
    FLASH_31,
    HALF_CASCADE,
    LIVE_38,
    LIVE_38_VERTEX,
    NATIVE_25,
    NATIVE_25_VERTEX,
    THINKING_38,
    Profile,
)
from s2s.wire.gemini.reading import read
from s2s.wire.gemini.setups import of_setup

DETECTION = "automatic_activity_detection"
OPT_IN = replace(LIVE_38_VERTEX, proactive="no")


def reasons(profile: Profile, version: str = "v1beta", **fields: JSON) -> list[str]:
    """Return what is said against a setup with these fields; one that the profile needs is added."""
    if profile.thinking == "level_required":
        fields["generationConfig"] = {
            "thinkingConfig": {"thinkingLevel": "LOW"},
            **fields.get("generationConfig", {}),
        }
    said, _ = read(msgspec.json.encode({"setup": {"model": "models/x", **fields}}), ClientMessage)
    assert isinstance(said.setup, Setup)
    return [each.text for each in of_setup(said.setup, profile, version)]


def unknown(name: str, place: str) -> str:
    return failures.unknown_name(name, place).text


def generates(**fields: JSON) -> dict[str, JSON]:
    return {"generationConfig": fields}


def declares(**fields: JSON) -> dict[str, JSON]:
    return {"tools": [{"functionDeclarations": [{"name": "look_up", **fields}]}]}


def thinks(**fields: JSON) -> dict[str, JSON]:
    return generates(thinkingConfig=fields)


@pytest.mark.parametrize("profile", [NATIVE_25, FLASH_31, LIVE_38, THINKING_38, LIVE_38_VERTEX, HALF_CASCADE])
def test_a_plain_setup_is_taken(profile: Profile) -> None:
    detection = {"silenceDurationMs": 500, "endOfSpeechSensitivity": "END_SENSITIVITY_LOW"}
    assert not reasons(
        profile,
        generationConfig={"responseModalities": ["AUDIO"], "temperature": 0.5},
        realtimeInputConfig={"automaticActivityDetection": detection, "activityHandling": "NO_INTERRUPTION"},
        sessionResumption={"handle": "h"},
        contextWindowCompression={"slidingWindow": {}},
        inputAudioTranscription={},
        outputAudioTranscription={},
        **declares(
            parameters={"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
        ),
    )


def test_a_model_is_named() -> None:
    assert reasons(LIVE_38, model="") == [failures.no_model("", "v1beta").text]


@pytest.mark.parametrize(
    ("profile", "wanted", "taken"),
    [
        (LIVE_38, ["AUDIO"], True),
        (LIVE_38, ["TEXT"], False),
        (LIVE_38, ["TEXT", "AUDIO"], False),
        (LIVE_38, ["IMAGE"], False),
        (LIVE_38, [], True),
        (HALF_CASCADE, ["TEXT"], True),
        (HALF_CASCADE, ["TEXT", "AUDIO"], False),
    ],
)
def test_a_model_answers_in_its_own_way(profile: Profile, wanted: list[str], taken: bool) -> None:
    told = failures.no_modalities(", ".join(wanted)).text
    assert reasons(profile, **generates(responseModalities=wanted)) == ([] if taken else [told])


@pytest.mark.parametrize(
    ("profile", "thinking", "told"),
    [
        (NATIVE_25, {"thinkingBudget": 0}, []),
        (NATIVE_25, {"thinkingLevel": "LOW"}, [NO_LEVEL.text]),
        (FLASH_31, {"thinkingLevel": "MINIMAL"}, []),
        (LIVE_38, {"thinkingLevel": "HIGH"}, [NO_LEVEL.text]),
        (LIVE_38, {"includeThoughts": True}, []),
        (LIVE_38, {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, []),
        (THINKING_38, {"thinkingLevel": "HIGH"}, []),
        (THINKING_38, {"thinkingLevel": "MINIMAL"}, [NO_MINIMAL.text]),
        (THINKING_38, {"includeThoughts": True}, [NEEDS_LEVEL.text]),
        (HALF_CASCADE, {"thinkingLevel": "LOW"}, [NO_LEVEL.text]),
        (
            FLASH_31,
            {"thinkingLevel": "DEEP"},
            ["Invalid value at 'setup.generation_config.thinking_config.thinking_level', \"DEEP\""],
        ),
    ],
)
def test_a_model_thinks_in_its_own_way(profile: Profile, thinking: JSON, told: list[str]) -> None:
    assert reasons(profile, **thinks(**thinking)) == told


@pytest.mark.parametrize(
    ("profile", "behavior", "told"),
    [
        (NATIVE_25, "NON_BLOCKING", []),
        (LIVE_38, "BLOCKING", []),
        (THINKING_38, "NON_BLOCKING", []),
        (THINKING_38, None, []),
        (THINKING_38, "UNSPECIFIED", []),
        (THINKING_38, "BLOCKING", [NO_BLOCKING.text]),
        (HALF_CASCADE, None, []),
        (HALF_CASCADE, "BLOCKING", [unknown("behavior", "setup.tools[0].function_declarations[0]")]),
        (
            LIVE_38,
            "LATER",
            ["Invalid value at 'setup.tools[0].function_declarations[0].behavior', \"LATER\""],
        ),
    ],
)
def test_tools_behave_as_the_model_can(profile: Profile, behavior: str | None, told: list[str]) -> None:
    assert reasons(profile, **declares(behavior=behavior)) == told


@pytest.mark.parametrize(
    ("parameters", "name", "place"),
    [
        ({"$schema": "x"}, "$schema", ""),
        ({"properties": {"a": {}, "b": {"const": 1}}}, "const", ".properties[1].value"),
        ({"items": {"any_of": [{}, {"oneOf": []}]}}, "oneOf", ".items.any_of[1]"),
        ({"additionalProperties": False}, "additionalProperties", ""),
    ],
)
def test_parameters_are_in_the_words_of_the_service(parameters: JSON, name: str, place: str) -> None:
    where = f"setup.tools[0].function_declarations[0].parameters{place}"
    assert reasons(LIVE_38, **declares(parameters=parameters)) == [unknown(name, where)]


def test_one_surface_knows_more_words_for_parameters() -> None:
    free = declares(parameters={"type": "OBJECT", "additional_properties": True, "min_properties": 1})
    assert reasons(LIVE_38_VERTEX, **free) == []
    assert len(reasons(LIVE_38, **free)) == 1


def test_parameters_may_be_as_deep_as_they_like() -> None:
    deep: JSON = {"const": 1}
    for _ in range(200):
        deep = {"items": deep}
    assert reasons(LIVE_38, **declares(parameters=deep)) == []


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 129])
def test_tools_have_names(name: str) -> None:
    assert reasons(LIVE_38, **declares(name=name)) == [INVALID_ARGUMENT.text]
    assert reasons(LIVE_38, **declares(name="look.up:now")) == []


def test_some_tools_are_not_for_talking() -> None:
    told = ["Code Execution tool is not supported for this model."]
    assert reasons(LIVE_38, tools=[{"codeExecution": {}}]) == told
    assert reasons(LIVE_38, tools=[{"urlContext": {}}]) == [
        "URL context tool is not supported for this model."
    ]
    assert reasons(LIVE_38, tools=[{"googleSearch": {}}]) == []


@pytest.mark.parametrize(
    ("profile", "version", "told"),
    [
        (NATIVE_25, "v1alpha", []),
        (NATIVE_25, "v1", [unknown("enableAffectiveDialog", "setup.generation_config")]),
        (NATIVE_25_VERTEX, "v1beta1", []),
        (FLASH_31, "v1alpha", [INVALID_ARGUMENT.text]),
        (LIVE_38, "v1alpha", [INVALID_ARGUMENT.text]),
        (LIVE_38_VERTEX, "v1beta1", [INVALID_ARGUMENT.text]),
    ],
)
def test_not_every_model_has_feelings(profile: Profile, version: str, told: list[str]) -> None:
    assert reasons(profile, version, **generates(enableAffectiveDialog=True)) == told


@pytest.mark.parametrize(
    ("profile", "version", "asked", "told"),
    [
        (NATIVE_25, "v1alpha", True, []),
        (NATIVE_25, "v1beta", True, [unknown("proactivity", "setup")]),
        (LIVE_38, "v1alpha", True, []),
        (LIVE_38, "v1alpha", False, [INVALID_ARGUMENT.text]),
        (FLASH_31, "v1alpha", True, [INVALID_ARGUMENT.text]),
        (FLASH_31, "v1alpha", False, []),
        (OPT_IN, "v1beta1", True, [INVALID_ARGUMENT.text]),
    ],
)
def test_not_every_model_speaks_up_by_itself(
    profile: Profile, version: str, asked: bool, told: list[str]
) -> None:
    assert reasons(profile, version, proactivity={"proactiveAudio": asked}) == told


@pytest.mark.parametrize(
    ("field", "developer", "vertex"),
    [
        ("historyConfig", [], [unknown("historyConfig", "setup")]),
        ("explicitVadSignal", [unknown("explicitVadSignal", "setup")], []),
        ("labels", [unknown("labels", "setup")], []),
        ("avatarConfig", [unknown("avatarConfig", "setup")], []),
    ],
)
def test_each_surface_has_fields_of_its_own(field: str, developer: list[str], vertex: list[str]) -> None:
    value: JSON = True if field == "explicitVadSignal" else {}
    assert reasons(LIVE_38, **{field: value}) == developer
    assert reasons(LIVE_38_VERTEX, **{field: value}) == vertex


def test_only_one_surface_resumes_without_a_trace() -> None:
    asked = {"transparent": True}
    told = [unknown("transparent", "setup.session_resumption")]
    assert reasons(LIVE_38, sessionResumption=asked) == told
    assert reasons(LIVE_38_VERTEX, sessionResumption=asked) == []


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"activityHandling": "SOMETIMES"}, "activity_handling"),
        ({"turnCoverage": "SOME"}, "turn_coverage"),
        (
            {"automaticActivityDetection": {"startOfSpeechSensitivity": "LOW"}},
            f"{DETECTION}.start_of_speech_sensitivity",
        ),
        (
            {"automaticActivityDetection": {"endOfSpeechSensitivity": "LOW"}},
            f"{DETECTION}.end_of_speech_sensitivity",
        ),
    ],
)
def test_a_choice_is_one_of_those_there_are(asked: JSON, name: str) -> None:
    (told,) = reasons(LIVE_38, realtimeInputConfig=asked)
    assert told.startswith(f"Invalid value at 'setup.realtime_input_config.{name}'")
