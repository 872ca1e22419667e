"""A setup, as fields of a Config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from s2s.config import Modality, TurnDetection
from s2s.errors import ConfigError
from s2s.tools import Tool
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.declared import json_schema
from s2s.wire.gemini.items import text_of
from s2s.wire.gemini.profiles import Profile

_MOST_TOOLS = 1024
_WRITTEN: tuple[Modality, ...] = ("text",)
_SPOKEN: tuple[Modality, ...] = ("audio", "text")
_EAGERNESS: dict[str, Literal["low", "high"]] = {"END_SENSITIVITY_LOW": "low", "END_SENSITIVITY_HIGH": "high"}


def wanted(setup: m.Setup, profile: Profile | None = None) -> dict[str, object]:
    """Return the fields of a Config that a client asks for.

    What it leaves to the service is not among them, but for tools and transcription: those it would have
    asked for. A tool of which it does not say whether it blocks is as with this profile, and blocks without.
    Raises ConfigError for what no engine takes, such as a tool without a name.
    """
    generation = setup.generation_config or m.GenerationConfig()
    fields = {
        "instructions": None if setup.system_instruction is None else text_of(setup.system_instruction),
        "voice": _voice(generation.speech_config),
        "language": _language(setup),
        "turn_detection": None if setup.realtime_input_config is None else turns(setup),
        "output_modalities": _WRITTEN if written(setup) else _SPOKEN if _modalities(setup) else None,
        "temperature": generation.temperature,
        "max_output_tokens": generation.max_output_tokens or None,
    }
    return {
        "tools": tools_of(setup.tools, "BLOCKING" if profile is None else profile.unset_behavior),
        "transcription": setup.input_audio_transcription is not None,
        **{name: value for name, value in fields.items() if value is not None},
    }


def tools_of(tools: Iterable[m.Tool] | None, unset: m.Behavior) -> tuple[Tool, ...]:
    """Return the functions among these; `unset` is how one behaves of which that is not said.

    Raises ConfigError for what no engine takes.
    """
    declared = [each for tool in tools or () for each in tool.function_declarations or ()]
    if len(declared) > _MOST_TOOLS:
        raise ConfigError(f"{len(declared)} tools are too many: declare {_MOST_TOOLS} at most")
    return tuple(_tool(each, unset) for each in declared)


def turns(setup: m.Setup) -> TurnDetection:
    """Return who decides that the user's turn is over, and how."""
    asked = setup.realtime_input_config or m.RealtimeInputConfig()
    detection = asked.automatic_activity_detection or m.ActivityDetection()
    return TurnDetection(
        mode="manual" if detection.disabled else "server",
        silence_ms=detection.silence_duration_ms,
        prefix_ms=detection.prefix_padding_ms,
        eagerness=_EAGERNESS.get(detection.end_of_speech_sensitivity or "", "auto"),
        interrupt_response=asked.activity_handling != "NO_INTERRUPTION",
    )


def written(setup: m.Setup) -> bool:
    """Tell whether answers are to be written and not spoken."""
    return _modalities(setup) == {"TEXT"}


def is_background(declared: m.FunctionDeclaration, unset: str) -> bool:
    """Tell whether the model goes on while this tool works."""
    said = declared.behavior in ("BLOCKING", "NON_BLOCKING")
    return (declared.behavior if said else unset) == "NON_BLOCKING"


def _modalities(setup: m.Setup) -> set[str]:
    generation = setup.generation_config or m.GenerationConfig()
    return set(generation.response_modalities or ()) - {"MODALITY_UNSPECIFIED"}


def _voice(speech: m.SpeechConfig | None) -> str | None:
    asked = speech and speech.voice_config
    if not asked:
        return None
    prebuilt = asked.prebuilt_voice_config
    return (prebuilt and prebuilt.voice_name) or asked.voice or None


def _language(setup: m.Setup) -> str | None:
    speech = setup.generation_config and setup.generation_config.speech_config
    heard = setup.input_audio_transcription
    named = [speech and speech.language_code, *((heard and heard.language_codes) or ())]
    return next((each for each in named if each), None)


def _tool(declared: m.FunctionDeclaration, unset: str) -> Tool:
    spelled = declared.parameters_json_schema
    parameters = json_schema(declared.parameters)
    if declared.parameters is None and isinstance(spelled, Mapping):
        parameters = dict(spelled)
    return Tool(
        name=declared.name,
        description=declared.description or "",
        parameters=parameters,
        policy="background" if is_background(declared, unset) else "blocking",
    )
