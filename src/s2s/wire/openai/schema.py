"""What a session object may hold: the service refuses a whole update for one key that it does not know.

Source: openai-python 3.57.0 `realtime_session_create_request.py` and its parts.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from s2s.items import JSON
from s2s.wire.openai.messages import Problem, WireItem

Modalities = Annotated[list[Literal["audio", "text"]], Meta(min_length=1, max_length=1)]


class Strict(Struct, forbid_unknown_fields=True):
    """An object in which only these keys may stand; its values are judged and never read."""


class PCM(Strict, tag_field="type", tag="audio/pcm"):
    rate: Literal[24000] | None = None


class PCMU(Strict, tag_field="type", tag="audio/pcmu"):
    rate: Literal[8000] | None = None


class PCMA(Strict, tag_field="type", tag="audio/pcma"):
    rate: Literal[8000] | None = None


class ServerVAD(Strict, tag_field="type", tag="server_vad"):
    threshold: Annotated[float, Meta(gt=0, lt=1)] | None = None
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    silence_duration_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    idle_timeout_ms: Annotated[int, Meta(ge=0)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVAD(Strict, tag_field="type", tag="semantic_vad"):
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class Transcription(Strict):
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    prompt: str | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Strict):
    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class Input(Strict):
    format: PCM | PCMU | PCMA | None = None
    turn_detection: ServerVAD | SemanticVAD | None = None
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None


class VoiceId(Strict):
    id: str


class Output(Strict):
    format: PCM | PCMU | PCMA | None = None
    voice: str | VoiceId | None = None
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | None = None


class Audio(Strict):
    input: Input | None = None
    output: Output | None = None


class Function(Strict, tag_field="type", tag="function"):
    name: str
    description: str | None = None
    parameters: dict[str, JSON] | None = None
    strict: JSON = None


class MCP(Struct, tag_field="type", tag="mcp"):
    server_label: str


class Settings(Strict):
    type: Literal["realtime"] | None = None
    id: str | None = None
    object: str | None = None
    expires_at: JSON = None
    model: str | None = None
    output_modalities: Annotated[list[Literal["audio", "text"]], Meta(min_length=1, max_length=1)] | None = (
        None
    )
    instructions: str | None = None
    audio: Audio | None = None
    tools: list[Function | MCP] | None = None
    tool_choice: JSON = None
    parallel_tool_calls: bool | None = None
    reasoning: JSON = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | Literal["inf"] | None = None
    truncation: JSON = None
    tracing: JSON = None
    include: list[str] | None = None
    prompt: JSON = None


_OFF = ("turn_detection", "transcription", "noise_reduction", "tracing", "include", "idle_timeout_ms")
"""What null switches off; elsewhere it says nothing."""
_DEEP = ("audio", "input", "output", "turn_detection", "transcription", "noise_reduction")
_PARTS = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("output_text", "text"),
}
_NEEDED = {
    "message": ("role", "content"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "mcp_approval_response": ("approval_request_id", "approve"),
    "mcp_approval_request": ("server_label", "name", "arguments"),
    "mcp_list_tools": ("server_label", "tools"),
    "mcp_call": ("server_label", "name", "arguments"),
}
_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_PLACE = re.compile(r"at `\$\.?(.*?)`")


def problem_with(session: dict[str, JSON]) -> Problem | None:
    """Return what the service would say of this update, None where it takes it."""
    try:
        msgspec.convert(session, Settings)
    except msgspec.ValidationError as wrong:
        place = _PLACE.search(str(wrong))
        path = ".".join(["session", *([place.group(1)] if place and place.group(1) else [])])
        unknown = _UNKNOWN.search(str(wrong))
        if unknown is None:
            return _invalid(f"Invalid value for '{path}': {str(wrong).partition(' - at ')[0]}.", path)
        path = f"{path}.{unknown.group(1)}"
        return _invalid(f"Unknown parameter: '{path}'.", path, "unknown_parameter")
    return None


def meant(session: dict[str, JSON]) -> dict[str, JSON]:
    """Return a valid update without the nulls that say nothing."""
    return {
        key: meant(value) if key in _DEEP and isinstance(value, dict) else value
        for key, value in session.items()
        if value is not None or key in _OFF
    }


def problem_with_item(item: WireItem) -> Problem | None:
    """Return what the service would say of an item that a client puts in, None where it takes it."""
    if item.type not in _NEEDED:
        known = ", ".join(f"'{each}'" for each in _NEEDED)
        return _invalid(f"Invalid value: '{item.type}'. Supported values are: {known}.", "item.type")
    for name in _NEEDED[item.type]:
        if getattr(item, name) is None:
            told = f"Missing required parameter: 'item.{name}'."
            return _invalid(told, f"item.{name}", "missing_required_parameter")
    return _problem_with_content(item) if item.type == "message" else None


def _problem_with_content(item: WireItem) -> Problem | None:
    parts = _PARTS.get(item.role or "")
    if parts is None:
        return _invalid(f"Invalid value: '{item.role}'. Supported values are: {list(_PARTS)}.", "item.role")
    for index, each in enumerate(item.content or ()):
        place = f"item.content[{index}]"
        if each.type not in parts:
            told = f"Invalid value: '{each.type}'. Supported values are: {list(parts)}."
            return _invalid(told, f"{place}.type")
        if each.type == "input_audio" and each.transcript is None:
            told = "This engine hears what is appended to the input audio buffer, and no items."
            return _invalid(told, f"{place}.audio")
    return None


def _invalid(told: str, param: str, code: str = "invalid_value") -> Problem:
    return Problem(type="invalid_request_error", code=code, message=told, param=param)
