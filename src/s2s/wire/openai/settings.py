"""The session object: how settings are spelled, merged, compared and checked, for both ends.

Source: openai-python 3.57.0 `realtime_session_create_request.py` and its parts; defaults from the payloads in
OpenAI's public OpenAPI document (2026-08).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from s2s.commands import UpdateSession
from s2s.config import Config, Modality, TurnDetection
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.tools import ToolSpec

PCM_RATE = 24_000
_FORMATS = {"audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_NAMES = {encoding: name for name, encoding in _FORMATS.items()}

DEFAULTS: dict[str, JSON] = {
    "type": "realtime",
    "object": "realtime.session",
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "include": None,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": PCM_RATE},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": PCM_RATE}, "voice": "marin", "speed": 1.0},
    },
}
"""What a new session is."""
_SERVER = DEFAULTS["audio"]["input"]["turn_detection"]
_SEMANTIC = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}


class Wishes(Struct, frozen=True):
    """Settings that only this protocol has."""

    transcription_model: str | None = None
    noise_reduction: Literal["near_field", "far_field"] | None = None
    session: dict[str, JSON] = {}
    """Merged last into the session object, as it is."""


def format_of(audio: AudioFormat) -> AudioFormat:
    """Return the format of the wire that fits an application's: G.711 stays, all else is PCM at 24,000 Hz."""
    return audio if audio.encoding in _NAMES else AudioFormat(sample_rate=PCM_RATE)


def spelled_format(audio: AudioFormat) -> dict[str, JSON]:
    """Spell a format of the wire."""
    name = _NAMES.get(audio.encoding)
    return {"type": name} if name else {"type": "audio/pcm", "rate": audio.sample_rate}


def read_format(spelled: JSON) -> AudioFormat:
    """Read a format of the wire; what is unknown is PCM at 24,000 Hz."""
    encoding = _FORMATS.get(spelled.get("type", "") if isinstance(spelled, dict) else "")
    if encoding is not None:
        return AudioFormat(msgspec.convert(encoding, Literal["g711_ulaw", "g711_alaw"]), 8_000)
    rate = spelled.get("rate") if isinstance(spelled, dict) else None
    return AudioFormat(sample_rate=rate if isinstance(rate, int) else PCM_RATE)


def opening(config: Config, transcribes_with: str | None, wishes: Wishes) -> dict[str, JSON]:
    """Return the session object that a session begins with."""
    first = UpdateSession(
        instructions=config.instructions or UNSET,
        voice=config.voice or UNSET,
        tools=tuple(each.spec for each in config.toolset) or UNSET,
        turn_detection=config.turns,
        transcription=config.transcription,
        language=config.language,
        output_modalities=config.output_modalities,
        max_output_tokens=UNSET if config.max_output_tokens is None else config.max_output_tokens,
    )
    session = changed(first, wishes.transcription_model or transcribes_with, config.language)
    audio = session["audio"]
    audio["input"]["format"] = spelled_format(format_of(config.heard))
    audio.setdefault("output", {})["format"] = spelled_format(format_of(config.spoken))
    if wishes.noise_reduction is not None:
        audio["input"]["noise_reduction"] = {"type": wishes.noise_reduction}
    if config.temperature is not None:
        session["temperature"] = config.temperature
    return merged(session, wishes.session)


def changed(command: UpdateSession, transcribes_with: str | None, language: str | None) -> dict[str, JSON]:
    """Return the part of the session object that a command is about."""
    session: dict[str, JSON] = {"type": "realtime", "audio": {"input": {}, "output": {}}}
    hears, speaks = session["audio"]["input"], session["audio"]["output"]
    if command.instructions is not UNSET:
        session["instructions"] = command.instructions
    if command.voice is not UNSET:
        speaks["voice"] = command.voice
    if not isinstance(command.tools, UnsetType):
        session["tools"] = [_tool(each) for each in command.tools]
    if not isinstance(command.output_modalities, UnsetType):
        session["output_modalities"] = modalities(command.output_modalities)
    if command.max_output_tokens is not UNSET:
        session["max_output_tokens"] = command.max_output_tokens or "inf"
    if not isinstance(command.turn_detection, UnsetType):
        hears["turn_detection"] = spelled_turns(command.turn_detection)
    spoken = command.language if command.language is not UNSET else language
    if command.transcription is not UNSET:
        how = {"model": transcribes_with, "language": spoken}
        hears["transcription"] = {k: v for k, v in how.items() if v} if command.transcription else None
    elif command.language is not UNSET:
        hears["transcription"] = {"language": spoken}
    return session


def modalities(wanted: Sequence[Modality]) -> list[str]:
    """Spell what an answer is made of: audio always comes with its words."""
    return ["audio"] if "audio" in wanted else ["text"]


