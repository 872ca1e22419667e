"""Each frame of ours as Pipecat has it, and back. A call returns what it makes; nothing is remembered.

| ours | Pipecat's |
|---|---|
| AudioFrame of the user | InputAudioRawFrame |
| AudioFrame of the agent, which has a `response_id` or an `item_id` | TTSAudioRawFrame |
| TextFrame of the user, final | TranscriptionFrame; back also from InputTextRawFrame |
| TextFrame of the user, not final | InterimTranscriptionFrame |
| TextFrame of the agent, written | LLMTextFrame; back from any other TextFrame |
| TextFrame of the agent, spoken | TTSTextFrame, and an LLMTextFrame for who shows what is said |
| TextFrame of the system | LLMMessagesAppendFrame |
| ImageFrame | InputImageRawFrame |
| ToolCallFrame | FunctionCallsStartedFrame, FunctionCallInProgressFrame; External... where it `runs_here` |
| ToolResultFrame | FunctionCallResultFrame |
| ControlFrame interrupt | InterruptionFrame |
| ControlFrame start_of_utterance, end_of_utterance of the user | (VAD)UserStarted-, ...StoppedSpeakingFrame |
| EventFrame(Error) | ErrorFrame |
| EventFrame(ToolCallCancelled) | S2SFrame and FunctionCallCancelFrame |
| CommandFrame(CreateResponse) | S2SFrame; back also from LLMRunFrame |
| everything else | S2SFrame |

What Pipecat cannot express is remembered in the frame that it gets, and read from it on the way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace
from pipecat.frames import frames as pc
from pipecat.processors.aggregators.llm_context import LLMContextMessage, standard_message_text
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.text.base_text_aggregator import TextType

from s2s.commands import PLAIN_RESPONSE, AddItem
from s2s.errors import ProviderError, RateLimitError, S2SError
from s2s.events import Error, ToolCallCancelled
from s2s.items import JSON, Call, Message, Role, ToolResult
from s2s.pipeline.frames import (
    NOTHING,
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    Metadata,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.pipecat.carried import S2SFrame, is_companion, original_of, remembering
from s2s.pipeline.pipecat.pictures import decoded, encoded

_ROLES: dict[object, Role] = {"user": "user", "assistant": "assistant"}
_PIXELS = "s2s_pixels"


def of_agent(frame: AudioFrame) -> bool:
    """Tell whether it is what the agent says."""
    return bool(frame.response_id or frame.item_id)


def to_pipecat(frame: Frame, now: str = "") -> list[pc.Frame]:
    """Return a frame of ours as Pipecat's; `now` is the time of day, for frames that shall say it."""
    match frame:
        case AudioFrame(audio=audio, sample_rate=rate, channels=channels):
            if of_agent(frame):
                said = pc.TTSAudioRawFrame(audio, rate, channels, context_id=frame.response_id or None)
                return [remembering(said, frame)]
            return [remembering(pc.InputAudioRawFrame(audio, rate, channels), frame)]
        case TextFrame():
            return _written(frame, now)
        case ImageFrame():
            return [_seen(frame)]
        case ToolCallFrame():
            return _called(frame)
        case ToolResultFrame(result=result):
            return [remembering(_answered(result), frame)]
        case ControlFrame(signal="interrupt"):
            return [remembering(pc.InterruptionFrame(), frame)]
        case ControlFrame(signal="start_of_utterance", role="user"):
            return [
                remembering(pc.VADUserStartedSpeakingFrame(), None),
                remembering(pc.UserStartedSpeakingFrame(), frame),
            ]
        case ControlFrame(signal="end_of_utterance", role="user"):
            return [
                remembering(pc.VADUserStoppedSpeakingFrame(), None),
                remembering(pc.UserStoppedSpeakingFrame(), frame),
            ]
        case EventFrame(event=Error(error=error)):
            return [remembering(pc.ErrorFrame(str(error), exception=error), frame)]
        case EventFrame(event=ToolCallCancelled(call_ids=ids)):
            cancelled = (remembering(pc.FunctionCallCancelFrame("", each), None) for each in ids)
            return [S2SFrame(frame), *cancelled]
        case _:
            return [S2SFrame(frame)]


