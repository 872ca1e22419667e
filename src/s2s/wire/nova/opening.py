"""What our conversation begins with: the configuration, as the first events of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.commands import UpdateSession
from s2s.config import Config, TurnDetection
from s2s.items import JSON, Message, whole
from s2s.tools import ToolSpec
from s2s.wire import Send
from s2s.wire.nova import blocks
from s2s.wire.nova import messages as m
from s2s.wire.nova.voices import DEFAULT

Sensitivity: TypeAlias = Literal["HIGH", "MEDIUM", "LOW"]
_SENSITIVITY: dict[str, Sensitivity | None] = {
    "high": "HIGH",
    "medium": "MEDIUM",
    "low": "LOW",
    "auto": None,
}
_MAX_TOKENS, _TOP_P, _TEMPERATURE = 1024, 0.9, 0.7
"""What AWS's samples ask for, all of which name all three."""
_NO_INSTRUCTIONS = "You are a helpful voice assistant."
"""The service wants to be told something."""


class Wishes(Struct, frozen=True, kw_only=True):
    """What only this protocol can be asked for."""

    endpointing: Sensitivity | None = None
    """How soon a pause ends the user's turn; in place of the eagerness of the turn detection."""
    top_p: float | None = None
    prompt_start: dict[str, JSON] = {}
    """Merged last into promptStart, as it is: in camelCase."""
    session_start: dict[str, JSON] = {}
    """The same for sessionStart."""


class Opening(Struct, frozen=True, kw_only=True):
    """What a conversation begins with."""

    config: Config
    capabilities: Capabilities
    wishes: Wishes = Wishes()
    provider: str = "nova"
    model: str = "amazon.nova-2-5-sonic"
    session_id: str = "session"
    """What the session is called where the service gives it no name."""
    input_rate: int = 16_000
    output_rate: int = 24_000
    generation: int = 2
    """The first one takes no text while it talks, and does not say how soon a turn ends."""


class Settings(Struct, frozen=True):
    """What may change during a session."""

    instructions: str
    tools: tuple[ToolSpec, ...]
    voice: str | None
    turns: TurnDetection
    transcription: bool
    written: bool
    """Answers are read and not heard."""
    temperature: float | None
    max_output_tokens: int | None


def settings_of(config: Config) -> Settings:
    """Return what a session begins with."""
    return Settings(
        instructions=config.instructions,
        tools=tuple(each.spec for each in config.toolset),
        voice=config.voice,
        turns=config.turns,
        transcription=config.transcription,
        written="audio" not in config.output_modalities,
        temperature=config.temperature,
        max_output_tokens=config.max_output_tokens,
    )


def changed(before: Settings, command: UpdateSession) -> Settings:
    """Return the settings with what a command changes."""
    found = {
        "instructions": command.instructions,
        "tools": command.tools,
        "voice": command.voice,
        "turns": command.turn_detection,
        "transcription": command.transcription,
        "temperature": command.temperature,
        "max_output_tokens": command.max_output_tokens,
    }
    if command.output_modalities is not UNSET:
        found["written"] = "audio" not in command.output_modalities
    return replace(before, **{name: value for name, value in found.items() if value is not UNSET})


def begin(opening: Opening, settings: Settings) -> list[Send]:
    """Spell what a stream begins with: nothing of it can change later."""
    session = _merged(_session(opening, settings), opening.wishes.session_start)
    prompt = _merged(_prompt(opening, settings), opening.wishes.prompt_start)
    return [
        Send(m.encode({"event": {"sessionStart": session}})),
        Send(m.encode({"event": {"promptStart": prompt}})),
        *blocks.text(blocks.SYSTEM, "SYSTEM", _instructions(opening, settings), interactive=False),
    ]


def _session(opening: Opening, settings: Settings) -> m.SessionStart:
    wishes = opening.wishes
    sensitivity = wishes.endpointing or _SENSITIVITY[settings.turns.eagerness]
    tells = sensitivity is not None and opening.generation > 1
    return m.SessionStart(
        inference_configuration=m.InferenceConfiguration(
            max_tokens=settings.max_output_tokens or _MAX_TOKENS,
            top_p=_TOP_P if wishes.top_p is None else wishes.top_p,
            temperature=_TEMPERATURE if settings.temperature is None else settings.temperature,
        ),
        turn_detection_configuration=(
            m.TurnDetectionConfiguration(endpointing_sensitivity=sensitivity) if tells else None
        ),
    )


def _prompt(opening: Opening, settings: Settings) -> m.PromptStart:
    tools = _declared(settings.tools)
    return m.PromptStart(
        prompt_name=blocks.PROMPT,
        text_output_configuration=m.MediaConfiguration(media_type=m.TEXT_PLAIN),
        audio_output_configuration=m.AudioConfiguration(
            media_type=m.LPCM,
            sample_rate_hertz=opening.output_rate,
            sample_size_bits=16,
            channel_count=1,
            voice_id=whole(settings.voice or DEFAULT),
            encoding="base64",
            audio_type="SPEECH",
        ),
        tool_use_output_configuration=m.MediaConfiguration(media_type=m.JSON_MEDIA) if tools else None,
        tool_configuration=m.ToolConfiguration(tools=tools) if tools else None,
    )


def _declared(tools: Iterable[ToolSpec]) -> list[m.Tool]:
    return [
        m.Tool(
            tool_spec=m.ToolSpecification(
                name=each.name,
                description=whole(each.description) or None,
                input_schema=m.InputSchema(json=m.encode(each.parameters).decode()),
            )
        )
        for each in tools
    ]


def _instructions(opening: Opening, settings: Settings) -> str:
    """Return what the model is told of its part, and what the history adds to that."""
    added = [e.text for e in opening.config.history if isinstance(e, Message) and e.role == "system"]
    told = [each for each in (settings.instructions, *added) if each.strip()]
    return "\n\n".join(told) or _NO_INSTRUCTIONS


def _merged(base: JSON, change: JSON) -> JSON:
    if isinstance(base, Struct):
        base = msgspec.to_builtins(base)
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}
