"""`s2s simulate`: a provider that lives on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import msgspec

import s2s
from s2s.cli.options import add_json, setting
from s2s.cli.serving import add_doors, require_aiohttp, require_nova, run_server, tls_of, watcher
from s2s.config import Config
from s2s.errors import ConfigError
from s2s.events import ResponseStatus
from s2s.items import JSON, Call
from s2s.providers.script import Reply
from s2s.providers.settings import remedied
from s2s.simulators.temper import Deed, Fault, GeminiTemper, NovaTemper, Temper

if TYPE_CHECKING:
    from s2s.certificates import TLS
    from s2s.simulators.simulator import Listening, Simulator

T = TypeVar("T", bound=Temper)
_PORT = 8766
_ARGUMENTS = ("keys", "models", "faults")
"""What has an argument of its own."""
_DEEDS = ", ".join(get_args(Deed))
_SECRET = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class SpelledCall(msgspec.Struct, forbid_unknown_fields=True):
    """A call in a script file."""

    name: str
    arguments: dict[str, JSON] = {}
    id: str = ""
    raw: str = ""


class SpelledReply(msgspec.Struct, forbid_unknown_fields=True):
    """A reply in a script file."""

    says: str | list[str] = ""
    hears: str = ""
    calls: list[SpelledCall] = []
    status: ResponseStatus = "completed"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("provider", choices=["openai", "gemini", "nova"], help="whose protocol")
    add_doors(parser, _PORT)
    says = parser.add_argument_group("what it says")
    says.add_argument(
        "--says", action="append", default=[], metavar="TEXT", help="the next reply; then it repeats the user"
    )
    says.add_argument(
        "--script", type=Path, metavar="FILE", help='JSON: [{"says": ..., "hears": ..., "calls": [...]}, ...]'
    )
    says.add_argument("--engine", metavar="NAME", help="an engine that answers in place of a script")
    temper = parser.add_argument_group("what it is like")
    temper.add_argument(
        "--key",
        action="append",
        metavar="KEY",
        help="the only API key that it takes; with nova ACCESS_KEY_ID:SECRET, or ACCESS_KEY_ID:SECRET:TOKEN",
    )
    temper.add_argument("--model", action="append", metavar="NAME", help="the only model that it has")
    temper.add_argument(
        "--temper",
        action="append",
        default=[],
        type=setting,
        metavar="KEY=VALUE",
        help=f"one of {', '.join(_knobs(Temper))}; with gemini also {', '.join(_own(GeminiTemper))}; "
        f"with nova also {', '.join(_own(NovaTemper))}",
    )
    temper.add_argument(
        "--fault",
        action="append",
        default=[],
        type=pairs,
        metavar="does=...,said=TYPE,nth=N",
        help=f"something that goes wrong once: {_DEEDS}",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Simulate until stopped."""
    require_aiohttp()
    tls = tls_of(arguments)
    simulator = _simulator(arguments, tls)

    def environment() -> dict[str, str]:
        # Whoever gave keys of their own knows them, and the screen need not.
        hidden = _SECRET if arguments.key else ()
        return {name: "..." if name in hidden else value for name, value in simulator.environment.items()}

    return run_server(simulator, arguments.provider, arguments, tls, environment)


def _simulator(arguments: argparse.Namespace, tls: TLS | None) -> Simulator[Listening]:
    known: dict[str, JSON] = {
        "engine": None if arguments.engine is None else s2s.new(arguments.engine, Config()),
        "host": arguments.host,
        "port": arguments.port,
        "tls": tls,
        "watch": watcher(arguments),
    }
    match arguments.provider:
        case "gemini":
            from s2s.simulators.gemini import GeminiSimulator

            return GeminiSimulator(script_of(arguments), temper=temper_of(arguments, GeminiTemper), **known)
        case "nova":
            require_nova()
            from s2s.simulators.nova import NovaSimulator

            return NovaSimulator(script_of(arguments), temper=temper_of(arguments, NovaTemper), **known)
        case _:
            from s2s.simulators.openai import OpenAISimulator

            return OpenAISimulator(script_of(arguments), temper=temper_of(arguments, Temper), **known)


def script_of(arguments: argparse.Namespace) -> list[Reply]:
    """Return the replies. Raises ConfigError."""
    script = [Reply(says=each) for each in arguments.says]
    if arguments.script is None:
        return script
    try:
        spelled = msgspec.json.decode(arguments.script.read_bytes(), type=list[SpelledReply])
        return [*(_reply(number, each) for number, each in enumerate(spelled)), *script]
    except msgspec.MsgspecError as wrong:
        raise ConfigError(f"{arguments.script} is no script: {wrong}; see `s2s simulate --help`") from None


def temper_of(arguments: argparse.Namespace, kind: type[T]) -> T:
    """Return what it is like. Raises ConfigError."""
    faults: list[dict[str, JSON]] = arguments.fault
    wanted: dict[str, JSON] = {**dict(arguments.temper), "faults": faults}
    if arguments.key:
        wanted["keys"] = arguments.key
    if arguments.model:
        wanted["models"] = arguments.model
    _require_known("setting", wanted, kind.__struct_fields__, _knobs(kind))
    for each in faults:
        _require_known("setting of a fault", each, Fault.__struct_fields__, Fault.__struct_fields__)
    try:
        return msgspec.convert(wanted, kind)
    except msgspec.ValidationError as wrong:
        told = remedied(wrong, ", ".join(_knobs(kind)), kind, Fault)
        raise ConfigError(f"{told}; see `s2s simulate --help`") from None


def pairs(text: str) -> dict[str, JSON]:
    """Read KEY=VALUE,KEY=VALUE."""
    return dict(setting(part) for part in text.split(","))


def _knobs(kind: type[Temper]) -> list[str]:
    return [each for each in kind.__struct_fields__ if each not in _ARGUMENTS]


def _own(kind: type[Temper]) -> list[str]:
    return [each for each in _knobs(kind) if each not in Temper.__struct_fields__]


def _require_known(what: str, given: Iterable[str], known: Iterable[str], told: Iterable[str]) -> None:
    unknown = set(given) - set(known)
    if unknown:
        raise ConfigError(f"no such {what}: {', '.join(sorted(unknown))}; use {', '.join(told)}")


def _reply(number: int, spelled: SpelledReply) -> Reply:
    calls = tuple(_call(f"call_{number}_{index}", each) for index, each in enumerate(spelled.calls))
    says = tuple(spelled.says) if isinstance(spelled.says, list) else spelled.says
    return Reply(says=says, hears=spelled.hears, status=spelled.status, calls=calls)


def _call(name: str, spelled: SpelledCall) -> Call:
    raw = spelled.raw or msgspec.json.encode(spelled.arguments).decode()
    return Call(spelled.id or name, spelled.name, spelled.arguments, raw)
