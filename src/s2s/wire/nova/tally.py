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
        delta = Usage(_known(usage.input), _known(usage.output))
        self._total += delta
        read, said = self._total.input.total, self._total.output.total
        return m.UsageEvent(
            details=m.UsageDetails(delta=_spelled(delta), total=_spelled(self._total)),
            total_input_tokens=read,
            total_output_tokens=said,
            total_tokens=read + said,
        )


def _known(tokens: Tokens) -> Tokens:
    """Return them as the service counts them: what is not speech is text."""
    total = max(tokens.total, tokens.text + tokens.audio)
    return Tokens(total, text=total - tokens.audio, audio=tokens.audio)


def _spelled(usage: Usage) -> m.Tokens:
    return m.Tokens(input=_kinds(usage.input), output=_kinds(usage.output))


def _kinds(tokens: Tokens) -> m.Modalities:
    return m.Modalities(speech_tokens=tokens.audio, text_tokens=tokens.text)
