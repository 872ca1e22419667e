"""What every session promises whoever reads its events."""

from __future__ import annotations

from collections.abc import Iterable

from s2s.errors import BacklogError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
)
from s2s.formats import AudioFormat


class Contract:
    """Hears the events of one session, in the order of the application; `broken` says what was wrong."""

    def __init__(self, spoken: AudioFormat | None = None) -> None:
        self.broken: list[str] = []
        self.open: set[str] = set()
        """The responses under way."""
        self._spoken = spoken or AudioFormat()
        self._responses: set[str] = set()
        self._aside: set[str] = set()
        self._silenced: set[str] = set()
        self._calls: set[str] = set()
        self._ends_ms: dict[str, float] = {}
        self.turn: list[str] = []
        """The responses of the turn that has not ended."""
        self._last = ""

    def hear(self, event: Event) -> None:
        """Take the next event."""
        self._require(
            isinstance(event, SessionStarted) is not bool(self._last),
            f"{event.type} came after {self._last or 'nothing'}",
        )
        if self._last in ("session_ended", "fatal error"):
            ends = self._last == "fatal error" and isinstance(event, SessionEnded)
            self._require(ends, f"{event.type} came after the {self._last}")
        match event:
            case ResponseStarted() | ResponseDone() | TurnEnd() | Interrupted() | SessionEnded():
                self._frame(event)
            case AudioOutput() | TextOutput() | ToolCall() | ToolCallCancelled():
                self._content(event)
            case SpeechStarted(item_id="") | SpeechStopped(item_id="") | Transcript(item_id=""):
                self._require(False, f"{event.type} has no item_id")
            case Error(error=BacklogError()):
                self._ends_ms.clear()
            case _:
                pass
        self._last = "fatal error" if isinstance(event, Error) and event.fatal else event.type

    def _frame(self, event: ResponseStarted | ResponseDone | TurnEnd | Interrupted | SessionEnded) -> None:
        match event:
            case ResponseStarted(response_id=response_id, origin=origin):
                aside = origin == "out_of_band"
                same_turn = origin in ("tool_result", "continuation")
                goes_on = aside or same_turn or bool(self.open) or not self.turn
                self._require(goes_on, f"{response_id} started before the turn of {_listed(self.turn)} ended")
                self._require(bool(response_id), "a response has no id")
                self._require(response_id not in self._responses, f"{response_id} started twice")
                self._responses.add(response_id)
                (self._aside if aside else self.open).add(response_id)
                if not aside:
                    self.turn.append(response_id)
            case ResponseDone(response_id=response_id, status=status):
                self._require(self._runs(response_id), f"{response_id} ended and was not under way")
                cut = response_id in self._silenced
                self._require(not cut or status != "completed", f"{response_id} was cut off and is completed")
                self.open.discard(response_id)
                self._aside.discard(response_id)
            case Interrupted(response_id=response_id):
                self._require(response_id in self._responses, f"{response_id} was cut off before it started")
                self._silenced |= (self._responses - self._aside) | {response_id}
            case TurnEnd() | SessionEnded():
                left = self._aside if isinstance(event, SessionEnded) else ()
                self._require(not left, f"{event.type} came before the end of {_listed(left)}")
                self._require(not self.open, f"{event.type} came before the end of {_listed(self.open)}")
                due = isinstance(event, TurnEnd)
                self._require(bool(self.turn) is due, f"{event.type} with the responses {self.turn}")
                self.turn.clear()

    def _content(self, event: AudioOutput | TextOutput | ToolCall | ToolCallCancelled) -> None:
        match event:
            case ToolCallCancelled(call_ids=call_ids):
                unknown = set(call_ids) - self._calls
                self._require(not unknown, f"{_listed(unknown)} was cancelled and never made")
                return
            case ToolCall(call=call):
                self._require(call.id not in self._calls, f"call {call.id} came twice")
                self._calls.add(call.id)
            case AudioOutput() | TextOutput():
                self._require(bool(event.item_id), f"{event.type} of {event.response_id} has no item_id")
        response_id = event.response_id
        self._require(self._runs(response_id), f"{event.type} came outside of its response {response_id}")
        cut = response_id in self._silenced
        self._require(not cut, f"{event.type} of {response_id} came after it was cut off")
        if isinstance(event, AudioOutput):
            self._audio(event)

    def _runs(self, response_id: str) -> bool:
        return response_id in self.open or response_id in self._aside

    def _audio(self, event: AudioOutput) -> None:
        due_ms = self._ends_ms.get(event.item_id, event.position_ms)
        self._require(bool(event.audio), f"audio of {event.item_id} is empty")
        self._require(
            abs(event.position_ms - due_ms) < 1.0,
            f"audio of {event.item_id} stands at {event.position_ms:.1f} ms, not at {due_ms:.1f} ms",
        )
        self._ends_ms[event.item_id] = event.position_ms + self._spoken.duration_ms(len(event.audio))

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.broken.append(otherwise)


def violations(events: Iterable[Event], spoken: AudioFormat | None = None) -> list[str]:
    """Return what is wrong with the events of a whole session, in order: nothing, it is hoped."""
    contract, last = Contract(spoken), ""
    for event in events:
        contract.hear(event)
        last = event.type
    return contract.broken if last == "session_ended" else [*contract.broken, "the session never ended"]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
