"""Tokens, spelled and read.

Source: openai-python 3.57.0 `realtime_response_usage.py`; null on responses that were cut off.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from s2s.events import Tokens, Usage
from s2s.items import JSON


class Details(Struct):
    """Tokens by kind; the cached ones are among the others."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None


class Spent(Struct):
    """What a response or a transcription cost."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: Details | None = None
    output_token_details: Details | None = None


def usage_of(spelled: JSON) -> Usage | None:
    """Read it; None for what is missing, no tokens, or nothing that we know."""
    try:
        spent = msgspec.convert(spelled, Spent)
    except msgspec.ValidationError:
        return None
    if spent.input_tokens is None and spent.output_tokens is None:
        return None
    return Usage(
        _tokens(spent.input_tokens, spent.input_token_details),
        _tokens(spent.output_tokens, spent.output_token_details),
    )


def spelled_usage(usage: Usage | None) -> JSON:
    """Spell it, with every count that clients look for."""
    if usage is None:
        return None
    return {
        "total_tokens": usage.input.total + usage.output.total,
        "input_tokens": usage.input.total,
        "output_tokens": usage.output.total,
        "input_token_details": {
            "text_tokens": usage.input.text,
            "audio_tokens": usage.input.audio,
            "image_tokens": usage.input.image,
            "cached_tokens": usage.input.cached,
        },
        "output_token_details": {"text_tokens": usage.output.text, "audio_tokens": usage.output.audio},
    }


def _tokens(total: int | None, details: Details | None) -> Tokens:
    kinds = details or Details()
    return Tokens(
        total or 0,
        kinds.text_tokens or 0,
        kinds.audio_tokens or 0,
        kinds.image_tokens or 0,
        kinds.cached_tokens or 0,
    )
