"""What an engine tells: past tense or nouns, as plain data. `event.type` names the kind."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import msgspec

from s2s.capabilities import Capabilities
from s2s.errors import S2SError
from s2s.items import JSON, Call

Cause: TypeAlias = Literal["user_speech", "application"]
Confirmation: TypeAlias = Literal["server_confirmed", "requested", "local_only"]
ResponseStatus: TypeAlias = Literal["completed", "interrupted", "incomplete", "failed"]
Origin: TypeAlias = Literal["user_turn", "application", "tool_result", "continuation", "out_of_band"]
EndReason: TypeAlias = Literal["closed", "ended_by_engine", "failed"]


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one direction, by kind; a provider that does not split them fills only `total`."""

    total: int = 0
    text: int = 0
    audio: int = 0
    image: int = 0
    cached: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Tokens(*(a + b for a, b in pairs))


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a response cost."""

    input: Tokens = Tokens()
    output: Tokens = Tokens()

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input + other.input, self.output + other.output)


class Timings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Milliseconds by the session's clock, from the moment its engine reported the end of the user's speech.

    None where that moment or the measured one did not occur in the turn.
    """

    first_audio_ms: float | None = None
    """TTFA: until the first audio of the answer left the engine."""
    first_text_ms: float | None = None
    done_ms: float | None = None
    stages: dict[str, float] = {}
    """What the engine itself measured inside the turn, by stage name; empty for remote engines."""


class SessionStarted(msgspec.Struct, frozen=True, tag="session_started"):
    """The engine is ready."""

    type: ClassVar[str] = "session_started"
    session_id: str
    provider: str
    model: str
    capabilities: Capabilities
    expires_in_s: float | None = None


class SpeechStarted(msgspec.Struct, frozen=True, gc=False, tag="speech_started"):
    """The user began to speak, at this position of the input audio."""

    type: ClassVar[str] = "speech_started"
    item_id: str
    position_ms: float


class SpeechStopped(msgspec.Struct, frozen=True, gc=False, tag="speech_stopped"):
    """The user's turn is over; the position is that of the last speech."""

    type: ClassVar[str] = "speech_stopped"
    item_id: str
    position_ms: float


class Transcript(msgspec.Struct, frozen=True, gc=False, tag="transcript"):
    """What the user said: `text` is all of the item so far, `delta` what is new in it."""

    type: ClassVar[str] = "transcript"
    text: str
    item_id: str
    delta: str = ""
    final: bool = False
    language: str | None = None


class ResponseStarted(msgspec.Struct, frozen=True, tag="response_started"):
    """The engine begins an act of generation; exactly one per response.

    An out-of-band one stands beside the conversation and its turns, and may overlap with any other. With a
    continuation the engine goes on by itself in the same turn, such as while a tool works.
    """

    type: ClassVar[str] = "response_started"
    response_id: str
    origin: Origin = "user_turn"
    metadata: dict[str, str] = {}
    """What the application gave `respond`, if this is its answer."""


class AudioOutput(msgspec.Struct, frozen=True, gc=False, tag="audio_output"):
    """Speech of the answer: PCM16 LE mono; `position_ms` is where it begins within its item."""

    type: ClassVar[str] = "audio_output"
    audio: bytes
    sample_rate: int
    response_id: str
    item_id: str
    position_ms: float = 0.0


