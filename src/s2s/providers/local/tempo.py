"""How long a local session waits for its stages, and how far it speaks ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from s2s.errors import ConfigError
from s2s.items import JSON


class Tempo(msgspec.Struct, frozen=True):
    """The numbers among the settings of `Config.extra`."""

    brain_s: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    """How long the brain, and the voice, may take for the next piece of an answer."""
    lead_ms: Annotated[float, msgspec.Meta(ge=0)] | None = 1000.0
    """How far ahead of real time the engine speaks; None for no bound."""


def tempo_of(extra: Mapping[str, JSON]) -> Tempo:
    """Read the numbers from the settings. Raises ConfigError for what is none."""
    given = {name: extra[name] for name in Tempo.__struct_fields__ if name in extra}
    try:
        return msgspec.convert(given, Tempo)
    except msgspec.ValidationError as wrong:
        raise ConfigError(f"the local engine cannot use this extra: {wrong}") from None
