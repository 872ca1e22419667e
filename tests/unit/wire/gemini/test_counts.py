"""Tokens, under the names of either surface."""

import msgspec
import pytest

from s2s.events import Tokens, Usage
from s2s.items import JSON
from s2s.wire.gemini.counts import spelled_usage, usage_of
from s2s.wire.gemini.messages import UsageMetadata

SPENT = Usage(Tokens(100, text=60, audio=40, cached=20), Tokens(50, audio=50))


def read(**counts: JSON) -> Usage:
    return usage_of(msgspec.convert(counts, UsageMetadata, strict=False))


def test_what_was_read_is_input_and_what_was_said_or_thought_is_output() -> None:
    assert read(
        promptTokenCount=500,
        toolUsePromptTokenCount=22,
        cachedContentTokenCount=7,
        responseTokenCount=42,
        thoughtsTokenCount=136,
        totalTokenCount=564,
        promptTokensDetails=[
            {"modality": "TEXT", "tokenCount": 400},
            {"modality": "AUDIO", "tokenCount": 90},
            {"modality": "VIDEO", "tokenCount": 6},
            {"modality": "IMAGE", "tokenCount": 4},
        ],
        responseTokensDetails=[{"modality": "AUDIO", "tokenCount": 42}],
    ) == Usage(Tokens(522, text=400, audio=90, image=10, cached=7), Tokens(178, audio=42))


def test_vertex_calls_it_candidates() -> None:
    details = [{"modality": "AUDIO"}, {"modality": "TEXT", "tokenCount": 3}]
    assert read(candidatesTokenCount=42, candidatesTokensDetails=details) == Usage(
        Tokens(), Tokens(42, text=3)
    )


def test_an_answer_without_a_word_may_cost_nothing() -> None:
    assert read() == Usage()
    assert read(promptTokenCount="17") == Usage(Tokens(17))


@pytest.mark.parametrize("as_candidates", [False, True])
@pytest.mark.parametrize("usage", [SPENT, Usage(), Usage(Tokens(5, image=5))], ids=str)
def test_usage_is_read_as_it_was_spelled(usage: Usage, as_candidates: bool) -> None:
    spent = spelled_usage(usage, as_candidates=as_candidates)
    assert usage_of(spent) == usage
    assert spent.total_token_count == usage.input.total + usage.output.total
    assert (spent.response_token_count is None) or not as_candidates
