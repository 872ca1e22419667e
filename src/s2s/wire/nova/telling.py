"""What an engine tells, as the events of a server, in the order in which the service sends them."""

from __future__ import annotations

from collections.abc import Sequence

from s2s.commands import Command, SendToolResult, Truncate
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    UsageUpdate,
)
from s2s.wire import Close, Send
from s2s.wire.nova.endings import (
    MUTE,
    Made,
    begin,
    cut_off,
    end_speech,
    finish,
    generated,
    interrupt,
    overheard,
    said,
    spent,
    stop,
    tell,
)
from s2s.wire.nova.judging import reason_of
from s2s.wire.nova.ledger import Completion, Ledger, Reply, Stage
from s2s.wire.nova.sentences import heard
from s2s.wire.nova.spelling import Stop

_NOT_TOLD = "The answer was interrupted before this tool was called."


class Telling:
    """Spells events. What the protocol has no word for is left out."""

    def __init__(self, ledger: Ledger, request_id: str, cut: Stop) -> None:
        self._ledger = ledger
        self._request_id = request_id
        self._cut = cut

    def send(self, event: Event) -> Sequence[Send | Command | Close]:
        """Spell an event; once the prompt has ended only how the stream ends."""
        match event:
            case Error(error=error, fatal=True):
                return [reason_of(error).closing(self._request_id)]
            case SessionStarted(capabilities=capabilities):
                self._ledger.capabilities = capabilities
                return ()
            case _ if self._ledger.completion is Completion.OVER:
                return ()
            case UsageUpdate(usage=usage):
                return spent(self._ledger, usage)
            case Transcript(final=True):
                return self._words(event)
            case SpeechStarted():
                return self._barge_in()
            case ResponseStarted():
                return self._began(event)
            case Interrupted():
                return self._interrupted(event)
            case ToolCallCancelled(call_ids=call_ids):
                self._ledger.withdraw(call_ids)
                return ()
            case _:
                return self._of_reply(event)

    def _of_reply(self, event: Event) -> Made:
        ledger, reply = self._ledger, self._ledger.reply
        match event:
            case (
                AudioOutput(response_id=response_id)
                | TextOutput(response_id=response_id)
                | ToolCall(response_id=response_id)
                | ResponseGenerated(response_id=response_id)
                | ResponseDone(response_id=response_id)
            ) if reply is not None and reply.id == response_id:
                pass
            case _:
                # It stands beside the conversation.
                return []
        match event:
            case ResponseDone():
                return self._done(reply, event)
            case ToolCall():
                return self._called(reply, event)
            case _ if reply.stage in MUTE:
                return []
            case AudioOutput():
                return self._audio(reply, event)
            case TextOutput():
                return self._text(reply, event)
            case _:
                return [*generated(ledger, reply)]

    def _words(self, event: Transcript) -> Sequence[Send]:
        """Tell what the user said; not in the middle of an answer, which would end by that."""
        ledger, reply = self._ledger, self._ledger.reply
        if not event.text.strip():
            return ()
        ledger.overheard.append(event.text)
        between = reply is None or reply.stage is Stage.CUT
        untold = reply is not None and reply.stage is Stage.SILENT and not reply.calls
        return [*begin(ledger), *overheard(ledger)] if between or untold else ()

    def _barge_in(self) -> Made:
        """The user speaks: an engine that does not stop for that is stopped."""
        can = self._ledger.capabilities
        return stop(self._ledger) if can is not None and not can.barge_in else []

    def _began(self, event: ResponseStarted) -> Made:
        if event.origin == "out_of_band":
            return []
        before = self._ledger.reply
        told = [] if before is None else self._done(before, ResponseDone(before.id))
        self._ledger.reply = Reply(event.response_id)
        return told

    def _audio(self, reply: Reply, event: AudioOutput) -> Made:
        told: Made = []
        for each in self._ledger.voice.convert(event):
            if each.audio:
                told += self._go_to(reply, each.item_id)
                told += tell(self._ledger, reply, self._ledger.pending.add_audio(each.audio))
        return told

    def _text(self, reply: Reply, event: TextOutput) -> Made:
        ledger = self._ledger
        told: Made = [*self._go_to(reply, event.item_id)]
        told += tell(ledger, reply, ledger.pending.add_text(event.text))
        return [*told, *tell(ledger, reply, ledger.pending.flush())] if event.final else told

    def _go_to(self, reply: Reply, item_id: str) -> list[Send]:
        """Tell what waits of the item before."""
        if reply.item_id == item_id:
            return []
        told = tell(self._ledger, reply, self._ledger.pending.flush())
        reply.item_id = item_id
        return told

    def _called(self, reply: Reply, event: ToolCall) -> Made:
        ledger, call = self._ledger, event.call
        if reply.stage in MUTE:
            return [SendToolResult(call.id, _NOT_TOLD, is_error=True, respond=False)]
        ledger.calls.opened(call, reply.id)
        reply.calls += 1
        told = [*finish(ledger, reply), *end_speech(ledger, reply, "PARTIAL_TURN"), *begin(ledger)]
        return [*told, *ledger.spelling.call(call)]

    def _interrupted(self, event: Interrupted) -> Made:
        ledger, reply = self._ledger, self._ledger.reply
        told: Made = []
        if reply is not None and reply.id == event.response_id:
            sentences = heard(reply.sentences, event.item_id, event.heard_ms)
            told += interrupt(ledger, reply, sentences, self._cut)
        elif reply is None and event.response_id == ledger.last_id != "":
            ledger.last_id = ""
            told += cut_off(ledger)
        if ledger.capabilities is not None and ledger.capabilities.truncate and event.item_id:
            told.append(Truncate(event.item_id, event.heard_ms))
        return told

    def _done(self, reply: Reply, event: ResponseDone) -> Made:
        ledger = self._ledger
        ledger.reply = None
        if event.status == "interrupted" or reply.stage in MUTE:
            # Nobody has said how much was heard: all but the sentence that was being told.
            told = interrupt(ledger, reply, reply.sentences[:-1], self._cut)
            return [*spent(ledger, event.usage), *told]
        told = [*generated(ledger, reply), *spent(ledger, event.usage)]
        ledger.last_id = reply.id if reply.sentences or reply.told_ms else ""
        last: Stop = "PARTIAL_TURN" if reply.calls else "END_TURN"
        return [*told, *said(ledger, reply.sentences, last), *overheard(ledger)]
