"""Everything that is said in the protocol, as Structs: one envelope each way, with camelCase names.

Source: google-genai 3.6.1 `types.Live*` and its converters; @google/genai 3.3.0; recorded traffic published
with the tests of pydantic-ai (2026-08).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Struct

from s2s.items import JSON


class _Message(Struct, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Absent is None: proto3 leaves out what is false, zero or empty, and `{}` is something that is there."""


class Empty(_Message):
    pass


class Blob(_Message):
    mime_type: str | None = None
    data: str = ""
    """Base64 of either alphabet, padded or not."""
    display_name: str | None = None


class FunctionCall(_Message):
    id: str | None = None
    name: str | None = None
    args: dict[str, JSON] | None = None
    partial_args: JSON = None
    will_continue: bool | None = None


class FunctionResponse(_Message):
    id: str | None = None
    name: str | None = None
    response: dict[str, JSON] | None = None
    scheduling: str | None = None
    will_continue: bool | None = None
    parts: JSON = None


class Part(_Message):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: JSON = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: JSON = None
    code_execution_result: JSON = None
    video_metadata: JSON = None
    media_resolution: JSON = None
    part_metadata: JSON = None


class Content(_Message):
    role: str | None = None
    parts: list[Part] | None = None


class PrebuiltVoiceConfig(_Message):
    voice_name: str | None = None


class VoiceConfig(_Message):
    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: JSON = None
    voice: str | None = None


class SpeechConfig(_Message):
    voice_config: VoiceConfig | None = None
    language_code: str | None = None
    multi_speaker_voice_config: JSON = None


class ThinkingConfig(_Message):
    thinking_level: str | None = None
    thinking_budget: int | None = None
    include_thoughts: bool | None = None


class GenerationConfig(_Message):
    response_modalities: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    media_resolution: str | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    translation_config: JSON = None
    stop_sequences: JSON = None
    audio_transcription_config: JSON = None


class FunctionDeclaration(_Message):
    name: str = ""
    description: str | None = None
    parameters: JSON = None
    parameters_json_schema: JSON = None
    response: JSON = None
    response_json_schema: JSON = None
    behavior: str | None = None


class Tool(_Message):
    function_declarations: list[FunctionDeclaration] | None = None
    google_search: JSON = None
    google_search_retrieval: JSON = None
    code_execution: JSON = None
    url_context: JSON = None
    google_maps: JSON = None
    retrieval: JSON = None
    enterprise_web_search: JSON = None
    computer_use: JSON = None
    file_search: JSON = None
    mcp_servers: JSON = None


class ActivityDetection(_Message):
    disabled: bool | None = None
    start_of_speech_sensitivity: str | None = None
    end_of_speech_sensitivity: str | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class RealtimeInputConfig(_Message):
    automatic_activity_detection: ActivityDetection | None = None
    activity_handling: str | None = None
    turn_coverage: str | None = None
    interim_transcript_timestamp_enabled: bool | None = None


class AudioTranscriptionConfig(_Message):
    language_codes: list[str] | None = None
    language_auto: JSON = None
    language_hints: JSON = None
    custom_vocabulary: JSON = None
    adaptation_phrases: JSON = None
    word_timestamp: bool | None = None
    diarization: bool | None = None
    mode: str | None = None
    source_text: JSON = None


class SessionResumption(_Message):
    handle: str | None = None
    transparent: bool | None = None


class SlidingWindow(_Message):
    target_tokens: int | None = None


class ContextWindowCompression(_Message):
    trigger_tokens: int | None = None
    sliding_window: SlidingWindow | None = None


class Proactivity(_Message):
    proactive_audio: bool | None = None
    proactive_video: bool | None = None


class HistoryConfig(_Message):
    initial_history_in_client_content: bool | None = None


class Setup(_Message):
    model: str = ""
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    session_resumption: SessionResumption | None = None
    context_window_compression: ContextWindowCompression | None = None
    proactivity: Proactivity | None = None
    history_config: HistoryConfig | None = None
    explicit_vad_signal: bool | None = None
    avatar_config: JSON = None
    safety_settings: JSON = None
    labels: JSON = None


class ClientContent(_Message):
    turns: list[Content] | None = None
    turn_complete: bool | None = None


class RealtimeInput(_Message):
    audio: Blob | None = None
    video: Blob | None = None
    text: str | None = None
    audio_stream_end: bool | None = None
    activity_start: Empty | None = None
    activity_end: Empty | None = None
    media_chunks: list[Blob] | None = None


class ToolResponse(_Message):
    function_responses: list[FunctionResponse] | None = None


class UpdatedTools(_Message):
    tools: list[Tool] | None = None


class ContextUpdate(_Message):
    system_instruction: Content | None = None
    tools: UpdatedTools | None = None


class ClientMessage(_Message):
    """What a client says: exactly one of these."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: ContextUpdate | None = None


class Transcription(_Message):
    text: str | None = None
    finished: bool | None = None
    language_code: str | None = None
    speaker_label: str | None = None
    words: JSON = None
    start_offset: str | None = None
    end_offset: str | None = None


class ServerContent(_Message):
    model_turn: Content | None = None
    output_transcription: Transcription | None = None
    input_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    interrupted: bool | None = None
    generation_complete: bool | None = None
    turn_complete: bool | None = None
    turn_complete_reason: str | None = None
    interaction_status: str | None = None
    waiting_for_input: bool | None = None
    grounding_metadata: JSON = None
    url_context_metadata: JSON = None


class ToolCall(_Message):
    function_calls: list[FunctionCall] | None = None


class ToolCallCancellation(_Message):
    ids: list[str] | None = None


class ModalityTokens(_Message):
    modality: str | None = None
    token_count: int | None = None


class UsageMetadata(_Message):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    response_token_count: int | None = None
    candidates_token_count: int | None = None
    """What Vertex calls the one before."""
    tool_use_prompt_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokens] | None = None
    cache_tokens_details: list[ModalityTokens] | None = None
    response_tokens_details: list[ModalityTokens] | None = None
    candidates_tokens_details: list[ModalityTokens] | None = None
    tool_use_prompt_tokens_details: list[ModalityTokens] | None = None
    traffic_type: str | None = None
    service_tier: str | None = None


class SetupComplete(_Message):
    session_id: str | None = None
    voice_consent_signature: JSON = None


class GoAway(_Message):
    time_left: str | None = None


class SessionResumptionUpdate(_Message):
    new_handle: str | None = None
    resumable: bool | None = None
    last_consumed_client_message_index: int | None = None


class VoiceActivity(_Message):
    type: str | None = None
    voice_activity_type: str | None = None
    """What the types of the SDKs call the one before."""
    audio_offset: str | None = None


class VadSignal(_Message):
    vad_signal_type: str | None = None


class ServerMessage(_Message):
    """What the service says: any number of these at once."""

    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    usage_metadata: UsageMetadata | None = None
    go_away: GoAway | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    voice_activity: VoiceActivity | None = None
    voice_activity_detection_signal: VadSignal | None = None


Behavior = Literal["BLOCKING", "NON_BLOCKING"]

encode = msgspec.json.Encoder().encode
_DURATION = re.compile(r"(\d{1,12}(?:\.\d*)?)s?")


def seconds(duration: str | None) -> float:
    """Read a duration such as "1.5s"; 0 for what is none."""
    found = _DURATION.fullmatch(duration or "")
    return 0.0 if found is None else float(found.group(1))


def spelled_seconds(s: float) -> str:
    """Spell a duration, to the millisecond."""
    return f"{max(0.0, s):.3f}".rstrip("0").rstrip(".") + "s"
