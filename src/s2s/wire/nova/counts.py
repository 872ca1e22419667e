"""Tokens, which the service counts for each stream anew."""

from __future__ import annotations

from msgspec.structs import astuple

from s2s.events import Tokens, Usage
from s2s.wire.nova import messages as m

_NOTHING = Usage()


class Meter:
    """What a stream has cost so far."""

    def __init__(self) -> None:
        self._total = _NOTHING

    def spent(self, told: m.UsageEvent) -> Usage | None:
        """Return what something cost since the last event; None where that is nothing."""
        details = told.details or m.UsageDetails()
        total = _usage(details.total) or _usage_of(told.total_input_tokens, told.total_output_tokens)
        delta = _usage(details.delta) or _between(self._total, total)
        self._total = total if total != _NOTHING else self._total + delta
        return delta if delta != _NOTHING else None


def _usage(tokens: m.Tokens | None) -> Usage | None:
    if tokens is None:
        return None
    return Usage(_tokens(tokens.input), _tokens(tokens.output))


def _tokens(spent: m.Modalities | None) -> Tokens:
    if spent is None:
        return Tokens()
    text, audio = max(0, spent.text_tokens or 0), max(0, spent.speech_tokens or 0)
    return Tokens(text + audio, text, audio)


def _usage_of(read: int | None, said: int | None) -> Usage:
    return Usage(Tokens(max(0, read or 0)), Tokens(max(0, said or 0)))


def _between(before: Usage, after: Usage) -> Usage:
    return Usage(_less(after.input, before.input), _less(after.output, before.output))


def _less(after: Tokens, before: Tokens) -> Tokens:
    pairs = zip(astuple(after), astuple(before), strict=True)
    return Tokens(*(max(0, new - old) for new, old in pairs))
