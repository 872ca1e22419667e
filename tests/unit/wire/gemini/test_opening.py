"""The setup of every generation of models, from the configuration."""

import time

import msgspec
import pytest
from tests.support.gemini import Client, opening

from s2s.config import TurnDetection
from s2s.items import JSON
from s2s.tools import Tool
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.client import Wishes
from s2s.wire.gemini.opening import behavior, declared, settings_of, setup
from s2s.wire.gemini.profiles import (
    FLASH_31,
    HALF_CASCADE,
    LIVE_38,
    NATIVE_25,
    NATIVE_25_VERTEX,
    PROFILES,
    THINKING_38,
    Profile,
)

TOOL = Tool(name="weather", description="The weather.")
SLOW = Tool(name="order", policy="background")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}


def by_name(profile: Profile) -> str:
    return profile.name


def spelled(profile: Profile = LIVE_38, wishes: Wishes | None = None, **config: JSON) -> JSON:
    return Client(profile, wishes, **config).setup


def behaviors(setup: JSON) -> dict[str, JSON]:
    (tool,) = setup["tools"]
    return {each["name"]: each.get("behavior") for each in tool["functionDeclarations"]}


def test_a_session_without_wishes_asks_for_what_it_always_needs() -> None:
    assert spelled() == {
        "model": "models/dev-3.8",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
    }


def test_every_setting_has_its_place() -> None:
    turns = TurnDetection(silence_ms=300, prefix_ms=0, eagerness="high", interrupt_response=False)
    assert spelled(
        voice="Puck",
        instructions="Be brief.",
        language="de-DE",
        temperature=0.0,
        max_output_tokens=99,
        turn_detection=turns,
    ) == {
        "model": "models/dev-3.8",
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "temperature": 0.0,
            "maxOutputTokens": 99,
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}},
        },
        "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
        "realtimeInputConfig": {
            "automaticActivityDetection": {
                "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
                "prefixPaddingMs": 0,
                "silenceDurationMs": 300,
            },
            "activityHandling": "NO_INTERRUPTION",
        },
        "inputAudioTranscription": {"languageCodes": ["de-DE"]},
        "outputAudioTranscription": {},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
    }


def test_a_language_is_named_to_the_voice_only_where_it_does_not_choose_by_itself() -> None:
    native = spelled(NATIVE_25, language="de-DE")
    cascade = spelled(HALF_CASCADE, language="de-DE", voice="Kore")
    assert "speechConfig" not in native["generationConfig"]
    assert cascade["generationConfig"]["speechConfig"] == {
        "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
        "languageCode": "de-DE",
    }


def test_a_language_can_be_named_to_a_voice_that_nobody_chose() -> None:
    assert spelled(HALF_CASCADE, language="de-DE")["generationConfig"]["speechConfig"] == {
        "languageCode": "de-DE"
    }


def test_a_model_that_could_write_speaks_unless_it_is_asked_to_write() -> None:
    asked = spelled(HALF_CASCADE)
    assert asked["generationConfig"] == {"responseModalities": ["AUDIO"]}
    assert asked["outputAudioTranscription"] == {}


def test_who_must_not_interrupt_says_no_more_than_that() -> None:
    asked = spelled(turn_detection=TurnDetection(interrupt_response=False))
    assert asked["realtimeInputConfig"] == {"activityHandling": "NO_INTERRUPTION"}


def test_transcription_can_be_left_out() -> None:
    assert "inputAudioTranscription" not in spelled(transcription=False)


@pytest.mark.parametrize("profile", PROFILES, ids=by_name)
def test_how_a_tool_behaves_is_said_to_every_model_that_listens_to_it(profile: Profile) -> None:
    told = behaviors(spelled(profile, tools=[TOOL, SLOW]))
    wanted = {"weather": "BLOCKING", "order": "NON_BLOCKING"}
    if profile is THINKING_38:
        wanted = dict.fromkeys(wanted, "NON_BLOCKING")
    assert told == (dict.fromkeys(wanted) if profile is HALF_CASCADE else wanted)


def test_tools_are_declared_in_the_spelling_of_the_service() -> None:
    tool = Tool(name="weather", description="The weather.", parameters={**CITY, "required": ["city"]})
    (declared_tool,) = spelled(tools=[tool])["tools"]
    assert declared_tool == {
        "functionDeclarations": [
            {
                "name": "weather",
                "description": "The weather.",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"city": {"type": "STRING"}},
                    "required": ["city"],
                },
                "behavior": "BLOCKING",
            }
        ]
    }


def test_a_tool_without_parameters_or_description_says_nothing_of_them() -> None:
    (tool,) = declared([TOOL.spec, SLOW.spec], LIVE_38) or [m.Tool()]
    assert msgspec.to_builtins(tool)["functionDeclarations"][1] == {
        "name": "order",
        "behavior": "NON_BLOCKING",
    }
    assert declared([], LIVE_38) is None
    assert behavior(SLOW.spec, HALF_CASCADE) is None


