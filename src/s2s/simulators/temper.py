"""How a pretend provider behaves, and misbehaves: data, so that a failure can be played again."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from s2s.errors import ConfigError

Deed = Literal[
    "close",
    "abort",
    "stall",
    "deaf",
    "garble",
    "cut",
    "corrupt",
    "huge",
    "twice",
    "skip",
    "late",
    "delay",
    "say",
    "refuse",
    "reset",
    "goaway",
    "fail",
    "error",
]


class Fault(Struct, frozen=True, kw_only=True):
    """Something that goes wrong, once: at the n-th message that matches, counted from 1.

    Messages are counted in each connection anew, but with Gemini and Nova in all of them.

    close: with `code` and `reason`. abort: the connection drops. stall: nothing more is said, for ever.
    deaf: nothing more is read. garble: what is sent is no JSON. cut: half a message, and the connection
    drops. corrupt: audio that is no base64. huge: 20 MB of padding in the message. twice: it is sent twice.
    skip: it is not sent. late: it comes after the next one. delay: everything waits `seconds`. say: `text` is
    sent before it. refuse: an error with `code` answers, and the message counts for nothing.

    Of streams of HTTP/2, where a WebSocket drops. reset: `code` names why, such as NO_ERROR. goaway: all of
    the connection is given up. fail: an exception, `code` its name or HTTP status and `reason` its words;
    before the acceptance it is the HTTP answer. error: one without a name, of `code` and `reason`.
    """

    does: Deed
    said: str = ""
    """The type of the server's messages that count; empty for any. A message of Gemini has one for every
    field and for every member of serverContent or realtimeInput: toolCall, turnComplete, audio, ...
    One of Nova has that of its event, and with its block: audioOutput, contentEnd, contentEnd.AUDIO, ...;
    the acceptance of a stream is `response`."""
    asked: str = ""
    """The type of the client's messages that count, in place of the server's. With Nova `request` is what
    comes before them all, and whatever a fault does then, the client is turned away with `code`."""
    nth: int = 1
    code: int | str = 1011
    reason: str = ""
    text: str = ""
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise ConfigError(f"the first message is number 1: a fault at the {self.nth}th never happens")


class Temper(Struct, frozen=True, kw_only=True):
    """What a pretend provider is like; the defaults are those of a good day."""

    keys: tuple[str, ...] | None = None
    """The keys that it takes; None: any, and none."""
    models: tuple[str, ...] | None = None
    """The models that it has; None: whatever is asked for."""
    strict: bool = False
    """Refuses the header of the beta, as the service does."""
    pace: float = 4.0
    """How many times faster than real time an answer comes; 0: all at once."""
    first_delta_ms: float = 100.0
    delta_ms: float = 200.0
    """The most audio of a message, in the first of an item and in others."""
    odd_delta: int = 2
    """Which message of an item ends amid a sample; 0: none."""
    transcript_lag_s: float = 0.0
    """How late the words of the user come."""
    done_lag_s: float = 0.0
    """How late the end of a response comes, after its audio."""
    counts: bool = True
    """Tells what a response cost, unless it was cut off, and what is left of the allowance."""
    session_s: float = 3600.0
    """How long a session may last, or with Gemini a connection, by the clock of the event loop."""
    ping_s: float | None = 20.0
    pong_after_s: float = 0.0
    """How late pings are answered; Gemini Live has been seen to take half a minute."""
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if self.pace < 0:
            raise ConfigError(
                f"a pace of {self.pace:g} is none: give 0 for all at once, 1 for real time, or more"
            )
        if min(self.first_delta_ms, self.delta_ms) <= 0:
            raise ConfigError(
                "first_delta_ms and delta_ms are how much audio a message has: give more than 0"
            )


class GeminiTemper(Temper, frozen=True, kw_only=True):
    """What a pretend Gemini Live is like."""

    profile: str | None = None
    """A generation of models by name, such as dev-2.5-native; None: as the model that is asked for."""
    plays: bool = True
    """Ends a turn when its audio should have been played, as the service does, and not before."""
    session_s: float = 600.0
    notice_s: float = 60.0
    """How long before the end of a connection its goAway comes."""
    handles_s: float = 7200.0
    """How long a session can be taken up again by its handle; 0: none is given."""


Accepts: TypeAlias = Literal["at_once", "with_first_event"]
IdleEnd: TypeAlias = Literal["exception", "reset"]
Generation: TypeAlias = Literal[1, 2]


class NovaTemper(Temper, frozen=True, kw_only=True):
    """What a pretend Nova Sonic is like. Nobody has published when it accepts, nor how large its pieces are.

    Its `keys` are ACCESS_KEY_ID:SECRET or ACCESS_KEY_ID:SECRET:TOKEN, and None is the example of AWS alone,
    for what signs must be known. What is said of headers and pings of others means nothing here.
    """

    generation: Generation | None = None
    """Which one it is; None: as the model that is asked for."""
    region: str | None = None
    """The only one that it serves; None: whichever is signed for."""
    skew_s: float = 300.0
    """How wrong a client's clock may be."""
    accepts: Accepts = "at_once"
    """When it says that a stream is open: when that is asked for, or with the first event of the client."""
    accept_s: float = 0.0
    """How much later than that."""
    plays: bool = True
    """Ends an answer when its audio should have been played, and not before."""
    first_delta_ms: float = 80.0
    delta_ms: float = 80.0
    odd_delta: int = 0
    stop_reason: Literal["END_TURN", "INTERRUPTED"] = "END_TURN"
    """What the end of audio says that was cut off."""
    session_s: float = 480.0
    """How long a stream may last."""
    idle_s: float = 55.0
    """How long there may be neither audio nor interactive content, once there was; some have seen 295."""
    idle_ends: IdleEnd = "exception"
    """How a stream ends on which nothing was said for that long; both have been seen."""
    input_s: float = 55.0
    """How long nothing at all may be said, before there was any of these."""
    frame_bytes: int = 16 * 1024
    """The most that a frame carries: less cuts messages into more of them."""
    credit_s: float = 0.0
    """How late the client is told that it may send on."""
    pad: str = ""
    """What its messages carry that says nothing; other streams of Bedrock have random letters there."""