def to_s2s(frame: pc.Frame) -> list[Frame] | None:
    """Return a frame of Pipecat's as ours, or None for one that we have no counterpart of."""
    if is_companion(frame):
        return []
    original = original_of(frame)
    match frame:
        case S2SFrame(frame=carried):
            return [carried]
        case pc.InputAudioRawFrame() | pc.OutputAudioRawFrame():
            return [_sound(frame, original)]
        case pc.TextFrame():
            return _text(frame, original)
        case pc.InputImageRawFrame():
            return _picture(frame, original)
        case pc.LLMMessagesAppendFrame():
            return [original] if original else list(_messages(frame))
        case pc.LLMRunFrame():
            return [CommandFrame(PLAIN_RESPONSE)]
        case pc.InterruptionFrame():
            return [original or ControlFrame("interrupt")]
        case pc.UserStartedSpeakingFrame() | pc.VADUserStartedSpeakingFrame():
            return [original or ControlFrame("start_of_utterance")]
        case pc.UserStoppedSpeakingFrame() | pc.VADUserStoppedSpeakingFrame():
            return [original or ControlFrame("end_of_utterance")]
        case pc.ErrorFrame():
            return [original or EventFrame(Error(error_of(frame), is_fatal(frame)))]
        case _:
            return _tool(frame, original)


def error_of(frame: pc.ErrorFrame) -> S2SError:
    """Return what a frame tells of as an error of ours."""
    if isinstance(frame.exception, S2SError):
        return frame.exception
    category = frame.category or ErrorCategory.UNKNOWN
    told = f"{frame.processor or 'pipecat'}: {frame.error}"
    if category is ErrorCategory.RATE_LIMIT:
        error: ProviderError = RateLimitError(told, provider="pipecat")
    else:
        again = not category.is_permanent
        error = ProviderError(told, code=category.value, retryable=again, provider="pipecat")
    error.__cause__ = frame.exception
    return error


def is_fatal(frame: pc.ErrorFrame) -> bool:
    """Tell whether who failed can do nothing any more."""
    return frame.fatal or (frame.processor is not None and not frame.processor.is_usable)


def messages_of(messages: Iterable[LLMContextMessage]) -> Iterator[Message]:
    """Yield the messages of a context that have words."""
    for each in messages:
        if text := standard_message_text(each):
            role = _ROLES.get(each.get("role"), "system") if isinstance(each, dict) else "system"
            yield Message(role, text)


def _written(frame: TextFrame, now: str) -> list[pc.Frame]:
    match frame:
        case TextFrame(text=""):
            return [S2SFrame(frame)]
        case TextFrame(role="system", text=text):
            message: LLMContextMessage = {"role": "system", "content": text}
            return [remembering(pc.LLMMessagesAppendFrame([message], run_llm=False), frame)]
        case TextFrame(role="assistant", form="spoken", text=text):
            shown = pc.LLMTextFrame(text)
            shown.append_to_context, shown.skip_tts = False, True
            words = pc.TTSTextFrame(text, TextType.SENTENCE, context_id=frame.response_id or None)
            words.includes_inter_frame_spaces = True
            return [remembering(shown, None), remembering(words, frame)]
        case TextFrame(role="assistant", text=text):
            return [remembering(pc.LLMTextFrame(text), frame)]
        case _:
            return [remembering(_transcript(frame, now), frame)]


def _transcript(frame: TextFrame, now: str) -> pc.Frame:
    language = _language(frame.language)
    user, at = str(frame.metadata.get("user_id", "")), str(frame.metadata.get("timestamp", now))
    if frame.final:
        return pc.TranscriptionFrame(frame.text, user, at, language, finalized=True)
    return pc.InterimTranscriptionFrame(frame.text, user, at, language)


def _language(name: str | None) -> Language | None:
    try:
        return None if name is None else Language(name)
    except ValueError:
        return None


def _seen(frame: ImageFrame) -> pc.Frame:
    if (pixels := decoded(frame.image)) is None:
        return S2SFrame(frame)
    made = pc.InputImageRawFrame(*pixels, "RGB")
    made.metadata[_PIXELS] = made.image
    return remembering(made, frame)


