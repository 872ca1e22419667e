"""What an engine tells, as the messages of a server, in the order in which the service sends them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from s2s.commands import Cancel, Command
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    IdleTimeout,
    Interrupted,
    RateLimit,
    RateLimits,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
    UsageUpdate,
)
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.counts import spelled_usage
from s2s.wire.openai.failures import problem_of
from s2s.wire.openai.ledger import Ledger, Output, Part, kept, message
from s2s.wire.openai.settings import named_voice
from s2s.wire.openai.userturns import UserTurns

_STATUS = {
    "completed": "completed",
    "interrupted": "cancelled",
    "incomplete": "incomplete",
    "failed": "failed",
}
_SESSION_S = 3600.0


class Telling:
    """Spells events. What the protocol has no word for is left out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._user = UserTurns(ledger)

    def send(self, event: Event) -> Sequence[Send | Command]:
        """Spell an event."""
        ledger = self._ledger
        match event:
            case AudioOutput():
                return [send for each in ledger.voice.convert(event) for send in self._audio(each)]
            case TextOutput():
                return self._text(event)
            case SpeechStarted() | SpeechStopped() | Transcript() | IdleTimeout():
                return self._user.send(event)
            case Interrupted():
                return self._user.interrupted(event)
            case UsageUpdate(usage=usage):
                ledger.owed = usage if ledger.owed is None else ledger.owed + usage
                return []
            case ResponseStarted():
                return self._began(event)
            case ToolCall():
                return self._call(event)
            case ResponseGenerated():
                return self._generated(event)
            case ResponseDone():
                return self._done(event)
            case Error():
                return self._error(event)
            case SessionStarted():
                return self._started(event)
            case RateLimits(limits=limits):
                return [ledger.say(m.RateLimitsUpdated(rate_limits=[_limit(each) for each in limits]))]
            case _:
                return []

    def _started(self, event: SessionStarted) -> list[Send]:
        ledger = self._ledger
        ledger.capabilities = event.capabilities
        left_s = event.expires_in_s or event.capabilities.max_session_s or _SESSION_S
        ledger.session = {
            "id": event.session_id if event.session_id.startswith("sess_") else f"sess_{event.session_id}",
            **ledger.session,
            "model": ledger.session.get("model") or event.model,
            "expires_at": int(ledger.opened_at + left_s),
        }
        return [ledger.say(m.SessionCreated(session=ledger.session))]

    def _began(self, event: ResponseStarted) -> Sequence[Send | Command]:
        ledger, metadata = self._ledger, event.metadata
        output = Output(event.response_id, event.origin != "out_of_band", metadata)
        promise = None if event.origin == "user_turn" else ledger.kept(output.in_conversation)
        if promise is not None:
            output.metadata = promise.metadata or metadata
        ledger.outputs[event.response_id] = output
        heard = self._user.answered() if event.origin == "user_turn" else []
        told = [*heard, ledger.say(m.ResponseCreated(response=self._response(output, "in_progress")))]
        if promise is None or not promise.cancelled:
            return told
        output.reason = "client_cancelled"
        return [*told, Cancel(output.id)]

    def _open(self, output: Output, item_id: str, part: Part) -> list[Send]:
        """Say that there is an item, where it is a new one."""
        if output.opened is not None and output.item_id == item_id:
            return []
        ledger, told = self._ledger, self._close(output, "completed")
        item = message(item_id, "assistant", "in_progress", [])
        output.open(item, part)
        told.append(self._added(output, item))
        if output.in_conversation:
            previous = ledger.entries.add(item, audio_ms=0.0 if part == "audio" else None)
            told.append(ledger.say(m.ItemAdded(item=item, previous_item_id=previous)))
        item.content = [_content(part, "", "output_")]
        told.append(ledger.say(m.ContentPartAdded(**output.part, part=_content(part, ""))))
        return told

    def _added(self, output: Output, item: m.WireItem) -> Send:
        index = len(output.items) - 1
        return self._ledger.say(m.OutputItemAdded(response_id=output.id, output_index=index, item=item))

    def _audio(self, event: AudioOutput) -> list[Send]:
        ledger, output = self._ledger, self._ledger.outputs.get(event.response_id)
        if output is None:
            return []
        told = self._open(output, event.item_id, "audio")
        ms = ledger.voice.spoken.duration_ms(len(event.audio))
        ledger.spoken_ms += ms
        entry = ledger.entries.get(event.item_id)
        if entry is not None:
            entry.audio_ms = (entry.audio_ms or 0.0) + ms
        told.append(Send(output.audio_delta(ledger.new_id("event"), event.audio)))
        return told

    def _text(self, event: TextOutput) -> list[Send]:
        ledger, output = self._ledger, self._ledger.outputs.get(event.response_id)
        if output is None or not event.text:
            return []
        part: Part = "audio" if event.form == "spoken" else "text"
        told = self._open(output, event.item_id, part)
        output.words += event.text
        kind = m.SpokenDelta if part == "audio" else m.TextDelta
        return [*told, ledger.say(kind(**output.part, delta=event.text))]

    def _close(self, output: Output, status: str) -> list[Send]:
        """Say that the open item is over."""
        if output.opened is None:
            return []
        ledger, item = self._ledger, output.items[-1]
        part, words, k = output.opened, output.words, output.part
        told = [send for rest in ledger.voice.finish() for send in self._audio(rest)]
        if part == "audio":
            told += [ledger.say(m.AudioDone(**k)), ledger.say(m.SpokenDone(**k, transcript=words))]
        else:
            told.append(ledger.say(m.TextDone(**k, text=words)))
        told.append(ledger.say(m.ContentPartDone(**k, part=_content(part, words))))
        if not _is_cut(item):
            item.content = [_content(part, words, "output_")]
        output.opened = None
        return told + self._whole(output, item, status)

    def _whole(self, output: Output, item: m.WireItem, status: str) -> list[Send]:
        ledger, index = self._ledger, len(output.items) - 1
        item.status = status
        told = []
        if output.in_conversation:
            told.append(
                ledger.say(m.ItemDone(item=item, previous_item_id=ledger.entries.before(item.id or "")))
            )
        told.append(ledger.say(m.OutputItemDone(response_id=output.id, output_index=index, item=item)))
        return told

    def _call(self, event: ToolCall) -> list[Send]:
        ledger, output = self._ledger, self._ledger.outputs.get(event.response_id)
        if output is None:
            return []
        call, told = event.call, self._close(output, "completed")
        item = m.WireItem(
            type="function_call",
            id=ledger.new_id("item"),
            object="realtime.item",
            status="in_progress",
            name=call.name,
            call_id=call.id,
            arguments="",
        )
        output.items.append(item)
        told.append(self._added(output, item))
        if output.in_conversation:
            told.append(ledger.say(m.ItemAdded(item=item, previous_item_id=ledger.entries.add(item))))
        k: dict[str, JSON] = {
            "response_id": output.id,
            "item_id": item.id,
            "output_index": len(output.items) - 1,
        }
        item.arguments = call.raw
        told.append(ledger.say(m.ArgumentsDelta(**k, call_id=call.id, delta=call.raw)))
        told.append(ledger.say(m.ArgumentsDone(**k, call_id=call.id, name=call.name, arguments=call.raw)))
        return told + self._whole(output, item, "completed" if _is_json(call.raw) else "incomplete")

    def _generated(self, event: ResponseGenerated) -> list[Send]:
        output = self._ledger.outputs.get(event.response_id)
        if output is None:
            return []
        output.stage = "generated"
        return self._close(output, "completed")

    def _done(self, event: ResponseDone) -> list[Send]:
        ledger, output = self._ledger, self._ledger.outputs.get(event.response_id)
        if output is None:
            return []
        # What is cut off while it is being played was complete; how much was heard a truncation tells.
        heard = output.stage == "generated" and event.status == "interrupted"
        status = _STATUS["completed" if heard else event.status]
        told = self._close(output, "completed" if status == "completed" else "incomplete")
        del ledger.outputs[event.response_id]
        if output.in_conversation and status == "cancelled":
            ledger.broken()
        response = self._response(output, status)
        response.usage = spelled_usage(ledger.spent(event.usage))
        told.append(ledger.say(m.ResponseEnded(response=response)))
        if output.problem is not None and status != "failed":
            told.append(ledger.refuse(output.problem))
        return told

    def _error(self, event: Error) -> list[Send]:
        problem = problem_of(event.error)
        output = next(iter(self._ledger.outputs.values()), None)
        if output is None:
            self._ledger.broken()
        if event.fatal or output is None or output.problem is not None:
            return [self._ledger.refuse(problem)]
        output.problem = problem  # a response that fails says why in its end, and nowhere else
        return []

    def _response(self, output: Output, status: str) -> m.WireResponse:
        session = self._ledger.session
        speaks = session["audio"]["output"]
        return m.WireResponse(
            id=output.id,
            status=status,
            status_details=_details(output, status),
            output=kept(output.items),
            conversation_id="conv_000001" if output.in_conversation else None,
            output_modalities=session["output_modalities"],
            max_output_tokens=session["max_output_tokens"],
            audio={"output": {"format": speaks["format"], "voice": named_voice(speaks["voice"])}},
            metadata=output.metadata or None,
        )


def _content(part: Part, words: str, prefix: str = "") -> m.Content:
    if part == "audio":
        return m.Content(type=f"{prefix}audio", transcript=words)
    return m.Content(type=f"{prefix}text", text=words)


def _is_cut(item: m.WireItem) -> bool:
    """Whether the client has cut off its audio: it has lost its words for good."""
    return any(each.type == "output_audio" and each.transcript is None for each in item.content or ())


def _limit(limit: RateLimit) -> m.Limit:
    return m.Limit(name=limit.name, limit=limit.limit, remaining=limit.remaining, reset_seconds=limit.reset_s)


def _details(output: Output, status: str) -> JSON:
    match status:
        case "cancelled":
            return {"type": "cancelled", "reason": output.reason}
        case "incomplete":
            return {"type": "incomplete", "reason": "max_output_tokens"}
        case "failed":
            unknown = m.Problem(type="server_error", code="server_error", message="It failed.")
            problem = output.problem or unknown
            about = {"type": problem.type, "code": problem.code, "message": problem.message}
            return {"type": "failed", "error": about}
        case _:
            return None


def _is_json(raw: str) -> bool:
    try:
        msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return False
    return True
