"""`s2s doctor`: what is here, what is missing, how to get it."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final, Literal, TypeAlias

import msgspec

import s2s
from s2s.cli.exits import Exit
from s2s.cli.options import add_json
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.screen import screen
from s2s.errors import ConfigError
from s2s.sound.soundcard import devices

_DISTRIBUTION: Final = "voice-s2s"
_REQUIREMENT: Final = re.compile(r"([\w.-]+).*;.*extra\s*==\s*['\"]([\w-]+)['\"]")
_KEYS: Final = (
    "OPENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
)
_WIDTH: Final = max(map(len, _KEYS))
_STYLES: Final = {"ok": "green", "missing": "yellow", "note": ""}
State: TypeAlias = Literal["ok", "missing", "note"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    topic: str
    name: str
    state: State
    text: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look at everything and change nothing."""
    if arguments.json:
        for each in findings():
            JSONLines().write("finding", **msgspec.to_builtins(each))
        return Exit.OK
    out, topic = screen(), ""
    for each in findings():
        if each.topic != topic:
            topic = each.topic
            out.plain(topic, "bold")
        mark = {"ok": "ok", "missing": "--", "note": "  "}[each.state]
        out.plain(f"  {mark} {each.name:<{_WIDTH}} {each.text}", _STYLES[each.state])
    return Exit.OK


def findings() -> Iterator[Finding]:
    """Yield what is found, topic by topic."""
    yield Finding("system", "python", "note", f"{platform.python_version()} {sys.executable}")
    yield Finding("system", "platform", "note", platform.platform())
    yield Finding("system", _DISTRIBUTION, "note", s2s.__version__)
    yield from _extras()
    yield from _models()
    for key in _KEYS:
        present = bool(os.environ.get(key))
        yield Finding("keys", key, "ok" if present else "missing", "set" if present else "not set")
    yield from _profiles()
    yield from _audio()


def _extras() -> Iterator[Finding]:
    packages: dict[str, list[str]] = {}
    for line in requires(_DISTRIBUTION) or ():
        if found := _REQUIREMENT.match(line):
            packages.setdefault(found[2], []).append(found[1])
    for extra, needed in packages.items():
        missing = [name for name in needed if _version(name) is None]
        if missing:
            remedy = f"pip install '{_DISTRIBUTION}[{extra}]'"
            yield Finding("extras", extra, "missing", f"without {', '.join(missing)}: {remedy}")
        else:
            yield Finding("extras", extra, "ok", ", ".join(f"{name} {_version(name)}" for name in needed))


def _models() -> Iterator[Finding]:
    try:
        from s2s.providers.local.store import MODELS, inventory
    except ImportError as missing:
        yield Finding("models", "local", "missing", f"{missing}: pip install '{_DISTRIBUTION}[local]'")
        return
    for held in inventory():
        optional: State = "missing" if MODELS[held.name].distribution else "note"
        state: State = optional if held.path is None else "ok"
        yield Finding("models", held.name, state, held.problem or f"{held.licence}, {held.path}")


def _profiles() -> Iterator[Finding]:
    """Yield the profiles that serve where no variable names a key of AWS."""
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        return
    try:
        names = Session().available_profiles
    except BotoCoreError as wrong:
        yield Finding("keys", "profiles of AWS", "missing", f"{wrong}: correct it")
        return
    told = ", ".join(names) or "none: `aws configure` makes one"
    yield Finding("keys", "profiles of AWS", "ok" if names else "missing", told)


def _audio() -> Iterator[Finding]:
    try:
        names = devices()
    except ConfigError as missing:
        yield Finding("sound", "devices", "missing", str(missing))
        return
    if not names:
        yield Finding("sound", "devices", "missing", "none: `s2s talk` needs a microphone and a loudspeaker")
    for name in names:
        yield Finding("sound", "device", "ok", name)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
