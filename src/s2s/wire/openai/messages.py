"""Every message of the protocol, as data: 11 that a client says and 46 that a server says.

Ids that servers leave out are empty, and what clones fill with anything is JSON, so that one odd field does
not cost a whole message. What a client must not send as null is UNSET instead.

Source: openai-python 3.57.0, `types/realtime` (2026-11); beta names from its `resources/beta/realtime`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from s2s.items import JSON

Text: TypeAlias = str | UnsetType
Metadata: TypeAlias = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]
"""Limits as `realtime_response_create_params.py` tells them."""


class Content(Struct, omit_defaults=True):
    """A part of a message: `input_text`, `input_audio`, `input_image`, `output_text` or `output_audio`."""

    type: str = ""
    text: str | None = None
    transcript: str | None = None
    audio: str | None = None
    image_url: str | None = None
    detail: str | None = None


class WireItem(Struct, omit_defaults=True):
    """An entry of the conversation, of any kind; MCP kinds keep what they carry in JSON fields."""

    type: str = msgspec.field(default_factory=lambda: "message")
    """Never left out, for a default of this kind is always spelled."""
    id: str | None = None
    object: str | None = None
    status: str | None = None
    role: str | None = None
    content: list[Content] | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: JSON = None
    server_label: str | None = None
    tools: JSON = None
    error: JSON = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class WireResponse(Struct, kw_only=True):
    """An act of generation."""

    id: str = ""
    object: str = "realtime.response"
    status: str = ""
    status_details: JSON = None
    output: JSON = msgspec.field(default_factory=list)
    conversation_id: str | UnsetType | None = UNSET
    output_modalities: JSON = UNSET
    max_output_tokens: JSON = UNSET
    audio: JSON = UNSET
    usage: JSON = None
    metadata: JSON = None


class Problem(Struct, omit_defaults=True):
    """What went wrong, in the server's words."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None


class ResponseWishes(Struct, omit_defaults=True, kw_only=True):
    """What `response.create` may ask for; `input` replaces the conversation as context."""

    conversation: str | None = None
    input: list[JSON] | None = None
    instructions: str | None = None
    output_modalities: list[str] | None = None
    modalities: list[str] | None = None
    metadata: Metadata | None = None
    audio: JSON = None
    tools: JSON = None
    tool_choice: JSON = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: JSON = None
    reasoning: JSON = None
    prompt: JSON = None


# What a client says.


class ClientMessage(Struct, tag_field="type", omit_defaults=True, kw_only=True):
    """An `event_id` comes back in the error that the message causes, and nowhere else."""

    event_id: str | None = None


class SessionUpdate(ClientMessage, tag="session.update", kw_only=True):
    session: dict[str, JSON]


class InputAudioBufferAppend(ClientMessage, tag="input_audio_buffer.append", kw_only=True):
    audio: str


class InputAudioBufferCommit(ClientMessage, tag="input_audio_buffer.commit"): ...


class InputAudioBufferClear(ClientMessage, tag="input_audio_buffer.clear"): ...


class ItemCreate(ClientMessage, tag="conversation.item.create", kw_only=True):
    item: WireItem
    previous_item_id: str | None = None


class ItemTruncate(ClientMessage, tag="conversation.item.truncate", kw_only=True):
    item_id: str
    audio_end_ms: int
    content_index: int


class ItemDelete(ClientMessage, tag="conversation.item.delete", kw_only=True):
    item_id: str


class ItemRetrieve(ClientMessage, tag="conversation.item.retrieve", kw_only=True):
    item_id: str


class ResponseCreate(ClientMessage, tag="response.create", kw_only=True):
    response: ResponseWishes | None = None


class ResponseCancel(ClientMessage, tag="response.cancel", kw_only=True):
    response_id: str | None = None


class OutputAudioBufferClear(ClientMessage, tag="output_audio_buffer.clear"): ...


AnyClientMessage: TypeAlias = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | ItemCreate
    | ItemTruncate
    | ItemDelete
    | ItemRetrieve
    | ResponseCreate
    | ResponseCancel
    | OutputAudioBufferClear
)


# What a server says.


class ServerMessage(Struct, tag_field="type", kw_only=True):
    event_id: str = ""


class OfItem(ServerMessage, kw_only=True):
    item_id: str = ""


class OfTranscription(OfItem, kw_only=True):
    content_index: int = 0


class OfOutput(ServerMessage, kw_only=True):
    response_id: str = ""
    item_id: str = ""
    output_index: int = 0


