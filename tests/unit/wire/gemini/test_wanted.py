from __future__ import annotations

import pytest
from tests.support.gemini_server import MANUAL, setup_of

from s2s.config import Config, TurnDetection
from s2s.errors import ConfigError
from s2s.items import JSON
from s2s.tools import Tool
from s2s.wire.gemini.messages import FunctionDeclaration, Setup
from s2s.wire.gemini.messages import Tool as Declared
from s2s.wire.gemini.profiles import LIVE_38, NATIVE_25
from s2s.wire.gemini.wanted import is_background, tools_of, turns, wanted, written


def field(name: str, **setup: JSON) -> object:
    """Return what becomes of a setup in one field of a Config; None where it is left to the engine."""
    return wanted(setup_of(**setup)).get(name)


def declared(**fields: JSON) -> Tool:
    """Return the tool that is made of a declaration."""
    (made,) = tools_of(
        [Declared(function_declarations=[FunctionDeclaration(name="look_up", **fields)])], "BLOCKING"
    )
    return made


def test_who_asks_for_nothing_gets_no_tools_and_no_transcripts_and_the_rest_as_it_is() -> None:
    assert wanted(Setup()) == {"tools": (), "transcription": False}


def test_all_that_is_asked_for_makes_a_config() -> None:
    setup = setup_of(
        systemInstruction={"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        generationConfig={
            "responseModalities": ["AUDIO"],
            "temperature": 0.5,
            "maxOutputTokens": 100,
            "speechConfig": {
                "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}},
                "languageCode": "de-DE",
            },
        },
        inputAudioTranscription={},
        tools=[{"name": "look_up", "description": "Look up a city."}],
    )
    assert Config(**wanted(setup)) == Config(  # type: ignore[arg-type]
        instructions="Be brief.\nBe kind.",
        voice="Puck",
        language="de-DE",
        temperature=0.5,
        max_output_tokens=100,
        transcription=True,
        tools=[Tool(name="look_up", description="Look up a city.")],
    )


@pytest.mark.parametrize(
    ("asked", "voice"),
    [
        ({"prebuiltVoiceConfig": {"voiceName": "Puck"}}, "Puck"),
        ({"voice": "speaker-7"}, "speaker-7"),
        ({"prebuiltVoiceConfig": {}, "voice": "speaker-7"}, "speaker-7"),
        ({"prebuiltVoiceConfig": {"voiceName": ""}}, None),
        ({}, None),
    ],
)
def test_a_voice_has_a_name(asked: JSON, voice: str | None) -> None:
    assert field("voice", generationConfig={"speechConfig": {"voiceConfig": asked}}) == voice


def test_the_language_is_that_of_the_answers_or_of_what_is_heard() -> None:
    heard = {"inputAudioTranscription": {"languageCodes": ["de-DE", "fr-FR"]}}
    assert field("language", **heard) == "de-DE"
    assert field("language", **heard, generationConfig={"speechConfig": {"languageCode": "it-IT"}}) == "it-IT"
    assert field("language", inputAudioTranscription={}) is None


@pytest.mark.parametrize(
    ("modalities", "field_", "writes"),
    [
        (["TEXT"], ("text",), True),
        (["AUDIO"], ("audio", "text"), False),
        (["TEXT", "AUDIO"], ("audio", "text"), False),
        (["MODALITY_UNSPECIFIED"], None, False),
        ([], None, False),
    ],
)
def test_answers_are_spoken_unless_they_shall_be_written(
    modalities: list[str], field_: tuple[str, ...] | None, writes: bool
) -> None:
    asked = {"responseModalities": modalities}
    assert field("output_modalities", generationConfig=asked) == field_
    assert written(setup_of(generationConfig=asked)) is writes


@pytest.mark.parametrize(
    ("asked", "detection"),
    [
        ({}, TurnDetection()),
        (MANUAL, TurnDetection(mode="manual")),
        (
            {"automaticActivityDetection": {"silenceDurationMs": 500, "prefixPaddingMs": 40}},
            TurnDetection(silence_ms=500, prefix_ms=40),
        ),
        (
            {"automaticActivityDetection": {"endOfSpeechSensitivity": "END_SENSITIVITY_LOW"}},
            TurnDetection(eagerness="low"),
        ),
        (
            {"automaticActivityDetection": {"endOfSpeechSensitivity": "END_SENSITIVITY_HIGH"}},
            TurnDetection(eagerness="high"),
        ),
        ({"activityHandling": "NO_INTERRUPTION"}, TurnDetection(interrupt_response=False)),
    ],
)
def test_turns_are_found_as_they_are_asked_for(asked: JSON, detection: TurnDetection) -> None:
    assert turns(setup_of(realtimeInputConfig=asked)) == detection
    assert field("turn_detection", realtimeInputConfig=asked) == detection


def test_no_limit_of_tokens_is_none() -> None:
    assert field("max_output_tokens", generationConfig={"maxOutputTokens": 0}) is None
    assert field("temperature", generationConfig={"temperature": 0}) == 0


def test_parameters_become_json_schema() -> None:
    parameters = {"type": "OBJECT", "properties": {"city": {"type": "STRING", "nullable": True}}}
    assert declared(parameters=parameters).parameters == {
        "type": "object",
        "properties": {"city": {"type": ["string", "null"]}},
    }
    assert declared().parameters == {"type": "object", "properties": {}}


def test_parameters_may_be_json_schema_already_where_there_are_no_others() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert declared(parameters_json_schema=schema).parameters == schema
    assert declared(parameters_json_schema=schema, parameters={"type": "OBJECT"}).parameters == {
        "type": "object",
        "properties": {},
    }
    assert declared(parameters_json_schema=[1]).parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("behavior", "unset", "background"),
    [
        ("NON_BLOCKING", "BLOCKING", True),
        ("BLOCKING", "NON_BLOCKING", False),
        (None, "NON_BLOCKING", True),
        (None, "BLOCKING", False),
        ("UNSPECIFIED", "NON_BLOCKING", True),
    ],
)
def test_a_tool_of_which_nothing_is_said_behaves_as_is_usual(
    behavior: str | None, unset: str, background: bool
) -> None:
    assert is_background(FunctionDeclaration(name="a", behavior=behavior), unset) is background


def test_the_profile_says_what_is_usual() -> None:
    setup = setup_of(tools=[{"name": "a"}])
    for profile, policy in ((None, "blocking"), (NATIVE_25, "blocking"), (LIVE_38, "background")):
        assert wanted(setup, profile)["tools"] == (Tool(name="a", policy=policy),)  # type: ignore[arg-type]


def test_what_no_engine_takes_is_refused() -> None:
    with pytest.raises(ConfigError, match="'a b' is no tool name"):
        wanted(Setup(tools=[Declared(function_declarations=[FunctionDeclaration(name="a b")])]))


def test_more_tools_than_anybody_has_are_refused() -> None:
    many = [FunctionDeclaration(name=f"tool_{number}") for number in range(1025)]
    first, most = (Declared(function_declarations=each) for each in (many[:1], many[1:]))
    assert len(tools_of([most], "BLOCKING")) == 1024
    with pytest.raises(ConfigError, match="1025 tools are too many: declare 1024 at most"):
        tools_of([first, most], "BLOCKING")
