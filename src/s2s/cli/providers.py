"""`s2s providers`: the engines and what they can do."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

import s2s
from s2s.capabilities import Capabilities
from s2s.cli.exits import Exit
from s2s.cli.options import add_json
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.screen import screen
from s2s.errors import ConfigError


class Provider(msgspec.Struct, frozen=True):
    """An engine by name: what it can do, or what it lacks."""

    name: str
    capabilities: Capabilities | None
    problem: str = ""


_COLUMNS: Final[Mapping[str, Callable[[Capabilities], str]]] = {
    "hears": lambda can: _rates(can.input_rates),
    "speaks": lambda can: _rates(can.output_rates),
    "barge-in": lambda can: _yes(can.barge_in),
    "interrupt": lambda can: can.interrupt.replace("_", " "),
    "truncate": lambda can: _yes(can.truncate),
    "text": lambda can: _yes(can.text_input),
    "images": lambda can: _yes(can.images),
    "tools": lambda can: _yes(can.tools),
    "updates": lambda can: _yes(can.updates),
    "resumes": lambda can: can.resumption,
    "languages": lambda can: " ".join(can.languages) or "any",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    found = [provider(name) for name in s2s.list_providers()]
    if arguments.json:
        for each in found:
            JSONLines().write("provider", **msgspec.to_builtins(each))
        return Exit.OK
    out = screen()
    ready = [(each.name, each.capabilities) for each in found if each.capabilities is not None]
    out.table(
        ["engine", *_COLUMNS], [[name, *(cell(can) for cell in _COLUMNS.values())] for name, can in ready]
    )
    for each in found:
        if each.problem:
            out.plain(f"{each.name} is not ready: {each.problem}", "yellow")
    return Exit.OK


def provider(name: str) -> Provider:
    """Look at an engine without starting it."""
    try:
        return Provider(name, s2s.new(name).capabilities)
    except ConfigError as missing:
        return Provider(name, None, " ".join(str(missing).split()))


def _rates(rates: tuple[int, ...]) -> str:
    return "/".join(f"{rate / 1000:g}" for rate in rates) + " kHz"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
