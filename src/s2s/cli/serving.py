"""What `serve` and `simulate` have in common: doors, and a server that runs until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
from importlib.util import find_spec
from types import TracebackType
from typing import Protocol, Self

from s2s.cli.exits import Exit
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.screen import screen
from s2s.cli.rendering.sessions import Sessions
from s2s.errors import ConfigError
from s2s.events import Event


class Server(Protocol):
    """Serves while it is entered."""

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        ...

    @property
    def base_url(self) -> str:
        """What an SDK takes."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Watching(Protocol):
    """Shows an event of a session."""

    def __call__(self, number: int, event: Event, /) -> None:
        """Show it."""
        ...


def add_doors(parser: argparse.ArgumentParser, port: int) -> None:
    """Add where to listen."""
    group = parser.add_argument_group("where")
    group.add_argument("--host", default="127.0.0.1", help="an address of this machine (default: 127.0.0.1)")
    group.add_argument(
        "--port", type=int, default=port, help=f"0 for any that is free (default: {port})", metavar="N"
    )


def require_aiohttp() -> None:
    """Raise ConfigError where the extra is missing."""
    if find_spec("aiohttp") is None:
        raise ConfigError("serving needs aiohttp: pip install 'voice-s2s[gateway]'")


def watcher(arguments: argparse.Namespace) -> Watching:
    """Return what shows the sessions."""
    return JSONLines().served if arguments.json else Sessions(screen())


def run_server(server: Server, what: str, arguments: argparse.Namespace) -> int:
    """Serve until stopped with Ctrl-C."""
    return asyncio.run(_serve(server, what, arguments))


async def _serve(server: Server, what: str, arguments: argparse.Namespace) -> int:
    async with server:
        if arguments.json:
            JSONLines().write("listening", url=server.url, base_url=server.base_url)
        else:
            out = screen()
            out.say(what, server.url, "bold")
            out.plain(f"  OpenAI SDK   AsyncOpenAI(base_url={server.base_url!r}, api_key='any')", "dim")
            extra = f"extra={{'base_url': {server.base_url!r}}}"
            out.plain(f"  voice-s2s    s2s.new('openai_realtime', {extra})", "dim")
            out.plain("  Ctrl-C stops it", "dim")
        await asyncio.Event().wait()
    return Exit.OK
