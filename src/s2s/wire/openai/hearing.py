"""What a service says, as events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from s2s.errors import RemoteProtocolError
from s2s.events import (
    Error,
    Event,
    IdleTimeout,
    Origin,
    RateLimit,
    RateLimits,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    Unrecognized,
)
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.connection import Connection, Phase
from s2s.wire.openai.counts import usage_of
from s2s.wire.openai.deltas import Template
from s2s.wire.openai.failures import ACTIVE, BENIGN, failure
from s2s.wire.openai.gate import TAG
from s2s.wire.openai.items import call_of, text_of
from s2s.wire.openai.outputs import Track
from s2s.wire.openai.transcripts import UNNAMED, Transcripts

Told = Sequence[Send | Event]
_STATUS: dict[str, ResponseStatus] = {
    "cancelled": "interrupted",
    "incomplete": "incomplete",
    "failed": "failed",
}
_MADE = ("completed", None)
MOST_EARLY_BYTES = 4 * 1024 * 1024
"""Of messages before the settings are acknowledged; their events wait for that."""
_RACES = ("cancel", "truncate", "delete", "clear")


class Hearing:
    """Reads messages. One that cannot be read is an Error, and fatal only before the session began."""

    def __init__(self, connection: Connection) -> None:
        self._on = connection
        self._transcripts = Transcripts()
        self._template: Template[Track] = Template()
        self._early: list[Event] = []
        self._early_bytes = 0

    def receive(self, message: bytes) -> Told:
        """Read one message. What the service tells before it has taken our settings is told after that."""
        short_way = self._template.match(message)
        if short_way is not None:
            return self._on.outputs.audio(*short_way)
        if self._on.phase is Phase.READY:
            return self._made(message)
        self._early_bytes += len(message)
        return self._in_time(self._made(message))

    def unreadable(self, message: bytes, wrong: Exception) -> Error:
        """Tell of a message that makes no sense."""
        told = f"a message of the service cannot be read ({wrong}): it is left out"
        error = RemoteProtocolError(told, received=message, provider=self._on.opening.provider)
        return Error(error, fatal=self._on.phase is Phase.CONNECTED)

    def _in_time(self, made: Told) -> Told:
        urgent = [each for each in made if isinstance(each, Send) or (isinstance(each, Error) and each.fatal)]
        self._early += [each for each in made if not isinstance(each, Send) and each not in urgent]
        if self._on.phase is not Phase.READY:
            if self._early_bytes <= MOST_EARLY_BYTES:
                return urgent
            self._early.clear()
            told = "the service talks on and does not acknowledge the settings: is base_url right?"
            return [*urgent, Error(RemoteProtocolError(told, provider=self._on.opening.provider), fatal=True)]
        # SessionStarted is among what is due, and comes first.
        early, self._early = self._early, []
        return [*urgent, *sorted(early, key=lambda each: not isinstance(each, SessionStarted))]

    def _made(self, message: bytes) -> Told:
        try:
            kind = m.kind_of(message).type
            if kind in self._on.opening.variant.ignores:
                return ()
            decoder = m.SERVER.get(kind)
            if decoder is None:
                return self._unknown(message)
            return self._hear(decoder.decode(message), message)
        except RemoteProtocolError as wrong:
            return (Error(wrong),)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
            return (self.unreadable(message, wrong),)

    def lost(self) -> Sequence[Event]:
        """End whatever was open."""
        left = list(self._on.outputs.open)
        return [event for each in left for event in self._close(ResponseDone(each, "failed"))]

    def _hear(self, read: m.AnyServerMessage, message: bytes) -> Told:
        match read:
            case m.AudioDelta() | m.SpokenDelta() | m.SpokenDone() | m.TextDelta() | m.TextDone():
                return self._content(read, message)
            case m.ResponseCreated(response=response):
                return self._began(response)
            case m.ResponseEnded(response=response):
                return self._done(response)
            case m.OutputItemDone(response_id=response_id, item=item):
                return self._output(response_id, item, message)
            case m.SpeechBegan() | m.SpeechEnded() | m.Committed():
                return self._speech(read)
            case (
                m.TranscriptionDelta()
                | m.TranscriptionUpdated()
                | m.TranscriptionCompleted()
                | m.TranscriptionSegment()
                | m.TranscriptionFailed()
            ):
                return self._transcripts.hear(read)
            case m.SessionCreated(session=session):
                return self._created(session)
            case m.SessionUpdated(session=session):
                return self._updated(session)
            case m.Failed(error=problem):
                return self._failed(problem)
            case m.RateLimitsUpdated(rate_limits=limits):
                made = (RateLimit(e.name, e.limit, e.remaining, e.reset_seconds) for e in limits)
                return (RateLimits(tuple(made)),)
            case m.TimeoutTriggered():
                return (IdleTimeout((read.audio_end_ms - read.audio_start_ms) / 1000),)
            case m.OutputItemAdded(item=item) | m.ItemAdded(item=item) if item.type.startswith("mcp_"):
                return self._unknown(message)
            case _ if isinstance(read, m.PASSED_ON):
                return self._unknown(message)
            case _:
                return ()

    def _content(
        self, read: m.AudioDelta | m.SpokenDelta | m.SpokenDone | m.TextDelta | m.TextDone, message: bytes
    ) -> Told:
        outputs = self._on.outputs
        track = outputs.track(read.response_id, read.item_id, read.content_index)
        if track is None and read.response_id and not outputs.knows(read.response_id):
            began = self._began(m.WireResponse(id=read.response_id))  # some services announce nothing
            return (*began, *self._content(read, message))
        if track is None:
            return ()
        match read:
            case m.AudioDelta(delta=data):
                self._template.learn(message, track)
                return outputs.audio(track, data)
            case m.SpokenDelta(delta=delta):
                return outputs.text(track, delta, "spoken")
            case m.SpokenDone(transcript=whole):
                return outputs.final(track, whole, "spoken")
            case m.TextDelta(delta=delta):
                return outputs.text(track, delta, "written")
            case m.TextDone(text=whole):
                return outputs.final(track, whole, "written")

    def _began(self, response: m.WireResponse) -> list[Send | Event]:
        on = self._on
        if response.id in on.outputs.open or not response.id:
            return []
        if on.outputs.knows(response.id):
            return [*on.say_gated(on.gate.repeated(response))]
        ask = on.gate.created(response)
        origin: Origin = "user_turn" if ask is None else ask.origin
        on.outputs.began(response.id, origin)
        metadata = response.metadata if isinstance(response.metadata, dict) else {}
        given = {key: str(value) for key, value in metadata.items() if key != TAG}
        stop: list[m.ResponseCancel] = []
        if ask is not None and ask.cancelled:
            on.outputs.mute(response.id)
            stop = on.gate.cancel(response.id, on.outputs.open)
        late = [on.put(each) for each in on.answers.release()]
        return [ResponseStarted(response.id, origin, given), *late, *on.say_gated(stop)]

    def _done(self, response: m.WireResponse) -> Told:
        response.id = response.id or self._on.gate.active
        told = self._began(response)
        if response.id not in self._on.outputs.open:
            return told
        status = _STATUS.get(response.status, "completed")
        if status == "completed":
            for each in _items(response.output):
                if each.type == "function_call" and each.status in _MADE:
                    told += self._called(response.id, each)
        fatal: list[Event] = []
        if status == "failed":
            error, ends = failure(_reason(response.status_details), self._on.opening.provider)
            (fatal if ends else told).append(Error(error, fatal=ends))
        done = ResponseDone(response.id, status, usage_of(response.usage))
        owed = self._on.say_gated(self._on.gate.done(response.id))
        return [*told, *self._close(done), *fatal, *owed]

    def _close(self, done: ResponseDone) -> list[Event]:
        self._template.forget()
        return [*self._on.outputs.close(done.response_id), done]

    def _output(self, response_id: str, item: m.WireItem, message: bytes) -> Told:
        match item.type:
            case "function_call" if item.status in _MADE:
                return self._called(response_id, item)
            case "message":
                outputs = self._on.outputs
                track = outputs.track(response_id, item.id or "")
                return () if track is None else outputs.final(track, text_of(item), track.form)
            case kind if kind.startswith("mcp_"):
                return self._unknown(message)
            case _:
                return ()

    def _called(self, response_id: str, item: m.WireItem) -> list[Event]:
        events = self._on.outputs.call(response_id, call_of(item))
        for event in events:
            self._on.answers.asked(event.response_id, event.call.id)
        return list(events)

    def _speech(self, read: m.SpeechBegan | m.SpeechEnded | m.Committed) -> Told:
        on, turns = self._on, self._on.turns
        match read:
            case m.SpeechBegan(item_id=item_id, audio_start_ms=start_ms):
                on.gate.user_began(answered=turns.create_response and turns.interrupt_response)
                return (SpeechStarted(item_id or UNNAMED, start_ms),)
            case m.SpeechEnded(item_id=item_id, audio_end_ms=end_ms):
                on.gate.user_ended(answered=turns.create_response)
                return (SpeechStopped(item_id or UNNAMED, end_ms),)
            case m.Committed(item_id=item_id):
                on.uplink.taken()
                manual = turns.mode == "manual"
                return (SpeechStopped(item_id or UNNAMED, on.uplink.position_ms),) if manual else ()

    def _created(self, session: dict[str, JSON]) -> Told:
        on = self._on
        if on.phase is not Phase.CONNECTED:
            return ()
        on.agreed.told(session)
        on.phase = Phase.CONFIGURED
        told: list[Send | Event] = [*on.configure()]
        return told if on.opening.variant.acknowledges else [*told, *self._ready()]

    def _updated(self, session: dict[str, JSON]) -> Told:
        self._on.agreed.taken(session)
        return self._ready() if self._on.phase is Phase.CONFIGURED else ()

    def _ready(self) -> list[Event]:
        on, opening, session = self._on, self._on.opening, self._on.agreed.session
        on.phase = Phase.READY
        expires_at, model = session.get("expires_at"), session.get("model") or opening.model
        left_s = opening.capabilities.max_session_s
        if isinstance(expires_at, int | float) and expires_at > opening.opened_at > 0:
            left_s = expires_at - opening.opened_at
        name = on.session_id or "session"
        return [SessionStarted(name, opening.provider, str(model), opening.capabilities, left_s)]

    def _failed(self, problem: m.Problem) -> Told:
        on, name = self._on, problem.event_id or ""
        kind = name.partition("_")[0]
        if problem.code == ACTIVE and on.gate.refused(name):
            return ()
        if kind in _RACES and problem.code in BENIGN:
            return self._ended_unnoticed(on.cancelled(name))
        on.agreed.refused(name)
        error, fatal = failure(problem, on.opening.provider, on.session_id)
        unopened = on.phase is not Phase.READY and kind != "item"
        told = Error(error, fatal=fatal or unopened)
        # An error that names no message of ours may be all that comes of a request.
        return (told, *on.say_gated(on.gate.failed(name))) if kind in ("create", "") else (told,)

    def _ended_unnoticed(self, response_id: str) -> Told:
        """Close a response that was to stop and is not active, the service says: its end was missed."""
        if response_id not in self._on.outputs.open:
            return ()
        owed = self._on.say_gated(self._on.gate.done(response_id))
        return [*self._close(ResponseDone(response_id, "interrupted")), *owed]

    def _unknown(self, message: bytes) -> Told:
        return (Unrecognized(self._on.opening.provider, msgspec.json.decode(message)),)


def _reason(details: JSON) -> m.Problem:
    found = details.get("error") or details if isinstance(details, dict) else {"message": str(details or "")}
    try:
        return msgspec.convert(found, m.Problem)
    except msgspec.ValidationError:
        return m.Problem(message=str(found))


def _items(output: JSON) -> list[m.WireItem]:
    try:
        return msgspec.convert(output or [], list[m.WireItem])
    except msgspec.ValidationError:
        return []
