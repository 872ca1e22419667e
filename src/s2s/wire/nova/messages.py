"""Everything that is said in the protocol, as Structs: one event in every message, with camelCase names.

Source: the bidirectional API of Amazon Nova Sonic as AWS documents it, and aws-sdk-bedrock-runtime 0.12.0
for what carries it (2026-11).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from s2s.items import JSON


class _Body(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Absent is None; fields that we do not know are left out."""


class Empty(_Body):
    pass


class InferenceConfiguration(_Body):
    max_tokens: int | None = None
    top_p: float | None = None
    temperature: float | None = None


class TurnDetectionConfiguration(_Body):
    endpointing_sensitivity: str | None = None
    """HIGH, MEDIUM or LOW: how short a pause ends a turn, about 1.5, 1.75 or 2 s."""


class SessionStart(_Body):
    inference_configuration: InferenceConfiguration | None = None
    turn_detection_configuration: TurnDetectionConfiguration | None = None
    endpointing_sensitivity: str | None = None
    """Where the first generation had it; refused since."""


class MediaConfiguration(_Body):
    media_type: str = ""


class AudioConfiguration(_Body):
    media_type: str = ""
    sample_rate_hertz: int | None = None
    sample_size_bits: int | None = None
    channel_count: int | None = None
    voice_id: str | None = None
    encoding: str | None = None
    audio_type: str | None = None


class InputSchema(_Body):
    json: str = ""
    """JSON Schema, as text."""


class ToolSpecification(_Body):
    name: str = ""
    description: str | None = None
    input_schema: InputSchema | None = None


class Tool(_Body):
    tool_spec: ToolSpecification | None = None


class ToolConfiguration(_Body):
    tools: list[Tool] = []
    tool_choice: JSON = None


class PromptStart(_Body):
    prompt_name: str = ""
    text_output_configuration: MediaConfiguration | None = None
    audio_output_configuration: AudioConfiguration | None = None
    tool_use_output_configuration: MediaConfiguration | None = None
    tool_configuration: ToolConfiguration | None = None


class ToolResultInputConfiguration(_Body):
    tool_use_id: str = ""
    type: str = ""
    text_input_configuration: MediaConfiguration | None = None


class InputStart(_Body):
    """A contentStart of the client."""

    prompt_name: str = ""
    content_name: str = ""
    type: str = ""
    """TEXT, AUDIO or TOOL."""
    interactive: bool | None = None
    role: str | None = None
    """SYSTEM, USER, ASSISTANT or TOOL."""
    text_input_configuration: MediaConfiguration | None = None
    audio_input_configuration: AudioConfiguration | None = None
    tool_result_input_configuration: ToolResultInputConfiguration | None = None


class Input(_Body):
    """A textInput, an audioInput (base64 of PCM16 LE mono) or a toolResult (JSON, as text)."""

    prompt_name: str = ""
    content_name: str = ""
    content: str = ""


class InputEnd(_Body):
    """A contentEnd of the client."""

    prompt_name: str = ""
    content_name: str = ""


class PromptEnd(_Body):
    prompt_name: str = ""


class Asked(_Body):
    """What a client says: exactly one of these."""

    session_start: SessionStart | None = None
    prompt_start: PromptStart | None = None
    content_start: InputStart | None = None
    text_input: Input | None = None
    audio_input: Input | None = None
    tool_result: Input | None = None
    content_end: InputEnd | None = None
    prompt_end: PromptEnd | None = None
    session_end: Empty | None = None


class ClientMessage(_Body):
    event: Asked


class _Output(_Body):
    session_id: str = ""
    prompt_name: str = ""
    completion_id: str = ""


class Modalities(_Body):
    speech_tokens: int | None = None
    text_tokens: int | None = None


class Tokens(_Body):
    input: Modalities | None = None
    output: Modalities | None = None


class UsageDetails(_Body):
    delta: Tokens | None = None
    """Since the event before."""
    total: Tokens | None = None
    """Of the stream."""


class UsageEvent(_Output):
    details: UsageDetails | None = None
    total_input_tokens: int | None = None
    total_output_tokens: int | None = None
    total_tokens: int | None = None


class CompletionStart(_Output):
    pass


class OutputStart(_Output):
    """A contentStart of the service."""

    content_id: str = ""
    type: str = ""
    """TEXT, AUDIO or TOOL."""
    role: str | None = None
    """USER, ASSISTANT or TOOL."""
    additional_model_fields: str | None = None
    """JSON as text; for TEXT it holds the generationStage, SPECULATIVE or FINAL."""
    text_output_configuration: MediaConfiguration | None = None
    audio_output_configuration: AudioConfiguration | None = None
    tool_use_output_configuration: MediaConfiguration | None = None


class TextOutput(_Output):
    content_id: str = ""
    content: str = ""
    role: str | None = None


class AudioOutput(_Output):
    content_id: str = ""
    content: str = ""
    """Base64 of PCM16 LE mono."""
    role: str | None = None


class ToolUse(_Output):
    content_id: str = ""
    tool_name: str = ""
    tool_use_id: str = ""
    content: str = ""
    """The arguments: JSON as text, sometimes as text of text."""
    role: str | None = None


class OutputEnd(_Output):
    """A contentEnd of the service."""

    content_id: str = ""
    type: str | None = None
    stop_reason: str | None = None
    """PARTIAL_TURN, END_TURN, INTERRUPTED or TOOL_USE."""


class CompletionEnd(_Output):
    stop_reason: str | None = None


class Told(_Body):
    """What the service says: one of these, or something newer."""

    usage_event: UsageEvent | None = None
    completion_start: CompletionStart | None = None
    content_start: OutputStart | None = None
    text_output: TextOutput | None = None
    audio_output: AudioOutput | None = None
    tool_use: ToolUse | None = None
    content_end: OutputEnd | None = None
    completion_end: CompletionEnd | None = None


class Accepted(_Body):
    """The head of the service's answer: the stream is open. It travels as the headers of the response."""

    request_id: str = ""


class ServerMessage(_Body):
    """One event, or as the first message of all the acceptance."""

    event: Told | None = None
    response: Accepted | None = None


INTERRUPTED = '{ "interrupted" : true }'
"""The text of a FINAL block which says that the user has cut the answer off."""
TEXT_PLAIN, JSON_MEDIA, LPCM = "text/plain", "application/json", "audio/lpcm"
encode = msgspec.json.Encoder().encode
