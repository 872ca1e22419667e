"""`s2s serve`: an engine for every client of OpenAI Realtime."""

from __future__ import annotations

import argparse

import s2s
from s2s.cli.options import add_engine, add_json, config_of
from s2s.cli.rendering.screen import waiting
from s2s.cli.serving import add_doors, require_aiohttp, run_server, tls_of, watcher

_PORT = 8765


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_engine(parser)
    add_doors(parser, _PORT)
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        help="what clients must show as their API key; may be given more than once",
    )
    parser.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="a page of another host that may connect"
    )
    parser.add_argument("--max-sessions", type=int, default=256, metavar="N", help="at once (default: 256)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    require_aiohttp()
    from s2s.gateway import Doors, Gateway

    tls = tls_of(arguments)
    doors = Doors(
        host=arguments.host,
        port=arguments.port,
        keys=tuple(arguments.key),
        origins=tuple(arguments.origin),
        max_sessions=arguments.max_sessions,
        tls=tls,
    )
    with waiting(f"loading {arguments.engine}"):
        engine = s2s.new(arguments.engine, config_of(arguments))
        engine.check(engine.config)
    gateway = Gateway(engine, doors, watch=watcher(arguments))
    return run_server(gateway, arguments.engine, arguments, tls)
