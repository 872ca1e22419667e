import pytest

from s2s.events import Tokens, Usage
from s2s.items import JSON
from s2s.wire.openai.counts import spelled_usage, usage_of


def test_usage_is_read_as_it_was_spelled() -> None:
    usage = Usage(Tokens(30, text=10, audio=15, image=5, cached=8), Tokens(9, text=4, audio=5))
    assert usage_of(spelled_usage(usage)) == usage


@pytest.mark.parametrize(
    "nothing", [None, {}, {"type": "duration", "seconds": 3}, "free", {"input_tokens": "x"}]
)
def test_what_are_no_tokens_is_no_usage(nothing: JSON) -> None:
    assert usage_of(nothing) is None


def test_counts_that_are_null_are_none() -> None:
    spelled = {"input_tokens": 3, "output_tokens": None, "input_token_details": {"audio_tokens": None}}
    assert usage_of(spelled) == Usage(Tokens(3), Tokens(0))


def test_no_usage_is_null() -> None:
    assert spelled_usage(None) is None
