"""Tokens, spelled and read.

Source: google-genai 3.6.1 `UsageMetadata`; receipts of the live service show that the total leaves thoughts
out and that details do not add up, so only the counts of each side are used.
"""

from __future__ import annotations

from s2s.events import Tokens, Usage
from s2s.wire.gemini.messages import ModalityTokens, UsageMetadata

_TEXT, _AUDIO = "TEXT", "AUDIO"


def usage_of(spent: UsageMetadata) -> Usage:
    """Read it: what was read is input, what was said or thought is output."""
    said = spent.response_token_count or spent.candidates_token_count or 0
    thought = spent.thoughts_token_count or 0
    read = (spent.prompt_token_count or 0) + (spent.tool_use_prompt_token_count or 0)
    by_kind = _counted(spent.prompt_tokens_details)
    spoken = _counted(spent.response_tokens_details or spent.candidates_tokens_details)
    seen = by_kind.get("IMAGE", 0) + by_kind.get("VIDEO", 0)
    cached = spent.cached_content_token_count or 0
    return Usage(
        Tokens(read, by_kind.get(_TEXT, 0), by_kind.get(_AUDIO, 0), seen, cached),
        Tokens(said + thought, spoken.get(_TEXT, 0), spoken.get(_AUDIO, 0)),
    )


def spelled_usage(usage: Usage, *, as_candidates: bool = False) -> UsageMetadata:
    """Spell it, under the names of the Developer API or of Vertex."""
    spent = UsageMetadata(
        prompt_token_count=usage.input.total or None,
        cached_content_token_count=usage.input.cached or None,
        total_token_count=usage.input.total + usage.output.total,
        prompt_tokens_details=_details(usage.input),
    )
    said, details = usage.output.total or None, _details(usage.output)
    if as_candidates:
        spent.candidates_token_count, spent.candidates_tokens_details = said, details
    else:
        spent.response_token_count, spent.response_tokens_details = said, details
    return spent


def _counted(details: list[ModalityTokens] | None) -> dict[str, int]:
    return {each.modality or "": each.token_count or 0 for each in details or ()}


def _details(tokens: Tokens) -> list[ModalityTokens] | None:
    kinds = ((_TEXT, tokens.text), (_AUDIO, tokens.audio), ("IMAGE", tokens.image))
    return [ModalityTokens(modality=kind, token_count=count) for kind, count in kinds if count] or None
