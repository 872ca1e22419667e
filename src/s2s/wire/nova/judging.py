"""What is wrong with what a client says, in the words with which the service ends a stream.

Source: messages that users have reported (2026-10); the documentation of AWS for what the fields take.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from s2s.errors import ProviderError, RateLimitError, S2SError
from s2s.items import JSON
from s2s.wire import Close
from s2s.wire.nova import messages as m

RATES_HZ = (8_000, 16_000, 24_000)
_SENSITIVITIES = (None, "HIGH", "MEDIUM", "LOW")
_MOST_TOKENS = 10_000
_MOST_TOOLS = 1024
_MOST_VALUES = 50_000
"""Of all schemas together: each takes a hundred times as much memory as its two bytes."""
_SHOWN = 200


class Reason(Struct, frozen=True):
    """A reason that the service gives."""

    code: int
    text: str

    def closing(self, request_id: str) -> Close:
        """Return the end of a stream for this reason."""
        return Close(self.code, f"RequestId={request_id} : {self.text}" if request_id else self.text)


class Refused(Exception):
    """The service would end the stream for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


INVALID = Reason(400, "Invalid input request, please fix your input and try again.")
EARLY_AUDIO = Reason(400, "Chat history should be sent completely before streaming audio.")
LONG_HISTORY = Reason(400, "Chat history is over max limit. Trim chat history and try again.")
NO_DOCUMENT = Reason(400, "Tool Response parsing error")
NO_INPUT = Reason(400, "Timed out waiting for input events")
UNSTABLE = Reason(400, "System instability detected. Please retry your request.")
TOO_LONG = Reason(408, "Model has timed out in processing the request. Try your request again.")
THROTTLED = Reason(429, "Too many requests, please wait before trying again.")
_UNEXPECTED = "The system encountered an unexpected error during processing."
NO_MODEL = Reason(424, f"{_UNEXPECTED} Try your request again.")
INTERNAL = Reason(500, f"{_UNEXPECTED} Try your request again.")


def idle(limit_s: float) -> Reason:
    """Say that no audio and nothing interactive came for so long."""
    told = "Timed out waiting for audio bytes or interactive content. Please ensure gaps between audio bytes "
    return Reason(400, f"{told}and interactive content are less than {limit_s:g} seconds.")


def no_content(name: str) -> Reason:
    """Say that no block of this name is open."""
    return Reason(400, f"No open content found for content name: {name[:_SHOWN]}")


def not_closed(prompt_name: str) -> Reason:
    """Say that the input ended before its prompt did."""
    told = f"Error(s): Error 1 : The following prompts were not closed: [{prompt_name[:_SHOWN]}]"
    return Reason(400, told)


def reason_of(error: S2SError) -> Reason:
    """Return what to end a stream with for an error of ours."""
    match error:
        case RateLimitError():
            return THROTTLED
        case ProviderError() | ConnectionError():
            return NO_MODEL
        case _:
            return INTERNAL


def require(holds: bool, otherwise: Reason = INVALID) -> None:
    """Raise Refused unless this holds."""
    if not holds:
        raise Refused(otherwise)


def judge_session(start: m.SessionStart, generation: int) -> None:
    """Raise Refused for settings that this generation does not take."""
    asked = start.inference_configuration or m.InferenceConfiguration()
    detection = start.turn_detection_configuration
    sensitivity = detection.endpointing_sensitivity if detection else start.endpointing_sensitivity
    require(asked.max_tokens is None or 1 <= asked.max_tokens <= _MOST_TOKENS)
    require(all(each is None or 0 <= each <= 1 for each in (asked.top_p, asked.temperature)))
    require((start.endpointing_sensitivity if generation > 1 else detection) is None)
    require(sensitivity in _SENSITIVITIES)


def judge_prompt(start: m.PromptStart) -> None:
    """Raise Refused for an output that the service does not have."""
    _require_media(start.text_output_configuration, m.TEXT_PLAIN)
    _require_media(start.tool_use_output_configuration, m.JSON_MEDIA)
    if start.audio_output_configuration is not None:
        _judge_audio(start.audio_output_configuration)


def judge_start(start: m.InputStart, generation: int) -> None:
    """Raise Refused for a block that the service does not take."""
    match start.type, start.role:
        case "TEXT", "SYSTEM" | "SYSTEM_SPEECH" | "USER" | "ASSISTANT":
            _require_media(start.text_input_configuration, m.TEXT_PLAIN)
            require(generation > 1 or not is_interactive(start))
        case "AUDIO", "USER":
            require(start.audio_input_configuration is not None)
            _judge_audio(start.audio_input_configuration or m.AudioConfiguration())
        case "TOOL", "TOOL":
            asked = start.tool_result_input_configuration or m.ToolResultInputConfiguration()
            require(bool(asked.tool_use_id) and asked.type in ("", "TEXT"))
        case _:
            raise Refused(INVALID)


def is_interactive(start: m.InputStart) -> bool:
    """Tell whether a block is text that the user says now."""
    return start.type == "TEXT" and start.role == "USER" and bool(start.interactive)


def schemas_of(tools: Sequence[m.ToolSpecification]) -> list[dict[str, JSON]]:
    """Return the schemas of tools. Raises Refused for one that is no object in JSON, and for too many."""
    texts = [each.input_schema.json for each in tools if each.input_schema is not None]
    require(len(texts) == len(tools) <= _MOST_TOOLS)
    require(sum(text.count(sign) for text in texts for sign in ",[{") <= _MOST_VALUES)
    try:
        return [msgspec.json.decode(each, type=dict[str, JSON]) for each in texts]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refused(INVALID) from None


def document(content: str) -> dict[str, Raw] | None:
    """Return the members of a result, None where it is JSON of another kind. Raises Refused for prose."""
    try:
        if content.lstrip().startswith("{"):
            return msgspec.json.decode(content, type=dict[str, Raw])
        msgspec.json.decode(content, type=Raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refused(NO_DOCUMENT) from None
    return None


def _require_media(configuration: m.MediaConfiguration | None, media_type: str) -> None:
    require(configuration is None or configuration.media_type == media_type)


def _judge_audio(asked: m.AudioConfiguration) -> None:
    require(asked.media_type == m.LPCM and asked.sample_rate_hertz in RATES_HZ)
    require(asked.sample_size_bits in (None, 16) and asked.channel_count in (None, 1))
    require(asked.encoding in (None, "base64") and asked.audio_type in (None, "SPEECH"))
