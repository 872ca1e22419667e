"""Tokens of a stream: what was spent since the last time, and altogether."""

from __future__ import annotations

from s2s.events import Tokens, Usage
from s2s.wire.nova import messages as m


class Tally:
    """Adds up."""

    def __init__(self) -> None:
        self._total = Usage()

    def count(self, usage: Usage) -> m.UsageEvent:
        """Return what is told of this, without the names of what it belongs to."""
        self._total += usage
        total = self._total
        return m.UsageEvent(
            details=m.UsageDetails(delta=_spelled(usage), total=_spelled(total)),
            total_input_tokens=_all(total.input),
            total_output_tokens=_all(total.output),
            total_tokens=_all(total.input) + _all(total.output),
        )


def _spelled(usage: Usage) -> m.Tokens:
    return m.Tokens(input=_kinds(usage.input), output=_kinds(usage.output))


def _kinds(tokens: Tokens) -> m.Modalities:
    """Return what is speech, and what is not."""
    return m.Modalities(speech_tokens=tokens.audio, text_tokens=_all(tokens) - tokens.audio)


def _all(tokens: Tokens) -> int:
    return max(tokens.total, tokens.text + tokens.audio)