@pytest.mark.parametrize(
    ("profile", "wishes", "thinking"),
    [
        (NATIVE_25, Wishes(thinking_budget=0, thinking_level="LOW"), {"thinkingBudget": 0}),
        (NATIVE_25, Wishes(thinking_level="LOW"), None),
        (NATIVE_25_VERTEX, Wishes(thinking_budget=512), {"thinkingBudget": 512}),
        (FLASH_31, Wishes(thinking_level="MINIMAL", thinking_budget=1), {"thinkingLevel": "MINIMAL"}),
        (FLASH_31, Wishes(), None),
        (LIVE_38, Wishes(thinking_level="LOW", thinking_budget=1), None),
        (THINKING_38, Wishes(), {"thinkingLevel": "LOW"}),
        (THINKING_38, Wishes(thinking_level="HIGH"), {"thinkingLevel": "HIGH"}),
        (HALF_CASCADE, Wishes(thinking_level="LOW", thinking_budget=1), None),
    ],
    ids=str,
)
def test_a_model_is_told_how_to_think_in_the_way_it_knows(
    profile: Profile, wishes: Wishes, thinking: JSON
) -> None:
    assert spelled(profile, wishes)["generationConfig"].get("thinkingConfig") == thinking


@pytest.mark.parametrize("profile", PROFILES, ids=by_name)
def test_affect_and_initiative_are_asked_of_those_who_have_them(profile: Profile) -> None:
    wishes = Wishes(affective_dialog=True, proactive_audio=True)
    asked, plain = spelled(profile, wishes), spelled(profile)
    knows = profile in (NATIVE_25, NATIVE_25_VERTEX)
    assert asked["generationConfig"].get("enableAffectiveDialog") is (True if knows else None)
    assert asked.get("proactivity") == ({"proactiveAudio": True} if knows else None)
    assert "proactivity" not in plain
    assert "enableAffectiveDialog" not in plain["generationConfig"]


@pytest.mark.parametrize("profile", PROFILES, ids=by_name)
@pytest.mark.parametrize("mode", ["manual", "local"])
def test_who_finds_the_turns_itself_switches_the_detection_off(profile: Profile, mode: JSON) -> None:
    turns = TurnDetection(mode=mode, silence_ms=300, prefix_ms=20, eagerness="low")
    assert spelled(profile, turn_detection=turns)["realtimeInputConfig"] == {
        "automaticActivityDetection": {"disabled": True}
    }


def test_eagerness_without_an_opinion_leaves_the_services_own() -> None:
    assert "realtimeInputConfig" not in spelled(turn_detection=TurnDetection(eagerness="medium"))
    low = spelled(turn_detection=TurnDetection(eagerness="low"))["realtimeInputConfig"]
    assert low == {"automaticActivityDetection": {"endOfSpeechSensitivity": "END_SENSITIVITY_LOW"}}


@pytest.mark.parametrize("profile", PROFILES, ids=by_name)
def test_only_a_model_that_writes_is_asked_for_writing(profile: Profile) -> None:
    asked = spelled(profile, output_modalities=("text",), voice="Puck")
    writes = profile is HALF_CASCADE
    generation = asked["generationConfig"]
    assert generation["responseModalities"] == (["TEXT"] if writes else ["AUDIO"])
    assert ("speechConfig" in generation) is not writes
    assert ("outputAudioTranscription" in asked) is not writes


def test_long_sessions_can_be_declined() -> None:
    asked = spelled(wishes=Wishes(resumption=False, compression=False))
    assert not {"sessionResumption", "contextWindowCompression"} & asked.keys()


def test_a_handle_goes_along_where_there_is_one() -> None:
    begun = opening()
    asked = msgspec.json.decode(setup(begun, settings_of(begun.config), "H1", seeds=False))
    assert asked["setup"]["sessionResumption"] == {"handle": "H1"}


def test_what_the_application_adds_to_the_setup_comes_last() -> None:
    more = {
        "generationConfig": {"topP": 0.5, "responseModalities": ["TEXT"]},
        "sessionResumption": {"transparent": True},
        "explicitVadSignal": True,
        "outputAudioTranscription": None,
    }
    asked = spelled(wishes=Wishes(setup=more), temperature=1.0)
    assert asked["generationConfig"] == {"responseModalities": ["TEXT"], "temperature": 1.0, "topP": 0.5}
    assert asked["sessionResumption"] == {"transparent": True}
    assert asked["explicitVadSignal"] is True
    assert asked["outputAudioTranscription"] is None
    assert asked["contextWindowCompression"] == {"slidingWindow": {}}


@pytest.mark.parametrize("profile", PROFILES, ids=by_name)
def test_a_history_is_announced_to_those_who_take_one_unanswered(profile: Profile) -> None:
    begun = opening(profile)
    settings = settings_of(begun.config)
    asked = msgspec.json.decode(setup(begun, settings, None, seeds=True))["setup"]
    assert asked["historyConfig"] == {"initialHistoryInClientContent": True}
    assert "historyConfig" not in msgspec.json.decode(setup(begun, settings, None, seeds=False))["setup"]
    assert profile.history_config is (profile.surface == "developer")


def test_settings_are_what_the_configuration_says() -> None:
    begun = settings_of(opening(output_modalities=("text",), tools=[TOOL], turn_detection="local").config)
    assert begun.written
    assert begun.manual
    assert [each.name for each in begun.tools] == ["weather"]
    assert not settings_of(opening().config).manual


def test_very_many_tools_that_lead_to_very_much_are_declared_in_no_time() -> None:
    levels = {
        f"D{n}": {"type": "object", "properties": {key: {"$ref": f"#/$defs/D{n + 1}"} for key in "abc"}}
        for n in range(40)
    }
    bomb = {"$defs": levels, "type": "object", "properties": {"x": {"$ref": "#/$defs/D0"}}}
    before = time.process_time()
    assert declared([Tool(name=f"t{n}", parameters=bomb).spec for n in range(1000)], LIVE_38)
    assert time.process_time() - before < 8
