"""What comes out of a pipeline, as events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, cast

from s2s.commands import UpdateSession
from s2s.config import Config, TurnDetection
from s2s.events import (
    Cause,
    Confirmation,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.pipeline.frames import AudioFrame, ControlFrame, EventFrame, Frame, TextFrame, ToolCallFrame
from s2s.pipeline.requests import ASKED_BY
from s2s.pipeline.responses import Responses
from s2s.pipeline.utterances import Utterances

_MOST_TYPED: Final = 64
_MOST_CALLS: Final = 256


class Reports:
    """Says what frames tell, in the words of an engine: the inverse of `telling`.

    Of what only engines know, the beginnings and ends of sessions and turns, a session makes its own.
    """

    def __init__(self, config: Config) -> None:
        self.responses = Responses()
        self._utterances = Utterances(shows=config.transcription)
        self._barge_in = config.turns.interrupt_response
        self._typed: deque[str] = deque(maxlen=_MOST_TYPED)
        self._calls: deque[str] = deque(maxlen=_MOST_CALLS)

    def typed(self, item_id: str) -> None:
        """Note that the user asks this in writing."""
        self._typed.append(item_id)
        self.responses.origin = "application"

    def update(self, changes: UpdateSession) -> None:
        """Note what the application wants to be told from now on."""
        if isinstance(changes.transcription, bool):
            self._utterances.shows = changes.transcription
        if isinstance(changes.turn_detection, TurnDetection):
            self._barge_in = changes.turn_detection.interrupt_response

    def hear(self, frame: Frame) -> Iterator[Event]:
        """Yield what a frame tells. Raises the error of an engine that broke."""
        match frame:
            case AudioFrame():
                yield from self.responses.audio(frame)
            case TextFrame(role="assistant"):
                yield from self.responses.text(frame)
            case TextFrame(role="user"):
                yield from self._read(frame)
            case ToolCallFrame():
                for event in self.responses.call(frame):
                    if isinstance(event, ToolCall):
                        self._calls.append(event.call.id)
                    yield event
            case ControlFrame():
                yield from self._signal(frame)
            case EventFrame(event=event):
                yield from self._told(event)
            case _:
                pass

    def _read(self, frame: TextFrame) -> Iterator[Event]:
        written = frame.item_id in self._typed
        if frame.final:
            yield from self.responses.close()
            self.responses.origin = "application" if written else "user_turn"
        if not written:
            yield from self._utterances.said(frame)
        elif frame.final:
            self._typed.remove(frame.item_id)

    def _signal(self, frame: ControlFrame) -> Iterator[Event]:
        match frame:
            case ControlFrame(signal="start_of_utterance", role="user") if self._barge_in:
                yield from self._utterances.began(frame)
                yield from self.responses.interrupt()
            case ControlFrame(signal="start_of_utterance", role="user"):
                yield from self.responses.close()
                yield from self._utterances.began(frame)
            case ControlFrame(signal="end_of_utterance", role="user"):
                yield from self._utterances.ended(frame)
            case ControlFrame(signal="end_of_utterance", role="assistant"):
                yield from self.responses.close()
            case ControlFrame(signal="interrupt"):
                yield from self._interrupt(frame)
            case _:
                pass

    def _interrupt(self, frame: ControlFrame) -> Iterator[Event]:
        """Tell of an interruption, unless the session knows: it asked for it, or hears the user speak."""
        last_response, last_item = self.responses.last
        response_id = frame.response_id or last_response
        knows = ASKED_BY in frame.metadata or (self._barge_in and self._utterances.speaking)
        if response_id and (frame.role == "assistant" or not knows):
            item_id, (cause, confirmation) = frame.item_id or last_item, _how(frame)
            yield Interrupted(response_id, item_id, frame.position_ms, cause, confirmation)
        yield from self.responses.interrupt(frame.response_id)

    def _told(self, event: Event) -> Iterator[Event]:
        match event:
            case ResponseStarted():
                yield from self.responses.started(event)
            case ResponseDone():
                yield from self.responses.done(event)
            case ToolCallCancelled(call_ids=call_ids):
                known = tuple(each for each in call_ids if each in self._calls)
                for each in known:
                    self._calls.remove(each)
                if known:
                    yield ToolCallCancelled(known)
            case SessionStarted() | SessionEnded() | TurnEnd():
                pass
            case Error(error=error, fatal=True):
                raise error
            case _:
                yield event


def _how(frame: ControlFrame) -> tuple[Cause, Confirmation]:
    cause, confirmation = frame.metadata.get("cause"), frame.metadata.get("confirmation")
    known = confirmation in ("server_confirmed", "requested", "local_only")
    return (
        "application" if cause == "application" else "user_speech",
        cast(Confirmation, confirmation) if known else "server_confirmed",
    )