class OfPart(OfOutput, kw_only=True):
    content_index: int = 0


class SessionCreated(ServerMessage, tag="session.created", kw_only=True):
    session: dict[str, JSON]


class SessionUpdated(ServerMessage, tag="session.updated", kw_only=True):
    session: dict[str, JSON]


class ConversationCreated(ServerMessage, tag="conversation.created", kw_only=True):
    conversation: JSON = None


class ItemAdded(ServerMessage, tag="conversation.item.added", kw_only=True):
    item: WireItem
    previous_item_id: str | None = None


class ItemDone(ServerMessage, tag="conversation.item.done", kw_only=True):
    item: WireItem
    previous_item_id: str | None = None


class ItemCreated(ServerMessage, tag="conversation.item.created", kw_only=True):
    item: WireItem
    previous_item_id: str | None = None


class ItemDeleted(OfItem, tag="conversation.item.deleted"): ...


class ItemRetrieved(ServerMessage, tag="conversation.item.retrieved", kw_only=True):
    item: WireItem


class ItemTruncated(OfItem, tag="conversation.item.truncated", kw_only=True):
    content_index: int = 0
    audio_end_ms: int = 0


class TranscriptionDelta(
    OfTranscription, tag="conversation.item.input_audio_transcription.delta", kw_only=True
):
    delta: str | None = None


class TranscriptionUpdated(
    OfTranscription, tag="conversation.item.input_audio_transcription.updated", kw_only=True
):
    """A clone's own: all of the text so far."""

    transcript: str = ""


class Language(Struct):
    code: str = ""


class TranscriptionCompleted(
    OfTranscription, tag="conversation.item.input_audio_transcription.completed", kw_only=True
):
    transcript: str
    usage: JSON = None
    languages: list[Language | str] | UnsetType | None = UNSET
    """Detected; bare codes are what clones say."""


class TranscriptionSegment(
    OfTranscription, tag="conversation.item.input_audio_transcription.segment", kw_only=True
):
    id: str = ""
    text: str
    speaker: str = ""
    start: float = 0.0
    end: float = 0.0


class TranscriptionFailed(
    OfTranscription, tag="conversation.item.input_audio_transcription.failed", kw_only=True
):
    error: Problem


class SpeechBegan(OfItem, tag="input_audio_buffer.speech_started", kw_only=True):
    audio_start_ms: float = 0


class SpeechEnded(OfItem, tag="input_audio_buffer.speech_stopped", kw_only=True):
    audio_end_ms: float = 0


class Committed(OfItem, tag="input_audio_buffer.committed", kw_only=True):
    previous_item_id: str | None = None


class Cleared(ServerMessage, tag="input_audio_buffer.cleared"): ...


class TimeoutTriggered(OfItem, tag="input_audio_buffer.timeout_triggered", kw_only=True):
    audio_start_ms: float = 0
    audio_end_ms: float = 0


class DTMFReceived(ServerMessage, tag="input_audio_buffer.dtmf_event_received", kw_only=True):
    event: str = ""
    received_at: float = 0


class PlaybackStarted(ServerMessage, tag="output_audio_buffer.started", kw_only=True):
    response_id: str = ""


class PlaybackStopped(ServerMessage, tag="output_audio_buffer.stopped", kw_only=True):
    response_id: str = ""


class PlaybackCleared(ServerMessage, tag="output_audio_buffer.cleared", kw_only=True):
    response_id: str = ""


class ResponseCreated(ServerMessage, tag="response.created", kw_only=True):
    response: WireResponse


class ResponseEnded(ServerMessage, tag="response.done", kw_only=True):
    response: WireResponse


class OutputItemAdded(ServerMessage, tag="response.output_item.added", kw_only=True):
    response_id: str = ""
    output_index: int = 0
    item: WireItem


class OutputItemDone(ServerMessage, tag="response.output_item.done", kw_only=True):
    response_id: str = ""
    output_index: int = 0
    item: WireItem


class ContentPartAdded(OfPart, tag="response.content_part.added", kw_only=True):
    part: Content


class ContentPartDone(OfPart, tag="response.content_part.done", kw_only=True):
    part: Content


class AudioDelta(OfPart, tag="response.output_audio.delta", kw_only=True):
    """Base64 of the session's output format."""

    delta: bytes


class AudioDone(OfPart, tag="response.output_audio.done"): ...


class SpokenDelta(OfPart, tag="response.output_audio_transcript.delta", kw_only=True):
    delta: str


