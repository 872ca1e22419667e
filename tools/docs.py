"""Writes the tables that code knows best into the docs; `--check` fails where they are out of date."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import msgspec
from crossing import crossing

import s2s
from s2s import commands, errors, events
from s2s.models import MODELS
from s2s.providers.gemini.options import Options as GeminiOptions
from s2s.providers.local.seats import SEATS
from s2s.providers.nova.options import Options as NovaOptions
from s2s.providers.openai.options import Options
from s2s.registry import providers
from s2s.simulators.temper import Fault, GeminiTemper, NovaTemper, Temper
from s2s.wire.gemini.profiles import PROFILES, Profile

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Rewrite every marked block, or name the files where one differs."""
    stale = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text()
        fresh = filled(text)
        if fresh != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(fresh)
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)}; run `make docs`")
        return 1
    print(f"generated tables are up to date{': wrote ' + ', '.join(stale) if stale else ''}")
    return 0


def filled(text: str) -> str:
    """Return the text with every block between `<!-- generated: NAME -->` and `<!-- end -->` made anew."""
    for name, make in BLOCKS.items():
        start, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        if start in text:
            before, rest = text.split(start, 1)
            text = before + start + "\n".join(make()) + "\n" + end + rest.split(end, 1)[1]
    return text


def engines() -> Iterator[str]:
    """One row per engine that is built in."""
    yield "| engine | install | turn detection | interrupt | truncate | hears | speaks | languages |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in s2s.list_providers():
        try:
            can = s2s.new(name).capabilities
        except errors.ConfigError:  # it is made of other engines, which have to be named
            yield f"| `{name}` | as its engines |{' what both of them can |' + ' |' * 5}"
            continue
        extra = f"`voice-s2s[{providers.needs(name)}]`" if providers.needs(name) else "`voice-s2s`"
        languages = ", ".join(can.languages) or "any"
        rates = [" ".join(f"{rate:,} Hz" for rate in each) for each in (can.input_rates, can.output_rates)]
        yield (
            f"| `{name}` | {extra} | {', '.join(can.turn_detection)} | {can.interrupt} |"
            f" {'yes' if can.truncate else 'no'} | {' | '.join(rates)} | {languages} |"
        )


def event_table() -> Iterator[str]:
    """One row per event."""
    yield "| event | `type` | fields | meaning |"
    yield "|---|---|---|---|"
    for each in get_args(events.Event):
        yield f"| `{each.__name__}` | `{each.type}` | {_fields(each)} | {_first_line(each)} |"


def command_table() -> Iterator[str]:
    """One row per command."""
    yield "| command | fields | meaning |"
    yield "|---|---|---|"
    for each in get_args(commands.Command):
        yield f"| `{each.__name__}` | {_fields(each)} | {_first_line(each)} |"


def config_table() -> Iterator[str]:
    """One row per field of Config and of what it holds."""
    yield "| field | default |"
    yield "|---|---|"
    for kind in (s2s.Config, s2s.TurnDetection, s2s.Limits, s2s.Reconnect):
        prefix = "" if kind is s2s.Config else f"{kind.__name__}."
        for field in msgspec.structs.fields(kind):
            default = field.default_factory() if callable(field.default_factory) else field.default
            shown = f"{type(default).__name__}()" if isinstance(default, msgspec.Struct) else repr(default)
            yield f"| `{prefix}{field.name}` | `{shown}` |"


def options_table() -> Iterator[str]:
    """One row per setting of an engine of OpenAI Realtime."""
    yield from _noted(Options)


def gemini_options_table() -> Iterator[str]:
    """One row per setting of an engine of Gemini Live."""
    yield from _noted(GeminiOptions)


def profile_table() -> Iterator[str]:
    """One row per thing in which generations of models differ, one column per generation."""
    yield f"| | {' | '.join(f'`{each.name}`' for each in PROFILES)} |"
    yield f"|---|{'---|' * len(PROFILES)}"
    for name in Profile.__struct_fields__[1:]:
        cells = (_cell(getattr(each, name)) for each in PROFILES)
        yield f"| {name.replace('_', ' ')} | {' | '.join(cells)} |"


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "-"
        case tuple():
            return ", ".join(str(each) for each in value) or "-"
        case _:
            return str(value).strip().replace("_", " ") or "-"