class TextOutput(msgspec.Struct, frozen=True, gc=False, tag="text_output"):
    """Text of the answer: `text` is new text; a final one closes the item and may be empty.

    Spoken text is the words of the audio, written text is an answer by itself.
    """

    type: ClassVar[str] = "text_output"
    text: str
    response_id: str
    item_id: str
    final: bool = False
    form: Literal["spoken", "written"] = "spoken"


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool. Where `runs_here`, the session runs its function and answers for you."""

    type: ClassVar[str] = "tool_call"
    call: Call
    response_id: str
    runs_here: bool = False


class ToolCallCancelled(msgspec.Struct, frozen=True, tag="tool_call_cancelled"):
    """These calls need no answer any more."""

    type: ClassVar[str] = "tool_call_cancelled"
    call_ids: tuple[str, ...]


class ResponseGenerated(msgspec.Struct, frozen=True, gc=False, tag="response_generated"):
    """No more audio comes of the response; its end waits until it should have been played.

    Only of engines that end a response that late; of others ResponseDone says both.
    """

    type: ClassVar[str] = "response_generated"
    response_id: str


class ResponseDone(msgspec.Struct, frozen=True, tag="response_done"):
    """The response is over; exactly one per ResponseStarted, whatever happened."""

    type: ClassVar[str] = "response_done"
    response_id: str
    status: ResponseStatus = "completed"
    usage: Usage | None = None
    stages: dict[str, float] = {}
    """Milliseconds per stage, from engines that measure themselves."""


class TurnEnd(msgspec.Struct, frozen=True, tag="turn_end"):
    """The model's turn is over, after its last response."""

    type: ClassVar[str] = "turn_end"
    user_text: str
    agent_text: str
    heard_text: str
    status: ResponseStatus
    usage: Usage | None = None
    tool_calls: tuple[Call, ...] = ()
    timings: Timings = Timings()


class Interrupted(msgspec.Struct, frozen=True, gc=False, tag="interrupted"):
    """The answer was cut off; `heard_ms` of the item reached the user's ear.

    `confirmation` says how far the engine follows: it stopped (server_confirmed), it was asked to
    (requested), or only the local output was silenced (local_only).
    """

    type: ClassVar[str] = "interrupted"
    response_id: str
    item_id: str
    heard_ms: float
    cause: Cause
    confirmation: Confirmation


class UsageUpdate(msgspec.Struct, frozen=True, tag="usage"):
    """Cost outside a response, such as a transcription."""

    type: ClassVar[str] = "usage"
    usage: Usage


class RateLimit(msgspec.Struct, frozen=True):
    """One of the provider's allowances."""

    name: str
    limit: int
    remaining: int
    reset_s: float


class RateLimits(msgspec.Struct, frozen=True, tag="rate_limits"):
    """How much the provider still allows."""

    type: ClassVar[str] = "rate_limits"
    limits: tuple[RateLimit, ...]


class IdleTimeout(msgspec.Struct, frozen=True, gc=False, tag="idle_timeout"):
    """Nobody has spoken for a while."""

    type: ClassVar[str] = "idle_timeout"
    idle_s: float


class GoingAway(msgspec.Struct, frozen=True, gc=False, tag="going_away"):
    """The engine will end this connection soon."""

    type: ClassVar[str] = "going_away"
    time_left_s: float


class Reconnecting(msgspec.Struct, frozen=True, gc=False, tag="reconnecting"):
    """The connection is being replaced."""

    type: ClassVar[str] = "reconnecting"
    cause: str
    attempt: int


class Reconnected(msgspec.Struct, frozen=True, gc=False, tag="reconnected"):
    """The connection was replaced; `restored` says what became of the conversation."""

    type: ClassVar[str] = "reconnected"
    restored: Literal["full", "replayed", "lost"]


class Error(msgspec.Struct, frozen=True):
    """Something went wrong; after a fatal one only SessionEnded follows."""

    type: ClassVar[str] = "error"
    error: S2SError
    fatal: bool = False


class SessionEnded(msgspec.Struct, frozen=True, gc=False, tag="session_ended"):
    """The last event of every session."""

    type: ClassVar[str] = "session_ended"
    reason: EndReason


class Unrecognized(msgspec.Struct, frozen=True, tag="unrecognized"):
    """The provider said something that this version does not know."""

    type: ClassVar[str] = "unrecognized"
    provider: str
    message: JSON


Event: TypeAlias = (
    SessionStarted
    | SpeechStarted
    | SpeechStopped
    | Transcript
    | ResponseStarted
    | AudioOutput
    | TextOutput
    | ToolCall
    | ToolCallCancelled
    | ResponseGenerated
    | ResponseDone
    | TurnEnd
    | Interrupted
    | UsageUpdate
    | RateLimits
    | IdleTimeout
    | GoingAway
    | Reconnecting
    | Reconnected
    | Error
    | SessionEnded
    | Unrecognized
)