def _called(frame: ToolCallFrame) -> list[pc.Frame]:
    name, call_id, arguments = frame.call.name, frame.call.id, frame.call.arguments
    begun: pc.Frame
    running: pc.Frame
    if frame.runs_here:
        begun = pc.ExternalFunctionCallsStartedFrame([pc.ExternalFunctionCall(name, call_id)])
        running = pc.ExternalFunctionCallInProgressFrame(name, call_id, arguments)
    else:
        begun = pc.FunctionCallsStartedFrame([pc.FunctionCallFromLLM(name, call_id, arguments, None)])
        running = pc.FunctionCallInProgressFrame(name, call_id, arguments, cancel_on_interruption=True)
    return [remembering(begun, None), remembering(running, frame)]


def _answered(result: ToolResult) -> pc.Frame:
    return pc.FunctionCallResultFrame(
        function_name="",
        tool_call_id=result.call_id,
        arguments={},
        result=result.output,
        run_llm=result.respond,
        error=result.output if result.is_error else None,
    )


def _sound(frame: pc.InputAudioRawFrame | pc.OutputAudioRawFrame, original: Frame | None) -> AudioFrame:
    audio, rate, channels = frame.audio, frame.sample_rate, frame.num_channels
    if isinstance(original, AudioFrame):
        same = audio is original.audio and rate == original.sample_rate and channels == original.channels
        return original if same else replace(original, audio=audio, sample_rate=rate, channels=channels)
    context = frame.context_id if isinstance(frame, pc.TTSAudioRawFrame) else None
    return AudioFrame(audio, rate, channels, response_id=context or "")


def _text(frame: pc.TextFrame, original: Frame | None) -> list[Frame] | None:
    if isinstance(original, TextFrame):
        return [original if frame.text == original.text else replace(original, text=frame.text)]
    match frame:
        case pc.InputTextRawFrame(text=text):
            return [TextFrame(text)]
        case pc.InterimTranscriptionFrame(text=text, language=language):
            return [TextFrame(text, final=False, language=language, metadata=_speaker(frame))]
        case pc.TranscriptionFrame(text=text, language=language):
            return [TextFrame(text, language=language, metadata=_speaker(frame))]
        case pc.TranslationFrame() | pc.EagerTranscriptionFrame():
            return None
        case pc.TTSTextFrame(text=text, context_id=context):
            return [TextFrame(text, "assistant", False, response_id=context or "", form="spoken")]
        case pc.AggregatedTextFrame(will_be_spoken=True):
            return []
        case _:
            return [TextFrame(frame.text, "assistant", False)]


def _speaker(frame: pc.TranscriptionFrame | pc.InterimTranscriptionFrame) -> Metadata:
    told = {"user_id": frame.user_id, "timestamp": frame.timestamp}
    return {name: value for name, value in told.items() if value} or NOTHING


def _picture(frame: pc.InputImageRawFrame, original: Frame | None) -> list[Frame] | None:
    if original is not None and frame.image is frame.metadata.get(_PIXELS):
        return [original]
    file = encoded(frame.image, frame.size, frame.format)
    return None if file is None else [ImageFrame(*file)]


def _messages(frame: pc.LLMMessagesAppendFrame) -> Iterator[Frame]:
    for each in messages_of(frame.messages):
        yield TextFrame(each.text, "system") if each.role == "system" else CommandFrame(AddItem(each))
    if frame.run_llm:
        yield CommandFrame(PLAIN_RESPONSE)


def _tool(frame: pc.Frame, original: Frame | None) -> list[Frame] | None:
    match frame:
        case pc.FunctionCallInProgressFrame() | pc.ExternalFunctionCallInProgressFrame():
            arguments = dict(frame.arguments or {})
            call = Call(frame.tool_call_id, frame.function_name, arguments, _json(arguments))
            return [original or ToolCallFrame(call, runs_here=True)]
        case pc.FunctionCallResultFrame(properties=pc.FunctionCallResultProperties(is_final=False)):
            return None
        case pc.FunctionCallResultFrame():
            return [original or ToolResultFrame(_result(frame))]
        case pc.FunctionCallCancelFrame(tool_call_id=call_id):
            return [EventFrame(ToolCallCancelled((call_id,)))]
        case pc.FunctionCallsStartedFrame() | pc.ExternalFunctionCallsStartedFrame():
            return []
        case _:
            return None


def _result(frame: pc.FunctionCallResultFrame) -> ToolResult:
    wishes = (frame.run_llm, None if frame.properties is None else frame.properties.run_llm)
    return ToolResult(frame.tool_call_id, _json(frame.result), frame.error is not None, False not in wishes)


def _json(value: JSON) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
