"""Models that we know: what they can do, and until when. Names are open: any other is passed on as it is.

Source: openai-python 3.57.0 (deprecation notes in its types), OpenAI's deprecations page, Google's pages on
the Live API and the lifecycle of models in the documentation of Amazon Bedrock, 2026-11.
"""

from __future__ import annotations

import warnings

from msgspec import Struct
from msgspec.structs import replace


class Model(Struct, frozen=True, kw_only=True):
    """One model of a provider."""

    name: str
    provider: str
    images: bool = True
    reasoning: bool = False
    text: bool = True
    """Can be written to in the middle of a conversation."""
    shutdown: str = ""
    """The day it ends or ended, as far as that is announced: YYYY-MM-DD, or YYYY-MM."""
    replacement: str = ""


_OPENAI, _GEMINI, _NOVA = "openai_realtime", "gemini_live", "nova"

MODELS = (
    Model(name="gpt-realtime-2.1", provider=_OPENAI, reasoning=True),
    Model(name="gpt-realtime-2.1-mini", provider=_OPENAI, reasoning=True),
    Model(name="gpt-realtime-2", provider=_OPENAI, reasoning=True),
    Model(name="gpt-realtime-1.5", provider=_OPENAI),
    *(
        Model(name=name, provider=_OPENAI, shutdown="2027-01-20", replacement=f"gpt-realtime-2.1{small}")
        for name, small in (
            ("gpt-realtime", ""),
            ("gpt-realtime-2025-08-28", ""),
            ("gpt-realtime-mini", "-mini"),
            ("gpt-realtime-mini-2025-10-06", "-mini"),
            ("gpt-realtime-mini-2025-12-15", "-mini"),
        )
    ),
    *(
        Model(
            name=name,
            provider=_OPENAI,
            images=False,
            shutdown="2026-05",
            replacement=f"gpt-realtime-2.1{small}",
        )
        for name, small in (
            ("gpt-4o-realtime-preview", ""),
            ("gpt-4o-realtime-preview-2024-10-01", ""),
            ("gpt-4o-realtime-preview-2024-12-17", ""),
            ("gpt-4o-realtime-preview-2025-06-03", ""),
            ("gpt-4o-mini-realtime-preview", "-mini"),
            ("gpt-4o-mini-realtime-preview-2024-12-17", "-mini"),
        )
    ),
    Model(name="gemini-3.8-live", provider=_GEMINI),
    Model(name="gemini-3.8-live-extended-thinking", provider=_GEMINI, reasoning=True),
    Model(name="gemini-3.1-flash-live-preview", provider=_GEMINI, reasoning=True),
    Model(name="gemini-2.5-flash-native-audio-preview-12-2025", provider=_GEMINI, reasoning=True),
    Model(name="gemini-2.5-flash-native-audio-latest", provider=_GEMINI, reasoning=True),
    Model(name="gemini-live-2.5-flash-native-audio", provider=_GEMINI, reasoning=True),
    Model(name="gemini-live-2.5-flash", provider=_GEMINI),
    *(
        Model(name=name, provider=_GEMINI, shutdown="2025-12-09", replacement="gemini-3.8-live")
        for name in ("gemini-2.0-flash-live-001", "gemini-live-2.5-flash-preview", "gemini-2.0-flash-exp")
    ),
    Model(name="amazon.nova-2-5-sonic", provider=_NOVA, images=False),
    Model(name="amazon.nova-2-sonic-v1:0", provider=_NOVA, images=False),
    Model(
        name="amazon.nova-sonic-v1:0",
        provider=_NOVA,
        images=False,
        text=False,
        shutdown="2026-09-14",
        replacement="amazon.nova-2-5-sonic",
    ),
)
_BY_NAME = {(each.provider, each.name): each for each in MODELS}


def model_of(provider: str, name: str) -> Model:
    """Return what is known of a model; an unknown one can do what the newest can."""
    known = _BY_NAME.get((provider, name))
    if known is not None:
        return known
    newest = next(each for each in MODELS if each.provider == provider)
    return replace(newest, name=name)


def warn_of_end(model: Model, today: str) -> None:
    """Warn of a model that has ended by this day, or whose end is announced; it is used all the same."""
    if model.shutdown:
        ended = model.shutdown <= today
        when = f"was shut down in {model.shutdown}" if ended else f"will be shut down on {model.shutdown}"
        kind = UserWarning if ended else DeprecationWarning
        warnings.warn(f"{model.name} {when}: use {model.replacement}", kind, stacklevel=3)
