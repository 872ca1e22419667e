"""Which engines the two sides are, by what `Config.extra` says or by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from s2s.config import Config, override
from s2s.engine import Engine
from s2s.errors import ConfigError
from s2s.items import JSON
from s2s.pipeline.hybrid.policy import SIDES, Side, SwitchPolicy
from s2s.providers.settings import Settings, settings_of
from s2s.registry import new, providers

_CASCADES: Final = ("cascade", "local")
"""The usual ones, the first that there is."""


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `Config.extra` takes: each side as the name of an engine, or as an engine."""

    s2s: JSON = None
    s2s_options: dict[str, JSON] = {}
    """Fields of the side's own Config, `extra` among them."""
    cascade: JSON = None
    cascade_options: dict[str, JSON] = {}
    policy: JSON = None


def sides_of(config: Config, given: Mapping[Side, Engine | str | None]) -> dict[Side, Engine]:
    """Return the engines, those that are `given` first.

    Raises ConfigError for a name, an option or a field that does not exist, and where S2S is not named.
    """
    options = settings_of(config.extra, Options)
    found: dict[Side, Engine] = {}
    for side in SIDES:
        wanted = given[side] or getattr(options, side) or _usual(side)
        found[side] = _engine(side, wanted, getattr(options, f"{side}_options"))
    return found


def policy_of(config: Config, given: SwitchPolicy) -> SwitchPolicy:
    """Return the policy. Raises ConfigError for what is none."""
    policy = settings_of(config.extra, Options).policy
    found = given if policy is None else policy
    if isinstance(found, type) or not callable(getattr(found, "decide", None)):
        raise ConfigError(f"{found!r} is no policy: give an object with `decide(state)`, such as Stay()")
    return found


def _usual(side: Side) -> str:
    if side == "s2s":
        raise ConfigError("a hybrid needs an engine for S2S: give extra={'s2s': 'openai_realtime'}, or s2s=")
    known = providers.names()
    return next((each for each in _CASCADES if each in known), _CASCADES[-1])


def _engine(side: Side, wanted: JSON, options: dict[str, JSON]) -> Engine:
    match wanted:
        case str():
            return new(wanted, override(Config(), options))
        case Engine() if options:
            raise ConfigError(
                f"{side} is an engine already: give it its Config, and leave {side}_options out"
            )
        case Engine():
            return wanted
        case _:
            raise ConfigError(f"{side} must be the name of an engine, or an engine, not {wanted!r}")
