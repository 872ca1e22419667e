"""Finds the command, runs it, and turns whatever happens into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

import s2s
from s2s.cli.exits import Exit
from s2s.cli.rendering.screen import errors_screen
from s2s.errors import AudioFormatError, ConfigError, S2SError

_DEBUG = "S2S_DEBUG"


class Command(NamedTuple):
    """A command lives in a module with `configure(parser)` and `run(arguments)`, loaded when it is used."""

    module: str
    summary: str


COMMANDS: Mapping[str, Command] = {
    "demo": Command("s2s.cli.demo", "ask the local engine a spoken question and hear the answer: begin here"),
    "ask": Command("s2s.cli.ask", "ask spoken questions from WAV files, or a typed one"),
    "talk": Command("s2s.cli.talk", "talk to an engine through microphone and speakers"),
    "say": Command("s2s.cli.say", "make speech of text"),
    "serve": Command("s2s.cli.serve", "let clients of OpenAI Realtime talk to an engine"),
    "simulate": Command("s2s.cli.simulate", "be a provider, with its moods, for tests"),
    "providers": Command("s2s.cli.providers", "list the engines and what they can do"),
    "doctor": Command("s2s.cli.doctor", "show what is installed, what is missing and how to get it"),
}

_EPILOG = """\
exit codes: 0 fine; 1 nothing was heard or the engine failed; 2 it could not begin as asked; 130 Ctrl-C
S2S_DEBUG=1 shows the traceback of an error"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        errors_screen().plain("stopped", "dim")
        return Exit.STOPPED
    except BrokenPipeError:
        # Nobody reads any more; without this the interpreter would complain while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except (S2SError, OSError) as wrong:
        if os.environ.get(_DEBUG):
            raise
        errors_screen().error(_sentence(wrong))
        return Exit.USAGE if _is_usage(wrong) else Exit.FAILED
    return code


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; of the commands only the one that is named is loaded."""
    parser = argparse.ArgumentParser(
        prog="s2s",
        description="One interface to every speech-to-speech engine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"voice-s2s {s2s.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((each for each in argv if not each.startswith("-")), "")
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.summary, description=f"{_capital(command.summary)}.")
        if name == chosen:
            module = import_module(command.module)
            module.configure(one)
            one.set_defaults(run=module.run)
    return parser.parse_args(argv)


def _is_usage(wrong: S2SError | OSError) -> bool:
    # A connection that failed is an OSError too, and no mistake of whoever typed the command.
    ours = isinstance(wrong, S2SError)
    return isinstance(wrong, ConfigError | AudioFormatError) or not ours


def _sentence(wrong: S2SError | OSError) -> str:
    match wrong:
        case FileNotFoundError(filename=str() as name):
            return f"there is no file {name}: check the path"
        case IsADirectoryError(filename=str() as name):
            return f"{name} is a folder: name a file"
        case PermissionError(filename=str() as name):
            return f"{name} may not be opened: check its permissions, or choose another place"
        case S2SError():
            return " ".join(str(wrong).split())
        case _:
            return f"{wrong}: check the file and the disk"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
