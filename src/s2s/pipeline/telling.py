"""What an engine tells, as frames."""

from __future__ import annotations

from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame, ToolCallFrame


def frames_of(event: Event) -> tuple[Frame, ...]:
    """Return the frames that say it, in order: an EventFrame where no other frame does.

    The end of the agent's turn is both, for the event says more than that.
    """
    match event:
        case AudioOutput(item_id=item_id, response_id=response_id):
            place = event.position_ms
            return (AudioFrame(event.audio, event.sample_rate, 1, place, item_id, response_id),)
        case TextOutput(text=text, final=final, item_id=item_id, response_id=response_id):
            return (TextFrame(text, "assistant", final, item_id, response_id, event.form),)
        case Transcript(text=text, final=final, item_id=item_id, language=language):
            return (TextFrame(text, "user", final, item_id, language=language),)
        case ToolCall(call=call, response_id=response_id, runs_here=runs_here):
            return (ToolCallFrame(call, response_id, runs_here),)
        case SpeechStarted(item_id=item_id, position_ms=position_ms):
            return (ControlFrame("start_of_utterance", "user", item_id, position_ms=position_ms),)
        case SpeechStopped(item_id=item_id, position_ms=position_ms):
            return (ControlFrame("end_of_utterance", "user", item_id, position_ms=position_ms),)
        case Interrupted(item_id=item_id, response_id=response_id, heard_ms=heard_ms):
            how = {"cause": event.cause, "confirmation": event.confirmation}
            return (ControlFrame("interrupt", "assistant", item_id, response_id, heard_ms, how),)
        case TurnEnd():
            return (EventFrame(event), ControlFrame("end_of_utterance", "assistant"))
        case _:
            return (EventFrame(event),)
