"""What an engine tells, as the messages of a server, in the order in which the service sends them."""

from __future__ import annotations

from collections.abc import Sequence

from s2s.commands import Cancel, Command, Truncate
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    UsageUpdate,
)
from s2s.wire import Close, Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.calling import called, cancelled
from s2s.wire.gemini.endings import (
    GENERATED,
    INTERRUPTED,
    Made,
    break_off,
    complete,
    counted,
    end_turn,
    finish,
    finish_words,
    flush,
    give_up,
    handle,
    interrupt,
    refuse,
    stop,
    words,
)
from s2s.wire.gemini.failures import closing, reason_of
from s2s.wire.gemini.heard import Heard
from s2s.wire.gemini.ledger import Ledger, Reply, Stage, Window
from s2s.wire.gemini.spelling import pieces

_THOUGHT = m.Part(text="**Considering the request**\n\n", thought=True)


class Telling:
    """Spells events. What the protocol has no word for is left out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._heard = Heard(ledger)

    def send(self, event: Event) -> Sequence[Send | Command | Close]:
        """Spell an event."""
        match event:
            case AudioOutput():
                return self._audio(event)
            case TextOutput():
                return self._text(event)
            case SpeechStarted():
                return [*self._heard.began(event), *self._barge_in()]
            case SpeechStopped():
                return self._heard.stopped(event)
            case Transcript():
                return self._heard.words(event)
            case ResponseStarted():
                return self._began(event)
            case ToolCall(call=call, response_id=response_id):
                if (reply := self._reply(response_id)) is not None:
                    reply.calls.append(call)
                return ()
            case ResponseGenerated(response_id=response_id):
                return self._generated(response_id)
            case ResponseDone():
                return self._done(event)
            case Interrupted():
                return self._interrupted(event)
            case _:
                return self._administered(event)

    def _administered(self, event: Event) -> Sequence[Send | Command | Close]:
        say = self._ledger.spelling.say
        match event:
            case ToolCallCancelled(call_ids=call_ids):
                return cancelled(self._ledger, call_ids)
            case SessionStarted():
                return self._started(event)
            case UsageUpdate(usage=usage):
                spent = counted(self._ledger, usage)
                return [] if spent is None else [say(m.ServerMessage(usage_metadata=spent))]
            case GoingAway(time_left_s=left_s):
                return [say(m.ServerMessage(go_away=m.GoAway(time_left=m.spelled_seconds(left_s))))]
            case Error(error=error, fatal=True):
                return [closing(reason_of(error))]
            case Error(error=error) if self._ledger.fails(error):
                return end_turn(self._ledger, reason="RESPONSE_REJECTED")
            case _:
                return []

    def _reply(self, response_id: str) -> Reply | None:
        """Return the reply under way if it is this one; others stand beside the conversation."""
        reply = self._ledger.reply
        return reply if reply is not None and reply.id == response_id else None

    def _started(self, event: SessionStarted) -> Made:
        ledger = self._ledger
        ledger.capabilities = event.capabilities
        name = event.session_id if ledger.agreed.profile.surface == "vertex" else None
        ready = m.ServerMessage(setup_complete=m.SetupComplete(session_id=name or None))
        return [ledger.spelling.say(ready), *handle(ledger)]

    def _began(self, event: ResponseStarted) -> Made:
        ledger = self._ledger
        if event.origin == "out_of_band":
            return []
        reply = ledger.answer(event.response_id)
        told: Made = [*self._heard.answered(), *(self._preamble() if ledger.agreed.strict else ())]
        if ledger.window is Window.OPEN and ledger.agreed.interrupts:
            # It answers what was said before the user began to speak again.
            told += [Cancel(reply.id), *interrupt(ledger, reply)]
        return told

    def _preamble(self) -> Made:
        ledger, profile = self._ledger, self._ledger.agreed.profile
        told: Made = []
        if profile.bundles:
            told.append(ledger.spelling.content(m.ServerContent()))
        if profile.thinks_aloud:
            if ledger.new_handle is not None:
                none_now = m.SessionResumptionUpdate()
                told.append(ledger.spelling.say(m.ServerMessage(session_resumption_update=none_now)))
            told.append(ledger.spelling.part(_THOUGHT))
        return told

    def _audio(self, event: AudioOutput) -> Sequence[Send]:
        ledger, reply = self._ledger, self._ledger.reply
        if reply is None or reply.id != event.response_id or reply.stage is Stage.CUT:
            return ()
        if ledger.agreed.writes:
            return ()
        told: list[Send] = []
        for each in ledger.voice.convert(event):
            if each.audio:
                words_, reply.held = reply.held, ""
                told += ledger.spelling.audio(each.audio, words_)
        return told

    def _text(self, event: TextOutput) -> Made:
        ledger, agreed, reply = self._ledger, self._ledger.agreed, self._reply(event.response_id)
        if reply is None or reply.stage is Stage.CUT:
            return []
        if event.form == "written" or agreed.writes:
            parts = [m.Part(text=each) for each in pieces(event.text)] if event.text else []
            return [*flush(ledger, reply), *map(ledger.spelling.part, parts)]
        if not agreed.tells_words:
            return []
        told = self._words(reply, event) if event.text else []
        return [*told, *flush(ledger, reply), *finish_words(ledger, reply)] if event.final else told

    def _words(self, reply: Reply, event: TextOutput) -> Made:
        ledger, profile = self._ledger, self._ledger.agreed.profile
        if profile.bundles:
            reply.held += event.text
            return []
        told: Made = []
        if profile.transcription == "marked" and reply.opened != event.item_id:
            begun = m.ServerContent(output_transcription=m.Transcription())
            told += [*finish_words(ledger, reply), ledger.spelling.content(begun)]
            reply.opened = event.item_id
        return told + words(ledger, event.text)

    def _barge_in(self) -> Made:
        """The user speaks: an engine that does not stop for that is stopped."""
        ledger, can = self._ledger, self._ledger.capabilities
        if ledger.agreed.manual or not ledger.agreed.interrupts:
            return []
        if ledger.reply is None:
            return break_off(ledger)
        return stop(ledger) if can is not None and not can.barge_in else []

    def _interrupted(self, event: Interrupted) -> Made:
        ledger, can, reply = self._ledger, self._ledger.capabilities, self._reply(event.response_id)
        told: Made = []
        if reply is not None:
            told += interrupt(ledger, reply)
        elif ledger.reply is None and event.response_id and event.response_id == ledger.last_id:
            ledger.last_id = ""
            told += [
                ledger.spelling.content(INTERRUPTED),
                *give_up(ledger, ledger.tools.blocking),
                *end_turn(ledger),
            ]
        if can is not None and can.truncate and event.item_id:
            told.append(Truncate(event.item_id, event.heard_ms))
        return told

    def _generated(self, response_id: str) -> Made:
        ledger, reply = self._ledger, self._reply(response_id)
        if reply is None or reply.stage is not Stage.SPEAKING:
            return []
        told = finish(ledger, reply)
        reply.stage = Stage.GENERATED
        return [*told, ledger.spelling.content(GENERATED)]

    def _done(self, event: ResponseDone) -> Made:
        ledger, reply = self._ledger, self._reply(event.response_id)
        if reply is None:
            return []
        ledger.reply = None
        if event.status == "interrupted" or reply.stage is Stage.CUT:
            told = interrupt(ledger, reply)
            given_up = [*give_up(ledger, ledger.tools.blocking), *refuse(reply.calls)]
            return [*told, *given_up, *end_turn(ledger, event.usage)]
        ledger.last_id = reply.id
        told = finish(ledger, reply)
        if event.status == "failed":
            return [*told, *refuse(reply.calls), *end_turn(ledger, event.usage, "RESPONSE_REJECTED")]
        if reply.calls:
            return [*told, *called(ledger, reply, event.usage)]
        reason = "MAX_REGENERATION_REACHED" if event.status == "incomplete" else None
        return [*told, *complete(ledger, reply), *end_turn(ledger, event.usage, reason)]
