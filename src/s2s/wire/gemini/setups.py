"""What the service has against a setup, and against tools, reason by reason.

Source: close reasons that users have reported (2026-10); google-genai 3.6.1 for what each surface has; and
what pydantic-ai, pipecat and livekit-agents have found models to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from s2s.items import JSON
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.failures import (
    INVALID,
    INVALID_ARGUMENT,
    NEEDS_LEVEL,
    NO_BLOCKING,
    NO_LEVEL,
    NO_MINIMAL,
    Reason,
    no_modalities,
    no_model,
    unknown_name,
)
from s2s.wire.gemini.profiles import Profile

_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,127}", re.ASCII)
_LOW_LINE = re.compile(r"_([a-z])")
_MODALITIES = ("AUDIO", "TEXT")
_UNSET = (None, "UNSPECIFIED", "THINKING_LEVEL_UNSPECIFIED")
_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
_NOT_LIVE = {"code_execution": "Code Execution", "url_context": "URL context"}
_SCHEMA = frozenset(
    (
        *("type", "format", "title", "description", "nullable", "default", "example", "enum", "anyOf"),
        *("items", "minItems", "maxItems", "properties", "propertyOrdering", "required"),
        *("minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength", "pattern"),
    )
)
_VERTEX_SCHEMA = _SCHEMA | {"additionalProperties", "ref", "defs"}
_DEEPEST = 64
_START, _END, _COVERS = "START_SENSITIVITY_", "END_SENSITIVITY_", "TURN_INCLUDES_"
_CHOICES: dict[str, tuple[str, ...]] = {
    "start_of_speech_sensitivity": (f"{_START}HIGH", f"{_START}LOW", f"{_START}UNSPECIFIED"),
    "end_of_speech_sensitivity": (f"{_END}HIGH", f"{_END}LOW", f"{_END}UNSPECIFIED"),
    "activity_handling": (
        *("START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION", "ACTIVITY_HANDLING_UNSPECIFIED"),
    ),
    "turn_coverage": (
        *(f"{_COVERS}ONLY_ACTIVITY", f"{_COVERS}ALL_INPUT", f"{_COVERS}AUDIO_ACTIVITY_AND_ALL_VIDEO"),
        "TURN_COVERAGE_UNSPECIFIED",
    ),
}


def of_setup(setup: m.Setup, profile: Profile, version: str) -> Iterator[Reason]:
    """Yield what this model, on its surface, does not take."""
    generation = setup.generation_config or m.GenerationConfig()
    yield from _of_surface(setup, generation, profile, version)
    if not setup.model:
        yield no_model(setup.model, version)
    modalities = generation.response_modalities or []
    allowed = _MODALITIES if profile.writes else _MODALITIES[:1]
    if len(modalities) > 1 or any(each not in allowed for each in modalities):
        yield no_modalities(", ".join(modalities))
    yield from _of_thinking(generation.thinking_config or m.ThinkingConfig(), profile)
    if generation.enable_affective_dialog and not profile.affective:
        yield INVALID_ARGUMENT
    match profile.proactive, setup.proactivity:
        case ("no", m.Proactivity(proactive_audio=True)) | ("always", m.Proactivity(proactive_audio=False)):
            yield INVALID_ARGUMENT
        case _:
            pass
    yield from _of_choices(setup.realtime_input_config or m.RealtimeInputConfig())
    yield from of_tools(setup.tools or [], profile, "setup.tools")


def _of_surface(
    setup: m.Setup, generation: m.GenerationConfig, profile: Profile, version: str
) -> Iterator[Reason]:
    """Yield the names that this surface, or this version of it, does not have."""
    if setup.history_config is not None and not profile.history_config:
        yield unknown_name("historyConfig", "setup")
    if profile.surface == "vertex":
        return
    for name in ("explicit_vad_signal", "avatar_config", "labels"):
        if getattr(setup, name) is not None:
            yield unknown_name(camel(name), "setup")
    if setup.session_resumption is not None and setup.session_resumption.transparent is not None:
        yield unknown_name("transparent", "setup.session_resumption")
    if version != "v1alpha":
        if setup.proactivity is not None:
            yield unknown_name("proactivity", "setup")
        if generation.enable_affective_dialog is not None:
            yield unknown_name("enableAffectiveDialog", "setup.generation_config")


def _of_thinking(asked: m.ThinkingConfig, profile: Profile) -> Iterator[Reason]:
    level = None if asked.thinking_level in _UNSET else asked.thinking_level
    if level is not None and level not in _LEVELS:
        yield _no_choice("setup.generation_config.thinking_config.thinking_level", level)
    match profile.thinking:
        case "none" | "budget" if level is not None:
            yield NO_LEVEL
        case "level_required" if level is None:
            yield NEEDS_LEVEL
        case "level_required" if level == "MINIMAL":
            yield NO_MINIMAL
        case _:
            pass


def _of_choices(asked: m.RealtimeInputConfig) -> Iterator[Reason]:
    detection = asked.automatic_activity_detection or m.ActivityDetection()
    for name, choices in _CHOICES.items():
        detects = hasattr(detection, name)
        given = getattr(detection if detects else asked, name)
        if given is not None and given not in choices:
            where = ".automatic_activity_detection" if detects else ""
            yield _no_choice(f"setup.realtime_input_config{where}.{name}", given)


def of_tools(tools: Sequence[m.Tool], profile: Profile, place: str) -> Iterator[Reason]:
    """Yield what this model does not take of tools, which stand at this place of the message."""
    known = _VERTEX_SCHEMA if profile.surface == "vertex" else _SCHEMA
    for at, tool in enumerate(tools):
        for name, called in _NOT_LIVE.items():
            if getattr(tool, name) is not None:
                yield Reason("config", INVALID, f"{called} tool is not supported for this model.")
        for number, each in enumerate(tool.function_declarations or ()):
            where = f"{place}[{at}].function_declarations[{number}]"
            if not _NAME.fullmatch(each.name):
                yield INVALID_ARGUMENT
            yield from _of_behavior(each.behavior, profile, where)
            yield from _of_schema(each.parameters, known, f"{where}.parameters")


def _of_behavior(behavior: str | None, profile: Profile, place: str) -> Iterator[Reason]:
    if behavior in _UNSET or behavior in profile.behaviors:
        return
    if not profile.behaviors:
        yield unknown_name("behavior", place)
    elif behavior == "BLOCKING":
        yield NO_BLOCKING
    else:
        yield _no_choice(f"{place}.behavior", str(behavior))


def _of_schema(schema: JSON, known: frozenset[str], place: str, depth: int = 0) -> Iterator[Reason]:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    given = {camel(name): value for name, value in schema.items()}
    for name in schema:
        if camel(name) not in known:
            yield unknown_name(name, place)
    yield from _of_schema(given.get("items"), known, f"{place}.items", depth + 1)
    branches, properties = given.get("anyOf"), given.get("properties")
    for at, each in enumerate(branches if isinstance(branches, list) else ()):
        yield from _of_schema(each, known, f"{place}.any_of[{at}]", depth + 1)
    for at, each in enumerate(properties.values() if isinstance(properties, Mapping) else ()):
        yield from _of_schema(each, known, f"{place}.properties[{at}].value", depth + 1)


def _no_choice(place: str, given: str) -> Reason:
    return Reason("config", INVALID, f"Invalid value at '{place}', \"{given}\"")


def camel(name: str) -> str:
    """Return a name as JSON has it."""
    return _LOW_LINE.sub(lambda found: found[1].upper(), name)
