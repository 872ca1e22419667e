"""Where an answer begins and ends: Pipecat says it with brackets around it, we with ids in its frames."""

from __future__ import annotations

from msgspec.structs import replace
from pipecat.frames import frames as pc

from s2s.events import ResponseDone, ResponseStarted, ResponseStatus
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.pipecat.carried import S2SFrame, is_companion, original_of, remembering
from s2s.pipeline.pipecat.mapping import of_agent, to_pipecat, to_s2s
from s2s.pipeline.pipecat.turns import TURNS, Turns

_NAMELESS = "pipecat"


class Bracketed:
    """Frames of ours as Pipecat's, each answer between LLMFullResponse- and its audio between TTS-frames."""

    def __init__(self) -> None:
        self._open: list[pc.Frame] = []
        """What closes the brackets, the innermost last."""

    def push(self, frame: Frame, now: str = "") -> list[pc.Frame]:
        """Return what Pipecat gets for this frame."""
        match frame:
            case EventFrame(event=ResponseStarted()):
                return [*self.close(), *self._answer(), *to_pipecat(frame, now)]
            case EventFrame(event=ResponseDone()) | ControlFrame(signal="end_of_utterance", role="assistant"):
                return [*self.close(), *to_pipecat(frame, now)]
            case ControlFrame(signal="interrupt"):
                # Whatever stands before an interruption may be dropped by it.
                return [*to_pipecat(frame, now), *self.close()]
            case AudioFrame() if of_agent(frame):
                return [*self._answer(), *self._voice(frame), *to_pipecat(frame, now)]
            case TextFrame(role="assistant", text=text) if text:
                return [*self._answer(), *to_pipecat(frame, now)]
            case _:
                return to_pipecat(frame, now)

    def close(self) -> list[pc.Frame]:
        """Return what closes the answer that is open, if one is."""
        closing = [remembering(each, None) for each in reversed(self._open)]
        self._open = []
        return closing

    def _answer(self) -> list[pc.Frame]:
        if self._open:
            return []
        self._open.append(pc.LLMFullResponseEndFrame())
        return [remembering(pc.LLMFullResponseStartFrame(), None)]

    def _voice(self, frame: AudioFrame) -> list[pc.Frame]:
        if len(self._open) > 1:
            return []
        context = frame.response_id or None
        self._open.append(pc.TTSStoppedFrame(context_id=context))
        return [remembering(pc.TTSStartedFrame(context_id=context), None)]


class Named:
    """Pipecat's frames as ours; what its own services say gets the ids that ours have."""

    def __init__(self) -> None:
        self._response_id = ""
        self._around = _NAMELESS
        """The answer of ours that a frame without a name belongs to."""
        self._position_ms = 0.0
        self._turns = Turns()
        self._open: set[type[pc.Frame]] = set()
        """What has to come before the answer is over."""

    def push(self, frame: pc.Frame) -> list[Frame] | None:
        """Return what we get for this frame, or None for one that we have no counterpart of."""
        if is_companion(frame):
            return []
        match frame:
            case pc.LLMFullResponseStartFrame():
                return self._begin(frame, pc.LLMFullResponseEndFrame)
            case pc.TTSStartedFrame():
                return self._begin(frame, pc.TTSStoppedFrame)
            case pc.LLMFullResponseEndFrame() | pc.TTSStoppedFrame():
                self._open.discard(type(frame))
                return [] if self._open else self._end("completed")
            case _ if isinstance(frame, TURNS):
                return [*self._turns.push(frame)]
            case pc.InterruptionFrame():
                return [*(to_s2s(frame) or ()), *self._end("interrupted")]
            case S2SFrame(frame=EventFrame(event=ResponseStarted(response_id=response_id)) as carried):
                self._around = response_id
                return [carried]
            case _:
                made = to_s2s(frame)
                unnamed = made is not None and original_of(frame) is None
                return [self._name(each, frame) for each in made] if unnamed and made else made

    def _begin(self, frame: pc.Frame, last: type[pc.Frame]) -> list[Frame]:
        self._open.add(last)
        if self._response_id:
            return []
        self._response_id, self._position_ms = f"resp_{frame.id}", 0.0
        return [EventFrame(ResponseStarted(self._response_id))]

    def _end(self, status: ResponseStatus) -> list[Frame]:
        ended, self._response_id = self._response_id, ""
        self._open.clear()
        if not ended:
            return []
        return [
            TextFrame("", "assistant", item_id=_item(ended), response_id=ended),
            EventFrame(ResponseDone(ended, status)),
            ControlFrame("end_of_utterance", "assistant", response_id=ended),
        ]

    def _name(self, made: Frame, frame: pc.Frame) -> Frame:
        name = self._response_id or self._around
        match made:
            case TextFrame(role="assistant"):
                return replace(made, response_id=name, item_id=_item(name))
            case TextFrame(role="user") if not isinstance(frame, pc.InputTextRawFrame):
                return self._turns.name(made)
            case AudioFrame() if isinstance(frame, pc.OutputAudioRawFrame):
                began, self._position_ms = self._position_ms, self._position_ms + made.duration_ms
                return replace(made, response_id=name, item_id=_item(name), position_ms=began)
            case _:
                return made


def _item(response_id: str) -> str:
    return response_id.replace("resp_", "item_", 1)