class SpokenDone(OfPart, tag="response.output_audio_transcript.done", kw_only=True):
    transcript: str = ""


class TextDelta(OfPart, tag="response.output_text.delta", kw_only=True):
    delta: str


class TextDone(OfPart, tag="response.output_text.done", kw_only=True):
    text: str = ""


class ArgumentsDelta(OfOutput, tag="response.function_call_arguments.delta", kw_only=True):
    call_id: str = ""
    delta: str = ""


class ArgumentsDone(OfOutput, tag="response.function_call_arguments.done", kw_only=True):
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class MCPArgumentsDelta(OfOutput, tag="response.mcp_call_arguments.delta", kw_only=True):
    delta: str = ""


class MCPArgumentsDone(OfOutput, tag="response.mcp_call_arguments.done", kw_only=True):
    arguments: str = ""


class MCPCallInProgress(OfOutput, tag="response.mcp_call.in_progress"): ...


class MCPCallCompleted(OfOutput, tag="response.mcp_call.completed"): ...


class MCPCallFailed(OfOutput, tag="response.mcp_call.failed"): ...


class MCPListInProgress(OfItem, tag="mcp_list_tools.in_progress"): ...


class MCPListCompleted(OfItem, tag="mcp_list_tools.completed"): ...


class MCPListFailed(OfItem, tag="mcp_list_tools.failed"): ...


class Limit(Struct, kw_only=True):
    name: str = ""
    limit: int = 0
    remaining: int = 0
    reset_seconds: float = 0.0


class RateLimitsUpdated(ServerMessage, tag="rate_limits.updated", kw_only=True):
    rate_limits: list[Limit]


class Failed(ServerMessage, tag="error", kw_only=True):
    error: Problem


AnyServerMessage: TypeAlias = (
    SessionCreated
    | SessionUpdated
    | ConversationCreated
    | ItemAdded
    | ItemDone
    | ItemCreated
    | ItemDeleted
    | ItemRetrieved
    | ItemTruncated
    | TranscriptionDelta
    | TranscriptionCompleted
    | TranscriptionSegment
    | TranscriptionFailed
    | SpeechBegan
    | SpeechEnded
    | Committed
    | Cleared
    | TimeoutTriggered
    | DTMFReceived
    | PlaybackStarted
    | PlaybackStopped
    | PlaybackCleared
    | ResponseCreated
    | ResponseEnded
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | AudioDelta
    | AudioDone
    | SpokenDelta
    | SpokenDone
    | TextDelta
    | TextDone
    | ArgumentsDelta
    | ArgumentsDone
    | MCPArgumentsDelta
    | MCPArgumentsDone
    | MCPCallInProgress
    | MCPCallCompleted
    | MCPCallFailed
    | MCPListInProgress
    | MCPListCompleted
    | MCPListFailed
    | RateLimitsUpdated
    | Failed
)

_OTHERS: dict[str, type[Struct]] = {
    "response.audio.delta": AudioDelta,
    "response.audio.done": AudioDone,
    "response.audio_transcript.delta": SpokenDelta,
    "response.audio_transcript.done": SpokenDone,
    "response.text.delta": TextDelta,
    "response.text.done": TextDone,
    "conversation.item.input_audio_transcription.updated": TranscriptionUpdated,
}
"""Names of the beta, and of clones."""


class Kind(Struct):
    """What a message says it is."""

    type: str = ""
    event_id: JSON = None


def _tag(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _decoders(union: JSON, extra: dict[str, type[Struct]]) -> dict[str, msgspec.json.Decoder[JSON]]:
    found = {_tag(each): msgspec.json.Decoder(each) for each in get_args(union)}
    for name, kind in extra.items():
        found[name] = msgspec.json.Decoder(msgspec.defstruct(kind.__name__, [], bases=(kind,), tag=name))
    return found


PASSED_ON = (
    DTMFReceived,
    ItemRetrieved,
    MCPArgumentsDelta,
    MCPArgumentsDone,
    MCPCallInProgress,
    MCPCallCompleted,
    MCPCallFailed,
    MCPListInProgress,
    MCPListCompleted,
    MCPListFailed,
)
"""What has no event of its own and is passed on as it is."""
SERVER = _decoders(AnyServerMessage, _OTHERS)
"""What reads each message of a server, old names included."""
CLIENT = _decoders(AnyClientMessage, {})
kind_of = msgspec.json.Decoder(Kind).decode
encode = msgspec.json.Encoder().encode
Status: TypeAlias = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]
