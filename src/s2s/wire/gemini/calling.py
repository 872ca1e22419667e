"""The calls of an engine, as the client is told of them: all of a response in one message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from s2s.events import Usage
from s2s.items import JSON, Call
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.endings import Made, complete, end_turn, owe, pause_turn, refusal, withdraw
from s2s.wire.gemini.ledger import Ledger, Reply, Turn

_MOST_ARGUMENTS_BYTES = 512 * 1024
_NO_OBJECT = "The arguments are no JSON object: call it again with arguments that fit its schema."
_TOO_LONG = "The arguments are too long: call it again with shorter ones."


def called(ledger: Ledger, reply: Reply, usage: Usage | None) -> Made:
    """Tell what a reply that is over asks for; the engine hears at once of calls that cannot be told."""
    calls = ledger.tools.calls
    for each in reply.calls:
        calls.opened(each, reply.id)
    sayable, unsayable = _sorted(reply.calls)
    refused = [refusal(call.id, why, respond=calls.settle(call.id, True)) for call, why in unsayable]
    owe(ledger, usage)
    ledger.turn = Turn.OPEN
    if not sayable:
        return [*refused]
    told = ledger.spelling.say(m.ServerMessage(tool_call=m.ToolCall(function_calls=sayable)))
    match ledger.agreed.profile.ends_calls:
        case "never":
            return [told, *refused]
        case "perhaps":
            return [told, *refused, *pause_turn(ledger)]
        case "always":
            return [told, *refused, *complete(ledger, reply), *end_turn(ledger)]


def cancelled(ledger: Ledger, call_ids: Sequence[str]) -> Made:
    """Tell which calls the engine waits for no more; a turn in which it waited for nothing else is over."""
    reply = ledger.reply
    if reply is not None:
        reply.calls = [each for each in reply.calls if each.id not in call_ids]
    told = withdraw(ledger, call_ids)
    waits = ledger.turn is Turn.OPEN and reply is None and not ledger.tools.calls.open
    return [*told, *end_turn(ledger)] if told and waits else told


def _sorted(calls: Sequence[Call]) -> tuple[list[m.FunctionCall], list[tuple[Call, str]]]:
    """Return calls as they are spelled, and those that cannot be, with the reason."""
    sayable, refused = list[m.FunctionCall](), list[tuple[Call, str]]()
    left_bytes = _MOST_ARGUMENTS_BYTES
    for each in calls:
        arguments = _arguments(each)
        size = 0 if arguments is None else len(m.encode(arguments))
        if arguments is None:
            refused.append((each, _NO_OBJECT))
        elif size > left_bytes:
            refused.append((each, _TOO_LONG))
        else:
            left_bytes -= size
            sayable.append(m.FunctionCall(id=each.id, name=each.name, args=arguments))
    return sayable, refused


def _arguments(call: Call) -> dict[str, JSON] | None:
    """Return what a tool is called with; None where the model wrote no object."""
    if call.arguments:
        return call.arguments
    try:
        read: JSON = msgspec.json.decode(call.raw or "{}")
    except (msgspec.DecodeError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
