"""What our conversation begins with: the configuration, as a setup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.config import Config, TurnDetection
from s2s.items import JSON
from s2s.tools import ToolSpec
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.alternatives import MOST_SCHEMAS
from s2s.wire.gemini.profiles import LIVE_38, Profile
from s2s.wire.gemini.schema import openapi

Scheduling: TypeAlias = Literal["INTERRUPT", "WHEN_IDLE"]

_LEVELS = {"low": "LOW", "medium": None, "high": "HIGH", "auto": None}
_MOST_SCHEMAS = 40_000
"""In all tools together: whoever names them may be a client that one serves."""
_OURS = ("manual", "local")
"""Modes of turn detection in which the service is told when the user speaks."""


class Wishes(Struct, frozen=True, kw_only=True):
    """What only this protocol can be asked for."""

    thinking_level: str | None = None
    thinking_budget: int | None = None
    affective_dialog: bool = False
    proactive_audio: bool = False
    scheduling: Scheduling = "INTERRUPT"
    """When the result of a call that blocks nothing is spoken of."""
    resumption: bool = True
    compression: bool = True
    setup: dict[str, JSON] = {}
    """Merged last into the setup, as it is: in camelCase."""

    @property
    def handle(self) -> str | None:
        """The handle of an earlier session that this one is to take up."""
        match self.setup:
            case {"sessionResumption": {"handle": str(handle)}}:
                return handle
            case _:
                return None


class Opening(Struct, frozen=True, kw_only=True):
    """What a conversation begins with."""

    config: Config
    capabilities: Capabilities
    profile: Profile = LIVE_38
    wishes: Wishes = Wishes()
    provider: str = "gemini_live"
    model: str = "models/gemini-3.8-live"
    """With the path that the service wants before it."""
    session_id: str = "session"
    """What the session is called where the service gives it no name."""
    input_rate: int = 16_000


class Settings(Struct, frozen=True):
    """What may change during a session."""

    instructions: str
    tools: tuple[ToolSpec, ...]
    voice: str | None
    turns: TurnDetection
    transcription: bool
    language: str | None
    written: bool
    """Answers are written and not spoken."""
    temperature: float | None
    max_output_tokens: int | None

    @property
    def manual(self) -> bool:
        """Whether we tell the service when the user speaks."""
        return self.turns.mode in _OURS


def settings_of(config: Config) -> Settings:
    """Return what a session begins with."""
    return Settings(
        instructions=config.instructions,
        tools=tuple(each.spec for each in config.toolset),
        voice=config.voice,
        turns=config.turns,
        transcription=config.transcription,
        language=config.language,
        written="audio" not in config.output_modalities,
        temperature=config.temperature,
        max_output_tokens=config.max_output_tokens,
    )


def setup(opening: Opening, settings: Settings, handle: str | None, *, seeds: bool) -> bytes:
    """Spell the first message of a connection; with `seeds` a history follows that nobody answers."""
    profile, wishes = opening.profile, opening.wishes
    written = settings.written and profile.writes
    asked = m.Setup(
        model=opening.model,
        generation_config=_generation(settings, profile, wishes),
        system_instruction=instruction(settings.instructions) if settings.instructions else None,
        tools=declared(settings.tools, profile),
        realtime_input_config=_input(settings.turns, manual=settings.manual),
        input_audio_transcription=_transcription(settings) if settings.transcription else None,
        output_audio_transcription=None if written else m.AudioTranscriptionConfig(),
        session_resumption=m.SessionResumption(handle=handle) if wishes.resumption else None,
        context_window_compression=(
            m.ContextWindowCompression(sliding_window=m.SlidingWindow()) if wishes.compression else None
        ),
        proactivity=_proactivity(profile, wishes),
        history_config=m.HistoryConfig(initial_history_in_client_content=True) if seeds else None,
    )
    if not wishes.setup:
        return m.encode(m.ClientMessage(setup=asked))
    return m.encode({"setup": _taking_up(_merged(msgspec.to_builtins(asked), wishes.setup), handle)})


def instruction(text: str) -> m.Content:
    """Spell what the model is told of its part."""
    return m.Content(role="user", parts=[m.Part(text=text)])


def declared(tools: Iterable[ToolSpec], profile: Profile) -> list[m.Tool] | None:
    """Spell the tools; how each behaves is always said, for models differ in what silence means."""
    told = [*tools]
    most_schemas = min(MOST_SCHEMAS, _MOST_SCHEMAS // max(1, len(told)))
    declarations = [
        m.FunctionDeclaration(
            name=each.name,
            description=each.description or None,
            parameters=openapi(each.parameters, most_schemas) or None,
            behavior=behavior(each, profile),
        )
        for each in told
    ]
    return [m.Tool(function_declarations=declarations)] if declarations else None


def behavior(tool: ToolSpec, profile: Profile) -> m.Behavior | None:
    """Return how the model waits for a tool, of what it can; None where it may not be told."""
    wanted: m.Behavior = "NON_BLOCKING" if tool.policy == "background" else "BLOCKING"
    return wanted if wanted in profile.behaviors else next(iter(profile.behaviors), None)


def _generation(settings: Settings, profile: Profile, wishes: Wishes) -> m.GenerationConfig:
    written = settings.written and profile.writes
    return m.GenerationConfig(
        response_modalities=["TEXT" if written else "AUDIO"],
        temperature=settings.temperature,
        max_output_tokens=settings.max_output_tokens,
        speech_config=None if written else _speech(settings, profile),
        thinking_config=_thinking(profile, wishes),
        enable_affective_dialog=True if wishes.affective_dialog and profile.affective else None,
    )


def _speech(settings: Settings, profile: Profile) -> m.SpeechConfig | None:
    # Models that speak by themselves choose the language too, and refuse to be told.
    language = settings.language if profile.writes else None
    if settings.voice is None and language is None:
        return None
    named = settings.voice and m.VoiceConfig(
        prebuilt_voice_config=m.PrebuiltVoiceConfig(voice_name=settings.voice)
    )
    return m.SpeechConfig(voice_config=named or None, language_code=language)


def _thinking(profile: Profile, wishes: Wishes) -> m.ThinkingConfig | None:
    level, budget = wishes.thinking_level, wishes.thinking_budget
    match profile.thinking:
        case "budget" if budget is not None:
            return m.ThinkingConfig(thinking_budget=budget)
        case "level" if level is not None:
            return m.ThinkingConfig(thinking_level=level)
        case "level_required":
            return m.ThinkingConfig(thinking_level=level or "LOW")
        case _:
            return None


def _input(turns: TurnDetection, *, manual: bool) -> m.RealtimeInputConfig | None:
    level = _LEVELS[turns.eagerness]
    detection = m.ActivityDetection(
        disabled=True if manual else None,
        end_of_speech_sensitivity=f"END_SENSITIVITY_{level}" if level and not manual else None,
        prefix_padding_ms=None if manual else turns.prefix_ms,
        silence_duration_ms=None if manual else turns.silence_ms,
    )
    handling = None if turns.interrupt_response else "NO_INTERRUPTION"
    if detection == m.ActivityDetection() and handling is None:
        return None
    return m.RealtimeInputConfig(
        automatic_activity_detection=None if detection == m.ActivityDetection() else detection,
        activity_handling=handling,
    )


def _transcription(settings: Settings) -> m.AudioTranscriptionConfig:
    return m.AudioTranscriptionConfig(language_codes=[settings.language] if settings.language else None)


def _proactivity(profile: Profile, wishes: Wishes) -> m.Proactivity | None:
    wanted = wishes.proactive_audio and profile.proactive == "opt_in"
    return m.Proactivity(proactive_audio=True) if wanted else None


def _taking_up(spelled: JSON, handle: str | None) -> JSON:
    """Return the setup with this handle, where the application had given the one of an earlier session."""
    match spelled:
        case {"sessionResumption": {"handle": _, **rest}}:
            return {**spelled, "sessionResumption": {**rest, **({"handle": handle} if handle else {})}}
        case _:
            return spelled


def _merged(base: JSON, change: JSON) -> JSON:
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}
