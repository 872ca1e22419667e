"""How a session of an engine shall be, as far as a client has a say in it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from s2s.commands import UpdateSession
from s2s.config import Config, override
from s2s.engine import Engine
from s2s.errors import UnsupportedError
from s2s.gateway.voices import takes
from s2s.items import JSON

_CHANGING = (
    *("instructions", "voice", "turn_detection", "transcription", "language", "output_modalities"),
    *("temperature", "max_output_tokens"),
)


def config_for(engine: Engine, fields: Mapping[str, object]) -> Config:
    """Return the config of a session with these fields, of which a client knows not which engine it is for.

    A voice that it does not take, and a temperature where it has none, are left aside. Raises ConfigError.
    """
    asked = dict(fields)
    if "voice" in asked and not takes(engine, str(asked["voice"])):
        del asked["voice"]
    config = override(engine.config, asked)
    try:
        engine.check(config)
    except UnsupportedError:
        config = replace(config, temperature=engine.config.temperature)
        engine.check(config)
    return config


def changes(before: Config, after: Config) -> UpdateSession:
    """Return the command that makes a session of the one a session of the other."""
    changed: dict[str, JSON] = {
        name: value for name in _CHANGING if (value := getattr(after, name)) != getattr(before, name)
    }
    had, has = (tuple(each.spec for each in config.toolset) for config in (before, after))
    if has != had:
        changed["tools"] = has
    if changed.get("voice", "") is None:
        del changed["voice"]  # no engine can be asked for its own once more
    return UpdateSession(**changed)