def nova_options_table() -> Iterator[str]:
    """One row per setting of an engine of Nova Sonic."""
    yield from _noted(NovaOptions)


def gemini_temper_table() -> Iterator[str]:
    """One row per knob that only the simulator of Gemini Live has, or has with another default."""
    yield from _own(GeminiTemper)


def nova_temper_table() -> Iterator[str]:
    """One row per knob that only the simulator of Nova Sonic has, or has with another default."""
    yield from _own(NovaTemper)


def _own(kind: type[Temper]) -> Iterator[str]:
    rows, common = [*_noted(kind)], {field.name: field for field in msgspec.structs.fields(Temper)}
    own = {
        field.name
        for field in msgspec.structs.fields(kind)
        if field.name not in common or field.default != common[field.name].default
    }
    yield from rows[:2]
    yield from (each for each in rows[2:] if each.split("`")[1] in own)


def temper_table() -> Iterator[str]:
    """One row per knob of a simulator."""
    yield from _noted(Temper)


def fault_table() -> Iterator[str]:
    """One row per field of a fault."""
    yield from _noted(Fault)


def stage_table() -> Iterator[str]:
    """One row per stage that is built in."""
    yield "| seat | name | install | options |"
    yield "|---|---|---|---|"
    for seat, names in SEATS.items():
        for name in names.names():
            extra = f"`voice-s2s[{names.needs(name)}]`" if names.needs(name) else "`voice-s2s`"
            _, *options = inspect.signature(names.find(name)).parameters.values()
            shown = ", ".join(f"`{each.name}={each.default!r}`" for each in options) or "none"
            yield f"| {seat} | `{name}` | {extra} | {shown} |"


def model_table() -> Iterator[str]:
    """One row per model."""
    yield "| model | engine | sees | reasons | ends | use instead |"
    yield "|---|---|---|---|---|---|"
    for each in MODELS:
        marks = ("yes" if has else "no" for has in (each.images, each.reasoning))
        ends = (each.shutdown or "-", f"`{each.replacement}`" if each.replacement else "-")
        yield f"| `{each.name}` | `{each.provider}` | {' | '.join(marks)} | {' | '.join(ends)} |"


def _noted(kind: type[msgspec.Struct]) -> Iterator[str]:
    notes = _notes(kind)
    yield "| name | default | |"
    yield "|---|---|---|"
    for field in msgspec.structs.fields(kind):
        default = field.default_factory() if callable(field.default_factory) else field.default
        shown = "required" if default is msgspec.NODEFAULT else f"`{default!r}`"
        yield f"| `{field.name}` | {shown} | {notes.get(field.name, '')} |"


def _notes(kind: type) -> dict[str, str]:
    """Return the strings that stand below the fields of a class."""
    (body,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, note in itertools.pairwise(body.body):
        match field, note:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found


def error_tree() -> Iterator[str]:
    """The errors, children below their parents."""
    yield "```"
    yield from _branch(errors.S2SError, 0)
    yield "```"


def _branch(kind: type[Exception], depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{kind.__name__:{32 - 2 * depth}} {_first_line(kind)}"
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _branch(child, depth + 1)


def _fields(kind: type[msgspec.Struct]) -> str:
    return ", ".join(f"`{name}`" for name in kind.__struct_fields__) or "none"


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "engines": engines,
    "events": event_table,
    "commands": command_table,
    "config": config_table,
    "errors": error_tree,
    "openai options": options_table,
    "gemini options": gemini_options_table,
    "nova options": nova_options_table,
    "profiles": profile_table,
    "gemini temper": gemini_temper_table,
    "nova temper": nova_temper_table,
    "temper": temper_table,
    "fault": fault_table,
    "crossing": crossing,
    "models": model_table,
    "stages": stage_table,
}

if __name__ == "__main__":
    sys.exit(main())
