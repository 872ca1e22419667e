"""How replies, turns and calls end: each time what the client is told of it, and the engine."""

from __future__ import annotations

from collections.abc import Sequence

from s2s.commands import Cancel, Command, SendToolResult
from s2s.events import Usage
from s2s.items import Call
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.counts import spelled_usage
from s2s.wire.gemini.ledger import Ledger, Reply, Stage, Turn
from s2s.wire.gemini.spelling import pieces

Made = list[Send | Command]
_INTERRUPTED = "The user interrupted before this tool had finished."
INTERRUPTED = m.ServerContent(interrupted=True)
GENERATED = m.ServerContent(generation_complete=True)


def flush(ledger: Ledger, reply: Reply) -> Made:
    """Tell the words that wait for audio which may not come."""
    held, reply.held = reply.held, ""
    return words(ledger, held) if held else []


def words(ledger: Ledger, text: str) -> Made:
    """Tell words of an answer that is spoken."""
    said = (m.Transcription(text=each) for each in pieces(text))
    return [ledger.spelling.content(m.ServerContent(output_transcription=each)) for each in said]


def finish_words(ledger: Ledger, reply: Reply) -> Made:
    """Tell that the words of an item have ended, where it was told that they began."""
    opened, reply.opened = reply.opened, ""
    finished = m.ServerContent(output_transcription=m.Transcription(finished=True))
    return [ledger.spelling.content(finished)] if opened else []


def finish(ledger: Ledger, reply: Reply) -> Made:
    """Tell whatever is left of what was generated."""
    rest = b"".join(each.audio for each in ledger.voice.finish())
    held, reply.held = reply.held, ""
    told: Made = [*ledger.spelling.audio(rest, held)] if rest else words(ledger, held) if held else []
    return [*told, *finish_words(ledger, reply)]


def complete(ledger: Ledger, reply: Reply) -> Made:
    """Tell that nothing more of it comes, unless that was told."""
    return [] if reply.stage is Stage.GENERATED else [ledger.spelling.content(GENERATED)]


def interrupt(ledger: Ledger, reply: Reply) -> Made:
    """Tell that the reply was interrupted, once: nothing more of it is told but its end."""
    if reply.stage is Stage.CUT:
        return []
    ledger.voice.reset()
    reply.stage = Stage.CUT
    told = [*flush(ledger, reply), *finish_words(ledger, reply)]
    return [*told, ledger.spelling.content(INTERRUPTED)]


def stop(ledger: Ledger) -> Made:
    """Have the reply under way stop."""
    reply = ledger.reply
    if reply is None or reply.stage is Stage.CUT:
        return []
    return [Cancel(reply.id), *interrupt(ledger, reply)]


def withdraw(ledger: Ledger, call_ids: Sequence[str]) -> Made:
    """Tell the client that calls need no answer any more; those that it was never told of are left out."""
    dropped = ledger.tools.withdraw(call_ids)
    cancelled = m.ToolCallCancellation(ids=[*dropped])
    return [ledger.spelling.say(m.ServerMessage(tool_call_cancellation=cancelled))] if dropped else []


def break_off(ledger: Ledger) -> Made:
    """End what waits for calls that block and not for a reply, for the user goes on to something else."""
    waiting = ledger.tools.blocking
    if ledger.turn is Turn.OPEN and waiting:
        return [ledger.spelling.content(INTERRUPTED), *give_up(ledger, waiting), *end_turn(ledger)]
    return give_up(ledger, waiting)


def give_up(ledger: Ledger, call_ids: Sequence[str]) -> Made:
    """Take calls back from the client, and answer them in its place."""
    return [*withdraw(ledger, call_ids), *(refusal(each, _INTERRUPTED) for each in call_ids)]


def refuse(calls: Sequence[Call]) -> Made:
    """Answer calls that came to nothing before the client was told of them."""
    return [refusal(each.id, _INTERRUPTED) for each in calls]


def refusal(call_id: str, why: str, *, respond: bool = False) -> SendToolResult:
    """Return the answer to a call that nobody carries out."""
    return SendToolResult(call_id, why, is_error=True, respond=respond)


def end_turn(ledger: Ledger, usage: Usage | None = None, reason: str | None = None) -> Made:
    """Tell that the turn is over, and what it cost."""
    ledger.turn = Turn.OVER
    return _ended(ledger, usage, reason, "IDLE")


def pause_turn(ledger: Ledger) -> Made:
    """Tell that a turn waits for calls, to a client that knows this from its end; to any other it is over."""
    goes_on = ledger.agreed.profile.interaction_status
    ledger.turn = Turn.OPEN if goes_on else Turn.OVER
    return _ended(ledger, None, None, "IN_PROGRESS")


def _ended(ledger: Ledger, usage: Usage | None, reason: str | None, status: str) -> Made:
    owe(ledger, usage)
    spent, ledger.owed = ledger.owed, None
    told = status if ledger.agreed.profile.interaction_status else None
    over = m.ServerContent(turn_complete=True, turn_complete_reason=reason, interaction_status=told)
    message = m.ServerMessage(server_content=over, usage_metadata=counted(ledger, spent))
    return [ledger.spelling.say(message), *handle(ledger)]


def owe(ledger: Ledger, usage: Usage | None) -> None:
    """Count what is told with the end of the turn."""
    if usage is not None:
        ledger.owed = usage if ledger.owed is None else ledger.owed + usage


def counted(ledger: Ledger, usage: Usage | None) -> m.UsageMetadata | None:
    """Return how usage is spelled; None where nothing was spent."""
    if usage is None:
        return None
    spent = spelled_usage(usage, as_candidates=ledger.agreed.profile.surface == "vertex")
    spent.total_token_count = spent.total_token_count or None
    return None if spent == m.UsageMetadata() else spent


def handle(ledger: Ledger) -> Made:
    """Tell by which name the conversation can be taken up again, if it can."""
    if ledger.new_handle is None:
        return []
    update = m.SessionResumptionUpdate(new_handle=ledger.new_handle(), resumable=True)
    return [ledger.spelling.say(m.ServerMessage(session_resumption_update=update))]
