"""The conversations that the official client of AWS holds, and with whom."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from s2s.items import JSON, Call
from s2s.providers.script import Reply
from s2s.simulators.temper import Fault, NovaTemper

KEY, SECRET, TOKEN = "AKIDWITNESS", "a/secret+of=this/test", "a/token+of=this/test=="
KEYS = (f"{KEY}:{SECRET}", f"{KEY}TEMPORARY:{SECRET}:{TOKEN}")
RIGHT = {"region": "us-east-1", "aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
MODEL = "amazon.nova-2-5-sonic"

PARIS = Call("call-1", "get_weather", {"city": "Paris"}, '{"city":"Paris"}')
CALLS = Reply(hears="What is the weather in Paris?", calls=(PARIS,))
STORY = f"One moment. This answer goes on {'and on ' * 30}until somebody stops it."


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation."""

    script: tuple[Reply, ...] = ()
    temper: NovaTemper = NovaTemper(keys=KEYS)
    settings: dict[str, JSON] = msgspec.field(default_factory=RIGHT.copy)
    """Of the client, which is also told where the simulator is; without any it looks into the environment."""
    does: str = "listen"
    """What the client does once the stream is open."""
    model: str = MODEL
    ends: dict[str, JSON] = {}
    """What the client must make of the end; `message` is a pattern."""


def _tempered(**fields: JSON) -> NovaTemper:
    return NovaTemper(keys=KEYS, **fields)


TALKS = {
    "spoken": Case(
        script=(
            CALLS,
            Reply(says="It is 22 degrees in Paris."),
            Reply(hears="Thank you.", says=("You are welcome.", "Bye.")),
        ),
        temper=_tempered(accept_s=0.3),
        settings={},
    ),
    "barged_in": Case(
        script=(Reply(hears="Talk on.", says=STORY), Reply(hears="Stop!", says="All right.")),
        temper=_tempered(models=(MODEL,)),
    ),
    "written": Case(temper=_tempered(pad="abcdefghi", frame_bytes=700, credit_s=0.05)),
    "remembered": Case(
        script=(Reply(says="Ada."),),
        settings={**RIGHT, "aws_access_key_id": f"{KEY}TEMPORARY", "aws_session_token": TOKEN},
    ),
    "hasty": Case(script=(Reply(says="Good morning."),), temper=_tempered(accepts="with_first_event")),
}


_IDLE = r"Timed out waiting for audio bytes or interactive content\. .* less than 1 seconds\."
_SILENTLY = {"type": "in order", "completed": False}
"""What the SDK makes of a stream that is reset, whatever for, and of a connection that is lost."""


def _refused(name: str, *, status: int = 403, says: str = "", typed: str = "", **fields: JSON) -> Case:
    """Return how a request is refused: the SDK has a type for some, and names the others in the message."""
    told = {"type": typed or "CallError", "status": status, "message": says or f"#{name}"}
    return Case(ends=told, **fields)


def _turned_away(name: str, status: int) -> Case:
    fault = Fault(does="fail", asked="request", code=name, reason="It was told to.")
    return _refused(
        name, status=status, says="It was told to.", typed=name, temper=_tempered(faults=(fault,))
    )


REFUSED = {
    "wrong secret": _refused("InvalidSignatureException", settings={**RIGHT, "aws_secret_access_key": "no"}),
    "unknown key": _refused("UnrecognizedClientException", settings={**RIGHT, "aws_access_key_id": "AKIDNO"}),
    "wrong token": _refused("UnrecognizedClientException", settings={**RIGHT, "aws_session_token": TOKEN}),
    "other region": _refused("InvalidSignatureException", temper=_tempered(region="eu-north-1")),
    "expired token": _refused(
        "ExpiredTokenException",
        temper=_tempered(faults=(Fault(does="fail", asked="request", code="ExpiredTokenException"),)),
    ),
    "no such model": _refused(
        "ValidationException",
        status=400,
        says="The provided model identifier is invalid.",
        typed="ValidationException",
        temper=_tempered(models=(MODEL,)),
        model="amazon.nova-99-sonic-v1:0",
    ),
    "no access": _turned_away("AccessDeniedException", 403),
    "retired": _turned_away("ResourceNotFoundException", 404),
    "too many": _turned_away("ThrottlingException", 429),
    "not ready": _turned_away("ModelNotReadyException", 429),
    "quota": _turned_away("ServiceQuotaExceededException", 400),
    "unavailable": _turned_away("ServiceUnavailableException", 503),
    "internal": _turned_away("InternalServerException", 500),
}


def _lost(**fault: JSON) -> Case:
    """Return how a stream ends by a fault, amid an answer unless that says otherwise."""
    faults = (Fault(**{"does": "fail", "said": "audioOutput", "nth": 2, **fault}),)
    script = (Reply(hears="Hello?", says=STORY),)
    return Case(script=script, temper=_tempered(faults=faults), does="speak", ends=_SILENTLY)


def _broken(typed: str, message: str, **fault: JSON) -> Case:
    """Return how a stream ends that is told why."""
    return replace(_lost(reason=message, **fault), ends={"type": typed, "message": message})


def _wrong(does: str, message: str, typed: str = "ValidationException", **temper: JSON) -> Case:
    """Return how a stream ends because of what its client does."""
    told = {"type": typed, "message": rf"RequestId=[0-9a-f-]{{36}} : {message}"}
    return Case(script=(CALLS,), temper=_tempered(**temper), does=does, ends=told)


BROKEN = {
    "prose for a result": _wrong("prose", "Tool Response parsing error"),
    "closed block": _wrong("closed_block", "No open content found for content name: [0-9a-f-]{36}"),
    "audio amid text": _wrong(
        "audio_amid_text", "Chat history should be sent completely before streaming audio."
    ),
    "open prompt": _wrong("leave_early", r".*The following prompts were not closed: \[[0-9a-f-]{36}\]"),
    "too long": _wrong("listen", "Model has timed out.*", "ModelTimeoutException", session_s=1.0),
    "idle": _wrong("say_nothing", _IDLE, idle_s=1.0),
    "idle, reset": Case(temper=_tempered(idle_s=1.0, idle_ends="reset"), does="say_nothing", ends=_SILENTLY),
    "validation": _broken("ValidationException", "System instability detected.", code="validationException"),
    "throttling": _broken("ThrottlingException", "Slow down.", code="throttlingException"),
    "timeout": _broken("ModelTimeoutException", "Too late.", code=408),
    "model": _broken("ModelStreamErrorException", "The model broke.", code="modelStreamErrorException"),
    "unavailable amid": _broken("ServiceUnavailableException", "Later.", code=503),
    "internal amid": _broken(
        "InternalServerException", "Broken.", code=500, asked="audioInput", said="", nth=40
    ),
    "error without a name": _broken("UnmodeledEventError", "Nobody knows.", does="error", code="Strange"),
    "cut": _broken("InvalidEventBytes", "Invalid event bytes.", does="cut"),
    "reset": _lost(does="reset", code="NO_ERROR"),
    "reset for an error": _lost(does="reset", code="INTERNAL_ERROR"),
    "going away": _lost(does="goaway"),
    "dropped": _lost(does="abort"),
}