def spelled_turns(turns: TurnDetection) -> dict[str, JSON] | None:
    """Spell who decides that the user's turn is over; None is the application."""
    answers = {"create_response": turns.create_response, "interrupt_response": turns.interrupt_response}
    match turns.mode:
        case "manual" | "local":
            return None
        case "semantic":
            return {"type": "semantic_vad", "eagerness": turns.eagerness, **answers}
        case "server":
            numbers = {
                "threshold": turns.threshold,
                "prefix_padding_ms": turns.prefix_ms,
                "silence_duration_ms": turns.silence_ms,
            }
            return {"type": "server_vad", **{k: v for k, v in numbers.items() if v is not None}, **answers}


def read_turns(spelled: dict[str, JSON] | None) -> TurnDetection:
    """Read it. Without detection nothing happens by itself, for the client says all. Raises ConfigError."""
    if spelled is None:
        return TurnDetection(mode="manual", create_response=False, interrupt_response=False)
    answers = {key: spelled.get(key, True) for key in ("create_response", "interrupt_response")}
    if spelled.get("type") == "semantic_vad":
        return TurnDetection(mode="semantic", eagerness=spelled.get("eagerness") or "auto", **answers)
    return TurnDetection(
        mode="server",
        threshold=spelled.get("threshold"),
        silence_ms=spelled.get("silence_duration_ms"),
        prefix_ms=spelled.get("prefix_padding_ms"),
        **answers,
    )


def read_changes(before: dict[str, JSON], after: dict[str, JSON]) -> UpdateSession:
    """Return the command that turns one session into another, both as the client has set them."""
    fields: dict[str, JSON] = {}
    for name in ("instructions", "output_modalities", "max_output_tokens", "tools"):
        if name in after and after[name] != before.get(name):
            fields[name] = after[name]
    if "tools" in fields:
        functions = [each for each in fields["tools"] or () if each.get("type") == "function"]
        fields["tools"] = tuple(
            ToolSpec(each["name"], each.get("description") or "", each.get("parameters") or {})
            for each in functions
        )
    if "output_modalities" in fields:
        fields["output_modalities"] = tuple(fields["output_modalities"])
    if fields.get("max_output_tokens") == "inf":
        fields["max_output_tokens"] = None
    hears, heard = (each.get("audio", {}).get("input", {}) for each in (after, before))
    speaks, spoke = (each.get("audio", {}).get("output", {}) for each in (after, before))
    if speaks.get("voice") != spoke.get("voice"):
        fields["voice"] = named_voice(speaks["voice"])
    if "turn_detection" in hears and hears["turn_detection"] != heard.get("turn_detection", {}):
        fields["turn_detection"] = read_turns(hears["turn_detection"])
    if hears.get("transcription") != heard.get("transcription"):
        how = hears["transcription"]
        fields["transcription"] = how is not None
        if (how or {}).get("language") != (heard.get("transcription") or {}).get("language"):
            fields["language"] = (how or {}).get("language")
    return UpdateSession(**fields)


def named_voice(spelled: JSON) -> str:
    """Return the name of a voice, which one of a customer has for its id."""
    return str(spelled.get("id") if isinstance(spelled, dict) else spelled)


def merged(session: dict[str, JSON], update: dict[str, JSON]) -> dict[str, JSON]:
    """Return a session with an update in it: objects but formats merge, all else replaces, null is off."""
    result = copy.copy(session)
    for key, value in update.items():
        before = result.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and not _is_other(key, before, value):
            value = merged(before, value)
        result[key] = value
    return result


def completed(session: dict[str, JSON]) -> dict[str, JSON]:
    """Return a session whose turn detection has all of its settings, as the service tells it."""
    turns = session["audio"]["input"]["turn_detection"]
    if turns is None:
        return session
    usual = _SEMANTIC if turns.get("type") == "semantic_vad" else _SERVER
    return merged(session, {"audio": {"input": {"turn_detection": {**usual, **turns}}}})


def difference(update: dict[str, JSON], session: dict[str, JSON]) -> dict[str, JSON]:
    """Return what of an update the session has not; `type` goes along with whatever is left."""
    found: dict[str, JSON] = {}
    for key, value in update.items():
        before = session.get(key)
        if key == "turn_detection" and isinstance(value, dict) and isinstance(before, dict):
            if difference(value, before):
                found[key] = value
        elif isinstance(value, dict) and isinstance(before, dict) and key != "format":
            if inner := difference(value, before):
                found[key] = inner
        elif key not in session or value != before:
            found[key] = value
    return found


def _is_other(key: str, before: dict[str, JSON], value: dict[str, JSON]) -> bool:
    kinds = before.get("type"), value.get("type", before.get("type"))
    return key == "format" or (key == "turn_detection" and kinds[0] != kinds[1])


def _tool(spec: ToolSpec) -> dict[str, JSON]:
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    }
