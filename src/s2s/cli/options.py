"""What several commands ask about the engine, and the Config that follows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import msgspec

from s2s.config import Config
from s2s.errors import ConfigError
from s2s.items import JSON


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the options that `config_of` reads."""
    group = parser.add_argument_group("the engine")
    group.add_argument(
        "--engine", default="local", metavar="NAME", help="see `s2s providers` (default: local)"
    )
    group.add_argument("--model", metavar="NAME", help="for engines that have several")
    group.add_argument("--voice", metavar="NAME", help="who speaks")
    group.add_argument("--instructions", default="", metavar="TEXT", help="how to answer")
    group.add_argument(
        "--tool",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="a Python function that the engine may call; may be given more than once",
    )
    group.add_argument(
        "--brain",
        metavar="NAME",
        help="who thinks in the local engine: a known name, or MODULE:CALLABLE",
    )
    group.add_argument(
        "--extra",
        action="append",
        default=[],
        type=setting,
        metavar="KEY=VALUE",
        help="a setting of the engine's own, its value JSON or text; may be given more than once",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the switch for programs that read along."""
    parser.add_argument("--json", action="store_true", help="print one JSON object per line and nothing else")


def config_of(arguments: argparse.Namespace) -> Config:
    """Return what the options say. Raises ConfigError."""
    extra: dict[str, JSON] = dict(arguments.extra)
    if arguments.brain is not None:
        extra["brain"] = loaded(arguments.brain) if ":" in arguments.brain else arguments.brain
    return Config(
        model=arguments.model,
        voice=arguments.voice,
        instructions=arguments.instructions,
        tools=[function(each) for each in arguments.tool],
        extra=extra,
    )


def setting(text: str) -> tuple[str, JSON]:
    """Read KEY=VALUE; a value that is no JSON is text."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return key, value


def function(place: str) -> Callable[..., object]:
    """Import MODULE:FUNCTION. Raises ConfigError."""
    found = loaded(place)
    if not callable(found):
        raise ConfigError(f"{place} is no function: name one, such as mytools:turn_on")
    return cast("Callable[..., object]", found)


def loaded(place: str) -> object:
    """Import MODULE:NAME, the current folder included. Raises ConfigError."""
    module, _, name = place.partition(":")
    if not module or not name:
        raise ConfigError(f"{place!r} names no function: write MODULE:FUNCTION, such as mytools:turn_on")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: object = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as missing:
        raise ConfigError(
            f"{module} cannot be imported: {missing}; run s2s in its folder, or install it"
        ) from missing
    except AttributeError:
        raise ConfigError(f"{module} has no {name}: check the spelling") from None
    return found


def seconds(text: str) -> float:
    """Read a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value
